"""`sdc show` as it is typed, over a chain of real stages."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedEngine, add_data, add_import, obliging, unlike_any, world

from sdc.cache.store import Store
from sdc.pipelines import cells

Invoke = Callable[..., Any]


def test_every_artifact_can_be_shown(store: Store, invoke: Invoke) -> None:
    (cell,) = cells.expand(store, ["te"], ["sentiment"])
    add_data(store, cell, [(f"{unlike_any(i)} two\nlines", i % 2) for i in range(6)], split="test")
    generation = add_import(store, cell, [(unlike_any(100 + i), i % 2) for i in range(12)])
    where = ("--lang", "te", "--task", "sentiment")
    sample = invoke("sample", *where, "--sizes", "4,all", "--repeats", "2").stdout.strip()
    run = invoke("train", *where).stdout.split()[0]
    evaluated = invoke("eval", run).stdout.strip()
    texts = invoke("show", generation.short, "-n", "20")
    assert texts.exit_code == 0 and all(unlike_any(100 + i) in texts.stdout for i in range(12)), texts.stderr
    drawn = invoke("show", sample)
    assert drawn.exit_code == 0, drawn.stderr
    for words in ("4 draws, synthetic", "size 4, repeat 0", "2 of 2 rows", "different draws"):
        assert words in drawn.stdout
    shown = invoke("show", "-", "--status", "all", stdin=f"{run}\n")
    assert shown.exit_code == 0, shown.stderr
    for words in ("linear", "precision", "confusions", "two lines"):
        assert words in shown.stdout
    again = invoke("show", evaluated, "--status", "all", "--json")
    rows = [json.loads(line) for line in again.stdout.splitlines()]
    assert len({row["key"] for row in rows}) == 1 and any("two\nlines" in row.get("text", "") for row in rows)


def test_flags_that_say_nothing_are_refused(store: Store, invoke: Invoke) -> None:
    (cell,) = cells.expand(store, ["te"], ["sentiment"])
    add_import(store, cell, [(unlike_any(i), i % 2) for i in range(12)])
    sample = invoke("sample", "--lang", "te", "--task", "sentiment", "--sizes", "4", "--repeats", "1").stdout.strip()
    for arguments, words in (
        ((), "say what to show"),
        ((sample, "--status", "ok"), "--status says nothing of the draws of a sample"),
        ((sample, "--seed", "3"), "--seed says nothing without --random"),
    ):
        refused = invoke("show", *arguments)
        assert refused.exit_code == 2 and words in refused.stderr, refused.stderr


def test_a_preview_prints_the_prompt_and_no_key(
    tmp_path: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    ScriptedEngine(obliging).install(monkeypatch)
    small = world(tmp_path / "world")
    monkeypatch.setenv("SDC_STORE", str(small.store.path))
    for command in ("gen --quota 2 --num-texts 2 --label-style name", "icl --shots 0"):
        words = [*command.split(), "--lang", "en", "--task", str(task_file(tmp_path)), "--model", small.model]
        shown = invoke(*words, "--preview", "1")
        assert shown.exit_code == 0 and "\n  | " in shown.stdout and "en/small: " in shown.stdout, shown.stderr
        (line,) = invoke(*words, "--preview", "1", "--json").stdout.splitlines()
        assert json.loads(line)["cell"] == "en/small" and len(json.loads(line)["prompts"]) == 1
        refused = invoke(*words, "--preview", "1", "--dry-run")
        assert refused.exit_code == 2 and "--preview and --dry-run exclude each other" in refused.stderr


def task_file(folder: Path) -> Path:
    path = folder / "small.toml"
    path.write_text(
        'name = "small"\ninstruction = "Choose: {options}."\n[[labels]]\nname = "first"\n[[labels]]\nname = "second"\n'
    )
    return path
