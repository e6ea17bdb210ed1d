"""Texts to classify, read as they come: plain lines, CSV, TSV or JSON lines, from a file or a pipe.

A row that cannot be used stays in its place, with the reason. Here: bytes to rows, one at a time. Not here: files that
are read whole and have labels (`data/files.py`).
"""

import codecs
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sdc.errors import DataError, UsageError, one_of
from sdc.pipelines.data import tables
from sdc.pipelines.data.columns import TEXT_NAMES
from sdc.pipelines.data.rows import printable
from sdc.pipelines.text.folding import fold_name

#: A longer line is a row without a label; nothing of it is kept, so that memory stays bounded.
MAX_LINE_BYTES = 2**24
_SUFFIXES: Mapping[str, str] = {
    ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".txt": "lines", "": "lines",
}  # fmt: skip
_TO_UTF8 = "save it as UTF-8, for example with `iconv -f UTF-16 -t UTF-8 OLD > NEW`"


@dataclass(frozen=True, kw_only=True, slots=True)
class InputRow:
    """One text to classify.

    Args:
        text: As it stands in the input; made printable if it is unusable.
        reason: Why it cannot be classified, or None.
    """

    text: str
    reason: str | None = None


def kind(name: str | None, wanted: str | None) -> str:
    """Returns how an input is read: as asked, else by the suffix of the file; a pipe has lines.

    >>> kind("a/b.JSONL", None), kind(None, None), kind("a.csv", "lines")
    ('jsonl', 'lines', 'lines')

    Raises:
        UsageError: There is no such format, or the suffix tells none.
    """
    if wanted is not None:
        if wanted not in READERS:
            raise UsageError(f"unknown format {wanted[:80]!r}", "--input-format", one_of(wanted[:80], READERS))
        return wanted
    suffix = Path(name).suffix.lower() if name is not None else ""
    if suffix not in _SUFFIXES:
        fix = f"say what it is with --input-format {', '.join(READERS)}"
        raise UsageError(f"the suffix {suffix!r} does not tell the format", str(name), fix)
    return _SUFFIXES[suffix]


def rows(stream: BinaryIO, *, kind: str, where: str, text_column: str | None = None) -> Iterator[InputRow]:
    """Yields the rows of a stream in order, each as soon as it has been read.

    Args:
        stream: Bytes; UTF-8, with or without a byte order mark.
        kind: A name in `READERS`.
        where: For errors: the path, or `stdin`.
        text_column: Column or field of the text; None takes the first of the usual names.

    Raises:
        UsageError: There is no such column.
        DataError: The input is no text, or its quoting breaks.
    """
    if text_column is not None and kind == "lines":
        raise UsageError("plain lines have no columns", "--text-column", "drop the flag, or give --input-format")
    lines = _decoded(stream, where)
    yield from READERS[kind](lines, where, text_column)


def _decoded(stream: BinaryIO, where: str) -> Iterator[str | None]:
    """Yields the lines with their ends; None for one that is too long. Bytes that are no UTF-8 become surrogates."""
    first = True
    begin = stream.peek(1) if isinstance(stream, io.BufferedReader) else b""  # what is there already
    while line := stream.readline(MAX_LINE_BYTES + 1):
        if first:
            _check(line, begin, where)
            line, first = line.removeprefix(codecs.BOM_UTF8), False
        if len(line) <= MAX_LINE_BYTES:
            yield line.decode("utf-8", errors="surrogateescape")
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(MAX_LINE_BYTES)
        yield None


def _check(line: bytes, begin: bytes, where: str) -> None:
    """Raises a DataError if the first line, or what follows it, shows that this is no text at all."""
    if line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError("the input is UTF-16", where, _TO_UTF8)
    try:
        line.decode("utf-8")
        is_binary = b"\0" in line
    except UnicodeDecodeError:
        is_binary = b"\0" in line + begin
    if is_binary:
        raise DataError("the input is binary or UTF-16 (there is a NUL in it)", where, _TO_UTF8)


