"""A store whose every text, name and reason would act on a terminal: no command lets it."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import program
import pytest
from bad_input_files import Chain, Place

from sdc.cli import render
from sdc.pipelines.text.visible import visible

_EVIL = "\x1b]0;pwned\x07\x1b[31m\x9b2J\u202e[red]\r"
_CELL = ("--lang", "te", "--task", "topic")
#: Tables of the store whose columns hold what is not ours.
_COLUMNS = {
    "examples": ("text", "reason", "origin"),
    "verdicts": ("reason",),
    "runs": ("model", "reason", "setting"),
}


@pytest.fixture(scope="module")
def hostile(chain_of_stages: Chain, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The store of every stage, with that sequence in every text, name and reason, and in the names of files."""
    place = Place(folder=tmp_path_factory.mktemp("hostile"))
    chain_of_stages(place)
    with place.store.open(write=True) as con:
        for table, columns in _COLUMNS.items():
            for column in columns:
                con.execute(f"update {table} set {column} = ? || coalesce({column}, '')", [_EVIL])
        con.execute("""update artifacts set summary = json_merge_patch(summary, ?)""", [json.dumps({"file": _EVIL})])
    place.write(f"{_EVIL.replace('/', '')}.txt", f"a text {_EVIL}\nanother {_EVIL}\n")
    return place


