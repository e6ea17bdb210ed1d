"""`sdc judge`: from generations to verdicts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedEngine, World, add_import, never, obliging, world

from sdc.pipelines import tasks
from sdc.pipelines.engines.protocol import Reply

CELL = ("--lang", "en", "--task", "sentiment")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    ScriptedEngine(obliging).install(monkeypatch)
    made = world(tmp_path / "store", task=tasks.load("sentiment"))
    add_import(made.store, made.cell, [("What a wonderful evening we had together.", 1), ("Sure, here is one:", 0)])
    return made


def test_gates_only_needs_no_model(small: World, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(never).install(monkeypatch)
    result = invoke("judge", *CELL, "--gates-only", "--json")
    made = json.loads(result.stdout)
    assert (made["accepted"], made["rejected"]) == (1, {"gate:chatter": 1})
    assert engine.loaded == 0


def test_no_gates_asks_the_model_about_all(small: World, invoke: Callable[..., Any]) -> None:
    made = json.loads(
        invoke("judge", *CELL, "--no-gates", "--preset", "paper", "--model", small.model, "--json").stdout
    )
    assert (made["accepted"], made["usage"]["calls"]) == (2, 2)


def test_a_dry_run_counts_calls(small: World, invoke: Callable[..., Any]) -> None:
    row = json.loads(invoke("judge", *CELL, "--model", small.model, "--dry-run", "--json").stdout)
    assert (row["cached"], row["calls"], row["cached_calls"]) == (False, 4, 0)  # two texts: their label, and yes or no
    assert small.store.find("judge") == []


def test_it_says_what_was_not_answered_and_what_to_do(
    small: World, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ScriptedEngine(lambda call: Reply(finish="refused", reason="policy")).install(monkeypatch)
    result = invoke("judge", *CELL, "--model", small.model, "--json")
    assert (result.stdout, result.exit_code) == ("", 4)
    assert "none of 1 text got an answer (policy); see to the model, and run this again" in result.stderr
    gone = iter([Reply(finish="refused", reason="policy")])
    ScriptedEngine(lambda call: next(gone, Reply(text=call.choices[0]))).install(monkeypatch)
    result = invoke("judge", *CELL, "--model", small.model, "--no-gates", "--json")
    assert (json.loads(result.stdout)["unanswered"], result.exit_code) == (1, 0)
    assert "no answer to 1 of 2 texts, so not accepted" in result.stderr
    assert "no answer" not in invoke("judge", *CELL, "--gates-only").stderr


def test_votes_and_agreement(small: World, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(lambda call: "yes" if "yes" in call.choices else "positive").install(monkeypatch)
    how = ("--votes", "3", "--temperature", "0.9", "--seed", "5", "--judge-all", "--model", small.model)
    result = invoke("judge", *CELL, *how, "--json")
    made = json.loads(result.stdout)
    assert len(engine.calls) == 2 * 2 * 3
    assert {call.temperature for call in engine.calls} == {0.9}
    assert made["agreement"]["gates_llm"] == {
        "both_accept": 1, "gates_only": 0, "llm_only": 0, "both_reject": 1, "kappa": 1.0
    }  # fmt: skip
    assert "gates and LLM agree on 2 of 2 texts, Cohen's kappa 1.00" in result.stderr
    assert "label check and yes or no agree on 1 of 2 texts, Cohen's kappa 0.00" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        ((*CELL, "--threshold", "1.5"), 2, "not in [0, 1]"),
        ((*CELL, "--votes", "4"), 2, "use an odd number"),
        ((*CELL, "--gates-only", "--judge-all"), 2, "--judge-all and --gates-only exclude each other"),
        ((*CELL, "--model", "x"), 2, "unknown model"),
        (("{train}",), 2, "is of stage data, wanted gen"),
        (("--lang", "de", "--task", "sentiment"), 5, "no gen artifact of de/sentiment"),
    ],
)
def test_bad_input_is_an_exit_code_and_a_line(
    small: World, invoke: Callable[..., Any], arguments: tuple[str, ...], exit_code: int, message: str
) -> None:
    result = invoke("judge", *(argument.format(train=small.train.key) for argument in arguments))
    assert (result.exit_code, result.stdout) == (exit_code, ""), result.stderr
    assert message in result.stderr
