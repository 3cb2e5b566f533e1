"""`serve_bytes` reads files as training does, and goes on past those that it cannot read."""

import json

import numpy as np
import pytest
import tensorflow as tf
from image_files_made import encoded, exif, smooth_image, truncated

import export
import zoo
from training.data.sources.reading.image_files import read_image

IMAGE = smooth_image(28, 40)
GREY_16 = (IMAGE[..., 0].astype(np.uint16) << 8) + 77
GOOD = {
    "plain.jpg": encoded(IMAGE, "JPEG"),
    "turned.jpg": encoded(IMAGE, "JPEG", exif=exif(6, True)),
    "turned.png": encoded(IMAGE, "PNG", exif=exif(3)),
    "turned.webp": encoded(IMAGE, "WEBP", exif=exif(8)),
    "grey16.png": encoded(GREY_16, "PNG"),
    "alpha.png": encoded(IMAGE, "PNG", "RGBA"),
    "cmyk.jpg": encoded(IMAGE, "JPEG", "CMYK"),
    "palette.bmp": encoded(IMAGE, "BMP", "P"),
}
TOO_LARGE = bytearray(encoded(IMAGE, "PNG"))
TOO_LARGE[16:24] = (40_000).to_bytes(4, "big") * 2
BAD = {
    "cut.jpg": (truncated(GOOD["plain.jpg"]), "damaged image"),
    "cut.png": (truncated(GOOD["alpha.png"]), "damaged image"),
    "text": (b"no image at all", "not an image in JPEG, PNG, GIF, BMP or WebP"),
    "empty": (b"", "not an image in"),
    "image.tif": (encoded(IMAGE, "TIFF"), "not an image in"),
    "large.png": (bytes(TOO_LARGE), "more than 178956970 pixels"),
}
EMPTY = {"labels": -1, "segmentation": 255}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("unet", {"num_classes": 3, "input_shape": (None, None, 1)}), ("yolo_v2", {})],
)
def test_files_are_read_as_in_training(name, arguments, tmp_path):
    model = zoo.card(name).build_tiny(**arguments)
    spec = export.ExportSpec.from_model(model, image_size=(64, 64), resize="letterbox")
    folder = export.saved_model(spec, tmp_path / "exported")
    serve = tf.saved_model.load(str(folder)).signatures["serve_bytes"]
    # Damaged files lie between the others.
    names = [*list(GOOD)[:3], *BAD, *list(GOOD)[3:]]
    contents = {**GOOD, **{key: value for key, (value, _) in BAD.items()}}
    served = serve(encoded=tf.constant([contents[key] for key in names]))
    rows = {
        key: {name: value.numpy()[i] for name, value in served.items()}
        for i, key in enumerate(names)
    }
    predict = tf.function(lambda images: zoo.predict(model, images), reduce_retracing=True)
    model.set_transform((64, 64), "letterbox")
    for key, data in GOOD.items():
        (tmp_path / key).write_bytes(data)
        image = read_image(tmp_path / key)
        assert rows[key]["error"] == b"" and tuple(rows[key]["image_size"]) == image.shape[:2]
        pixels = image if model.channels == 3 else tf.image.rgb_to_grayscale(image)
        for part, expected in predict(tf.convert_to_tensor(pixels)[None]).items():
            found = rows[key][part]
            if part == "segmentation":
                found = found[: image.shape[0], : image.shape[1]]
            np.testing.assert_allclose(found, expected[0], atol=1e-3, err_msg=f"{key} {part}")
    for key, (_, message) in BAD.items():
        assert rows[key].pop("error").decode().startswith(message), key
        for part, value in rows[key].items():
            assert (value == EMPTY.get(part, 0)).all(), (key, part)
    options = json.loads((folder / "assets" / "options.json").read_text())
    assert "WebP" in options["serve_bytes"]["formats"]
    assert "EXIF" in options["serve_bytes"]["orientation"]
