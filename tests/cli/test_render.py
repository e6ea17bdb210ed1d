"""What goes to stdout, and what to stderr."""

import json
import sys

import pytest
from rich.console import Console

from sdc.cli import render, terminal
from sdc.pipelines.stage import Outcome

OUTCOME = Outcome(key="ab" * 32, hit=True, summary={"rows": 3, "text": "తె"})


def test_keys_go_to_stdout_and_the_rest_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    render.emit([OUTCOME], as_json=False)
    render.note("a\nb")
    render.fail("it broke")
    render.summary("gen te/topic", OUTCOME, "3 rows")
    seen = capsys.readouterr()
    assert seen.out == "abababababab\n"
    assert seen.err.splitlines() == ["a b", "sdc: it broke", "gen te/topic: already there, abababababab  3 rows"]


def test_a_terminal_shows_a_few_keys_and_how_many_there_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [Outcome(key=f"{n:02x}" * 32, hit=False, summary={}) for n in range(40)]
    render.emit(many, as_json=False)
    assert len(capsys.readouterr().out.splitlines()) == 40  # into a pipe
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    render.emit(many, as_json=False)
    said = capsys.readouterr().out
    assert said == "000000000000 ... 272727272727: 40 keys; a pipe or a file gets them all\n"
    render.emit(many[:2], as_json=False)
    assert capsys.readouterr().out == "000000000000\n010101010101\n"


def test_json_has_the_whole_key_and_the_summary(capsys: pytest.CaptureFixture[str]) -> None:
    render.emit([OUTCOME], as_json=True)
    out = capsys.readouterr().out
    assert json.loads(out) == {"key": "ab" * 32, "hit": True, "rows": 3, "text": "తె"}
    assert "తె" in out


def test_tables_show_markup_as_text_and_none_as_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    render.table(["name", "n"], [["[red]x[/red]", 1], [None, 22]])
    out = capsys.readouterr().out
    assert "[red]x[/red]" in out
    assert "None" not in out
    render.table(["name"], [["y"]], to_stderr=True)
    assert "y" in capsys.readouterr().err


def test_a_narrow_terminal_gets_lines_broken_between_words_and_others_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "gen te/topic: 12 of 20 texts are there, and none of them was judged: `sdc judge --lang te --task topic`"
    render.note(said)
    assert capsys.readouterr().err == f"{said}\n"  # a pipe or a file
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "44")
    render.note(said)
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) <= 44
    assert " ".join(lines) == said
    assert lines[-1] == "`sdc judge --lang te --task topic`"  # to be copied whole
    render.note(f"  {'a' * 70} తెలుగు b")  # neither a long word nor what stands before the first is touched
    assert capsys.readouterr().err.splitlines() == [f"  {'a' * 70}", "తెలుగు b"]


def test_lines_on_a_narrow_terminal_are_broken_between_words_below_their_beginning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    lines = ("  | Write ten short texts about it.", "gen te/topic: 20 rows", "")
    render.shown(*lines)
    assert capsys.readouterr().out.splitlines() == list(lines)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(terminal, "console", lambda **_: Console(width=24))
    render.shown(*lines)
    assert capsys.readouterr().out.splitlines() == [
        "  | Write ten short", "    texts about it.", *lines[1:],
    ]  # fmt: skip
