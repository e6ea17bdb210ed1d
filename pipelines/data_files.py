"""Readers of data files: CSV, TSV, JSON lines and Parquet, each as a frame of records.

Here: bytes to cells, and what is wrong with a file or with one row of it. Texts are kept as they are: nothing is
stripped, normalised or repaired. Not here: which column is the text, what a label means (`data_columns.py`).
"""

import codecs
import csv
import json
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdc.errors import DataError

#: Larger files are refused: such a set is nearly always the wrong file, and it is held in memory (about 3 GB).
MAX_BYTES = 2**30
MAX_ROWS = 1_000_000

_BLOCK_BYTES = 2**20
_TO_UTF8 = "save it as UTF-8, for example with `iconv -f UTF-16 -t UTF-8 OLD > NEW`"


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One row of a file.

    Args:
        line: Where it begins, counted from 1 (the row number in a Parquet file).
        cells: Column -> value as the file has it; empty for a broken row.
        broken: Why the row cannot be read, or None.
        raw: What stands in the file, for a broken row.
    """

    line: int
    cells: Mapping[str, Any]
    broken: str | None = None
    raw: str = ""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The columns of a file in order, and its records in order."""

    where: str
    columns: tuple[str, ...]
    records: tuple[Record, ...]


def read(path: Path, *, max_bytes: int = MAX_BYTES, max_rows: int = MAX_ROWS) -> Frame:
    """Returns the frame of a file, by the suffix of its name.

    Args:
        path: A .csv, .tsv, .jsonl, .ndjson, .json (JSON lines) or .parquet file.
        max_bytes: Refuse larger files.
        max_rows: Refuse longer files.

    Raises:
        DataError: No such file, no regular file, an unknown kind of file, one that is empty, too large, not UTF-8 or
            broken beyond its rows.
    """
    check(path, max_bytes=max_bytes)
    reader = _READERS[path.suffix.lower()]
    try:
        if reader is not _parquet:
            _check_utf8(path)
        columns, records = reader(path, max_rows)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not records:
        raise DataError("the file has no rows", str(path), "it needs a text and a label column, and at least one row")
    return Frame(where=str(path), columns=columns, records=tuple(records))


def check(path: Path, *, max_bytes: int = MAX_BYTES) -> None:
    """Fails if a file is not there, is no regular file of a known kind, is empty or too large, or cannot be opened.

    Raises:
        DataError: As above.
    """
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its writer
            path.open("rb").close()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise DataError(
            "this is a folder, not a file", str(path), "name one file, or use --paper for the paper's folder"
        )
    if not stat.S_ISREG(status.st_mode):
        raise DataError("this is no regular file", str(path), "write the data into a file first")
    if status.st_size == 0:
        raise DataError("the file is empty", str(path), "check how it was made")
    if status.st_size > max_bytes:
        size = f"{status.st_size / 2**30:.1f} GiB, at most {max_bytes / 2**30:g}"
        raise DataError(f"the file is too large ({size})", str(path), "take a sample of it")
    if path.suffix.lower() not in _READERS:
        known = ", ".join(_READERS)
        raise DataError(f"unknown kind of file {path.suffix!r}", str(path), f"export it as one of {known}")


def _unreadable(path: Path, error: Exception) -> DataError:
    what = (getattr(error, "strerror", None) or str(error)).lower()
    return DataError(f"cannot read the file ({what})", str(path), "check the path and its permissions")


