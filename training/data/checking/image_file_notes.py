"""Notes on how image files were read: turned, the first frame of several, almost black."""

from __future__ import annotations

import dataclasses

from training.data.checking.sample_loading import LoadedSample
from training.data.sources.reading.image_files import first_frames_note

_DARK = 16
"""Images whose highest value is below are almost black, as 12-bit values in 16-bit files are."""

_ROW_STEP = 8


@dataclasses.dataclass
class ImageFileNotes:
    """The names of the image files that a note is about."""

    turned: list[str] = dataclasses.field(default_factory=list)
    animated: list[str] = dataclasses.field(default_factory=list)
    dark: list[str] = dataclasses.field(default_factory=list)

    def add(self, loaded: LoadedSample) -> None:
        """Adds a sample that could be read."""
        if loaded.header is not None and loaded.header.orientation != 1:
            self.turned.append(loaded.name)
        if loaded.header is not None and loaded.header.animated:
            self.animated.append(loaded.name)
        image = loaded.sample.get("image")
        if image is not None and image[::_ROW_STEP].max(initial=0) < _DARK:
            self.dark.append(loaded.name)

    def notes(self) -> list[str]:
        """Returns the notes, each a sentence."""
        notes = []
        if self.turned:
            notes.append(
                f"{_counted(self.turned)} turned upright by EXIF orientation, such as "
                f"{self.turned[0]}; labels must be those of the upright image."
            )
        if self.animated:
            notes.append(first_frames_note(self.animated))
        if self.dark:
            notes.append(
                f"{_counted(self.dark)} almost black, with values below {_DARK} of 255, such as "
                f"{self.dark[0]}; of 16-bit files the high byte is read."
            )
        return notes


def _counted(names: list[str]) -> str:
    return f"{len(names)} images are" if len(names) > 1 else "1 image is"
