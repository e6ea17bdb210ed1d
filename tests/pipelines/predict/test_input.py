"""The rows of an input: every kind of file, and what is wrong with one row or all of them."""

import io
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdc.errors import DataError, SdcError, UsageError
from sdc.pipelines.predict import input
from sdc.pipelines.predict.input import InputRow, kind, rows

LONG = b"x" * (input.MAX_LINE_BYTES + 5)


def _read(content: bytes, how: str, column: str | None = None) -> list[InputRow]:
    return list(rows(io.BufferedReader(io.BytesIO(content)), kind=how, where="here", text_column=column))


def _pairs(content: bytes, how: str, column: str | None = None) -> list[tuple[str, str | None]]:
    return [(row.text, row.reason) for row in _read(content, how, column)]


@pytest.mark.parametrize(
    ("how", "content", "expected"),
    [
        ("lines", b"a\nb", [("a", None), ("b", None)]),
        ("lines", "\ufeffఆట\r\nb\n".encode(), [("ఆట", None), ("b", None)]),
        ("lines", b"", []),
        ("lines", b"a\n\n \nb\n", [("a", None), ("", "the text is empty"), (" ", "the text is empty"), ("b", None)]),
        ("lines", "a\u2028b\x0bc\n".encode(), [("a\u2028b\x0bc", None)]),
        ("lines", b"a\ncaf\xe9\nb\n", [("a", None), ("caf?", "the text is not UTF-8"), ("b", None)]),
        ("lines", b"a\nb\0c\n", [("a", None), ("b\ufffdc", "the text has a NUL in it")]),
        ("lines", b"a\n" + LONG + b"\nb\n", [("a", None), ("", "the line is longer than 16 MiB"), ("b", None)]),
        ("lines", b"a\n" + LONG, [("a", None), ("", "the line is longer than 16 MiB")]),
        ("csv", b'id,text\n1,"a, ""b"""\n\n2,"x\ny"\n', [('a, "b"', None), ("x\ny", None)]),
        ("csv", b"id,Text \n1\n2,b\n", [("1", "line 2: 1 cell where the header has 2"), ("b", None)]),
        ("csv", b'text\n"a"b\nc\n', [('"a"b', "line 2: ',' expected after '\"'"), ("c", None)]),
        ("csv", b"", []),
        ("csv", b"text\n", []),
        ("tsv", b"text\tid\na,b\t1\n", [("a,b", None)]),
        ("jsonl", b'{"text": "a"}\n\n{"text": "b", "id": 1}\n', [("a", None), ("b", None)]),
        ("jsonl", b'"a"\n"b"\n', [("a", None), ("b", None)]),
        ("jsonl", b'{"text": "a"}\n{"txt": "b"}\n', [("a", None), ('{"txt": "b"}', "line 2: no field 'text'")]),
        ("jsonl", b'{"text": null}\n{"text": 7}\n', [("", "the text is empty"), ("7", "the text is of type int")]),
        ("jsonl", b'3\n{"sentence": "a"}\n', [("3", "line 1: int where an object belongs"), ("a", None)]),
        ("jsonl", b'{"text": "\\ud800"}\n', [("?", "the text has half a character in it (a lone surrogate)")]),
    ],
)  # fmt: skip
def test_rows_and_their_reasons(how: str, content: bytes, expected: list[tuple[str, str | None]]) -> None:
    assert _pairs(content, how) == expected


def test_broken_json_is_a_row() -> None:
    (good, bad, deep, last) = _pairs(b'{"text": "a"}\n{"text": \n' + b"[" * 100_000 + b'\n{"text": "b"}', "jsonl")
    assert (good, last) == (("a", None), ("b", None))
    assert bad[0] == '{"text":' and str(bad[1]).startswith("line 2: not JSON (")
    assert len(deep[0]) == 1000 and str(deep[1]).startswith("line 3: not JSON (")


