"""judge: what the gates and the LLM decide, and what becomes of each text. Each gate is in gates/test_gates.py."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedEngine, World, add_data, add_import, model_folder, never, obliging, world, yes_or_no

from sdc.cache.store import Artifact
from sdc.errors import DataError, UsageError
from sdc.pipelines import judge
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.judge.llm import SPELLINGS
from sdc.pipelines.tasks import languages

GOOD = ("The train to the coast leaves early every morning.", "Our doctor says that walking helps the heart a lot.")
BAD = "Sure, here are ten new sentences for your dataset about travel."


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(tmp_path)


def verdicts(small: World, **how: Any) -> list[tuple[Any, ...]]:
    generation = how.pop("generation", None) or add_import(
        small.store, small.cell, [(GOOD[0], 0), (BAD, 0), (GOOD[1], 1)]
    )
    outcome = judge.run(small.context, JudgeConfig(**how), small.cell, generation=generation)
    return small.store.query(
        "select idx, accepted, judged_by, reason, probability from verdicts where key = ? order by idx", [outcome.key]
    )


def says(probability: Callable[[str], float]) -> Callable[[Call], Reply]:
    """A judge that says yes with this probability, given the prompt."""

    def answer(call: Call) -> Reply:
        assert call.choices == SPELLINGS
        p = probability(call.prompt)
        return yes_or_no(math.log(p) - 3.0, math.log1p(-p) - 3.0)  # whatever else it might say

    return answer


def test_gates_come_first_and_the_llm_judges_the_rest(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(says(lambda prompt: 0.9 if GOOD[0] in prompt else 0.2)).install(monkeypatch)
    found = verdicts(small, model=small.model)
    assert found == [
        (0, True, "llm", None, pytest.approx(0.9)),
        (1, False, "gate:chatter", "talk of the generator", None),
        (2, False, "llm", "the judge says no (0.80)", pytest.approx(0.2)),
    ]
    assert len(engine.calls) == 2
    assert all(
        f"Label: {label}\n" in call.prompt for call, label in zip(engine.calls, ("first", "second"), strict=True)
    )


@pytest.mark.parametrize(
    ("threshold", "accepted"), [(0.0, True), (0.59, True), (0.6, True), (0.61, False), (1.0, False)]
)
def test_the_threshold_is_on_yes_against_no(
    small: World, monkeypatch: pytest.MonkeyPatch, threshold: float, accepted: bool
) -> None:
    ScriptedEngine(says(lambda prompt: 0.6000001)).install(monkeypatch)
    assert {row[1] for row in verdicts(small, model=small.model, gates=False, threshold=threshold)} == {accepted}


def test_extreme_scores_do_not_overflow(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([(-2000.0, -1.0), (-1.0, -2000.0), (-5.0, -5.0)])
    ScriptedEngine(lambda call: yes_or_no(*next(scores))).install(monkeypatch)
    found = verdicts(small, model=small.model, gates=False)
    assert sorted(row[4] for row in found) == [pytest.approx(0.0), pytest.approx(0.5), pytest.approx(1.0)]


def test_what_the_llm_labels_otherwise_is_rejected_and_not_judged_further(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(call: Call) -> Reply:
        if call.choices == SPELLINGS:
            return yes_or_no(-1.0, -9.0)
        assert call.choices == ("first", "second")
        return Reply(scores=(math.log(0.7) - 5, math.log(0.3) - 5), finish="scored")

    engine = ScriptedEngine(answer).install(monkeypatch)
    found = verdicts(small, model=small.model, gates=False, label_threshold=0.5)
    assert [row[1:3] for row in found] == [(True, "llm"), (True, "llm"), (False, "label")]
    assert found[2][3:] == ("it reads as first (0.70)", pytest.approx(0.3))
    assert sum(call.choices == SPELLINGS for call in engine.calls) == 2
    assert all(row[1] for row in verdicts(small, model=small.model, gates=False, label_threshold=0.3 - 1e-6))
    assert not any(row[1] for row in verdicts(small, model=small.model, gates=False, label_threshold=0.71))


def test_gates_only_needs_no_model(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(never).install(monkeypatch)
    found = verdicts(small, llm=False)
    assert [(accepted, by) for _, accepted, by, _, _ in found] == [
        (True, "gate:all"),
        (False, "gate:chatter"),
        (True, "gate:all"),
    ]
    assert engine.loaded == 0


def test_without_gates_the_llm_judges_all(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(says(lambda prompt: 0.9)).install(monkeypatch)
    assert all(row[1:3] == (True, "llm") for row in verdicts(small, gates=False, model=small.model))
    assert len(engine.calls) == 3


def test_only_new_synthetic_texts_are_judged(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(obliging).install(monkeypatch)
    made = small.gen(quota=3, num_texts=5)  # leaves surplus and seed rows
    judged = {row[0] for row in verdicts(small, generation=made, gates=False)}
    assert judged == {idx for (idx,) in small.rows(made, "idx", "status = 'ok' and source = 'synthetic'")}
    assert len(judged) == 6


def test_copies_of_what_the_generator_never_saw_are_found(small: World) -> None:
    human = add_data(small.store, small.cell, [(GOOD[0], 0), ("Nobody knows what the river brings.", 1)])
    generation = add_import(small.store, small.cell, [(GOOD[0] + "!", 0), (GOOD[1], 1)])
    outcome = judge.run(small.context, JudgeConfig(llm=False), small.cell, generation=generation)
    assert list(small.get(outcome).inputs[:2]) == [generation.key, human.key]  # made elsewhere: the newest human data
    (first, second) = verdicts(small, generation=generation, llm=False)
    assert first[1:3] == (False, "gate:copy")
    assert first[3].endswith("to a human example")
    assert second[1]


def test_the_human_data_of_a_generation_is_what_it_was_made_from(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(obliging).install(monkeypatch)
    made = small.gen()
    add_data(small.store, small.cell, [("something newer than that", 0)])
    outcome = judge.run(small.context, JudgeConfig(llm=False), small.cell, generation=made)
    assert list(small.get(outcome).inputs[:2]) == [made.key, small.train.key]


def test_a_generation_without_any_human_data_can_be_judged(tmp_path: Path) -> None:
    small = world(tmp_path)
    small.cell = replace(small.cell, language=languages.load("de"))
    generation = add_import(small.store, small.cell, [("Der Zug an die Küste fährt jeden Morgen sehr früh ab.", 0)])
    outcome = judge.run(small.context, JudgeConfig(llm=False), small.cell, generation=generation)
    assert small.get(outcome).inputs == [generation.key]
    assert outcome.summary["accepted"] == 1


def test_a_generation_with_nothing_to_judge_is_a_data_error(small: World) -> None:
    generation = add_import(small.store, small.cell, [])
    with pytest.raises(DataError, match="has no text to judge"):
        judge.run(small.context, JudgeConfig(llm=False), small.cell, generation=generation)


def test_the_summary_counts_labels_and_reasons(small: World) -> None:
    generation = add_import(small.store, small.cell, [(GOOD[0], 0), (BAD, 0), (GOOD[1], 1), ("12345", 1)])
    outcome = judge.run(small.context, JudgeConfig(llm=False), small.cell, generation=generation)
    assert outcome.summary == {
        "rows": 4,
        "accepted": 2,
        "rejected": {"gate:chatter": 1, "gate:empty": 1},
        "unanswered": 0,
        "labels": {"first": 1, "second": 1},
        "usage": {},
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"gates": False, "llm": False},
        {"threshold": -0.1},
        {"threshold": 1.1},
        {"threshold": math.nan},
        {"label_threshold": 2.0},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        JudgeConfig(**wrong)


# -- who judges ---------------------------------------------------------------------------------------------------


def test_the_generator_judges_unless_another_is_named(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(obliging).install(monkeypatch)
    made = small.gen()
    other = model_folder(small.root / "other", '{"another": 1}')
    own = judge.plan(small.context, JudgeConfig(), small.cell, made)
    assert own.config["model"] == made.config["model"]
    assert judge.plan(small.context, JudgeConfig(model=small.model), small.cell, made).key == own.key
    assert judge.plan(small.context, JudgeConfig(model=other), small.cell, made).key != own.key


def test_the_revision_that_wrote_the_texts_judges_them(make: Callable[..., Artifact]) -> None:
    written = make("gen", config={"model": {"model": "owner/name", "revision": "abc"}}, summary={"model": "an-alias"})
    assert judge.judge_name(JudgeConfig(), written) == "owner/name@abc"
    assert judge.judge_name(JudgeConfig(), make("gen", summary={"model": "an-alias"})) == "an-alias"
    assert judge.judge_name(JudgeConfig(), make("gen")) == "pocket-teacher"


def test_a_text_that_the_llm_labels_otherwise_is_rejected_before_the_judge(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(call: Call) -> Reply:
        if call.choices == SPELLINGS:
            return yes_or_no(0.0, -5.0)
        return Reply(scores=(0.0, -2.0), finish="scored")  # always the first label, with 88 %

    engine = ScriptedEngine(answer).install(monkeypatch)
    generation = add_import(small.store, small.cell, [(GOOD[0], 0), (GOOD[1], 1)])
    found = verdicts(small, generation=generation, gates=False, label_threshold=0.3, model=small.model)
    assert [row[:3] for row in found] == [(0, True, "llm"), (1, False, "label")]
    assert found[1][3] == "it reads as first (0.88)"
    assert [call.choices for call in engine.calls].count(SPELLINGS) == 1
    lenient = verdicts(small, generation=generation, gates=False, label_threshold=0.1, model=small.model)
    assert [row[:3] for row in lenient] == [(0, True, "llm"), (1, True, "llm")]
