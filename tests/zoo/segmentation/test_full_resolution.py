import numpy as np
import pytest

import zoo
from zoo.errors import InputError


def test_parameters_of_the_layer_table():
    table = 3 * 64 * 9 + 64 + 7 * (64 * 64 * 9 + 64) + 64 * 21 + 21
    assert zoo.card("full_resolution").parameters()["stored"] == table
    assert zoo.card("full_resolution").expected_parameters == table


def test_no_layer_changes_the_size():
    model = zoo.card("full_resolution").build_tiny(input_shape=(20, 28, 3))
    assert {tuple(layer.output.shape[1:3]) for layer in model.layers} == {(20, 28)}


@pytest.mark.parametrize("convolutions", [1, 2, 4])
def test_receptive_field(convolutions):
    model = zoo.build("full_resolution", num_classes=2, convolutions=convolutions, filters=8)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (1, 15, 15, 3)).astype("float32")
    changed = image.copy()
    changed[0, 7, 7] = 255 - changed[0, 7, 7]
    before, after = (np.array(model(p)["segmentation"]) for p in (image, changed))
    rows, columns = np.nonzero(np.abs(before - after)[0].max(axis=-1))
    assert (rows.min(), rows.max()) == (7 - convolutions, 7 + convolutions)
    assert (columns.min(), columns.max()) == (7 - convolutions, 7 + convolutions)


def test_flops_of_a_middle_layer():
    # 512 · 512 · 64 · 64 · 9 multiply-accumulates, twice as many FLOPs.
    deep, shallow = (
        zoo.build("full_resolution", convolutions=n, input_shape=(512, 512, 3)) for n in (3, 2)
    )
    from zoo.flops import count_flops

    assert count_flops(deep) - count_flops(shallow) == 2 * 9_663_676_416


def test_wrong_number_of_convolutions():
    with pytest.raises(InputError, match="at least 1"):
        zoo.build("full_resolution", convolutions=0)
