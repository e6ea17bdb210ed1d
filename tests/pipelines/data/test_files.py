"""The readers: what stands in the file comes out, and what cannot be read is named."""

import csv
import json
import os
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sdc.errors import DataError
from sdc.pipelines.data.files import read

_CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(_CELLS, _CELLS, _CELLS), min_size=1, max_size=8),
    dialect=st.sampled_from([("csv", ",", "\r\n"), ("csv", ",", "\n"), ("tsv", "\t", "\n")]),
    bom=st.booleans(),
)
@example(rows=[("a\rb", 'say "x", y', "1\n2\r\n3")], dialect=("csv", ",", "\r\n"), bom=True)
@example(rows=[("\ufeffx", " y ", "\u2028")], dialect=("csv", ",", "\n"), bom=False)
def test_what_csv_writer_writes_is_read_back(
    rows: list[tuple[str, str, str]], dialect: tuple[str, str, str], bom: bool
) -> None:
    suffix, delimiter, end = dialect
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x.{suffix}"
        with path.open("w", encoding="utf-8-sig" if bom else "utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
            writer.writerows([("text", "label", "more"), *rows])
        frame = read(path)
    assert frame.columns == ("text", "label", "more")
    assert [tuple(record.cells.values()) for record in frame.rows] == rows


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.dictionaries(st.sampled_from(["text", "label"]), _CELLS, min_size=1), min_size=1, max_size=8))
def test_what_json_dumps_writes_is_read_back(rows: list[dict[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8", newline="")
        frame = read(path)
        assert [record.cells for record in frame.rows] == [dict.fromkeys(frame.columns) | row for row in rows]


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200), suffix=st.sampled_from(["csv", "tsv", "jsonl", "parquet"]))
def test_any_bytes_are_read_or_refused_in_one_line(content: bytes, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = _write(Path(folder) / f"x.{suffix}", content)
        try:
            read(path)
        except DataError as error:
            assert "\n" not in str(error) and str(path) in str(error)


def test_minimally_quoted_csv_with_all_kinds_of_line_ends(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.csv", b'text,label\r\n"a\rb",0\n"c\r\nd\n",1\r\n  e  ,0\n5" screen,1\n\n')
    assert [record.cells["text"] for record in read(path).rows] == ["a\rb", "c\r\nd\n", "  e  ", '5" screen']
    assert [record.line for record in read(path).rows] == [2, 4, 7, 8]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.csv", b"", "empty"),
        ("x.csv", b"\xef\xbb\xbf", "no rows"),
        ("x.csv", b"text,label\n", "no rows"),
        ("x.csv", "text,label\na,1\n".encode("utf-16"), "UTF-16"),
        ("x.csv", "text,label\na,1\n".encode("utf-16-le"), "NUL at byte 1, line 1"),
        ("x.csv", b"text,label\na,1\nb\0,2\n", "NUL at byte 16, line 3"),
        ("x.csv", b"text,label\na,1\ncaf\xe9,2\n", "not UTF-8 (byte 18, line 3)"),
        ("x.jsonl", b'{"text": "caf\xc3', "not UTF-8"),
        ("x.csv", b'text,label\na,1\n"b,2\nc,3\n', "begins in line 3"),
        ("x.csv", b'text,label\na,1\n"b\nc"d,3\n', "begins in line 3"),
        ("x.csv", b'"text,label\n', "begins in line 1"),
        ("x.json", b'[{"text": "a", "label": 0}', "no JSON"),
        ("x.parquet", b"PAR1 nothing PAR1", "not a readable Parquet file"),
        ("x.parquet", b"text", "not a readable Parquet file"),
        ("x.xlsx", b"PK\x03\x04", "unknown kind of file '.xlsx'"),
        ("x", b"text", "unknown kind of file ''"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=re.escape(said)) as caught:
        read(_write(tmp_path / name, content))
    assert name in str(caught.value) and caught.value.fix


def test_an_undecodable_byte_far_into_the_file_is_found_where_it_is(tmp_path: Path) -> None:
    head = b"text,label\n" + "é,1\n".encode() * 300_000  # the block border falls into a character
    with pytest.raises(DataError, match=rf"byte {len(head) + 1}, line 300002"):
        read(_write(tmp_path / "x.csv", head + b"a\xffb,1\n"))


def test_no_file_a_folder_and_a_pipe(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(DataError, match="folder"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="no regular file"):
        read(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="null"):
        read(Path("a\0b.csv"))


def test_too_large_and_too_long(tmp_path: Path) -> None:
    with (tmp_path / "x.csv").open("wb") as file:
        file.truncate(3 * 2**30)  # sparse
    with pytest.raises(DataError, match="too large"):
        read(tmp_path / "x.csv")
    path = _write(tmp_path / "y.csv", b"text,label\n" + b"a,0\n" * 11)
    assert len(read(path, max_rows=11).rows) == 11
    with pytest.raises(DataError, match="more than 10 rows"):
        read(path, max_rows=10)


def test_a_bad_row_is_a_row_with_a_reason(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.csv", b'text,label\na\nb,1\nc,1,2\n"d"e,1\nf,0\n"g,1')
    records = read(path).rows
    assert [record.broken is None for record in records] == [False, True, False, False, True, False]
    assert "line 2: 1 cell where the header has 2" in (records[0].broken or "")
    assert records[3].raw == '"d"e,1' and records[5].raw == '"g,1'
    path = _write(tmp_path / "x.jsonl", b'{"text": "a"}\n[1]\n\n{"text"\n' + b"[" * 50_000 + b"\n")
    reasons = [record.broken for record in read(path).rows]
    assert (
        reasons[0] is None
        and "line 2: list" in (reasons[1] or "")
        and all("not JSON" in (r or "") for r in reasons[2:])
    )


def test_very_large_cells_are_read(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.csv", b"text,label\n" + b"a" * 300_000 + b",0\n")
    assert len(read(path).rows[0].cells["text"]) == 300_000


def test_parquet_keeps_texts_and_types(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"text": " a\r\n", "label": 0}, {"text": None, "label": 1}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "x.PARQUET")
    assert [record.cells for record in read(tmp_path / "x.PARQUET").rows] == rows
    with pytest.raises(DataError, match="more than 1 row"):
        read(tmp_path / "x.PARQUET", max_rows=1)
