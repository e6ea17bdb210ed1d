"""`sdc data`: keys on stdout, words on stderr, one line and an exit code for what is wrong."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import program
import pytest
from typer.testing import Result

CSV = "text,label\n" + "a,0\n" * 9 + "b,travel\n ,1\nc,foo\n"
FLAGS = ("--lang", "te", "--task", "topic", "--split", "train")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SDC_STORE", str(tmp_path / "store.duckdb"))
    (tmp_path / "x.csv").write_text(CSV, "utf-8")


def _sdc(*arguments: str) -> Result:
    return program.sdc(["data", *arguments])


def test_add_prints_a_key_and_nothing_else_on_stdout() -> None:
    first = _sdc("add", "x.csv", *FLAGS)
    assert first.exit_code == 0 and len(first.stdout.strip()) == 12
    assert "12 train rows, 10 ok, 1 empty, 1 unlabelled" in first.stderr
    second = _sdc("add", "x.csv", *FLAGS)
    assert second.stdout == first.stdout and "already there" in second.stderr
    as_json = json.loads(_sdc("add", "x.csv", *FLAGS, "--json").stdout)
    assert as_json["hit"] and as_json["key"].startswith(first.stdout.strip()) and as_json["rows"] == 12


def test_rows_that_cannot_be_used_are_named_by_line_and_reason() -> None:
    rows = "a,0\n" * 40 + "b,0,c,d\n ,1\nc,foo\nd,\n" + ",1\n" * 3
    Path("b.csv").write_text("text,label\n" + rows, "utf-8")
    done = _sdc("add", "b.csv", *FLAGS)
    assert done.exit_code == 0, done.stderr
    for line in (
        "line 42: 4 cells where the header has 2", "line 43: empty text", "line 44: unknown label 'foo'",
        "line 45: no label", "line 46: empty text", "and 2 more: `sdc show",
    ):  # fmt: skip
        assert f"  {line}" in done.stderr
    assert "line 42: 4 cells" in _sdc("add", "b.csv", *FLAGS).stderr
    whole = program.sdc(["show", done.stdout.strip(), "--status", "broken", "--json"])
    assert [json.loads(line)["reason"] for line in whole.stdout.splitlines()] == [
        "line 42: 4 cells where the header has 2"
    ]


def test_synthetic_needs_no_split() -> None:
    result = _sdc("add", "x.csv", "--lang", "te", "--task", "topic", "--source", "synthetic")
    assert result.exit_code == 0 and "12 synthetic rows" in result.stderr and "8 duplicates" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["add"], 2, "no file"),
        (["add", "x.csv"], 2, "--lang and --task and --split missing"),
        (["add", "x.csv", "--lang", "te", "--task", "topic"], 2, "--split missing"),
        (["add", "x.csv", "--lang", "te,sw", "--task", "topic", "--split", "test"], 2, "one language and one task"),
        (["add", "x.csv", "--lang", "qqq", "--task", "topic", "--split", "test"], 2, "unknown language"),
        (["add", "x.csv", "--lang", "te", "--task", "topik", "--split", "test"], 2, "unknown task"),
        (["add", "x.csv", "--lang", "te", "--task", "topic", "--split", "future"], 2, "unknown split"),
        (["add", "x.csv", *FLAGS, "--source", "robot"], 2, "unknown source"),
        (["add", "x.csv", *FLAGS, "--text-column", "txt"], 2, "no column 'txt'"),
        (["add", "x.csv", *FLAGS, "--label-column", "lbl"], 2, "no column 'lbl'"),
        (["add", "x.csv", *FLAGS, "--label-column", "text"], 5, "rows have no usable label"),
        (["add", "none.csv", *FLAGS], 5, "no such file"),
        (["add", ".", *FLAGS], 5, "a folder, not a file"),
        (["add", "--paper", "none"], 5, "no such folder"),
        (["add", "--paper", "."], 5, "none of the paper's files"),
        (["add", "x.csv", "--paper", "."], 2, "--paper takes a whole folder"),
        (["fetch"], 2, "say what to work on"),
        (["fetch", "--lang", "en", "--task", "sarcasm"], 5, "not on the hub"),
        (["fetch", "--lang", "te", "--task", "topic", "--from", "none"], 5, "no such folder"),
        (["fetch", "--lang", "te", "--task", "topic"], 5, "cannot reach http://127.0.0.1:9"),
        (["ls", "--lang", "qqq"], 2, "unknown language"),
        (["show"], 2, "say what to work on"),
        (["show", "xyz"], 2, "is not a key"),
        (["show", "--lang", "te", "--task", "topic"], 3, "there is no store"),
    ],
)
def test_what_is_wrong_is_one_line(arguments: list[str], code: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    result = _sdc(*arguments)
    assert result.exit_code == code, result.stderr
    assert said in result.stderr and result.stdout == ""
    assert len([line for line in result.stderr.splitlines() if line.startswith("sdc: ")]) == 1


def test_ls_and_show() -> None:
    key = _sdc("add", "x.csv", *FLAGS).stdout.strip()
    assert "no data yet" in _sdc("ls", "--task", "intent").stderr
    Path("t.csv").write_text("text,label\nA,0\nz,1\n")
    _sdc("add", "t.csv", "--lang", "te", "--task", "topic", "--split", "test")
    listed = _sdc("ls", "--lang", "te", "--task", "topic").stdout
    assert key in listed and "x.csv" in listed and "90.0%" in listed
    assert _sdc("ls", "--lang", "sw").stdout == ""
    rows = [json.loads(line) for line in _sdc("ls", "--json").stdout.splitlines()]
    assert [row["split"] for row in rows] == ["train", "test"] and rows[0]["majority_rate"] == 0.9

    shown = _sdc("show", key).stdout
    assert "science and technology" in shown and "majority rate" in shown and "t.csv" not in shown
    profiles = [
        json.loads(line) for line in _sdc("show", "--lang", "te", "--task", "topic", "--json").stdout.splitlines()
    ]
    assert [p["found_in"] for p in profiles] == [{"test": 9}, {"train": 1}]
    assert profiles[0]["statuses"] == {"ok": 10, "empty": 1, "unlabelled": 1} and profiles[0]["duplicates"] == 8


def test_paper_prints_one_key_per_file() -> None:
    for lang in ("te", "sw"):
        Path("p/topic").mkdir(parents=True, exist_ok=True)
        Path(f"p/topic/{lang}-test.csv").write_text("text,intent,label\na,travel,1\n")
    result = _sdc("add", "--paper", "p")
    assert result.exit_code == 0 and len(result.stdout.split()) == 2
    assert "topic/te-test.csv" in result.stderr and "2 files, 2 rows; 0 were already there" in result.stderr
    assert "no test examples" not in result.stderr
    again = _sdc("add", "--paper", "p")
    assert again.stdout == result.stdout and "2 were already there" in again.stderr


def test_paper_names_the_cells_without_a_test() -> None:
    Path("p/topic").mkdir(parents=True)
    for name in ("te-test", "te-train_full", "sw-train_full"):
        Path(f"p/topic/{name}.csv").write_text("text,intent,label\na,travel,1\n")
    for _ in range(2):
        result = _sdc("add", "--paper", "p")
        assert result.exit_code == 0 and "no test examples of sw/topic: nothing can be tested there" in result.stderr


def test_fetch_from_a_local_copy() -> None:
    Path("copy").mkdir()
    for split in ("train", "test"):
        with Path(f"copy/{split}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("text", "label"), (f"good {split}", 1), (f"bad {split}", 0)])
    result = _sdc("fetch", "--lang", "te", "--task", "sentiment", "--from", "copy")
    assert result.exit_code == 0 and len(result.stdout.split()) == 2
    assert "2 train rows, 2 ok" in result.stderr


def test_a_hit_imports_nothing_heavy() -> None:
    _sdc("add", "x.csv", *FLAGS)
    program = (
        "import sys; from sdc.cli.main import application\n"
        "try: application()(['data', 'add', 'x.csv', '--lang', 'te', '--task', 'topic', '--split', 'train'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'datasets', 'pandas', 'sklearn', 'pyarrow', 'rich.table'}\n"
        "sys.exit(','.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    assert "already there" in done.stderr


def test_a_tag_beside_another_of_its_language_gets_a_hint() -> None:
    for lang, key_is_new in (("th", True), ("TH", False), ("tha", False)):
        found = _sdc("add", "x.csv", "--lang", lang, "--task", "topic", "--split", "train")
        assert ("already there" not in found.stderr) is key_is_new and "the store has" not in found.stderr
    other = _sdc("add", "x.csv", "--lang", "th_TH", "--task", "topic", "--split", "train")
    assert "data th-TH/topic: the store has th/topic too; no stage takes one for the other" in other.stderr
    for command in (["sample", "--source", "human"], ["gen", "--dry-run"], ["judge"]):
        missing = program.sdc([*command, "--lang", "th-KH", "--task", "topic"])
        assert missing.exit_code == 5 and "th-KH/topic" in missing.stderr
        if command != ["judge"]:
            assert "the store has th/topic: --lang th" in missing.stderr
    assert "none of th-KH, but of th;" in _sdc("ls", "--lang", "th-KH").stderr


def test_leaks_are_said_and_dropped() -> None:
    Path("train.csv").write_text("text,label\nabc,0\ndef,1\nghi,2\n")
    Path("test.csv").write_text("text,label\nABC,0\nxyz,1\n")
    cell = ("--lang", "te", "--task", "topic")
    _sdc("add", "train.csv", *cell, "--split", "train")
    said = _sdc("add", "test.csv", *cell, "--split", "test")
    assert "1 of 2 test texts (50.0%, 1 word for word) stand in the train rows" in said.stderr
    dropped = _sdc("add", "test.csv", *cell, "--split", "test", "--drop-leaks")
    assert len(dropped.stdout.split()) == 2 and "3 train rows, 2 ok, 1 leak" in dropped.stderr
    shown = [json.loads(line) for line in _sdc("show", *cell, "--json").stdout.splitlines()]
    assert shown[0]["statuses"] == {"ok": 2, "leak": 1} and shown[0]["found_in"] == {"test": 0}


def test_files_of_one_set_and_their_flags() -> None:
    Path("a.txt").write_text("abc|1\ndef|-1\n")
    Path("b.txt").write_text("ghi|0\n")
    flags = ("--delimiter", "pipe", "--no-header", "--text-column", "1", "--label-column", "2")
    cell = ("--lang", "te", "--task", "sentiment", "--split", "train")
    refused = _sdc("add", "a.txt", "b.txt", *cell, *flags)
    assert refused.exit_code == 5 and "-1 (1x), 0 (1x), 1 (1x)" in refused.stderr
    done = _sdc(
        "add", "a.txt", "b.txt", *cell, *flags, "--label-map", "1=positive,-1=negative", "--label-map", "0=skip"
    )
    assert done.exit_code == 0 and "3 train rows, 2 ok, 1 skipped" in done.stderr, done.stderr
    again = _sdc("add", "b.txt", *cell, *flags, "--label-map", "0=positive", "--append", "newest")
    assert "4 train rows, 3 ok, 1 skipped" in again.stderr and "no longer" not in again.stderr
    assert (
        "data te/sentiment: from now on later stages take"
        in _sdc("add", "b.txt", *cell, *flags, "--label-map", "0=positive").stderr
    )


def test_odd_cells_are_named_by_line() -> None:
    Path("o.csv").write_text('text,label\n"a, b\nc",0\nd,1\n')
    said = _sdc("add", "o.csv", *FLAGS).stderr
    assert "1 row has a quoted cell with a delimiter and a line break in it (lines 2)" in said