def _check_utf8(path: Path) -> None:
    """Reads the file once and names the first byte that is no text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset, line = 0, 1
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK_BYTES)
            if offset == 0 and block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise DataError("the file is UTF-16", str(path), _TO_UTF8)
            nul = block.find(0)
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(block if nul < 0 else block[:nul], final=not block)
            except UnicodeDecodeError as error:
                at = max(error.start - pending, 0)
                where = f"byte {offset - pending + error.start}, line {line + block.count(10, 0, at)}"
                raise DataError(
                    f"the file is not UTF-8 ({where})",
                    str(path),
                    "save it as UTF-8, for example with `iconv -f LATIN1 -t UTF-8 OLD > NEW`",
                ) from error
            if nul >= 0:
                where = f"byte {offset + nul}, line {line + block.count(10, 0, nul)}"
                raise DataError(f"the file is binary or UTF-16 (a NUL at {where})", str(path), _TO_UTF8)
            if not block:
                return
            offset += len(block)
            line += block.count(b"\n")


def _limited(records: list[Record], path: Path, max_rows: int) -> None:
    if len(records) > max_rows:
        raise DataError(f"the file has more than {max_rows:,} rows", str(path), "take a sample of it")


# -- CSV and TSV ---------------------------------------------------------------------------------------------------


class _Lines:
    """The physical lines of a file; remembers those that the row at hand was made of."""

    def __init__(self, file: Iterable[str]) -> None:
        self._file = iter(file)
        self.row: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._file)
        self.row.append(line)
        return line


def _delimited(delimiter: str) -> Callable[[Path, int], tuple[tuple[str, ...], list[Record]]]:
    def read_delimited(path: Path, max_rows: int) -> tuple[tuple[str, ...], list[Record]]:
        csv.field_size_limit(sys.maxsize)
        header: tuple[str, ...] | None = None
        records: list[Record] = []
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _Lines(file)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            while True:
                line = reader.line_num + 1
                lines.row.clear()
                try:
                    cells = next(reader)
                except StopIteration:
                    break
                except csv.Error as error:
                    # A quote that swallowed whole lines may have swallowed whole rows: how many, nobody can say.
                    if header is None or len(lines.row) > 1:
                        raise DataError(
                            f"the quoting breaks in the row that begins in line {line} ({error})",
                            str(path),
                            "close the quote there, and double quotes inside quoted text",
                        ) from error
                    records.append(
                        Record(line=line, cells={}, broken=f"line {line}: {error}", raw=lines.row[0].rstrip("\r\n"))
                    )
                    continue
                if not cells:
                    continue  # an empty line is no row in CSV
                if header is None:
                    header = tuple(cells)
                elif len(cells) != len(header):
                    why = f"line {line}: {len(cells)} cells where the header has {len(header)}"
                    records.append(Record(line=line, cells={}, broken=why, raw=delimiter.join(cells)))
                else:
                    records.append(Record(line=line, cells=dict(zip(header, cells, strict=True))))
                _limited(records, path, max_rows)
        return header or (), records

    return read_delimited


# -- JSON lines ----------------------------------------------------------------------------------------------------


def _json_lines(path: Path, max_rows: int) -> tuple[tuple[str, ...], list[Record]]:
    columns: dict[str, None] = {}
    records: list[Record] = []
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            if not records and line.lstrip().startswith("["):
                raise DataError(
                    "the file is one JSON list, not JSON lines",
                    str(path),
                    "convert it: `jq -c '.[]' OLD.json > NEW.jsonl`",
                )
            why = ""
            try:
                value = json.loads(line)
                if not isinstance(value, dict):
                    why = f"line {number}: {type(value).__name__} where an object belongs"
            except (ValueError, RecursionError) as error:
                why = f"line {number}: not JSON ({error})"
            if why:
                records.append(Record(line=number, cells={}, broken=why, raw=line.rstrip("\r\n")))
            else:
                columns.update(dict.fromkeys(value))
                records.append(Record(line=number, cells=value))
            _limited(records, path, max_rows)
    if records and not columns:
        reason = records[0].broken or f"line {records[0].line}: an empty object"
        raise DataError(f"no line has a field ({reason})", str(path), "write one JSON object per line")
    return tuple(columns), records


# -- Parquet -------------------------------------------------------------------------------------------------------


def _parquet(path: Path, max_rows: int) -> tuple[tuple[str, ...], list[Record]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows > max_rows:
                raise DataError(f"the file has more than {max_rows:,} rows", str(path), "take a sample of it")
            table = file.read()
        rows = table.to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # a broken footer is an OSError
        reason = str(error).splitlines()[0][:120]
        raise DataError(f"not a readable Parquet file ({reason})", str(path), "write it again") from error
    return tuple(table.column_names), [Record(line=i, cells=row) for i, row in enumerate(rows, start=1)]


_READERS: Mapping[str, Callable[[Path, int], tuple[tuple[str, ...], list[Record]]]] = {
    ".csv": _delimited(","),
    ".tsv": _delimited("\t"),
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json_lines,
    ".parquet": _parquet,
}
