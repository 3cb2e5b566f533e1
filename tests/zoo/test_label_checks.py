"""Labels beyond a model's classes raise in `fit` and `evaluate`, however the data are given."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.errors import InputError
from zoo.tasks.label_limits import LabelLimit, keypoint_limit

MESSAGE = "labels go up to 2, the model has 2 classes; use num_classes=3"
IMAGES = np.zeros((4, 16, 16, 3), "float32")


def maps(highest):
    """Maps of which the last batch alone has the highest label, and ignored pixels."""
    values = np.zeros((4, 16, 16), "int32")
    values[0, 0], values[3, 5] = 255, highest
    return values


class Batches(keras.utils.PyDataset):
    def __init__(self, labels, **options):
        super().__init__(**options)
        self.labels, self.epochs = labels, 0

    def __len__(self):
        return 2

    def __getitem__(self, index):
        rows = slice(2 * index, 2 * index + 2)
        return IMAGES[rows], {"segmentation": self.labels[rows]}

    def on_epoch_end(self):
        self.epochs += 1


def generator(labels):
    while True:
        yield from (Batches(labels)[index] for index in range(2))


def tf_data(labels):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((IMAGES, labels)).batch(2)


FORMS = {
    "arrays": lambda labels: (IMAGES, labels),
    "dictionary": lambda labels: (IMAGES, {"segmentation": labels}),
    "tf.data": lambda labels: (tf_data(labels),),
    "generator": lambda labels: (generator(labels),),
    "PyDataset": lambda labels: (Batches(labels),),
    "PyDataset of threads": lambda labels: (Batches(labels, workers=2),),
}


def network(classes=2, **options):
    model = zoo.segmentation.unet(num_classes=classes, filters=2, depth=2)
    model.compile("sgd", run_eagerly=keras.backend.backend() == "tensorflow", **options)
    return model


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_data(form):
    model = network()
    steps = {"steps_per_epoch": 2} if form == "generator" else {}
    data = FORMS[form](maps(1))
    history = model.fit(*data, verbose=0, batch_size=None if len(data) == 1 else 2, **steps)
    assert np.isfinite(history.history["loss"]).all()
    if form == "PyDataset":
        assert data[0].epochs
    steps = {"steps": 2} if form == "generator" else {}
    with pytest.raises(InputError, match=MESSAGE):
        model.evaluate(*FORMS[form](maps(2)), verbose=0, **steps)


def test_no_step_is_taken_on_such_arrays():
    model = network()
    before = model.get_weights()
    with pytest.raises(InputError, match=MESSAGE):
        model.fit(IMAGES, maps(2), batch_size=2, verbose=0)
    assert all(map(np.array_equal, before, model.get_weights()))


@pytest.mark.parametrize("form", ["arrays", "tf.data", "PyDataset"])
def test_validation_data(form):
    data = FORMS[form](maps(2))
    with pytest.raises(InputError, match=MESSAGE):
        network().fit(
            IMAGES, maps(1), verbose=0, validation_data=data if len(data) > 1 else data[0]
        )


def test_the_loss_decides_which_labels_are_legal():
    other = np.where(maps(1) == 255, -1, maps(1))
    with pytest.raises(InputError, match="labels go down to -1; use 0 to 1 and 255"):
        network().train_on_batch(IMAGES, other)
    with pytest.raises(InputError, match="labels go up to 255"):
        network(loss=zoo.losses.CrossEntropy(ignore=-1)).train_on_batch(IMAGES, maps(1))
    network(loss=zoo.losses.CrossEntropy(ignore=-1)).train_on_batch(IMAGES, other)
    summed = zoo.losses.Sum([zoo.losses.Dice(ignore=7)])
    network(loss=summed).train_on_batch(IMAGES, np.where(maps(1) == 255, 7, maps(1)))
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with pytest.raises(InputError, match=MESSAGE):
        network(loss=sparse).train_on_batch(IMAGES, np.minimum(maps(1), 2))


def test_targets_that_are_no_indices_pass():
    binary = keras.losses.BinaryCrossentropy(from_logits=True)
    model = network(1, loss=binary, metrics=[])
    assert np.isfinite(model.train_on_batch(IMAGES, np.minimum(maps(1), 1)[..., None]))
    one_hot = np.eye(2, dtype="float32")[np.minimum(maps(1), 1)]
    categorical = keras.losses.CategoricalCrossentropy(from_logits=True)
    model = network(loss=categorical, metrics=[])
    assert np.isfinite(model.train_on_batch(IMAGES, one_hot))


@pytest.mark.parametrize(
    ("limit", "values", "message"),
    [
        (LabelLimit("label", 1), [0, 1], "labels go up to 1, the model has 1 class; use num_c"),
        (LabelLimit("labels", 3), [[0, -1], [7, 2]], "up to 7, the model has 3 classes"),
        (LabelLimit("labels", 3), [[0, -2]], "labels go down to -2; use -1 to 2."),
        (LabelLimit("labels", 3), np.zeros((2, 0), int), ""),
        (LabelLimit("label", 3), [[0], [2]], ""),
        (LabelLimit("segmentation", 300, least=0, ignored=(255,)), np.full((1, 2, 2), 256), ""),
        (LabelLimit("segmentation", 2, least=0, ignored=(255,)), np.full((1, 2, 2), 255), ""),
        (keypoint_limit(4), np.zeros((2, 5, 3)), "5 keypoints, the model has 4 keypoints; use num"),
        (keypoint_limit(4), np.zeros((2, 6, 4, 3)), ""),
    ],
)
def test_limits(limit, values, message):
    found = limit.problem(np.asarray(values))
    assert message in found and bool(message) == bool(found)


def test_metrics_count_labels_beyond_as_wrong():
    labels, logits = np.array([[[0, 1, 1, 255]]]), np.zeros((1, 1, 4, 1), "float32")
    for metric, expected in ((zoo.metrics.MeanIoU(1), 1 / 3), (zoo.metrics.Dice(1), 1 / 2)):
        metric.update_state(labels, logits)
        assert float(ops.convert_to_numpy(metric.result())) == pytest.approx(expected)
    accuracy = zoo.metrics.TopAccuracy()
    accuracy.update_state(np.array([1, 2, 5]), np.eye(3, dtype="float32")[[1, 0, 2]])
    assert float(ops.convert_to_numpy(accuracy.result())) == pytest.approx(1 / 3)
