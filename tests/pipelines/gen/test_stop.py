"""When gen ends a label before its quota: saturation, nothing usable, the emergency brake; and what it says of it."""

import random
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
from scripted import ScriptedEngine, World, obliging, unlike_any, world

from sdc.errors import EngineError
from sdc.pipelines import gen
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.gen import loop
from sdc.pipelines.progress import Step


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(tmp_path)


def from_a_stock(size: int, *, per_call: int = 10) -> Callable[[Call], Reply | str]:
    """An LLM that knows so many texts per label, and writes some of them in each call."""

    def answer(call: Call) -> Reply | str:
        if not call.prompt.startswith("Please create"):
            return obliging(call)
        first = 0 if "about the first" in call.prompt else size
        stock = range(first, first + size)
        return "\n---\n".join(unlike_any(i) for i in random.Random(call.seed).choices(stock, k=per_call))

    return answer


def test_an_engine_that_repeats_itself_saturates_and_says_so(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    two = "\n---\n".join([unlike_any(1), unlike_any(2)])
    engine = ScriptedEngine(lambda call: two if "Please create" in call.prompt else obliging(call)).install(monkeypatch)
    made = small.gen(quota=50, num_texts=10)
    first, second = made.summary["labels"]["first"], made.summary["labels"]["second"]
    assert (first["accepted"], second["accepted"]) == (2, 0)
    assert (first["stopped"], first["unseen"]) == ("saturated", 0.0)
    assert len(engine.calls) < 30
    assert [line.split(",")[0] for line in gen.short_labels(made.summary)] == ["first: 2 of 50", "second: 0 of 50"]


def test_the_bar_leaves_room_for_the_rounds_that_are_to_come(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(from_a_stock(60)).install(monkeypatch)
    steps: list[Step] = []
    small.context = replace(small.context, progress=steps.append)
    small.gen(quota=40, num_texts=10)
    rounds = [[*steps_of] for _, steps_of in groupby(steps, key=lambda step: step.what.removesuffix(", gates"))]
    written = [int(found[1]) for one in rounds if (found := re.search(r": (\d+) of 80 texts", one[0].what))]
    assert len(written) > 3  # rounds, of which only the first knows nothing
    assert [step.position for step in steps] == sorted(step.position for step in steps)
    at = [one[-1].position for one in rounds[-len(written) :]]
    assert at[0] == pytest.approx(0.6)
    for before, after, brought in zip(at, at[1:], written[1:], strict=False):
        assert before < after < 1.0
        assert after <= max(before, brought / 80 + 0.9 * (1 - brought / 80)) + 1e-9
    assert steps[-1].what.endswith(" texts, gates")
    assert {step.total for step in steps} >= {steps[-1].total} and steps[-1].done == steps[-1].total


def test_a_label_ends_with_the_numbers_that_ended_it(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(from_a_stock(30)).install(monkeypatch)
    made = small.gen(quota=100, num_texts=10)
    for item in made.summary["labels"].values():
        assert item["stopped"] == "saturated"
        assert 25 <= item["accepted"] == item["distinct"] <= 30
        assert item["texts"] == 10 * item["calls"]
        assert item["once"] / item["texts"] == pytest.approx(item["unseen"], abs=1e-4)
        assert item["unseen"] < item["unseen_at_most"] < 0.05
        assert item["gain_at_most"] == pytest.approx(10 * item["unseen_at_most"], abs=0.01)
        assert item["acceptance"] == 1.0
    line = gen.short_labels(made.summary)[0]
    numbers = r"\d+ calls, \d+ texts, \d+ distinct, \d+ seen once, unseen \d\.\d% \(at most \d\.\d%\), "
    assert re.fullmatch(
        rf"first: \d+ of 100, saturated \({numbers}a call brings at most 0\.\d+ new, 100% acceptable\)", line
    )


@pytest.mark.parametrize(("size", "reached"), [(60, True), (30, False)])
def test_it_goes_on_as_long_as_there_is_something_to_find(
    small: World, monkeypatch: pytest.MonkeyPatch, size: int, reached: bool
) -> None:
    ScriptedEngine(from_a_stock(size)).install(monkeypatch)
    made = small.gen(quota=40, num_texts=10)
    assert {item["accepted"] == 40 for item in made.summary["labels"].values()} == {reached}


def test_as_long_as_the_bound_is_above_the_level_a_label_goes_on(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(from_a_stock(30)).install(monkeypatch)
    monkeypatch.setattr(loop, "_CALLS_PER_QUOTA", 1)
    for item in small.gen(quota=100, num_texts=10).summary["labels"].values():
        assert (item["calls"], item["stopped"]) == (10, "gave up after 10 calls")
        assert item["gain_at_most"] > 0.05 * 10


def test_the_emergency_brake_holds_where_the_estimate_sees_a_trickle(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = iter(range(10**6))

    def answer(call: Call) -> Reply | str:  # one new text a call, of the ten asked for: enough to go on for ever
        new = [unlike_any(1)] * 4 + [unlike_any(next(count) + 10)]
        return "\n---\n".join(new) if call.prompt.startswith("Please create") else obliging(call)

    ScriptedEngine(answer).install(monkeypatch)
    monkeypatch.setattr(loop, "_CALLS_PER_QUOTA", 3)
    made = small.gen(quota=25, num_texts=10)
    for item in made.summary["labels"].values():
        assert (item["calls"], item["stopped"]) == (9, "gave up after 9 calls")


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Reply(finish="refused", reason="content filter"), "refused: content filter"),
        (Reply(finish="failed", reason="connection reset"), "failed: connection reset"),
        (Reply(text=""), "empty: no text in the reply"),
        (Reply(text="half a sent", finish="length"), "truncated"),
        (Reply(text="123\n---\n456\n---\n789"), "rejected: "),
    ],
    ids=["refused", "failed", "empty", "truncated", "rejected"],
)
def test_a_label_of_which_nothing_can_be_used_ends_and_says_why(
    small: World, monkeypatch: pytest.MonkeyPatch, reply: Reply, problem: str
) -> None:
    def answer(call: Call) -> Reply | str:
        return reply if "about the second" in call.prompt else obliging(call)

    ScriptedEngine(answer).install(monkeypatch)
    made = small.gen(quota=8, num_texts=10, gates=problem.startswith("rejected"), label_style="name")
    second = made.summary["labels"]["second"]
    assert (second["accepted"], second["calls"]) == (0, 6)
    assert second["stopped"].startswith("nothing usable: ") and problem in second["stopped"]
    (line,) = (line for line in gen.short_labels(made.summary) if line.startswith("second"))
    assert line.startswith("second: 0 of 8, nothing usable: ")


def test_if_nothing_can_be_used_at_all_the_error_says_why(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(call: Call) -> Reply | str:
        return Reply(finish="failed", reason="HTTP 500") if "Please create" in call.prompt else obliging(call)

    ScriptedEngine(answer).install(monkeypatch)
    with pytest.raises(EngineError, match=r"first: nothing usable: 6 failed: HTTP 500"):
        small.gen(quota=8, num_texts=10)


def test_one_bad_label_takes_nothing_from_the_others(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(call: Call) -> Reply | str:
        return "" if "about the first" in call.prompt else obliging(call)

    ScriptedEngine(answer).install(monkeypatch)
    made = small.gen(quota=7)
    assert [item["accepted"] for item in made.summary["labels"].values()] == [0, 7]
