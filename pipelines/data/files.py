"""Readers of data files: CSV, TSV, text with a delimiter, JSON and Parquet, each as a frame.

Here: bytes to records, and what is wrong with a file. Texts are kept as they are: nothing is stripped, normalised or
repaired. Not here: encodings (`text.py`), rows of cells (`tables.py`), of JSON (`json_records.py`), of Parquet
(`parquet.py`), the frame (`frame.py`), which column is the text, what a label means (`columns.py`).
"""

import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdc.cache.counted import counted
from sdc.errors import DataError, UsageError, system_reason
from sdc.pipelines.data import json_records, parquet, tables, text
from sdc.pipelines.data.frame import FileRow, Frame
from sdc.pipelines.data.parquet import Wanted
from sdc.pipelines.data.tables import Dialect, TableRow

#: Larger files are refused: such a set is nearly always the wrong file, and it is held in memory (about 3 GB).
MAX_BYTES = 2**30
MAX_ROWS = 1_000_000

#: How a file is read, by its suffix; `.txt` and any other with a delimiter are tables.
_KINDS: Mapping[str, str] = {
    ".csv": "table", ".tsv": "table", ".txt": "table", ".jsonl": "json", ".ndjson": "json", ".json": "json",
    ".parquet": "parquet",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FileFormat:
    """How a file is read where its name does not tell.

    Args:
        delimiter: What separates the cells; None: a comma in .csv, a tab in .tsv, what is found in .txt.
        quoting: `minimal` or `none`; see `data_tables.Dialect`.
        header: Whether the first row has the names of the columns; None: it has, unless it is plainly a row.
        encoding: Of a text file, as Python calls it.
        records: Where the list of records stands in a JSON object, as `data.items`; None: there is none.
    """

    delimiter: str | None = None
    quoting: str = "minimal"
    header: bool | None = None
    encoding: str = "utf-8"
    records: str | None = None

    def __post_init__(self) -> None:
        Dialect(delimiter=self.delimiter or ",", quoting=self.quoting)
        text.check_name(self.encoding)


def _all(names: Sequence[str]) -> Sequence[str]:
    return names


def read(
    path: Path,
    form: FileFormat | None = None,
    *,
    wanted: Wanted = _all,
    max_bytes: int = MAX_BYTES,
    max_rows: int = MAX_ROWS,
) -> Frame:
    """Returns the frame of a file, by the suffix of its name.

    Args:
        path: A .csv, .tsv, .txt, .jsonl, .ndjson, .json or .parquet file, or any with a delimiter.
        form: How it is read.
        wanted: Which columns are read, of a file that can be read in part.
        max_bytes: Refuse larger files.
        max_rows: Refuse longer files.

    Raises:
        DataError: No such file, no regular file, an unknown kind of file, one that is empty, too large, not in its
            encoding or broken beyond its rows.
    """
    form = form or FileFormat()
    kind = check(path, form, max_bytes=max_bytes)
    try:
        if kind == "parquet":
            names, values, num_rows = parquet.read(path, max_rows=max_rows, wanted=wanted)
            frame = Frame(where=str(path), columns=names, values=values, lines=range(1, num_rows + 1))
        else:
            text.check(path, form.encoding)
            frame = (_table if kind == "table" else _json)(path, form, max_rows)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not len(frame):
        fix = "it needs a text and a label column, and at least one row"
        fix += "; if its one line is a row, add --no-header" if frame.first else ""
        raise DataError("the file has no rows", str(path), fix)
    return frame


def check(path: Path, form: FileFormat | None = None, *, max_bytes: int = MAX_BYTES) -> str:
    """Returns the kind of a file: `table`, `json` or `parquet`.

    Raises:
        DataError: It is not there, is no regular file of a known kind, is empty or too large, or cannot be opened.
    """
    form = form or FileFormat()
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
    kind = _KINDS.get(path.suffix.lower()) or ("table" if form.delimiter else None)
    if kind is None:
        known = ", ".join(_KINDS)
        fix = f"export it as one of {known}, or say with --delimiter what separates its cells"
        raise DataError(f"unknown kind of file {path.suffix!r}", str(path), fix)
    asked = {"--delimiter": form.delimiter, "--header/--no-header": form.header, "--quoting": form.quoting == "none"}
    for flag, value in asked.items():
        if value not in (None, False) and kind != "table":
            raise UsageError(f"a {path.suffix} file has no delimiters", flag, "drop the flag")
    if form.records is not None and kind != "json":
        raise UsageError(f"a {path.suffix} file is no JSON", "--records", "drop the flag")
    return kind


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"cannot read the file ({system_reason(error)})", str(path), "check the path and its permissions")


