"""Text files of labels: lines and tables, read as a whole and trusted in nothing."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path

from zoo.errors import InputError
from zoo.files.file_names import shown

_LONGEST = 1_000_000


def read_text(path: Path) -> str:
    """The content of a text file in UTF-8, with or without a byte order mark.

    Raises:
        InputError: it cannot be read or is not text.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{shown(path)}: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{shown(path)}: not a text file in UTF-8.") from error


def numbered_lines(path: Path) -> list[tuple[int, str]]:
    """Line numbers from 1 and lines, without blank ones and blanks at the ends.

    Raises:
        InputError: as `read_text`.
    """
    # Not splitlines(), which also cuts at signs that editors do not count as line ends.
    lines = read_text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]


@dataclasses.dataclass(frozen=True)
class Table:
    """A table with a head.

    Attributes:
        path: the file.
        columns: names in the head.
        rows: line number and as many fields as there are columns.
        uneven: line number and number of fields of the lines that have fewer or more.
    """

    path: Path
    columns: tuple[str, ...]
    rows: list[tuple[int, list[str]]]
    uneven: list[tuple[int, int]]

    def column(self, *names: str) -> int | None:
        """Position of the first of these names that the head has, in whatever case."""
        lower = [name.lower() for name in self.columns]
        return next((lower.index(name) for name in names if name in lower), None)


def read_table(path: Path) -> Table:
    """A CSV file; the fields are separated by commas, semicolons or tabs, whichever the head has.

    Raises:
        InputError: not text, empty, a head that names a column twice, or a quote without end.
    """
    text = read_text(path)
    head = text.lstrip("\r\n").split("\n", 1)[0]
    separator = max(",;\t", key=head.count)
    rows: list[tuple[int, list[str]]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    csv.field_size_limit(_LONGEST)
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                rows.append((reader.line_num, [field.strip() for field in fields]))
    except csv.Error as error:
        raise InputError(f"{shown(path)}, line {reader.line_num}: {error}; mend it.") from error
    if not rows:
        raise InputError(f"{shown(path)}: the table is empty.")
    columns = tuple(rows[0][1])
    lower = [name.lower() for name in columns]
    twice = next((name for name in lower if name and lower.count(name) > 1), None)
    if twice:
        raise InputError(f"{shown(path)}: two columns are called {shown(twice)!r}; rename one.")
    body = rows[1:]
    return Table(
        path,
        columns,
        [(line, fields) for line, fields in body if len(fields) == len(columns)],
        [(line, len(fields)) for line, fields in body if len(fields) != len(columns)],
    )
