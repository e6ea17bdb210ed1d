"""`sdc run` as people call it: exit codes, what goes where, what contradicts itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from experiment_files import small
from typer.testing import CliRunner, Result

from sdc.cli.main import application
from sdc.pipelines.engines import models

SMALL = small(lang='"te"', sizes='["10", "20"]', repeats=2)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL, "utf-8")
    return tmp_path


def _sdc(*words: str) -> Result:
    return CliRunner().invoke(application(words), words)


def test_an_experiment_is_planned_run_and_reported(here: Path) -> None:
    before = _sdc("run", "small.toml", "--dry-run", "--json")
    assert before.exit_code == 0
    *_, total = map(json.loads, before.stdout.splitlines())
    assert (total["line"], total["runs"], total["there"], total["hours"]) == ("all", 2, 0, None)
    for_people = _sdc("run", "small.toml", "--dry-run")  # stdout has keys only
    assert (for_people.stdout, "linear" in for_people.stderr) == ("", True)
    assert _sdc("run", "small.toml", "--status").exit_code == 6
    done = _sdc("run", "small.toml")
    assert done.exit_code == 0
    keys = done.stdout.split()
    assert len(keys) == 2 and all(len(key) == 12 for key in keys)
    assert "2 runs, 0 were there, 2 made, 0 missing" in done.stderr
    assert done.stderr.splitlines()[-1] == "see `sdc report --experiment small.toml`"
    again = _sdc("run", "small.toml", "--json")
    about = json.loads(again.stdout)
    assert (about["runs"], about["there"], about["made"], about["missing"]) == (2, 2, 0, 0)
    assert _sdc("run", "small.toml", "--status").exit_code == 0
    report = _sdc("report", "--experiment", "small.toml", "--format", "json")
    assert {row["method"] for row in json.loads(report.stdout)} == {"linear", "majority"}
    after = [json.loads(line) for line in _sdc("run", "small.toml", "--dry-run", "--json").stdout.splitlines()]
    assert after[-1]["there"] == 2 and after[-1]["hours"] == 0


def test_a_dry_run_tells_what_gen_and_judge_would_ask(here: Path) -> None:
    words = '[generator]\nmodel = "pocket-teacher"\nquota = 12\n[sample]'
    writing = small(lang='"te"', source='"synthetic"', sizes='["10"]', repeats=1).replace("[sample]", words)
    (here / "writing.toml").write_text(writing, "utf-8")
    empty = _sdc("run", "writing.toml", "--dry-run")
    assert "calls of gen and judge are not known for te/topic: " in empty.stderr
    for split in ("train", "test"):
        file = str(models.POCKET / "examples" / f"topic-te-{split}.jsonl")
        assert _sdc("data", "add", file, "-l", "te", "-t", "topic", "--split", split).exit_code == 0
    flags = ("-l", "te", "-t", "topic", "--model", "pocket-teacher", "--quota", "12", "--dry-run", "--json")
    gen, judge, *_, total = map(json.loads, _sdc("run", "writing.toml", "--dry-run", "--json").stdout.splitlines())
    assert gen == json.loads(_sdc("gen", *flags).stdout)
    assert gen["calls"] > 0
    assert (judge["stage"], judge["calls_at_least"], judge["calls_at_most"]) == ("judge", 0, 12 * 7 * 2)
    assert total["line"] == "all"


@pytest.mark.usefixtures("in_process")
def test_only_the_runs_of_an_experiment_are_reported(here: Path) -> None:
    _sdc("run", "small.toml")
    _sdc("run", "small.toml", "--set", "students.0.max_iterations=3")
    rows = json.loads(_sdc("report", "--experiment", "small.toml", "--format", "json").stdout)
    assert sum(row["n"] or 0 for row in rows if row["method"] == "linear") == 2


@pytest.mark.usefixtures("in_process")
def test_merge_takes_the_runs_of_an_experiment_and_what_they_were_made_from(here: Path) -> None:
    made = _sdc("run", "small.toml", "--store", "a.duckdb")
    assert made.stderr.splitlines()[-1] == f"see `sdc report --experiment small.toml --store {here / 'a.duckdb'}`"
    _sdc("run", "small.toml", "--store", "a.duckdb", "--set", "sample.repeats=3", "--set", "cells.lang=sw")
    merged = _sdc("store", "merge", "a.duckdb", "--only", "small.toml", "--store", "b.duckdb")
    assert (merged.exit_code, "7 artifacts taken over" in merged.stderr) == (0, True), merged.stderr
    assert _sdc("run", "small.toml", "--status", "--store", "b.duckdb").exit_code == 0
    assert _sdc("store", "verify", "--store", "b.duckdb").exit_code == 0
    again = _sdc("store", "merge", "a.duckdb", "--only", "small.toml", "--store", "b.duckdb")
    assert "0 artifacts taken over, 7 were here" in again.stderr
    none = _sdc("store", "merge", "a.duckdb", "--only", "small.toml", "--store", "b.duckdb")
    assert none.exit_code == 0
    (here / "other.toml").write_text(SMALL.replace('"te"', '"en"'), "utf-8")
    lacking = _sdc("store", "merge", "a.duckdb", "--only", "other.toml", "--store", "b.duckdb")
    assert (lacking.exit_code, "no run of other.toml is there" in lacking.stderr) == (5, True)


@pytest.mark.usefixtures("in_process")
def test_not_all_of_it_is_exit_code_6(here: Path) -> None:
    done = _sdc("run", "small.toml", "--set", "stop.hours=0.0")
    assert done.exit_code == 6
    assert "2 missing" in done.stderr
    assert "stopped, the limit of 0 hours of work is reached; the same command goes on" in done.stderr
    assert _sdc("run", "small.toml").exit_code == 0


def test_init_writes_a_file_that_is_right_and_never_over_another(here: Path) -> None:
    assert _sdc("run", "--init", "mine.toml").exit_code == 0
    assert _sdc("run", "mine.toml", "--check").exit_code == 0
    again = _sdc("run", "--init", "mine.toml")
    assert (again.exit_code, "it is there already" in again.stderr) == (2, True)


WRONG: dict[str, tuple[tuple[str, ...], int, str]] = {
    "no file": ((), 2, "no experiment is named; name a TOML file, or one of laptop"),
    "no such bundled one": (("papers",), 2, "there is no experiment 'papers'"),
    "no such file": (("none.toml",), 5, "cannot read the experiment"),
    "two things instead": (("small.toml", "--check", "--dry-run"), 2, "exclude each other"),
    "retry and status": (("small.toml", "--retry-failed", "--status"), 2, "exclude each other"),
    "a site that is none": (("small.toml", "--on", "moon"), 2, "there is no site 'moon'"),
    "a value that is none": (("small.toml", "--set", "sample.repeats"), 2, "is not PATH=VALUE"),
    "a value that cannot be": (("small.toml", "--set", "sample.repeats=0"), 2, "repeats must be at least 1"),
    "a language that is none": (("small.toml", "--set", "cells.lang=klingonese"), 2, "klingonese"),
    "data from nowhere": (("small.toml", "--set", "data.from=ftp"), 2, "use paper:FOLDER, hub or bundled"),
    "no bundled examples": (("small.toml", "--set", "cells.lang=de"), 5, "no bundled examples of de/topic"),
    "no paper's folder": (("small.toml", "--set", "data.from=paper:none"), 5, "there is no such folder"),
    "a model that is not here": (
        ("small.toml", "--set", "students.0.method=finetune", "--set", "students.0.model=no/such"), 2, "no/such"
    ),
}  # fmt: skip


@pytest.mark.parametrize("words, code, said", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_one_line(words: tuple[str, ...], code: int, said: str, here: Path) -> None:
    done = _sdc("run", *words)
    lines: list[Any] = [line for line in done.stderr.splitlines() if line.startswith("sdc: ")]
    assert (done.exit_code, len(lines), said in lines[0]) == (code, 1, True), done.stderr
    assert done.stdout == ""
