"""Data sets: every layout of labels becomes samples of one schema.

`open_source("FORMAT[:WHERE][?option=value&…]")` opens any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.lazy_exports import make_lazy

if TYPE_CHECKING:
    from training.data.sources.file_source import FileSource
    from training.data.sources.joint.joint_source import JointSource
    from training.data.sources.source import Record, Sample, Source
    from training.data.sources.source_formats import FORMATS, format_options, open_source

__all__ = ["FORMATS", "FileSource", "JointSource", "Record", "Sample", "Source"]
__all__ += ["format_options", "open_source"]

__getattr__, __dir__ = make_lazy(
    __name__,
    {
        f"{__name__}.file_source": ("FileSource",),
        f"{__name__}.source_formats": ("FORMATS", "format_options", "open_source"),
        f"{__name__}.joint.joint_source": ("JointSource",),
        f"{__name__}.source": ("Record", "Sample", "Source"),
    },
)
