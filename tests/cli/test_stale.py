"""Replaced results as a user meets them: what is said, where it stops, and that repeating the chain mends all."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedEngine, World, never, obliging, world

from sdc.pipelines.engines.protocol import Call, Reply

Invoke = Callable[..., Any]
CELL = ("--lang", "en", "--task", "small")
CHAIN = (
    ("judge", *CELL, "--preset", "paper", "--no-gates"),
    ("sample", *CELL, "--sizes", "all", "--repeats", "1"),
    ("train", *CELL),
    ("eval", *CELL),
)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    ScriptedEngine(moody).install(monkeypatch)
    return world(tmp_path / "store")


def _is_open(call: Call) -> bool:
    return "yes" in call.choices and zlib.crc32(call.prompt.encode()) % 2 == 0


def moody(call: Call) -> Reply | str:
    """Does not answer half of the judge's questions."""
    return Reply(finish="failed", reason="busy") if _is_open(call) else obliging(call)


def _all(invoke: Invoke, *commands: tuple[str, ...]) -> str:
    said = ""
    for command in commands:
        result = invoke(*command)
        assert result.exit_code == 0, result.stderr
        said += result.stderr
    return said


@pytest.fixture
def whole(small: World, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> World:
    """A whole chain over a judgement that lacks answers; by now all are to be had."""
    few = ("gen", *CELL, "--model", small.model, "--quota", "8", "--num-texts", "4", "--num-seeds", "2")
    _all(invoke, few, *CHAIN)
    ScriptedEngine(obliging).install(monkeypatch)
    return small


def _rows(small: World) -> list[int]:
    return [n for (n,) in small.store.query("select num_rows from draws join artifacts using (key) order by used_at")]


def test_repeating_the_chain_asks_what_was_open_and_makes_the_rest_again(whole: World, invoke: Invoke) -> None:
    before = _rows(whole)
    result = invoke(*CHAIN[0], "--json")
    assert json.loads(result.stdout)["unanswered"] == 0
    assert "what was made from the old ones is stale (" in result.stderr
    verified = invoke("store", "verify")
    assert verified.exit_code == 3
    assert "fault: sample" in verified.stderr and "`sdc sample" in verified.stderr

    refused = invoke(*CHAIN[2])
    assert refused.exit_code == 3
    assert "is stale: it was made from judge" in refused.stderr and "run `sdc sample" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) <= 2
    reported = invoke("report", *CELL)
    assert "1 run is left out (1 on a stale sample)" in reported.stderr

    _all(invoke, *CHAIN)
    assert _rows(whole)[-1] == 16 > before[-1]
    assert invoke("store", "verify").exit_code == 0
    again = _all(invoke, *CHAIN)
    assert again.count("already there") == 4


def test_a_dry_run_says_that_nothing_stale_is_cached(whole: World, invoke: Invoke) -> None:
    planned = json.loads(invoke(*CHAIN[0], "--dry-run", "--json").stdout)
    assert planned["cached"] is False
    assert planned["cached_calls"] > 0 < planned["calls"] - planned["cached_calls"]
    invoke(*CHAIN[0])
    (key,) = [key for (key,) in whole.store.query("select key from artifacts where stage = 'judge'")]
    assert json.loads(invoke("sample", key, *CHAIN[1][5:], "--dry-run", "--json").stdout)["cached"] is False


@pytest.mark.parametrize(
    "command",
    [("train", "{sample}"), ("icl", "{sample}", "--shots", "1"), ("train", *CELL), ("icl", *CELL, "--shots", "1")],
)
def test_a_stale_key_is_refused_with_the_command_that_mends_it(
    whole: World, invoke: Invoke, command: tuple[str, ...]
) -> None:
    invoke(*CHAIN[0])
    keys = dict(whole.store.query("select stage, key from artifacts"))
    result = invoke(*(part.format(**keys) for part in command))
    assert result.exit_code == 3
    assert f"sample {keys['sample'][:12]} is stale" in result.stderr
    assert f"run `sdc sample {keys['judge'][:12]}`" in result.stderr


def test_a_run_that_is_there_shows_its_summary(small: World, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("icl", *CELL, "--shots", "0", "--model", small.model, "--json")
    first = json.loads(invoke(*command).stdout)
    ScriptedEngine(never).install(monkeypatch)
    again = json.loads(invoke(*command).stdout)
    assert again == first | {"hit": True}
    assert (again["rows"], again["unanswered"]) == (6, 0)
