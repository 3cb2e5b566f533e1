"""Foreign models behind the zoo's contract: chosen maps, and the normalisation policy."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from zoo.errors import InputError
from zoo.layers.normalization_policy import FrozenBatchNormalization


def apply_foreign(
    model: keras.Model, outputs: Mapping[int, str], x, norm: str | None, name: str
) -> dict[int, object]:
    """The maps {level: tensor} of a foreign model's named layers, computed from `x`.

    The model becomes one nested layer called `name`. Its batch normalisations follow `norm`.
    """
    maps = {level: model.get_layer(layer).output for level, layer in sorted(outputs.items())}
    trunk = keras.Model(model.inputs, list(maps.values()), name=name)
    trunk = _with_norm(trunk, norm, name)
    values = trunk(x)
    values = [values] if len(maps) == 1 else values
    return dict(zip(maps, values, strict=True))


def _with_norm(model: keras.Model, norm: str | None, name: str) -> keras.Model:
    if norm == "batch":
        return model
    if norm not in ("frozen", "sync"):
        raise InputError(
            f"{name} was made with batch normalisation and norm={norm!r} is not to be had; "
            "use batch, frozen or sync"
        )
    for layer in model.layers:
        if any(isinstance(part, keras.layers.BatchNormalization) for part in _parts(layer)):
            raise InputError(
                f"{name} hides batch normalisation inside its layer {layer.name}; use norm='batch'"
            )
    twin = keras.models.clone_model(model, clone_function=lambda layer: _clone(layer, norm))
    twin.set_weights(model.get_weights())
    return twin


def _parts(layer) -> list[keras.layers.Layer]:
    """The layers inside a layer; a bare operation, such as slicing, has none."""
    flatten = getattr(layer, "_flatten_layers", None)
    return [part for part in flatten() if part is not layer] if flatten else []


def _clone(layer, norm: str):
    config = layer.get_config()
    if not isinstance(layer, keras.layers.BatchNormalization):
        return type(layer).from_config(config)
    if norm == "frozen":
        return FrozenBatchNormalization.from_config(config)
    return keras.layers.BatchNormalization.from_config({**config, "synchronized": True})
