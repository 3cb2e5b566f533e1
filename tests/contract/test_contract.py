"""Contract of every model of the zoo, checked on its tiny configuration."""

import functools
import io

import cases
import keras
import numpy as np
import pytest
import tensorflow as tf
from arrays import to_arrays
from PIL import Image

import export
import zoo
from zoo.precision import PrecisionScope


def shifted(model):
    """Shifts weights that are initially constant, which could hide a mistake."""
    random = np.random.default_rng(3)
    for variable in model.weights:
        if "seed" in variable.path or not variable.dtype.startswith(("float", "bfloat")):
            continue
        value = keras.ops.convert_to_numpy(variable.value)
        if np.median(np.abs(value - np.median(value))) > 0:
            continue
        noise = random.normal(0, 0.05, value.shape)
        # Variances stay positive.
        variable.assign(value + (np.abs(noise) if "variance" in variable.path else noise))
    return model


def compile_model(model, optimizer):
    """Compiles and builds the optimizer, so that a step is traced once instead of twice."""
    model.compile(optimizer, jit_compile=False)
    model.optimizer.build(model.trainable_variables)


def built(card):
    keras.utils.set_random_seed(0)
    return shifted(card.build_tiny())


@functools.cache
def cached(name):
    return built(zoo.card(name))


@pytest.fixture
def model(card):
    """One model for all tests that do not change it; the others call `built`."""
    return cached(card.name)


def assert_close(found, expected, tolerance=1e-4):
    assert set(found) == set(expected)
    for key in expected:
        scale = max(1.0, np.abs(expected[key]).max())
        np.testing.assert_allclose(found[key] / scale, expected[key] / scale, atol=tolerance)


def test_card_is_complete(card):
    paper = card.paper
    assert card.summary and paper.authors and paper.title and paper.venue
    assert 1990 < paper.year < 2030
    assert card.task in zoo.tasks.TASKS
    counts = card.parameters()
    assert 0 < counts["trainable"] <= counts["stored"]
    if card.expected_parameters is not None:
        assert card.expected_parameters in counts.values()
    assert card.flops() > 0
    assert card.to_json()["parameters"] == counts


@pytest.mark.parametrize("size", [(32, 48), (37, 51)])
def test_takes_any_size(card, model, size):
    images = cases.make_images(card, *size)
    case = cases.of(card)
    case.check_raw(model(images, training=False), size, card.tiny[cases.counted(card)])
    case.check_predictions(to_arrays(zoo.predict(model, images)), size, card)
    case.check_predictions(to_arrays(zoo.predict(model, images, image_size=(32, 32))), size, card)


def test_uint8_and_float_agree(card, model):
    images = cases.make_images(card)
    whole, real = to_arrays(model(images)), to_arrays(model(cases.as_float(images)))
    assert_close(whole, real, 1e-6)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_loss_is_finite(card, precision):
    with PrecisionScope(precision):
        model = card.build_tiny()
    compile_model(model, "sgd")
    images = cases.make_images(card)
    outputs = model(images, training=True)
    for kind in ("empty", "degenerate"):
        loss = model.compute_loss(images, cases.targets(card, kind), outputs)
        assert np.isfinite(float(loss)), kind
    targets = cases.targets(card, "normal")
    if precision == "float32":
        assert np.isfinite(float(model.compute_loss(images, targets, outputs)))
    else:
        limits = [limit for limit in model.label_limits if not limit.rows]
        beyond = {limit.key: beyond_limit(limit, targets) for limit in limits}
        assert np.isfinite(float(model.compute_loss(images, {**targets, **beyond}, outputs)))
        # A step of float32 is another test's.
        assert np.isfinite(model.train_on_batch(images, cases.targets(card, "normal"))).all()


def beyond_limit(limit, targets):
    """Returns the targets of a limit, one of them beyond it."""
    batch = len(next(iter(targets.values())))
    values = np.array(targets.get(limit.key, np.full(batch, -1)))
    if limit.rows:
        return np.concatenate([values, values[..., :1, :]], axis=-2)
    values.flat[0] = limit.count + 1
    return values


def test_labels_beyond_the_model_raise(card, model):
    images, targets = cases.make_images(card), cases.targets(card, "normal")
    assert model.label_limits
    for limit in model.label_limits:
        beyond = {**targets, limit.key: beyond_limit(limit, targets)}
        needed = limit.count + (1 if limit.rows else 2)
        with pytest.raises(zoo.errors.InputError, match=f"; use {limit.argument}={needed}"):
            model.train_on_batch(images, beyond)


def test_gradient_reaches_every_variable(card):
    model = built(card)
    compile_model(model, keras.optimizers.SGD(1e-2, clipvalue=1.0))
    images = cases.make_images(card, 64, 64)
    before = [variable.numpy() for variable in model.trainable_variables]
    for _ in range(3):  # a zero-initialised layer lets gradients through from the second step on
        loss = model.train_on_batch(images, cases.targets(card, "normal", 64, 64))
        assert np.isfinite(loss).all()
    moved = {
        variable.path: not np.array_equal(variable.numpy(), value)
        for variable, value in zip(model.trainable_variables, before, strict=True)
    }
    # Normalization or a spatial softmax cancels a bias, which then changes by rounding or not.
    cancelled = {path for path in moved if moved.get(path.removesuffix("bias") + "kernel")}
    assert not [path for path in moved if not moved[path] and path not in cancelled]


