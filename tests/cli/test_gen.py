"""`sdc gen` and its dry run, from the command line to keys on stdout."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedEngine, World, model_folder, never, obliging, world, yes_or_no

from sdc.errors import EngineError
from sdc.pipelines import tasks
from sdc.pipelines.engines.protocol import Call, Reply


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world of en/sentiment in the store that `invoke` uses."""
    ScriptedEngine(obliging).install(monkeypatch)
    return world(tmp_path / "store", task=tasks.load("sentiment"))


CELL = ("--lang", "en", "--task", "sentiment")
#: The texts of the scripted engine are in no language, so no gates.
FEW = ("--quota", "3", "--num-texts", "3", "--num-seeds", "2", "--no-gates")


def test_stdout_has_the_key_and_nothing_else(small: World, invoke: Callable[..., Any]) -> None:
    result = invoke("gen", *CELL, *FEW, "--model", small.model)
    assert result.exit_code == 0, result.stderr
    (made,) = small.store.find("gen")
    assert result.stdout == made.short + "\n"
    assert "6 texts" in result.stderr
    again = invoke("gen", *CELL, *FEW, "--model", small.model)
    assert again.stdout == result.stdout
    assert "already there" in again.stderr


def test_it_takes_the_key_of_train_data(small: World, invoke: Callable[..., Any]) -> None:
    result = invoke("gen", small.train.short, *FEW, "--model", small.model, "--json")
    made = json.loads(result.stdout)
    assert (made["hit"], made["ok"]) == (False, 6)
    assert invoke("gen", "-", *FEW, "--model", small.model, stdin=small.train.key).stdout == made["key"][:12] + "\n"


