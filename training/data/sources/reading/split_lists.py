"""Lists of a split's images, as `train.txt`: one image per line, in the forms that tools write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from training.data.sources.reading.defects import Defect
from training.data.sources.reading.path_matching import PathMatcher
from training.data.sources.reading.splits import Reader
from zoo.errors import InputError
from zoo.files.file_names import shown
from zoo.files.text_files import decode_names, read_bytes

Find = Callable[[str], Path | None]

_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
_INNER_SUFFIX = re.compile(r"\.(jpe?g|png|bmp|gif|tiff?|webp|avif)[\"']?[\s,;]", re.IGNORECASE)
_WORD = re.compile(r'"[^"]*"|\S+')
_COLUMNS = ("-1", "0", "1")
_MAX_WORDS = 12


def read_list(
    path: Path,
    find: Find,
    reader: Reader,
    split: str,
    repeats: bool = False,
    what: str = "images",
) -> dict[Path, int]:
    """Returns the files that a list names, with their line numbers, in the order of the list.

    A line is a name, or a name and numbers (as Pascal VOC's `im0 -1`), or several names. Comments
    (`# …`) are skipped with a note; everything else that is not found is a defect.

    Args:
        path: the list; UTF-8, UTF-16, or bytes as in the names of files.
        find: function that returns the file of a name, or None; raises InputError if the name fits
            two files.
        reader: data set, for defects and notes.
        split: split of the list.
        repeats: whether a file may be listed twice.
        what: word for the files, in the plural.
    """
    files: dict[Path, int] = {}
    lines = list_lines(path, find, reader)
    if not lines:
        problem, remedy = "the list is empty", "write one image per line or remove it"
        reader.report(Defect(problem, remedy, file=shown(path), split=split))
    for number, line in lines:
        where = {"record": f"line {number}", "file": shown(path), "split": split}
        try:
            found, unknown = match_line(line, find)
        except InputError as error:
            reader.report(
                Defect(str(error), "write the whole path", drop="image", unused="image", **where)
            )
            continue
        if unknown:
            more = f" and {len(unknown) - 3} more words" * (len(unknown) > 3)
            words = ", ".join(repr(shown(word)) for word in unknown[:3])
            problem, remedy = f"no {what[:-1]} fits {words}{more}", "correct or remove the line"
            if found and all(map(_NUMBER.fullmatch, unknown)):
                problem = f"{words}{more} may be names of images or numbers after one"
                remedy = "write one name per line"
            reader.report(Defect(problem, remedy, drop="image", unused="image", **where))
        for file in found:
            if file not in files:
                files[file] = number
            elif not repeats:
                problem = f"{shown(file.name)} is listed twice, first in line {files[file]}"
                reader.report(Defect(problem, "remove one line", drop="image", **where))
    return files


def list_lines(path: Path, find: Find, reader: Reader) -> list[tuple[int, str]]:
    """Returns line numbers, from 1, and lines of a list without blank lines and comments."""
    lines = decode_names(read_bytes(path)).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    numbered = [(number, line.strip("\0 \t\v\f")) for number, line in enumerate(lines, 1)]
    comments = [
        number
        for number, line in numbered
        if line.startswith("#") and _whole_or_none(line, find) is None
    ]
    if comments:
        reader.notes.append(f"{shown(path)}: {len(comments)} lines of comments are skipped.")
    skipped = set(comments)
    return [(number, line) for number, line in numbered if line and number not in skipped]


def match_line(line: str, find: Find) -> tuple[list[Path], list[str]]:
    """Returns the files that a line names, and its words that name none and are no numbers.

    Names may contain blanks and be in quotes; several are separated by tabs, commas, semicolons or
    blanks.

    Raises:
        InputError: if a name fits two files.
    """
    # `a.png b.png` is two names, although it has the tail `b.png`.
    several = _INNER_SUFFIX.search(line) is not None
    file = None if several else _whole_or_none(line, find)
    if file is not None:
        return [file], []
    partial: tuple[list[Path], list[str]] = [], [line]
    for words in _divisions(line):
        found, unknown = _match_words(words, find)
        if found and not unknown:
            return found, []
        if found and not partial[0]:
            partial = found, unknown
    file = _whole(line, find) if several or not partial[0] else None
    return ([file], []) if file is not None else partial


def _divisions(line: str) -> Iterable[list[str]]:
    """Yields the words of a line, separated in each of the ways in which it can be."""
    for separator in ("\t", ",", ";"):
        if separator in line:
            yield [word.strip() for word in line.split(separator) if word.strip()]
    yield _WORD.findall(line)
    yield [word for word in re.split(r"[\s,;]+", line) if word]


def _match_words(words: Sequence[str], find: Find) -> tuple[list[Path], list[str]]:
    """Returns the files of the words, of which several in a row may be one name, and the others."""
    found: list[Path] = []
    unknown: list[str] = []
    start = 0
    while start < len(words):
        if words[start].startswith("#") and found:
            break  # a comment at the end of a line
        if _NUMBER.fullmatch(words[start]) and found:
            # Images may have numbers for names, too.
            if words[start] not in _COLUMNS and _whole(words[start], find):
                unknown.append(words[start])
            start += 1
            continue
        for end in range(min(len(words), start + _MAX_WORDS), start, -1):
            text = " ".join(words[start:end])
            joined = end > start + 1
            if joined and _INNER_SUFFIX.search(text):
                continue
            file = (_whole_or_none if joined else _whole)(text, find)
            if file is not None:
                found.append(file)
                start = end
                break
        else:
            unknown.append(words[start])
            start += 1
    return list(dict.fromkeys(found)), unknown


def _whole(text: str, find: Find) -> Path | None:
    """Returns the file of a name, with or without quotes around it."""
    file = find(text)
    if file is None and len(text) > 2 and text[0] == text[-1] and text[0] in "\"'":
        file = find(text[1:-1].strip())
    return file


def _whole_or_none(text: str, find: Find) -> Path | None:
    """Returns the file of several words; None, too, if they fit two files."""
    try:
        return _whole(text, find)
    except InputError:
        return None


def split_by_lists(
    files: Sequence[Path], lists: dict[str, Path], reader: Reader, what: str = "images"
) -> dict[str, list[Path]]:
    """Returns the files of each split, by its list; a split whose list names nothing is empty.

    Without a list of `train`, all files that no list names are `train`; otherwise a note counts
    them.

    Args:
        files: all files of the data set.
        lists: path of the list of each split.
        reader: data set, for defects and notes.
        what: word for the files, in the plural.
    """
    matcher = PathMatcher(reader.root, files)
    splits = {
        split: list(read_list(path, matcher.find, reader, split, what=what))
        for split, path in lists.items()
    }
    listed = {file for part in splits.values() for file in part}
    others = [file for file in dict.fromkeys(files) if file not in listed]
    if not others:
        return splits
    if "train" in lists:
        reader.notes.append(f"{len(others)} {what} are not listed in any split and were not read.")
        return splits
    reader.notes.append(f"no list train.txt: the {len(others)} {what} in no other list are train.")
    return {"train": others, **splits}
