"""Tables in terminals of every width: nothing that is read as one thing is broken."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from sdc.cli import render, tables
from sdc.cli.tables import fit
from sdc.cli.terminal import shown_width, wrapped

_KEYS = ["5aec867718ed", "6a04ecc7e34b"]
_COLUMNS = ["key", "task", "lang", "file", "mean ± std", "majority"]
_ROWS = [
    [_KEYS[0], "intent", "te", "intent/te-train_human_parsed.csv", "81.2 ± 5.0", "28.3"],
    [_KEYS[1], "intent", "te", "intent/te-test.csv", "9.0 ± 15.0", "27.6"],
]


def _drawn(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    render.table(_COLUMNS, _ROWS, title="accuracy", spare=("majority",))
    return capsys.readouterr().out


@pytest.mark.parametrize("width", range(26, 161, 3))
def test_numbers_and_keys_are_whole_and_no_line_is_too_long(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = _drawn(width, monkeypatch, capsys)
    for whole in (*_KEYS, "81.2 ± 5.0", "9.0 ± 15.0"):
        assert any(whole in line for line in out.splitlines()), out
    assert max(map(cell_len, out.splitlines())) <= width


def test_what_goes_first_says_least(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "majority" in _drawn(120, monkeypatch, capsys)
    constants = _drawn(82, monkeypatch, capsys)
    assert "task intent, lang te, accuracy" in constants
    assert "majority" in constants
    spared = _drawn(62, monkeypatch, capsys)
    assert "task intent, lang te, accuracy; for want of room without majority" in " ".join(spared.split())
    assert spared.count("majority") == 1
    assert "intent/te-train_human_parsed.csv" in spared
    shortened = _drawn(50, monkeypatch, capsys)
    assert "…" in shortened
    stacked = _drawn(36, monkeypatch, capsys)
    assert re.search(r"^key +5aec867718ed *$", stacked, re.M)
    assert re.search(r"^majority +28.3 *$", stacked, re.M)


def test_one_row_keeps_its_columns() -> None:
    assert fit(["task", "n"], [["intent", "5"]], width=20).columns == ["task", "n"]
    assert fit(["task", "lang"], [["intent", "te"]] * 3, width=8).is_stacked


def test_names_that_would_become_the_same_are_not_shortened_unless_keys_tell_them_apart() -> None:
    names = ["a-long-name-with-1-in-the-middle", "a-long-name-with-2-in-the-middle"]
    assert fit(["name"], [[name] for name in names], width=24).is_stacked
    keyed = fit(["key", "name"], [list(row) for row in zip(_KEYS, names, strict=True)], width=28)
    assert not keyed.is_stacked


def test_sentences_are_broken_between_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    render.table(["key", "summary"], [[_KEYS[0], "method linear, model tfidf-logreg, source human, size 400"]])
    words = capsys.readouterr().out.split()
    assert {"tfidf-logreg,", "human,", "linear,"} <= set(words)


@given(st.text(max_size=30), st.integers(min_value=3, max_value=20))
def test_a_shortened_text_fits_and_keeps_its_ends(text: str, width: int) -> None:
    short = tables.shortened(text, width)
    assert cell_len(short) <= width
    if cell_len(text) > width:
        start, end = short.split("…", 1) if short.count("…") == 1 else (short[:1], "")
        assert text.startswith(start)
        assert text.endswith(end)


def test_spare_columns_go_before_a_row_takes_many_lines() -> None:
    rows = [[key, "icl a-model-with-a-name synthetic, 14 rows, F1 0.525", "2026-12-01 16:05"] for key in _KEYS]
    rows[1][1:] = ["linear tfidf-logreg synthetic, 14 rows, F1 0.250", "2026-12-01 16:06"]
    fitted = fit(("key", "summary", "used"), rows, width=54, spare=("used",))
    assert list(fitted.columns) == ["key", "summary"]
    assert fitted.widths[1] > 26  # two lines of it
    assert len(fit(("key", "summary", "used"), rows, width=66, spare=("used",)).columns) == 3


def test_vowel_signs_that_have_a_width_break_no_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rich gives them none; a terminal that gives them one would break lines of its own accord."""
    text = " ".join(["\u0c35\u0c41\u0c30\u0c41\u0c17\u0c41"] * 20)
    monkeypatch.setenv("COLUMNS", "40")
    render.table(["idx", "text"], [["1", text]])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(shown_width, lines)) == 40
    assert max(cell_len(line) for line in lines if "\u0c35" in line) < 30
    assert "".join("".join(lines[3:]).split())[1:] == text.replace(" ", "")


def test_stacked_cells_are_broken_beside_their_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    render.table(["name", "about", "more"], [["a" * 30, "one two three four", "b" * 15]] * 2)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[:6] == [
        "name   " + "a" * 17, " " * 7 + "a" * 13, "about  one two three", " " * 7 + "four", "more   " + "b" * 15, "",
    ]  # fmt: skip


def test_a_percentage_is_not_broken() -> None:
    assert wrapped("rows of runs; 95 % covers both", width=16) == "rows of runs;\n95 % covers both"


def test_the_title_says_what_the_columns_are_that_stand_there() -> None:
    meanings = {"majority": "majority is of the test", "mean ± std": "in %"}
    wide = fit(_COLUMNS, _ROWS, width=120, title="accuracy", spare=("majority",), meanings=meanings)
    assert wide.title == "accuracy; majority is of the test; in %"
    narrow = fit(_COLUMNS, _ROWS, width=62, title="accuracy", spare=("majority",), meanings=meanings)
    assert narrow.title == "task intent, lang te, accuracy; in %; for want of room without majority"


def test_of_long_sentences_that_stands_with_the_fewest_lines() -> None:
    rows = [["about a hundred synthetic rows are enough to match the generator", "section 4.1 of it"]] * 2
    rows[1] = [f"{rows[0][0]} again", "section 4.2 of it"]
    fitted = fit(("says", "where"), rows, width=38, spare=("where",))
    assert list(fitted.columns) == ["says"]