def test_one_batch_can_be_overfitted(card):
    keras.utils.set_random_seed(1)
    model = card.build_tiny(**({"num_classes": 2} if "num_classes" in card.tiny else {}))
    compile_model(model, keras.optimizers.Adam(1e-2))
    images, targets = cases.of(card).learnable(card)
    data = tf.data.Dataset.from_tensors((images, targets)).repeat()
    losses = []

    def overfitted():
        return min(losses) < 0.5 * losses[0] or min(losses) < 0.1

    def stop(epoch, logs):
        losses.append(logs["loss"])
        model.stop_training = overfitted()

    watch = keras.callbacks.LambdaCallback(on_epoch_end=stop)
    model.fit(data, steps_per_epoch=10, epochs=10, verbose=0, callbacks=[watch])
    assert overfitted(), losses


def test_reloads_in_a_fresh_process(card, model, fresh, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    images = cases.make_images(card, 37, 51)
    assert_close(fresh.run("keras", path, **cases.named(images)), to_arrays(model(images)), 1e-5)


def test_jax_gives_the_same(card, model, jax_process, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    images = cases.make_images(card, 37, 51)
    found = jax_process.run("keras", path, **cases.named(images))
    assert_close(found, to_arrays(model(images)), 1e-4)


def test_saved_model_predicts_without_the_zoo(card, model, bare, tmp_path):
    spec = export.ExportSpec.from_model(model, ["a", "b", "c"], (32, 32))
    path = export.saved_model(spec, tmp_path / "saved_model")
    images = cases.make_images(card, 37, 51)
    expected = to_arrays(zoo.predict(model, images, image_size=(32, 32)))
    given = cases.named(images)
    cases.of(card).assert_same(bare.run("saved_model", path, **given), expected)
    png = io.BytesIO()
    image = given.pop("images")[0]
    image = image if image.shape[-1] == 3 else image[..., 0]
    given = {key: value[:1] for key, value in given.items()}
    Image.fromarray(image).save(png, "png")
    found = bare.run("saved_model", path, encoded=np.frombuffer(png.getvalue(), np.uint8), **given)
    assert found.pop("image_size").tolist() == [[37, 51]]
    assert found.pop("error").tolist() == [b""]
    cases.of(card).assert_same(found, {key: value[:1] for key, value in expected.items()})
    assert (path / "assets" / "labels.txt").read_text() == "a\nb\nc\n"


def test_litert_predicts_with_builtins_only(card, model, bare, tmp_path):
    spec = export.ExportSpec.from_model(model, ["a", "b", "c"], (32, 32))
    path = export.litert(spec, tmp_path / "model.tflite")
    images = cases.make_images(card, 37, 51, batch=1)
    expected = to_arrays(zoo.predict(model, images, image_size=(32, 32)))
    cases.of(card).assert_same(bare.run("litert", path, **cases.named(images)), expected)


def test_onnx_predicts_without_the_zoo(card, model, bare, tmp_path):
    pytest.importorskip("tf2onnx")
    pytest.importorskip("onnxruntime")
    spec = export.ExportSpec.from_model(model, ["a", "b", "c"], (32, 32))
    path = export.onnx(spec, tmp_path / "model.onnx")
    images = cases.make_images(card, 37, 51)
    expected = to_arrays(zoo.predict(model, images, image_size=(32, 32)))
    cases.of(card).assert_same(bare.run("onnx", path, **cases.named(images)), expected)


def test_xla_computes_the_same_step(card, monkeypatch):
    model = built(card)
    # By default XLA draws other random numbers, and detectors sample RoIs.
    philox = functools.partial(tf.random.stateless_uniform, alg="philox")
    monkeypatch.setattr(tf.random, "stateless_uniform", philox)
    images = tf.nest.map_structure(tf.constant, cases.make_images(card))
    targets = {k: tf.constant(v) for k, v in cases.targets(card, "normal").items()}
    model.compile(jit_compile=False)

    def step(images, targets):
        with tf.GradientTape() as tape:
            # training=False: random numbers depend on earlier ones.
            outputs = model(images, training=False)
            loss = model.compute_loss(images, targets, outputs, training=False)
        variables = [v.value for v in model.trainable_variables]
        return loss, tape.gradient(loss, variables)

    plain_loss, plain = tf.function(step, autograph=False)(images, targets)
    xla_loss, compiled = tf.function(step, jit_compile=True, autograph=False)(images, targets)
    np.testing.assert_allclose(xla_loss, plain_loss, rtol=1e-4)
    for variable, a, b in zip(model.trainable_variables, plain, compiled, strict=True):
        scale = max(1e-3, float(tf.reduce_max(tf.abs(a))))
        np.testing.assert_allclose(b / scale, a / scale, atol=5e-3, err_msg=variable.path)


def test_classes_and_channels_change_in_one_call(card):
    model = card.build_tiny(**{cases.counted(card): 5}, input_shape=(None, None, 1))
    more = card.build_tiny(**{cases.counted(card): 6}, input_shape=(None, None, 1))
    assert model.count_params() < more.count_params()
    images = cases.grey(cases.make_images(card, 32, 48))
    cases.of(card).check_raw(model(images), (32, 48), 5)
