"""A table in which nothing is broken or odd is read at once, and to the same as row by row."""

import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sdc.errors import SdcError
from sdc.pipelines import tasks
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import reading, tables
from sdc.pipelines.data.config import DataConfig
from sdc.pipelines.data.files import FileFormat
from sdc.pipelines.data.tables import Dialect
from sdc.pipelines.tasks import languages

#: Nearly tables: quotes, delimiters and all line ends where they may be and where they may not.
_NEARLY = st.text(alphabet=["a", "b", '"', ",", "\n", "\r", " ", "\ufeff", "é", "\u2028"], max_size=40)
_CELLS = st.text(alphabet=["a", '"', ",", "\n", "\r", " ", "0", "1", "é", "\x1c"], max_size=5)
_CELL = Cell(language=languages.load("en"), task=tasks.load("sentiment"))


@st.composite
def written(draw: st.DrawFn) -> str:
    """A file as people have them: a table that a program wrote, of which a piece may be lost or doubled."""
    rows = draw(st.lists(st.tuples(_CELLS, st.sampled_from(["0", "1", "positive", "", "x"]), _CELLS), max_size=6))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator=draw(st.sampled_from(["\n", "\r\n"])))
    writer.writerows([*draw(st.sampled_from([[("text", "label", "id")], []])), *rows])
    text = file.getvalue()
    start, end = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
    return text if draw(st.booleans()) else text[:start] + text[end:]


@settings(max_examples=400, deadline=None)
@given(_NEARLY | written())
@example('a,"b\nc"\nd,e\n')
@example('a,"b\nc,"\nd,e\n')
@example('\n\na,b\n\r\n"c",d')
def test_a_plain_table_is_that_of_the_rows(text: str) -> None:
    """None is broken or odd in either, or one is and the table is not plain."""
    try:
        rows = list(tables.rows(io.StringIO(text, newline=""), Dialect(), where="x"))
        is_plain = not any(row.odd or row.broken is not None for row in rows)
    except SdcError:
        is_plain = False
    found = tables.plain(io.StringIO(text, newline=""), Dialect())
    assert (found is not None) == is_plain
    if found is not None:
        lines, cells = found
        assert [(row.line, list(row.cells)) for row in rows] == list(zip(lines, cells, strict=True))


def _read(content: bytes, header: bool | None) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes(content)
        config = DataConfig(split="train", form=FileFormat(header=header), most_unusable=1.0)
        try:
            return reading.read(_CELL, [reading.read_file(path, config)], config)
        except SdcError as error:
            return type(error), str(error).replace(folder, "")


@settings(max_examples=300, deadline=None)
@given(written(), st.sampled_from([None, True, False]), st.booleans())
@example("text,label\na,1\nb\n", None, True)  # broken, after a byte order mark
@example('text,label\n"a\nb,",1\nc,0\n', None, True)
def test_a_file_has_the_same_rows_read_at_once_or_one_by_one(text: str, header: bool | None, bom: bool) -> None:
    content = text.encode("utf-8-sig" if bom else "utf-8")
    at_once = _read(content, header)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tables, "plain", lambda *_: None)
        assert _read(content, header) == at_once