@pytest.fixture(autouse=True)
def _inside(hostile: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(hostile.folder)


_FILE = f"{_EVIL}.txt"
_COMMANDS: list[tuple[str, ...]] = [
    ("data", "ls"),
    ("data", "ls", "--json"),
    ("data", "show", *_CELL),
    ("data", "show", *_CELL, "--json"),
    ("data", "add", _FILE, *_CELL, "--split", "train"),
    ("data", "add", f"{_EVIL}.csv", *_CELL, "--split", "train"),
    ("gen", *_CELL, "--dry-run"),
    ("gen", *_CELL, "--model", _EVIL),
    ("gen", *_CELL, f"--{_EVIL}"),
    (_EVIL,),
    ("gen", "--lang", _EVIL, "--task", "topic"),
    ("gen", "--lang", "te", "--task", _EVIL),
    ("gen", _EVIL),
    ("judge", "{gen}", "--gates-only"),
    ("judge", "{gen}", "--gates-only", "--json", "--force"),
    ("judge", "{gen}", "--review-import", _FILE),
    ("judge", "{gen}", "--review-sheet", f"{_EVIL}.html"),
    ("sample", *_CELL, "--source", _EVIL),
    ("sample", "{gen}", "--sizes", "7", "--repeats", "1"),
    ("train", "{sample}", "--sizes", "7"),
    ("train", "{sample}", "--method", _EVIL),
    ("train", "{sample}", "--dry-run"),
    ("icl", *_CELL, "--model", f"./{_EVIL}", "--shots", "0"),
    ("eval", "{run}", "--json"),
    ("eval", "{run}", "--reader", _EVIL),
    ("report",),
    ("report", "--format", "md"),
    ("report", "--format", "json"),
    ("report", "--format", "latex"),
    ("report", "--audit"),
    ("report", "--by", _EVIL),
    ("report", "data", *_CELL),
    ("report", "data", *_CELL, "--format", "md"),
    ("report", "data", *_CELL, "--format", "json"),
    ("report", "data", *_CELL, "--out", f"{_EVIL}/x.md"),
    ("store", "ls"),
    ("store", "ls", "--json"),
    ("store", "show", "{gen}"),
    ("store", "show", "{run}", "--json"),
    ("store", "sql", "select * from examples"),
    ("store", "sql", "select * from examples", "--format", "json"),
    ("store", "sql", f'select 1 as "{_EVIL}"'),
    ("store", "sql", f"select {_EVIL}"),
    ("store", "verify"),
    ("store", "merge", f"{_EVIL}.duckdb"),
    ("store", "ls", "--store", f"{_EVIL}/store.duckdb"),
    ("predict", _FILE, "--run", "{run}"),
    ("predict", f"no{_FILE}", "--run", "{run}"),
    ("predict", _FILE, "--model", _EVIL),
    ("export", "--run", "{run}", "--out", "exported", "--license", _EVIL, "--json"),
    ("doctor",),
    ("doctor", "--json"),
]


@pytest.mark.parametrize("words", _COMMANDS, ids=lambda words: " ".join(words).replace(_EVIL, "EVIL"))
def test_nothing_acts_on_the_terminal(hostile: Place, words: tuple[str, ...]) -> None:
    filled = [re.sub(r"^\{(\w+)\}$", lambda name: hostile.keys[name[1]], word) for word in words]
    store = [] if "--store" in words else ["--store", str(hostile.store.path)]
    at = -1 if words == (_EVIL,) else len(filled)
    result = program.sdc(filled[:at] + store + filled[at:] if at > 0 else filled)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    for written in (result.stdout, result.stderr):
        assert written == visible(written, keep="\n"), (result.stdout, result.stderr)


def test_data_is_as_it_is(hostile: Place) -> None:
    words = ["store", "sql", "select text from examples limit 1", "--format", "csv", "--store", str(hostile.store.path)]
    out = program.sdc(words).stdout
    assert "\x1b]0;pwned\x07" in out


def test_only_one_module_writes() -> None:
    root = Path(render.__file__).parent
    writers = [path.name for path in root.glob("*.py") if re.search(r"std(out|err)\.write|\bprint\(", path.read_text())]
    assert sorted(writers) == ["render.py", "terminal.py"]


_CSV = "store sql 'select text from examples order by key, idx limit 3' --format csv"
_TABLE = "store sql 'select text from examples limit 3'"


@pytest.mark.parametrize(
    ("command", "encoding"),
    [
        *((_CSV, encoding) for encoding in ("ascii", "utf-16")),
        *(pytest.param(_CSV, other, marks=pytest.mark.campaign) for other in ("latin-1", "cp1252", "koi8-r")),
        ("store sql 'select text from examples order by key, idx limit 3' --format json", "latin-1"),
        ("report --format json", "ascii"),
        ("data show --lang te --task topic --json", "utf-16"),
        ("predict texts.txt --run {run} --format csv", "ascii"),
    ],
)
def test_data_is_utf_8_whatever_the_terminal_is(
    place_of_all: Place, encoding: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place_of_all.folder)
    words = shlex.split(command.format(**place_of_all.keys))
    in_utf_8 = program.sdc([*words, "--store", str(place_of_all.store.path)]).stdout_bytes
    found = _run(place_of_all, command, {"PYTHONIOENCODING": encoding})
    assert (found.returncode, found.stdout) == (0, in_utf_8)
    assert found.stdout.decode("utf-8")


@pytest.mark.parametrize(
    ("command", "env"),
    [
        (_TABLE, {"PYTHONIOENCODING": "ascii"}),
        (_TABLE, {"PYTHONIOENCODING": "latin-1"}),
        (_TABLE, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}),
        (_TABLE, {"LC_ALL": "POSIX"}),
        (_TABLE, {"LANG": "xx_YY.KOI8-R"}),
        ("data show --lang te --task topic", {"PYTHONIOENCODING": "ascii"}),
    ],
)
def test_tables_degrade(place_of_all: Place, command: str, env: dict[str, str]) -> None:
    found = _run(place_of_all, command, env)
    assert found.returncode == 0, found.stderr
    assert found.stdout
    assert b"Traceback" not in found.stderr


def test_arguments_are_utf_8_in_a_locale_that_is_not(place_of_all: Place) -> None:
    env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    found = _run(place_of_all, "predict తెలుగు.txt --run {run} --format lines", env)
    assert found.returncode == 0, found.stderr
    assert len(found.stdout.splitlines()) == 2


@pytest.fixture(scope="module")
def place_of_all(chain_of_stages: Chain, tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(folder=tmp_path_factory.mktemp("place"))
    chain_of_stages(place)
    for name in ("texts.txt", "తెలుగు.txt"):
        place.write(name, "ఆట మాట\nపాట\n")
    return place


def _run(place: Place, command: str, env: dict[str, str]) -> "subprocess.CompletedProcess[bytes]":
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    return subprocess.run(
        ["bash", "-c", f"exec {sys.executable} -m sdc {command.format(**place.keys)}"],
        cwd=place.folder,
        capture_output=True,
        check=False,
        env={**inherited, "SDC_STORE": str(place.store.path), **env},
    )
