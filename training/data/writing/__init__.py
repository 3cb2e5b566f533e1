"""Writing of labeled images in the formats of other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.lazy_exports import make_lazy

if TYPE_CHECKING:
    from training.data.writing.data_set_writing import Written, write_data_set
    from training.data.writing.labeled_image import LabeledImage, LabeledObject, LabelNames
    from training.data.writing.object_outlines import (
        background_of,
        objects_of_map,
        with_outline,
    )
    from training.data.writing.output_folders import new_folder
    from training.data.writing.writer_formats import (
        WRITERS,
        check_writable,
        count_noun,
        open_writer,
    )
    from training.data.writing.writers import Writer

__all__ = ["LabelNames", "LabeledImage", "LabeledObject", "WRITERS", "Writer", "Written"]
__all__ += ["check_writable", "new_folder", "objects_of_map", "open_writer"]
__all__ += ["background_of", "with_outline", "write_data_set", "count_noun"]

__getattr__, __dir__ = make_lazy(
    __name__,
    {
        f"{__name__}.data_set_writing": ("Written", "write_data_set"),
        f"{__name__}.labeled_image": ("LabelNames", "LabeledImage", "LabeledObject"),
        f"{__name__}.object_outlines": ("background_of", "objects_of_map", "with_outline"),
        f"{__name__}.output_folders": ("new_folder",),
        f"{__name__}.writer_formats": ("WRITERS", "check_writable", "count_noun", "open_writer"),
        f"{__name__}.writers": ("Writer",),
    },
)