def text_row(value: object) -> InputRow:
    """Returns the row of a cell; a text that is empty or no text has a reason."""
    text, reason = printable(value)
    if reason is not None and isinstance(value, str) and any("\udc80" <= c <= "\udcff" for c in value):
        reason = "the text is not UTF-8"
    if reason is None and not text.strip():
        reason = "the text is empty"
    return InputRow(text=text, reason=reason)


_TOO_LONG = InputRow(text="", reason=f"the line is longer than {MAX_LINE_BYTES // 2**20} MiB")


def _plain(lines: Iterable[str | None], where: str, text_column: str | None) -> Iterator[InputRow]:
    for line in lines:
        yield _TOO_LONG if line is None else text_row(line.removesuffix("\n").removesuffix("\r"))


def _json_lines(lines: Iterable[str | None], where: str, text_column: str | None) -> Iterator[InputRow]:
    column = text_column
    for number, line in enumerate(lines, start=1):
        if line is None:
            yield _TOO_LONG
            continue
        if not line.strip():
            continue
        if number == 1 and line.lstrip().startswith("["):
            fix = "convert it: `jq -c '.[]' OLD.json > NEW.jsonl`"
            raise DataError("the input is one JSON list, not JSON lines", where, fix)
        shown, _ = printable(line.strip()[:1000])
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield InputRow(text=shown, reason=f"line {number}: not JSON ({error})")
            continue
        if isinstance(value, str):  # a list of texts, one a line
            yield text_row(value)
        elif not isinstance(value, dict):
            yield InputRow(text=shown, reason=f"line {number}: {type(value).__name__} where an object belongs")
        else:
            if column is None:
                column = _column(list(value), None, where)
            if column in value:
                yield text_row(value[column])
            else:
                yield InputRow(text=shown, reason=f"line {number}: no field {column!r}")


def _delimited(delimiter: str) -> Callable[[Iterable[str | None], str, str | None], Iterator[InputRow]]:
    dialect = tables.Dialect(delimiter=delimiter)

    def read(lines: Iterable[str | None], where: str, text_column: str | None) -> Iterator[InputRow]:
        position: int | None = None
        fix = "close the quote there, and double quotes inside quoted text"
        for row in tables.rows(_present(lines, where), dialect, where=where, most_chars=MAX_LINE_BYTES, fix=fix):
            if position is None:
                position = row.cells.index(_column(row.cells, text_column, where))
            elif row.broken is not None:
                yield InputRow(text=printable(row.raw[:1000])[0], reason=row.broken)
            elif row.lines and delimiter == "\t":  # commas and line breaks are also in texts, tabs are not
                last = row.line + len(row.lines) - 1
                why = f"lines {row.line} to {last}: a quote swallowed whole rows"
                yield InputRow(text=printable(row.raw[:1000])[0], reason=why)
            else:
                yield text_row(row.cells[position])

    return read


def _present(lines: Iterable[str | None], where: str) -> Iterator[str]:
    """Yields the lines; a table in which one is missing can no longer be told into rows."""
    for number, line in enumerate(lines, start=1):
        if line is None:
            raise DataError(f"line {number} is longer than {MAX_LINE_BYTES // 2**20} MiB", where, "shorten its texts")
        yield line


def _column(names: Sequence[str], wanted: str | None, where: str) -> str:
    """Returns the column of the text: the one named, else the first that has one of the usual names."""
    shown = "the columns " + ", ".join(f"'{printable(name[:40])[0]}'" for name in names[:12])
    for name in [wanted] if wanted is not None else TEXT_NAMES:
        found = [c for c in names if c == name] or [c for c in names if fold_name(c) == fold_name(name)]
        if len(found) > 1:
            raise UsageError(f"two columns are called {name!r}", where, "rename one")
        if found:
            return found[0]
    if wanted is not None:
        raise UsageError(f"no column {wanted!r} among {shown}", where, "correct --text-column")
    raise UsageError(f"no text column among {shown}", where, "name it with --text-column")


#: What `--input-format` takes.
READERS: Mapping[str, Callable[[Iterable[str | None], str, str | None], Iterator[InputRow]]] = {
    "csv": _delimited(","),
    "tsv": _delimited("\t"),
    "jsonl": _json_lines,
    "lines": _plain,
}
