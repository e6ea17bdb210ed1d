"""Writing and judging in turns: the same keys as by hand, and an end in every case."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted import EngineDied, ScriptedEngine, World, never, obliging, unlike_any, world, yes_or_no

from sdc.cache.key import derive_seed
from sdc.errors import UsageError
from sdc.pipelines import gen, judge
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.gen.config import MOST_ROUNDS, GenConfig
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.run.until_accepted import Round, rounds

JUDGE = JudgeConfig(gates=False)
Answer = Callable[[Call], Reply | str]


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(tmp_path)


def judging(accepts: Callable[[str], bool], *, writes: Answer = obliging) -> Answer:
    """An LLM that writes as `writes` says, and accepts the texts that `accepts` says."""

    def answer(call: Call) -> Reply | str:
        if not call.choices:
            return writes(call)
        text = call.prompt.partition("\nText: ")[2].partition("\n")[0]
        return yes_or_no(-1.0, -9.0) if accepts(text) else yes_or_no(-9.0, -1.0)

    return answer


def some(share: int) -> Callable[[str], bool]:
    """Accepts so many texts in a hundred, always the same ones."""
    return lambda text: derive_seed(0, text) % 100 < share


def run(small: World, *, most: int = MOST_ROUNDS, **settings: Any) -> list[Round]:
    config = GenConfig(**{"model": small.model, "quota": 20, "num_texts": 10, "num_seeds": 2, **settings})
    return list(rounds(small.context, config, JUDGE, small.cell, data=small.train, most=most))


def accepted(small: World, made: Round) -> list[tuple[Any, ...]]:
    return small.store.query(
        """select e.text, e.label from examples e join verdicts v on v.example_key = e.key and v.idx = e.idx
        where v.key = ? and v.accepted order by e.idx""",
        [made.judgement.key],
    )


@pytest.mark.parametrize("share", [90, 60, 30])
def test_every_label_gets_its_quota_of_accepted_texts(
    small: World, monkeypatch: pytest.MonkeyPatch, share: int
) -> None:
    ScriptedEngine(judging(some(share))).install(monkeypatch)
    made = run(small, most=4 * MOST_ROUNDS)  # with 30 %, ten rounds leave a text open as often as not
    assert 1 < len(made) <= 4 * MOST_ROUNDS
    assert made[-1].accepted == {"first": 20, "second": 20}
    assert (made[-1].open, made[-1].ended) == ((), {})
    texts = accepted(small, made[-1])
    assert len(set(texts)) == 40 and all(some(share)(text) for text, _ in texts)


def test_one_round_is_enough_if_all_is_accepted(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(judging(some(100))).install(monkeypatch)
    assert [made.number for made in run(small)] == [1]


def test_it_makes_the_artifacts_that_are_made_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(judging(some(50))).install(monkeypatch)
    at_once, by_hand = world(tmp_path / "a"), world(tmp_path / "b")
    made = run(at_once, incentive="auto")
    calls = len(engine.calls)
    config = GenConfig(model=by_hand.model, quota=20, num_texts=10, num_seeds=2, incentive="auto")
    judgement = None
    keys = []
    for _ in made:
        outcome = gen.run(by_hand.context, config, by_hand.cell, judgement=judgement)
        judged = judge.run(by_hand.context, JUDGE, by_hand.cell, generation=by_hand.get(outcome))
        judgement = by_hand.get(judged)
        keys.append((outcome.key, judged.key))
    assert [(item.generation.key, item.judgement.key) for item in made] == keys
    assert len(engine.calls) == 2 * calls
    assert {a.key for a in at_once.store.find("gen")} == {a.key for a in by_hand.store.find("gen")}


def test_again_it_asks_nothing(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(judging(some(50))).install(monkeypatch)
    first = run(small)
    engine = ScriptedEngine(never).install(monkeypatch)
    again = run(small)
    assert engine.loaded == 0
    assert all(made.generation.hit and made.judgement.hit for made in again)
    assert [made.judgement.key for made in again] == [made.judgement.key for made in first]


def test_killed_at_any_batch_it_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(judging(some(50))).install(monkeypatch)
    whole, pieces = world(tmp_path / "a"), world(tmp_path / "b")
    expected = run(whole)
    for _ in range(100):
        ScriptedEngine(judging(some(50)), dies_after=4).install(monkeypatch)
        try:
            made = run(pieces)
        except EngineDied:
            continue
        break
    assert accepted(pieces, made[-1]) == accepted(whole, expected[-1])
    assert made[-1].judgement.key == expected[-1].judgement.key


def test_a_judge_that_accepts_nothing_ends_it(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(judging(some(0))).install(monkeypatch)
    made = run(small)
    assert len(made) < MOST_ROUNDS
    texts = 20 * len(made)
    assert made[-1].ended == dict.fromkeys(("first", "second"), f"the judge accepts 0 of {texts} texts")
    assert 54 < texts <= 80


def test_a_saturated_generator_ends_it(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def writes(call: Call) -> Reply | str:  # twelve texts per label and no more
        if not call.prompt.startswith("Please create"):
            return obliging(call)
        first = 0 if "about the first" in call.prompt else 100
        return "\n---\n".join(unlike_any(first + (call.seed + k) % 12) for k in range(10))

    ScriptedEngine(judging(some(50), writes=writes)).install(monkeypatch)
    (made,) = run(small)
    assert made.open == () and made.ended == {"first": "saturated", "second": "saturated"}


def test_a_saturated_label_does_not_keep_the_others_from_their_quota(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def writes(call: Call) -> Reply | str:
        return unlike_any(1) if "about the first" in call.prompt else obliging(call)

    ScriptedEngine(judging(some(50), writes=writes)).install(monkeypatch)
    made = run(small)
    assert len(made) > 1
    assert made[-1].accepted["second"] == 20
    assert list(made[-1].ended) == ["first"]


def test_the_number_of_rounds_is_a_limit(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(judging(some(30))).install(monkeypatch)
    made = run(small, most=2)
    assert len(made) == 2 and made[-1].open == ("first", "second")
    with pytest.raises(UsageError, match="0 rounds"):
        run(small, most=0)


def test_it_goes_on_from_a_judgement(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(judging(some(50))).install(monkeypatch)
    (first,) = run(small, most=1)
    config = GenConfig(model=small.model, quota=20, num_texts=10, num_seeds=2)
    made = list(rounds(small.context, config, JUDGE, small.cell, judgement=small.get(first.judgement)))
    assert made[-1].accepted == {"first": 20, "second": 20}
    assert [item.judgement.key for item in run(small)[1:]] == [item.judgement.key for item in made]


def test_other_train_data_that_comes_meanwhile_changes_nothing(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from scripted import add_data

    ScriptedEngine(judging(some(50))).install(monkeypatch)
    config = GenConfig(model=small.model, quota=20, num_texts=10, num_seeds=2)
    keys = []
    for made in rounds(small.context, config, JUDGE, small.cell):
        keys.append(small.get(made.generation).inputs[0])
        add_data(small.store, small.cell, [(unlike_any(-5000 - made.number), 0)])
    assert len(keys) > 1 and set(keys) == {small.train.key}


def test_force_makes_every_artifact_again(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(judging(some(50))).install(monkeypatch)
    first = run(small)
    small.context = replace(small.context, force=True)
    again = run(small)
    assert [made.judgement.key for made in again] == [made.judgement.key for made in first]
    assert not any(made.generation.hit or made.judgement.hit for made in again)
