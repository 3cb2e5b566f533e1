"""Checks of the headers of image files against the label files."""

from __future__ import annotations

from training.data.sources.objects.annotations import AnnotatedImage
from training.data.sources.reading.defects import Defect
from training.data.sources.reading.image_headers import read_header
from zoo.files.file_names import shown


def header_defect(image: AnnotatedImage) -> Defect | None:
    """Returns the defect of an image file or of its stated size."""
    try:
        header = read_header(image.file)
    except FileNotFoundError:
        return None  # reported when the data set was opened
    except (OSError, ValueError) as error:
        return Defect(
            f"not a readable image ({str(error).rstrip('.')})",
            "save it again or remove it",
            file=shown(image.file),
        )
    stated, upright = (image.width, image.height), (header.width, header.height)
    if not image.width or stated == upright:
        return None
    text = f"{image.width}×{image.height}"
    if header.exchanged and stated == upright[::-1]:
        return Defect(
            f"labeled as {text}, as it is stored, but its EXIF orientation turns it to "
            f"{header.width}×{header.height}",
            "label the upright image, or remove the EXIF orientation",
            file=shown(image.file),
        )
    return Defect(
        f"stated size {text}, but {shown(image.file)} is {header.width}×{header.height}",
        "correct the size, and check that the boxes are for this image",
        image.name,
        shown(image.label_file),
    )