@pytest.mark.parametrize(
    ("how", "content", "column", "error", "message"),
    [
        ("lines", "text".encode("utf-16"), None, DataError, "here: the input is UTF-16; save it as UTF-8"),
        ("lines", "text".encode("utf-16-le"), None, DataError, "binary or UTF-16"),
        ("csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", None, DataError, "binary or UTF-16"),
        ("lines", b"\x1f\x8b\x08\x08\n\0\0", None, DataError, "binary or UTF-16"),
        ("csv", b"t\xe9xt\na\n", None, UsageError, "no text column among the columns 't?xt'"),
        ("jsonl", b'[{"text": "a"}]', None, DataError, "one JSON list, not JSON lines"),
        ("csv", b'text\n"a\nb\nc\n', None, DataError, "the quoting breaks in the row that begins in line 2"),
        ("csv", b"text\na\n" + LONG + b"\n", None, DataError, "line 3 is longer than 16 MiB"),
        (
            "csv",
            b"a,b\n1,2\n",
            None,
            UsageError,
            "no text column among the columns 'a', 'b'; name it with --text-column",
        ),
        ("csv", b"a,b\n1,2\n", "c", UsageError, "no column 'c' among the columns 'a', 'b'; correct --text-column"),
        ("csv", b"text,text\n1,2\n", None, UsageError, "two columns are called 'text'"),
        ("jsonl", b'{"a": 1}\n', None, UsageError, "no text column among the columns 'a'"),
        ("lines", b"a\n", "text", UsageError, "plain lines have no columns"),
    ],
)
def test_what_is_no_input_at_all(
    how: str, content: bytes, column: str | None, error: type[SdcError], message: str
) -> None:
    with pytest.raises(error) as caught:
        _read(content, how, column)
    assert message in str(caught.value)
    str(caught.value).encode()
    assert "\n" not in str(caught.value)


def test_a_named_column_is_taken() -> None:
    assert _pairs(b"text,body\na,b\n", "csv", "body") == [("b", None)]
    assert _pairs(b'{"text": "a", "body": "b"}\n', "jsonl", "body") == [("b", None)]


@pytest.mark.parametrize(("name", "wanted"), [("a.parquet", None), ("a.xlsx", None), (None, "xml"), ("a.csv", "json")])
def test_unknown_formats(name: str | None, wanted: str | None) -> None:
    with pytest.raises(UsageError, match="--input-format"):
        kind(name, wanted)


def test_rows_come_before_the_input_ends() -> None:
    class Endless(io.RawIOBase):
        lines = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            self.lines += 1
            return b"text %d\n" % self.lines

    stream = Endless()
    found: Iterator[InputRow] = rows(stream, kind="lines", where="here")  # type: ignore[arg-type]
    assert [next(found).text for _ in range(3)] == ["text 1", "text 2", "text 3"]
    assert stream.lines == 3


@given(st.binary(max_size=200), st.sampled_from(sorted(input.READERS)))
def test_any_bytes_are_rows_or_one_error(content: bytes, how: str) -> None:
    try:
        found = _read(content, how)
    except SdcError:
        return
    for row in found:
        row.text.encode()  # it can be written
        json.dumps(row.reason)
        assert row.reason or row.text.strip()


@given(st.lists(st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), min_size=1)))
def test_lines_come_back_as_they_are(texts: list[str]) -> None:
    texts = [text for text in texts if text.strip() and not text.startswith("\ufeff")]
    assert _pairs("\n".join(texts).encode(), "lines") == [(text, None) for text in texts]


def test_a_row_of_tabs_that_swallowed_others_is_no_text() -> None:
    content = b'id\ttext\n1\t"one\n2\ttwo"\n3\tthree\n4\t"a\nb"\n'
    found = list(rows(io.BytesIO(content), kind="tsv", where="x"))
    assert [row.reason for row in found] == ["lines 2 to 3: a quote swallowed whole rows", None, None]
    assert [row.text for row in found[1:]] == ["three", "a\nb"]