def test_a_dry_run_says_what_would_run_and_runs_nothing(
    small: World, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ScriptedEngine(never).install(monkeypatch)
    result = invoke("gen", *CELL, *FEW, "--model", small.model, "--dry-run", "--json")
    row = json.loads(result.stdout)
    assert (row["cell"], row["cached"], row["calls"]) == ("en/sentiment", False, 2 + 2)
    assert small.store.find("gen") == []


def test_a_dry_run_gives_a_range_and_what_is_likely_from_the_novelty_so_far(
    small: World, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    dry = ("gen", *CELL, *FEW, "--quota", "6", "--model", small.model, "--dry-run", "--json")
    row = json.loads(invoke(*dry).stdout)
    # Two questions, and two calls a label if all is new; three tries of each question, and 40 times the calls.
    assert (row["calls_at_least"], row["calls_at_most"], row["calls_likely"]) == (2 + 4, 6 + 2 * 2 * 40, None)
    half = ScriptedEngine(lambda call: str(obliging(call)).split("\n---\n")[0])  # one text of the three asked for
    half.install(monkeypatch)
    assert invoke("gen", *CELL, *FEW, "--model", small.model).exit_code == 0
    row = json.loads(invoke(*dry).stdout)
    assert (row["calls_likely"], row["model"]) == (2 + 2 * 6, "tiny")


def test_a_dry_run_of_what_is_there_expects_no_call(small: World, invoke: Callable[..., Any]) -> None:
    made = invoke("gen", *CELL, *FEW, "--model", small.model).stdout.strip()
    for more in ((), ("--until-accepted",)):
        row = json.loads(invoke("gen", *CELL, *FEW, *more, "--model", small.model, "--dry-run", "--json").stdout)
        assert (row["key"], row["cached"], row["calls"]) == (made, True, 0)


def test_a_label_short_of_its_quota_is_said_with_the_numbers(
    small: World, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(call: Call) -> Reply | str:
        return "the same again" if "about the negative" in call.prompt else obliging(call)

    ScriptedEngine(answer).install(monkeypatch)
    settings = ("--num-texts", "10", "--label-style", "name", "--incentive", "none")
    result = invoke("gen", *CELL, *FEW, *settings, "--model", small.model)
    (line,) = (line for line in result.stderr.splitlines() if "short of the quota" in line)
    assert line.startswith("  short of the quota: negative: 1 of 3, saturated (")
    for number in ("7 calls", "7 texts", "1 distinct", "0 seen once", "unseen 0.0% (at most 38", "acceptable"):
        assert number in line


def test_unanswered_calls_are_said_and_force_asks_them_again(
    small: World, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def moody(call: Call) -> Reply | str:
        return obliging(call) if call.seed % 2 else Reply(finish="refused", reason="content filter")

    ScriptedEngine(moody).install(monkeypatch)
    command = ("gen", *CELL, *FEW, "--quota", "12", "--label-style", "name", "--model", small.model)
    result = invoke(*command)
    assert result.exit_code == 0, result.stderr
    assert "refused or failed; the same command asks again" in result.stderr
    engine = ScriptedEngine(obliging).install(monkeypatch)
    again = invoke(*command, "--force")
    assert again.stdout == result.stdout
    assert engine.calls and not any(call.seed % 2 for call in engine.calls)
    assert "refused" not in again.stderr


def test_an_explanation_that_was_not_taken_is_said_with_the_reason(
    small: World, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(call: Call) -> Reply | str:
        return "positive" if 'labelled "negative"' in call.prompt else obliging(call)

    ScriptedEngine(answer).install(monkeypatch)
    result = invoke("gen", *CELL, *FEW, "--model", small.model)
    said = "the task's own description of negative is used: names another label (positive) (3 times)"
    assert said in result.stderr


# -- until accepted -------------------------------------------------------------------------------------------------


def half_accepted(call: Call) -> Reply | str:
    if not call.choices:
        return obliging(call)
    good = call.prompt.partition("\nText: ")[2][:1] < "n" or call.choices[0] not in ("yes", "no")
    return yes_or_no(-1.0, -9.0) if good else yes_or_no(-9.0, -1.0)


JUDGED = ("--preset", "paper", "--quota", "6", "--num-texts", "3", "--num-seeds", "2")


def test_until_accepted_prints_the_key_of_a_judgement_that_sample_takes(
    small: World, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ScriptedEngine(half_accepted).install(monkeypatch)
    result = invoke("gen", *CELL, *JUDGED, "--model", small.model, "--until-accepted")
    assert result.exit_code == 0, result.stderr
    (key,) = result.stdout.split()
    newest = small.store.find("judge")[0]
    assert (newest.short, newest.summary["labels"]) == (key, {"negative": 6, "positive": 6})
    assert len(small.store.find("gen")) > 1
    drawn = invoke("sample", "-", "--sizes", "4,all", "--repeats", "2", stdin=result.stdout)
    assert drawn.exit_code == 0, drawn.stderr


def test_until_accepted_makes_what_the_commands_make_one_by_one(
    small: World, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ScriptedEngine(half_accepted).install(monkeypatch)
    model = ("--model", small.model)
    invoke("gen", *CELL, *JUDGED, *model)
    invoke("judge", *CELL, "--preset", "paper")
    invoke("gen", *CELL, *JUDGED, *model, "--top-up")
    judged = invoke("judge", *CELL, "--preset", "paper")
    assert judged.exit_code == 0, judged.stderr
    by_hand = small.store.query("select key, created_at from artifacts order by key")
    result = invoke("gen", *CELL, *JUDGED, *model, "--until-accepted", "--rounds", "2")
    assert result.stdout == judged.stdout
    assert small.store.query("select key, created_at from artifacts order by key") == by_hand


def test_until_accepted_with_another_judge(
    small: World, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ScriptedEngine(half_accepted).install(monkeypatch)
    other = model_folder(tmp_path / "other", '{"other": 1}')
    command = ("gen", *CELL, *JUDGED, "--model", small.model, "--until-accepted", "--rounds", "1")
    own, others = invoke(*command).stdout, invoke(*command, "--judge-model", other).stdout
    assert own != others
    assert {a.summary["usage"]["model"] for a in small.store.find("judge")} == {"tiny", "other"}
    assert len(small.store.find("gen")) == 1


@pytest.mark.parametrize("flag", [("--rounds", "2"), ("--judge-model", "x")])
def test_flags_of_until_accepted_alone_are_refused(
    small: World, invoke: Callable[..., Any], flag: tuple[str, str]
) -> None:
    result = invoke("gen", *CELL, *flag, "--model", small.model)
    assert result.exit_code == 2
    assert "says nothing without --until-accepted" in result.stderr


def test_top_up_without_a_judgement_says_what_to_do(small: World, invoke: Callable[..., Any]) -> None:
    result = invoke("gen", *CELL, "--top-up", "--model", small.model)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].endswith("run `sdc judge` first")


def test_the_whole_loop_of_topping_up(small: World, invoke: Callable[..., Any]) -> None:
    invoke("gen", *CELL, *FEW, "--model", small.model)
    judged = invoke("judge", *CELL)  # the model is found again in its folder; gates may reject made-up words
    assert judged.exit_code == 0, judged.stderr
    topped = invoke("gen", *CELL, *FEW, "--model", small.model, "--top-up")
    assert topped.exit_code == 0, topped.stderr
    assert len(small.store.find("gen")) == 2
    drawn = invoke("sample", topped.stdout.strip(), "--sizes", "2,all", "--repeats", "2")
    assert drawn.exit_code == 0, drawn.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        ((*CELL, "--quota", "0"), 2, "quota"),
        ((*CELL, "--top-p", "2"), 2, "out of range"),
        ((*CELL, "--near-duplicate", "nan"), 2, "finite"),
        ((*CELL, "--label-style", "x"), 2, "unknown label style"),
        ((*CELL, "--incentive", "x"), 2, "unknown incentive 'x'"),
        ((*CELL, "--preset", "x"), 2, "unknown preset"),
        ((*CELL, "--model", "x"), 2, "unknown model"),
        ((*CELL, "--engine", "x", "--model", "{model}"), 2, "unknown engine"),
        (("--lang", "xx", "--task", "sentiment"), 2, "unknown language"),
        (("--lang", "en", "--task", "x"), 2, "unknown task"),
        (("--lang", "de", "--task", "sentiment", "--model", "{model}"), 5, "no human train examples of de/sentiment"),
        (("{test}", "--model", "{model}"), 2, "is the test split"),
        (("{train}", "--lang", "sw", "--model", "{model}"), 2, "none of the keys fits"),
        ((), 2, "say what to work on"),
    ],
)
def test_bad_input_is_an_exit_code_and_a_line(
    small: World, invoke: Callable[..., Any], arguments: tuple[str, ...], exit_code: int, message: str
) -> None:
    names = {"model": small.model, "train": small.train.key, "test": small.test.key}
    result = invoke("gen", *(argument.format(**names) for argument in arguments))
    assert (result.exit_code, result.stdout) == (exit_code, ""), result.stderr
    assert message in result.stderr


def test_a_model_that_writes_nothing_is_exit_code_4(
    small: World, invoke: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ScriptedEngine(lambda call: "").install(monkeypatch)
    result = invoke("gen", *CELL, *FEW, "--model", small.model)
    assert (result.exit_code, result.stdout) == (EngineError.exit_code, "")
    assert "nothing usable" in result.stderr
