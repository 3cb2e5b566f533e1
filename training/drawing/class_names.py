"""What the numbers of a data set's labels are called."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

import numpy as np

from training.drawing.colors import LEFT, MIDDLE, RIGHT, Color

if TYPE_CHECKING:
    from training.data.sources.source import Source


@dataclasses.dataclass(frozen=True)
class Names:
    """Names by number; a number without a name is shown as it is.

    Attributes:
        classes: of the class map (`segmentation`), background first where there is one.
        objects: of `labels`, counted from 0.
        labels: of `label`.
        joints: of the K rows of `keypoints`.
        skeleton: pairs of joints with a limb between them.
        words: of the token ids in `captions`; 0 is padding, and words in `<…>` are not shown.
    """

    classes: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    joints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    words: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: Source, words: tuple[str, ...] = ()) -> Names:
        """The names of a data set."""
        return cls(
            source.class_names,
            source.object_names,
            source.label_names,
            source.joint_names,
            source.skeleton,
            words,
        )

    def object(self, number: int) -> str:
        """Name of an object's class."""
        return _name(self.objects, number)

    def label(self, number: int) -> str:
        """Name of an image's class."""
        return _name(self.labels, number)

    def joint_color(self, number: int) -> Color:
        """One colour for the left side of the body, one for the right, one for the middle."""
        side = re.match(r"(left|right|l|r)(?:[ _\-.]|$)", _name(self.joints, number).lower())
        if side is None:
            return MIDDLE
        return LEFT if side[1].startswith("l") else RIGHT

    def limb_color(self, first: int, second: int) -> Color:
        """The colour of the side on which a limb has a joint; the middle's between two sides."""
        colors = {self.joint_color(first), self.joint_color(second)} - {MIDDLE}
        return colors.pop() if len(colors) == 1 else MIDDLE

    def sentence(self, caption: np.ndarray | bytes | str) -> str:
        """A caption as text: a string as it is, token ids word by word."""
        if isinstance(caption, bytes):
            return caption.decode(errors="replace")
        if isinstance(caption, str):
            return caption
        words = [_name(self.words, int(token)) for token in caption if token > 0]
        return " ".join(word for word in words if not re.fullmatch(r"<.*>", word))


def _name(names: tuple[str, ...], number: int) -> str:
    return names[number] if 0 <= number < len(names) else str(number)
