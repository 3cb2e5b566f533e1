"""Text files: lines and tables."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path

from zoo.errors import InputError
from zoo.files.file_names import shown

_MAX_FIELD = 1_000_000


def read_bytes(path: Path) -> bytes:
    """Returns the content of a file; raises InputError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{shown(path)}: {error.strerror or error}.") from error


def read_text(path: Path) -> str:
    """Returns the content of a UTF-8 text file, with or without a byte order mark."""
    try:
        return read_bytes(path).decode("utf-8-sig")
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