def _limited(rows: Sequence[Any], path: Path, max_rows: int) -> None:
    if len(rows) > max_rows:
        raise DataError(
            f"the file has more than {counted(max_rows, 'row', commas=True)}", str(path), "take a sample of it"
        )


def _table(path: Path, form: FileFormat, max_rows: int) -> Frame:
    dialect = Dialect(delimiter=form.delimiter or _delimiter(path, form), quoting=form.quoting)
    # Without quotes a carriage return is a character of the text: only line feeds end a row.
    with path.open(encoding=text.codec(form.encoding), newline="\n" if form.quoting == "none" else "") as file:
        whole = tables.plain(file, dialect)
        if whole is None:
            file.seek(0)
            return _row_by_row(tables.rows(file, dialect, where=str(path)), path, form, max_rows)
    lines, cells = whole
    if not cells:
        return Frame(where=str(path), columns=(), values={}, lines=())
    header, first, begin = _header(cells[0], form)
    del lines[:begin], cells[:begin]
    _limited(lines, path, max_rows)
    columns = zip(*cells, strict=True) if cells else [()] * len(header)
    values = dict(zip(header, columns, strict=True))
    return Frame(where=str(path), columns=header, values=values, lines=lines, first=first)


def _header(cells: Sequence[str], form: FileFormat) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """Returns the names of the columns, what the first row would be if it were no header, and how many rows that is."""
    if form.header is False:
        return tuple(map(str, range(1, len(cells) + 1))), (), 0
    return tuple(cells), tuple(cells) if form.header is None else (), 1


def _row_by_row(found: Iterable[TableRow], path: Path, form: FileFormat, max_rows: int) -> Frame:
    """Returns the frame of a table in which rows are broken or odd."""
    header: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    rows: list[FileRow] = []
    for row in found:
        if not header:
            header, first, begin = _header(row.cells, form)
            if begin:
                continue
        cells = dict(zip(header, row.cells, strict=True)) if row.broken is None else {}
        lines = tuple(dict(zip(header, line, strict=True)) for line in row.lines)
        rows.append(FileRow(row.line, cells, row.broken, row.raw, row.odd, lines))
        _limited(rows, path, max_rows)
    return Frame.of_rows(rows, where=str(path), columns=header, first=first)


def _delimiter(path: Path, form: FileFormat) -> str:
    """Returns the delimiter of a file whose suffix says it; of a .txt file a tab, if all its first lines have one."""
    if path.suffix.lower() != ".txt":
        return "\t" if path.suffix.lower() == ".tsv" else ","
    with path.open(encoding=text.codec(form.encoding)) as file:
        lines = [line for line, _ in zip(file, range(20), strict=False) if line.strip()]
    if lines and all("\t" in line for line in lines):
        return "\t"
    raise DataError("nothing says what separates the cells", str(path), 'name it: --delimiter tab, ";", "|" or ","')


def _json(path: Path, form: FileFormat, max_rows: int) -> Frame:
    columns: dict[str, None] = {}
    rows: list[FileRow] = []
    with path.open(encoding=text.codec(form.encoding), newline="\n") as file:
        for item in json_records.items(file, where=str(path), records=form.records):
            columns.update(dict.fromkeys(item.cells))
            rows.append(FileRow(line=item.line, cells=item.cells, broken=item.broken, raw=item.raw))
            _limited(rows, path, max_rows)
    if rows and not columns:
        reason = rows[0].broken or f"line {rows[0].line}: an empty object"
        raise DataError(f"no line has a field ({reason})", str(path), "write one JSON object per line")
    return Frame.of_rows(rows, where=str(path), columns=tuple(columns))
