"""`sdc report data` as it is typed, and `sdc report` beside it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import add_data, add_import, unlike_any

from sdc.cache.store import Store
from sdc.pipelines import tasks
from sdc.pipelines.cells import Cell
from sdc.pipelines.tasks import languages

Invoke = Callable[..., Any]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A store's file: en/sentiment and te/sentiment with 8 synthetic, 30 human and 4 test rows each.

    One synthetic row of each is a test row.
    """
    store = Store(tmp_path_factory.mktemp("filled") / "store.duckdb")
    for lang, first in (("en", 0), ("te", 2000)):
        cell = Cell(language=languages.load(lang), task=tasks.load("sentiment"))
        add_data(store, cell, [(unlike_any(first + 100 + i), i % 2) for i in range(30)])
        add_data(store, cell, [(unlike_any(first + 200 + i), i % 2) for i in range(4)], split="test")
        add_import(store, cell, [(unlike_any(first + 193 + i), i % 2) for i in range(8)])
    return store.path.read_bytes()


@pytest.fixture
def filled(store: Store, content: bytes) -> Store:
    store.path.parent.mkdir(parents=True)
    store.path.write_bytes(content)
    return store


def test_one_cell_in_full_and_several_a_row_each(filled: Store, invoke: Invoke) -> None:
    one = invoke("report", "data", "--lang", "en", "--task", "sentiment")
    assert one.exit_code == 0, one.output
    assert "self_similarity" in one.stdout and "too few synthetic rows to compare: 8, wants 50" in one.stdout
    assert "en/sentiment: rows per label" in one.stdout
    several = invoke("report", "data")
    assert "te/sentiment" in several.stdout and "rows per label" not in several.stdout
    assert "All figures of a cell" in several.stderr


def test_keys_and_flags(filled: Store, invoke: Invoke) -> None:
    (generation,) = [a for a in filled.find("gen") if a.lang == "en"]
    (card,) = json.loads(invoke("report", "data", generation.short, "--format", "json").stdout)
    assert card["cell"] == "en/sentiment"
    (piped,) = json.loads(invoke("report", "data", "-", "--format", "json", stdin=f"{generation.key}\n").stdout)
    assert piped == card
    (again,) = json.loads(invoke("report", "data", "--format", "json", "--lang", "en").stdout)
    assert again["figures"] == card["figures"]


def test_out_says_the_format(filled: Store, invoke: Invoke, tmp_path: Path) -> None:
    for name, begin in (("card.html", "<!doctype html>"), ("card.md", "en/sentiment"), ("card.json", "[\n")):
        done = invoke("report", "data", "--lang", "en", "--out", str(tmp_path / name))
        assert (done.exit_code, done.stdout) == (0, ""), done.output
        assert (tmp_path / name).read_text("utf-8").startswith(begin)
        assert str(tmp_path / name) in done.stderr
    done = invoke("report", "data", "--lang", "en", "--format", "html", "--out", str(tmp_path / "card"))
    assert (tmp_path / "card").read_text("utf-8").startswith("<!doctype html>")


def test_fail_on(filled: Store, invoke: Invoke, tmp_path: Path) -> None:
    out = tmp_path / "card.json"
    flags = ["--lang", "en", "--fail-on", "leaks>0,quota>=0.9", "--fail-on", "label_balance<1.5,auc>0.9"]
    done = invoke("report", "data", *flags, "--out", str(out))
    assert done.exit_code == 5
    assert json.loads(out.read_text("utf-8"))  # the card is written all the same
    lines = done.stderr.splitlines()
    assert [line for line in lines if line.startswith("sdc: ")] == [
        "sdc: en/sentiment: leaks>0 holds: rows of the test split, or nearly: 12.5 %",
        "sdc: en/sentiment: label_balance<1.5 holds: rarest label / commonest label: 100.0 %",
    ]
    assert "en/sentiment: auc>0.9 cannot be told: too few synthetic rows to compare: 8, wants 50" in lines
    assert invoke("report", "data", "--lang", "en", "--fail-on", "leaks>0.2").exit_code == 0
    assert invoke("report", "data", "--fail-on", "leaks>0").stderr.count(" holds: ") == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--fail-on", "moon>1"], 2, "--fail-on: the card has no figure 'moon'; use one of auc, distinct_1"),
        (["--fail-on", "auc"], 2, "'auc' is no condition; write NAME>NUMBER"),
        (["--format", "xml"], 2, "--format: unknown format 'xml'"),
        (["--out", "card.pdf"], 2, "--out: unknown format 'pdf'"),
        (["--out", "card.md", "--format", "table"], 2, "a table is drawn for a terminal"),
        (["--out", "nowhere/card.md"], 2, "nowhere/card.md: there is no folder"),
        (["--lang", "xx"], 2, "unknown language 'xx'"),
        (["--lang", "sw", "--task", "topic"], 5, "no gen artifact of sw/topic"),
        (["0123456789ab"], 2, "no artifact 0123456789ab"),
        (["html"], 2, "'html' is not a key"),
        (["--nothing"], 2, "sdc report data: no such option: --nothing"),
    ],
)
def test_bad_input(arguments: list[str], code: int, message: str, filled: Store, invoke: Invoke) -> None:
    done = invoke("report", "data", *arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr.splitlines()[-1]


def test_bad_conditions_are_found_before_any_work(invoke: Invoke, store: Store) -> None:
    done = invoke("report", "data", "--fail-on", "moon>1")
    assert done.exit_code == 2 and not store.path.exists()


def test_a_file_that_may_not_be_written(filled: Store, invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("report", "data", "--lang", "en", "--format", "md", "--out", "/dev/full")
    assert done.exit_code == 3 and "the disk is full" in done.stderr.splitlines()[-1]


def test_a_test_split_is_no_synthetic_data(filled: Store, invoke: Invoke) -> None:
    done = invoke("report", "data", filled.find("data")[0].short)
    assert done.exit_code == 2 and "wanted gen or judge" in done.stderr


def test_report_itself_is_as_it_was(invoke: Invoke) -> None:
    done = invoke("report", "--help")
    assert "Usage: sdc report [OPTIONS]" in done.stdout and "--audit" in done.stdout
    assert "data " in done.stdout.split("Commands:")[1]
    assert "there is no store" in invoke("report").stderr
    assert "'dat' is not a key" in invoke("report", "dat").stderr
    assert "there is no store" in invoke("report", "0123456789ab", "--format", "md").stderr
    assert "'data' is not a key" in invoke("report", "--format", "md", "data").stderr
    assert "sdc report: no such option: --nothing" in invoke("report", "--nothing").stderr
    assert "unknown format 'xml'" in invoke("report", "--format", "xml").stderr


def test_help_loads_no_measure() -> None:
    code = """
import sys
sys.argv = ["sdc", "report", "data", "--help"]
from sdc.cli.main import main
try:
    main()
except SystemExit:
    pass
print([name for name in sys.modules if "pipelines.card" in name or name in ("numpy", "altair")], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
