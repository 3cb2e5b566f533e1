"""Text files: lines and tables."""

from __future__ import annotations

import codecs
import csv
import dataclasses
import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

from zoo.errors import InputError
from zoo.files.file_names import shown

_MAX_FIELD = 1_000_000
_MARKS = {
    "utf-8-sig": (codecs.BOM_UTF8,),
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}


def open_regular(path: Path) -> BinaryIO:
    """Returns a file opened to be read; raises InputError if it is a pipe, socket or device."""
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise InputError(f"{shown(path)}: not a regular file; replace or remove it.")


def read_bytes(path: Path) -> bytes:
    """Returns the content of a regular file; raises InputError if it cannot be read."""
    try:
        with open_regular(path) as file:
            return file.read()
    except InputError:
        raise
    except (OSError, ValueError) as error:  # ValueError: NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{shown(path)}: {reason}.") from error


def _open_at_once(path: str, flags: int) -> int:
    """Opens a file; a pipe without a writer does not block."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _decode(content: bytes, errors: str = "strict", wide_errors: str = "strict") -> str:
    """Returns a text in UTF-8, or in UTF-16 or UTF-32 (`wide_errors`) with a byte order mark."""
    # UTF-32's mark begins with that of UTF-16.
    for encoding, marks in _MARKS.items():
        if content.startswith(marks):
            return content.decode(encoding, errors if encoding == "utf-8-sig" else wide_errors)
    return content.decode("utf-8", errors)


def decode_names(content: bytes) -> str:
    """Returns a text of file names; bytes that are not UTF-8 become those of `os.fsdecode`."""
    # Letters of most languages make one of the two bytes of UTF-16 zero.
    zeros = [content[first::2].count(0) for first in (0, 1)]
    marked = content.startswith(tuple(mark for marks in _MARKS.values() for mark in marks))
    if not marked and max(zeros) > 0.4 * len(content) / 2 and min(zeros) < 0.1 * max(zeros):
        return content.decode("utf-16-le" if zeros[1] > zeros[0] else "utf-16-be", "replace")
    return _decode(content, "surrogateescape", "replace")


def read_text(path: Path) -> str:
    """Returns the content of a text file: UTF-8, or UTF-16 or UTF-32 with a byte order mark."""
    try:
        return _decode(read_bytes(path))
    except UnicodeDecodeError as error:
        raise InputError(f"{shown(path)}: not a text file in UTF-8; save it again.") from error


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """Returns line numbers, from 1, and stripped lines; blank lines are omitted."""
    # Not splitlines(), which also splits at characters that editors do not count as line ends.
    lines = read_text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]


@dataclasses.dataclass(frozen=True)
class Table:
    """A table with a header.

    Attributes:
        path: the file.
        columns: column names in the header.
        rows: line number and fields of each row, as many fields as columns.
        uneven: line number and number of fields of the rows with fewer or more fields.
    """

    path: Path
    columns: tuple[str, ...]
    rows: list[tuple[int, list[str]]]
    uneven: list[tuple[int, int]]

    def column(self, *names: str) -> int | None:
        """Returns the index of the first of these names in the header, ignoring case, or None."""
        lower = [name.lower() for name in self.columns]
        return next((lower.index(name) for name in names if name in lower), None)


def read_table(path: Path) -> Table:
    """Reads a CSV file; its separator is the most frequent of comma, semicolon, tab in line 1."""
    text = read_text(path)
    head = text.lstrip("\r\n").split("\n", 1)[0]
    separator = max(",;\t", key=head.count)
    rows: list[tuple[int, list[str]]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    csv.field_size_limit(_MAX_FIELD)
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                rows.append((reader.line_num, [field.strip() for field in fields]))
    except csv.Error as error:
        raise InputError(f"{shown(path)}: line {reader.line_num}: {error}; correct it.") from error
    if not rows:
        raise InputError(f"{shown(path)}: the table is empty; write a header and rows.")
    columns = tuple(rows[0][1])
    lower = [name.lower() for name in columns]
    repeated = next((name for name in lower if name and lower.count(name) > 1), None)
    if repeated:
        raise InputError(f"{shown(path)}: two columns are named {shown(repeated)!r}; rename one.")
    body = rows[1:]
    return Table(
        path,
        columns,
        [(line, fields) for line, fields in body if len(fields) == len(columns)],
        [(line, len(fields)) for line, fields in body if len(fields) != len(columns)],
    )
