"""Label Studio's run-length encoding of brush masks.

A bit stream, most significant bit first: 32 bits for the number of values, 5 for the bits of a
value, four times 4 for the bits of a count (each minus 1); then blocks of one bit for a repeated
value, two for the size of the count, the count minus 1, and one value or as many as the count.
The values are the RGBA bytes of the image, row by row; the alpha channel is the mask.
"""

from __future__ import annotations

import numpy as np

_CHANNELS = 4


def read_brush(values: object, height: int, width: int) -> np.ndarray:
    """Returns the (height, width) bool mask of a list of bytes; raises ValueError if invalid."""
    if not isinstance(values, list) or not all(type(v) is int and 0 <= v < 256 for v in values):
        raise ValueError("rle is not a list of bytes.")
    bits = np.unpackbits(np.array(values, np.uint8))
    count = height * width * _CHANNELS
    reader = _Bits(bits)
    stated, word = reader.number(32), reader.number(5) + 1
    sizes = [reader.number(4) + 1 for _ in range(4)]
    if stated != count:
        raise ValueError(f"rle of {stated} values, not of {_CHANNELS} for each of the pixels.")
    output = np.zeros(count, bool)
    position = 0
    while position < count:
        repeated = reader.number(1)
        end = position + reader.number(sizes[reader.number(2)]) + 1
        if end > count:
            raise ValueError("rle of more values than pixels.")
        length = 1 if repeated else end - position
        output[position:end] = reader.are_set(word, length)
        position = end
    return output[_CHANNELS - 1 :: _CHANNELS].reshape(height, width)


class _Bits:
    """A stream of bits."""

    def __init__(self, bits: np.ndarray):
        self._bits = bits
        self._position = 0

    def number(self, size: int) -> int:
        """Returns the next bits as a number."""
        return int("".join(map(str, self._take(size).tolist())), 2)

    def are_set(self, word: int, count: int) -> np.ndarray:
        """Returns for the next values of `word` bits whether they differ from 0, (count,) bool."""
        return np.any(self._take(word * count).reshape(count, word), axis=1)

    def _take(self, size: int) -> np.ndarray:
        bits = self._bits[self._position : self._position + size]
        if bits.size < size:
            raise ValueError("rle ends too early.")
        self._position += size
        return bits
