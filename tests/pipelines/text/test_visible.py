"""What is not ours is shown as it is where it is a letter, and as its escape where it acts."""

import csv
import io
import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdc.pipelines.text.visible import as_csv, as_json, visible

#: The title of a window, colour, bell, C1 CSI, return, backspace, override and isolate, a lone surrogate, a tag.
HOSTILE = (
    "\x1b]0;pwned\x07",
    "\x1b[31m",
    "\x9b2J",
    "a\rb",
    "\b\b",
    "\u202eabc",
    "\u2066",
    "\ud800",
    "\U000e0041",
    "\u2028",
)
ANY = st.text(st.characters(), max_size=40) | st.sampled_from(HOSTILE)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_acts_is_an_escape(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert shown.encode()
    assert eval(f'"{shown}"') == text


def test_every_control_and_every_turn_of_direction_is_an_escape() -> None:
    acts = [
        chr(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(chr(code)) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    ]
    assert [char for char in acts if visible(char) == char] == []
    assert len(acts) > 2000


@pytest.mark.parametrize(
    "text",
    [
        "తెలుగు",
        "می\u200cخواهم",
        "שלום\u200f!",
        "क्\u200dष",
        "emoji 👩\u200d👩\ufe0f",
        "[red]no markup[/red]",
        ":smile:",
        "a\xa0b",
    ],
)
def test_what_people_write_stays(text: str) -> None:
    assert visible(text) == text
    assert text in as_json([text])


@given(ANY)
def test_json_is_the_same_value_and_acts_on_nothing(text: str) -> None:
    written = as_json({text: [text]})
    assert json.loads(written) == {text: [text]}
    assert visible(written) == written


def test_json_has_no_number_that_is_none() -> None:
    assert as_json({"a": [1.5, float("nan"), float("inf")]}) == '{"a": [1.5, null, null]}'


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), min_size=2, max_size=2)))
def test_csv_is_read_back(rows: list[list[str]]) -> None:
    assert list(csv.reader(io.StringIO(as_csv(rows), newline=""), strict=True)) == rows


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1"])
def test_safe_csv_holds_no_formula(cell: str) -> None:
    (row,) = csv.reader(io.StringIO(as_csv([[cell, "a=1", -1.5, None]], safe=True), newline=""))
    assert row == [f"'{cell}", "a=1", "-1.5", ""]
    assert next(csv.reader(io.StringIO(as_csv([[cell]]), newline=""))) == [cell]
