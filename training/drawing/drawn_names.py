"""Names of the classes, keypoints and tokens of a data set."""

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
    """Names by index; an index without a name is drawn as a number.

    Attributes:
        classes: names of the classes in `segmentation`, background first where there is one.
        objects: names of the classes in `labels`.
        labels: names of the classes in `label`.
        keypoints: names of the K rows of `keypoints`.
        skeleton: pairs of keypoints with a limb between them.
        tokens: tokens of the ids in `captions`; 0 is padding, and tokens in `<…>` are not drawn.
    """

    classes: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    tokens: tuple[str, ...] = ()

    @classmethod
    def of(cls, source: Source, tokens: tuple[str, ...] = ()) -> Names:
        """Returns the names of a data set."""
        return cls(
            source.class_names,
            source.object_names,
            source.label_names,
            source.keypoint_names,
            source.skeleton,
            tokens,
        )

    def object(self, number: int) -> str:
        """Returns the name of an object's class."""
        return _name(self.objects, number)

    def label(self, number: int) -> str:
        """Returns the name of an image's class."""
        return _name(self.labels, number)

    def keypoint_color(self, number: int) -> Color:
        """Returns the color of the body side of a keypoint: left, right or middle."""
        side = re.match(r"(left|right|l|r)(?:[ _\-.]|$)", _name(self.keypoints, number).lower())
        if side is None:
            return MIDDLE
        return LEFT if side[1].startswith("l") else RIGHT

    def limb_color(self, first: int, second: int) -> Color:
        """Returns the color of the body side of a limb; middle for a limb between two sides."""
        colors = {self.keypoint_color(first), self.keypoint_color(second)} - {MIDDLE}
        return colors.pop() if len(colors) == 1 else MIDDLE

    def sentence(self, caption: np.ndarray | bytes | str) -> str:
        """Returns a caption, a string or token ids, as text."""
        if isinstance(caption, bytes):
            return caption.decode(errors="replace")
        if isinstance(caption, str):
            return caption
        words = [_name(self.tokens, int(token)) for token in caption if token > 0]
        return " ".join(word for word in words if not re.fullmatch(r"<.*>", word))


def _name(names: tuple[str, ...], number: int) -> str:
    return names[number] if 0 <= number < len(names) else str(number)
