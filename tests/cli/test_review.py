"""`sdc judge --review-sheet` and `--review-import`: flags, messages, exit codes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reviews import ACCEPT, REJECT, save, six
from scripted import World, add_import, world

from sdc.cache.store import Artifact
from sdc.pipelines import tasks
from sdc.pipelines.judge.review.sheet import Sheet

CELL = ("--lang", "en", "--task", "sentiment")


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(tmp_path / "store", task=tasks.load("sentiment"))


@pytest.fixture
def made(small: World) -> tuple[Artifact, Artifact, Sheet]:
    return six(small)


def test_a_sheet_is_written_and_the_key_of_what_is_reviewed_goes_on(
    small: World, made: tuple[Artifact, Artifact, Sheet], invoke: Callable[..., Any], tmp_path: Path
) -> None:
    out = tmp_path / "page.html"
    result = invoke("judge", *CELL, "--review-sheet", str(out), "--reviewer", "Ana")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{made[1].short}\n"
    assert f"6 texts of judge {made[1].short} in {out}" in result.stderr
    assert '"reviewer":"Ana"' in out.read_text("utf-8")
    first = out.read_text("utf-8")
    for key in (made[0].short, made[1].short):
        assert invoke("judge", key, "--review-sheet", str(out), "--reviewer", "Ana").exit_code == 0
        assert out.read_text("utf-8") == first
    assert len(small.store.find("judge")) == 1


def test_a_sheet_has_so_many_texts_of_each_label(
    small: World, made: tuple[Artifact, Artifact, Sheet], invoke: Callable[..., Any], tmp_path: Path
) -> None:
    out = ("--review-sheet", str(tmp_path / "page.html"))
    row = json.loads(invoke("judge", *CELL, *out, "--sample-size", "2", "--json").stdout)
    assert (row["rows"], row["labels"], row["key"]) == (4, dict.fromkeys(small.cell.task.label_names, 2), made[1].key)
    assert "no more texts of" in invoke("judge", *CELL, *out).stderr


def test_a_dry_run_writes_no_page_and_no_judgement(
    small: World, made: tuple[Artifact, Artifact, Sheet], invoke: Callable[..., Any], tmp_path: Path
) -> None:
    row = json.loads(invoke("judge", *CELL, "--review-sheet", str(tmp_path / "x.html"), "--dry-run", "--json").stdout)
    assert (row["rows"], (tmp_path / "x.html").exists()) == (6, False)
    path = save(tmp_path / "a.json", made[2], {0: REJECT})
    row = json.loads(invoke("judge", "--review-import", str(path), "--dry-run", "--json").stdout)
    assert (row["cached"], row["reviewers"], len(small.store.find("judge"))) == (False, ["Ana"], 1)


def test_saved_reviews_become_a_judgement_that_sample_finds(
    small: World, made: tuple[Artifact, Artifact, Sheet], invoke: Callable[..., Any], tmp_path: Path
) -> None:
    save(tmp_path / "a.json", made[2], {0: REJECT, 1: ACCEPT, 2: REJECT, 3: ACCEPT})
    save(tmp_path / "b.json", made[2], {0: REJECT, 1: ACCEPT, 2: ACCEPT, 3: ACCEPT}, reviewer="Ben")
    # What a shell makes of --review-import *.json
    result = invoke("judge", "--review-import", str(tmp_path / "a.json"), str(tmp_path / "b.json"))
    assert result.exit_code == 0, result.stderr
    key = result.stdout.strip()
    first, *lines = result.stderr.splitlines()
    assert first == (
        f"judge en/sentiment: done, {key}  4 texts decided by Ana and Ben: 2 accepted, 0 changed, 2 rejected;"
        " 2 keep the verdict they had"
    )
    assert lines == [
        "judge en/sentiment: Ana and Ben agree on 75 % of 4 texts, kappa 0.50",
        "judge en/sentiment: Ana and the gates agree on 50 % of 4 texts, kappa 0.00; alone it accepts 2 and rejects 0",
        "judge en/sentiment: Ana and the LLM agree on 25 % of 4 texts, kappa -0.50; alone it accepts 2 and rejects 1",
        "judge en/sentiment: Ana and the judge agree on 25 % of 4 texts, kappa -0.50; alone it accepts 2 and rejects 1",
        "judge en/sentiment: Ben and the gates agree on 75 % of 4 texts, kappa 0.00; alone it accepts 1 and rejects 0",
        "judge en/sentiment: Ben and the LLM agree on 50 % of 4 texts, kappa -0.33; alone it accepts 1 and rejects 1",
        "judge en/sentiment: Ben and the judge agree on 50 % of 4 texts, kappa -0.33; alone it accepts 1 and rejects 1",
    ]
    again = invoke("judge", "--review-import", str(tmp_path / "b.json"), "--review-import", str(tmp_path / "a.json"))
    assert (again.stdout, "already there" in again.stderr) == (result.stdout, True)
    drawn = invoke("sample", *CELL, "--repeats", "1", "--sizes", "all", "--strategy", "random")
    assert f"draws from judgement {key}" in drawn.stderr
    assert small.store.query("select members from draws") == [([1, 3],)]


def test_a_review_beside_an_earlier_one_says_so(
    made: tuple[Artifact, Artifact, Sheet], invoke: Callable[..., Any], tmp_path: Path
) -> None:
    invoke("judge", "--review-import", str(save(tmp_path / "a.json", made[2], {0: REJECT})))
    path = save(tmp_path / "b.json", made[2], {0: REJECT, 1: {**ACCEPT, "text": "Better."}})
    result = invoke("judge", "--review-import", str(path), "--reviewer", "Ben", "--json")
    assert "Ana reviewed these texts too; give all files at once" in result.stderr
    assert list(json.loads(result.stdout)["review"]["people"]) == ["Ben"]


def test_bad_flags_are_an_exit_code_and_a_line(
    small: World, made: tuple[Artifact, Artifact, Sheet], invoke: Callable[..., Any], tmp_path: Path
) -> None:
    out, saved = str(tmp_path / "page.html"), str(save(tmp_path / "a.json", made[2], {0: REJECT}))
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    nameless = str(save(tmp_path / "n.json", made[2], {0: REJECT}, reviewer=" "))
    cases: list[tuple[tuple[str, ...], int, str]] = [
        ((*CELL, "--review-sheet", out, "--review-import", saved), 2, "exclude each other"),
        ((*CELL, "--sample-size", "3"), 2, "--sample-size says nothing without"),
        (
            (*CELL, "--sample-size", "3", "--review-import", saved),
            2,
            "--sample-size says nothing without",
        ),
        ((*CELL, "--reviewer", "Ana"), 2, "--reviewer says nothing without"),
        ((*CELL, "--review-sheet", out, "--reviewer", "x" * 61), 2, "is no name"),
        (("--lang", "en,te", "--task", "sentiment", "--review-sheet", out), 2, "one language and task, not of 2"),
        ((*CELL, "--review-sheet", str(tmp_path / "notes.txt")), 2, "is no review sheet"),
        ((*CELL, "--review-sheet", str(tmp_path / "no" / "x.html")), 5, "cannot write the sheet"),
        (("--review-sheet", out), 2, "say what to work on"),
        ((small.train.short, "--review-sheet", out), 2, "wanted gen or judge"),
        (("--lang", "de", "--task", "sentiment", "--review-sheet", out), 5, "no gen artifact"),
        (("--review-import", saved, saved), 2, "two of the reviews are by Ana"),
        (("--review-import", saved, "--lang", "de"), 2, "a review is of en/sentiment"),
        (("--review-import", saved, nameless, "--reviewer", "Ana"), 2, "cannot all be by Ana"),
        (("--review-import", nameless), 2, "does not say who made it"),
        (("--review-import", str(tmp_path / "missing.json")), 5, "cannot read the review"),
        (("--review-import", str(tmp_path / "notes.txt")), 5, "cut off, or is no JSON"),
        (("--review-import", saved, made[0].short), 5, "cannot read the review"),
    ]
    before = small.store.everything()
    for arguments, code, message in cases:
        result = invoke("judge", *arguments)
        assert (result.exit_code, result.stdout) == (code, ""), (arguments, result.stderr)
        assert message in result.stderr and result.stderr.count("\n") == 1, (arguments, result.stderr)
    assert small.store.everything() == before
    assert not (tmp_path / "page.html").exists()


def test_reviews_of_another_cell_are_named(
    small: World, made: tuple[Artifact, Artifact, Sheet], invoke: Callable[..., Any], tmp_path: Path
) -> None:
    add_import(small.store, small.cell, [("one", 0)])  # newer, and not what the review is about
    saved = str(save(tmp_path / "a.json", made[2], {0: REJECT}))
    result = invoke("judge", "--review-import", saved, *CELL)
    assert result.exit_code == 0, result.stderr
    assert small.store.resolve(result.stdout.strip()).inputs[0] == made[0].key
