"""judge, the LLM's part: replies in words, votes, refused and failed replies, agreement with the gates."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedEngine, World, add_import, small_task, world, yes_or_no

from sdc.errors import EngineError, UsageError
from sdc.pipelines import gates, judge
from sdc.pipelines.engines.protocol import NOT_FINITE, Call, Reply
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.judge.llm import SPELLINGS

TEXTS = (
    "The train to the coast leaves early every morning.",
    "Our doctor says that walking helps the heart a lot.",
    "Nobody in the village knows what the river brings.",
)
CHATTER = "Sure, here are ten new sentences for your dataset about travel."
YES, NO = yes_or_no(-1.0, -9.0), yes_or_no(-9.0, -1.0)
Verdicts = list[tuple[Any, ...]]


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(tmp_path, task=small_task(3))


def run(small: World, *, rows: Any = None, force: bool = False, **how: Any) -> tuple[Verdicts, Mapping[str, Any]]:
    """Judges three texts of the labels 0, 1, 2; returns (accepted, judged_by, reason, probability) and the summary."""
    generation = add_import(small.store, small.cell, rows or [(text, i) for i, text in enumerate(TEXTS)])
    config = JudgeConfig(**{"model": small.model, "gates": False, **how})
    outcome = judge.run(replace(small.context, force=force), config, small.cell, generation=generation)
    sql = "select accepted, judged_by, reason, probability from verdicts where key = ? order by idx"
    return small.store.query(sql, [outcome.key]), outcome.summary


def asks_for_label(call: Call) -> bool:
    return call.prompt.startswith("Choose:")


def text_of(call: Call) -> int:
    """Returns which of the three texts a call is about."""
    return next(i for i, text in enumerate(TEXTS) if text in call.prompt)


# -- words instead of scores ----------------------------------------------------------------------------------------


def test_without_scores_the_verdict_is_read_from_the_words(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ("**Yes.**", "No, not at all. Yes?", "It depends on what you mean by\nacceptable; " + "well " * 40)
    ScriptedEngine(lambda call: said[text_of(call)]).install(monkeypatch)
    found, summary = run(small)
    assert found[:2] == [(True, "llm", None, 1.0), (False, "llm", "the judge says no (1.00)", 0.0)]
    accepted, judged_by, reason, probability = found[2]
    assert (accepted, judged_by, probability) == (False, "llm", None)
    assert reason.startswith("unreadable: 'It depends on what you mean by acceptable; well")
    assert len(reason) < 90
    assert (summary["accepted"], summary["rejected"], summary["unanswered"]) == (1, {"llm": 2}, 0)


def test_the_label_is_read_strictly_from_the_words(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    said = ("1) first", "third", "It is not second, perhaps third")
    ScriptedEngine(lambda call: said[text_of(call)] if asks_for_label(call) else "yes").install(monkeypatch)
    found, _ = run(small, label_threshold=0.3)
    assert found == [
        (True, "llm", None, 1.0),
        (False, "label", "it reads as third (1.00)", 0.0),
        (False, "label", "unreadable: 'It is not second, perhaps third'", None),
    ]


def test_scores_that_are_no_numbers_are_no_answer(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = [(-math.inf, -math.inf), (-1.0, -70.0), (math.nan, -1.0)]
    others = (-60.0,) * (len(SPELLINGS) - 2)
    ScriptedEngine(
        lambda call: Reply(scores=(scores[text_of(call)][0], *others, scores[text_of(call)][1]), finish="scored")
    ).install(monkeypatch)
    found, _ = run(small)
    none = (False, "none", f"no answer: {NOT_FINITE}")
    assert [row[:3] for row in found] == [none, (True, "llm", None), none]


# -- no answer ------------------------------------------------------------------------------------------------------


def test_what_is_not_answered_is_rejected_by_nobody_and_can_be_asked_again(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = {0: Reply(finish="refused", reason="content filter"), 1: Reply(finish="failed", reason="no answer in 120 s")}
    engine = ScriptedEngine(lambda call: gone.get(text_of(call), YES)).install(monkeypatch)
    found, summary = run(small)
    assert [row[:3] for row in found] == [
        (False, "none", "no answer: content filter"),
        (False, "none", "no answer: no answer in 120 s"),
        (True, "llm", None),
    ]
    assert (summary["rows"], summary["accepted"], summary["rejected"], summary["unanswered"]) == (3, 1, {}, 2)
    gone.clear()
    again, summary = run(small)  # what lacks answers is no plain hit
    assert all(row[0] for row in again)
    assert summary["unanswered"] == 0
    assert Counter(map(text_of, engine.calls)) == {0: 2, 1: 2, 2: 1}  # the answered one is not asked again


def test_a_text_whose_label_is_not_answered_is_not_judged_further(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = Reply(finish="refused", reason="policy")
    engine = ScriptedEngine(lambda call: refused if asks_for_label(call) else YES).install(monkeypatch)
    with pytest.raises(EngineError, match=r"judge en/small: none of 3 texts got an answer .policy.; see to the model"):
        run(small, label_threshold=0.3)
    found = small.store.query("select accepted, judged_by, reason from verdicts")  # kept all the same
    assert found == [(False, "none", "no answer: policy")] * 3
    assert all(map(asks_for_label, engine.calls))


def test_where_nobody_answers_the_commonest_reason_is_not_said_to_be_the_only_one(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = ("policy", "policy", "no answer in 120 s")
    ScriptedEngine(lambda call: Reply(finish="refused", reason=reasons[text_of(call)])).install(monkeypatch)
    with pytest.raises(EngineError, match=r"none of 3 texts got an answer \(policy, and 1 other reason\); see to"):
        run(small)


def test_one_answer_is_enough_for_a_judgement(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(lambda call: [NO, Reply(finish="failed"), Reply(finish="failed")][text_of(call)]).install(
        monkeypatch
    )
    _, summary = run(small)
    assert (summary["accepted"], summary["rejected"], summary["unanswered"]) == (0, {"llm": 1}, 2)


# -- votes ----------------------------------------------------------------------------------------------------------


def test_votes_sample_with_their_own_seeds_and_list_the_labels_in_other_orders(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = ScriptedEngine(lambda call: YES).install(monkeypatch)
    run(small, votes=5, temperature=0.9)
    assert len(engine.calls) == 15
    assert len({call.seed for call in engine.calls}) == 15
    assert {call.temperature for call in engine.calls} == {0.9}
    options = {call.prompt.partition("are: ")[2].partition(". Accept")[0] for call in engine.calls}
    assert len(options) > 1
    for listed in options:
        assert sorted(option.partition(") ")[2] for option in listed.split("; ")) == ["first", "second", "third"]
    assert all(f"Label: {small.cell.task.label_names[text_of(call)]}\n" in call.prompt for call in engine.calls)


def test_one_vote_is_greedy_and_lists_the_labels_as_they_are(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(lambda call: YES).install(monkeypatch)
    run(small)
    assert {(call.temperature, call.seed) for call in engine.calls} == {(0.0, 0)}
    assert all("1) first; 2) second; 3) third." in call.prompt for call in engine.calls)


def test_the_verdict_of_votes_in_words_is_the_share_of_yes(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {0: ["yes"] * 3 + ["no"] * 2, 1: ["no"] * 3 + ["yes"] * 2, 2: ["yes"] * 2 + ["hm"] * 3}
    ScriptedEngine(lambda call: said[text_of(call)].pop()).install(monkeypatch)
    found, _ = run(small, votes=5)
    assert [row[0] for row in found] == [True, False, False]
    assert [row[3] for row in found] == [pytest.approx(0.6), pytest.approx(0.4), pytest.approx(0.4)]
    assert found[1][2] == "the judge says no (0.60, 5 votes)"


def test_all_votes_make_a_whole_one(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(lambda call: "yes").install(monkeypatch)
    found, _ = run(small, votes=7, threshold=1.0)
    assert [row[::3] for row in found] == [(True, 1.0)] * 3


def test_the_verdict_of_scored_votes_is_their_mean_probability(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ps = {i: [0.9, 0.9, 0.1 * i + 1e-9] for i in range(3)}

    def answer(call: Call) -> Reply:
        p = ps[text_of(call)].pop()
        return yes_or_no(math.log(p), math.log1p(-p))

    ScriptedEngine(answer).install(monkeypatch)
    found, _ = run(small, votes=3, threshold=0.62)
    assert [row[3] for row in found] == [pytest.approx((1.8 + 0.1 * i) / 3, abs=1e-6) for i in range(3)]
    assert [row[0] for row in found] == [False, True, True]


def test_an_option_number_means_what_that_vote_listed(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(call: Call) -> Reply | str:
        if not asks_for_label(call):
            return "yes"
        options = call.prompt.partition("Choose: ")[2].partition(".")[0].split("; ")
        return next(option for option in options if option.endswith("second")).partition(")")[0]

    engine = ScriptedEngine(answer).install(monkeypatch)
    found, _ = run(small, votes=5, label_threshold=0.5)
    assert [row[0] for row in found] == [False, True, False]
    assert found[0][2] == "it reads as second (1.00, 5 votes)"
    assert len({call.prompt.partition("Choose: ")[2][:30] for call in engine.calls if asks_for_label(call)}) > 1


def test_a_minority_of_votes_does_not_decide(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Reply(finish="refused", reason="policy")
    said: dict[int, list[Reply]] = {0: [YES, YES, refused], 1: [YES, refused, refused], 2: [refused] * 3}
    ScriptedEngine(lambda call: said[text_of(call)].pop()).install(monkeypatch)
    found, summary = run(small, votes=3)
    assert [row[1] for row in found] == ["llm", "none", "none"]
    assert [row[2] for row in found] == [None, "no answer: policy (2 of 3 votes)", "no answer: policy (3 of 3 votes)"]
    assert summary["unanswered"] == 2


# -- keys -----------------------------------------------------------------------------------------------------------


def test_the_fields_of_votes_are_in_the_key_only_where_they_matter(small: World) -> None:
    generation = add_import(small.store, small.cell, [(TEXTS[0], 0)])

    def key(**how: Any) -> str:
        config = JudgeConfig(**({"model": small.model} | how))
        return judge.plan(small.context, config, small.cell, generation).key

    assert not {"votes", "temperature", "seed", "judge_all"} & set(
        judge.plan(small.context, JudgeConfig(model=small.model, seed=7), small.cell, generation).config
    )
    assert key() == key(seed=7) == key(temperature=1.5) == key(votes=1)
    assert key(llm=False) == key(llm=False, votes=3)
    assert len({key(), key(votes=3), key(votes=5), key(votes=3, seed=7), key(votes=3, temperature=1.5)}) == 5
    assert key(judge_all=True) != key()


def test_no_setting_without_effect_is_in_a_key_and_the_version_of_the_gates_is_where_they_run(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = add_import(small.store, small.cell, [(TEXTS[0], 0)])

    def key(**how: Any) -> str:
        config = JudgeConfig(**({"model": small.model} | how))
        return judge.plan(small.context, config, small.cell, generation).key

    by_gates = key(llm=False)
    assert (
        by_gates == key(llm=False, threshold=0.9) == key(llm=False, label_threshold=0.4) == key(llm=False, model=None)
    )
    assert key(threshold=0.9) != key() != key(label_threshold=0.4)
    by_llm = key(gates=False)
    assert by_llm == key(gates=False, judge_all=True) != key(gates=False, judge_all=True, label_threshold=0.4)
    before = key()
    monkeypatch.setattr(gates, "VERSION", gates.VERSION + 1)
    assert key(gates=False) == by_llm
    assert key() != before and key(llm=False) != by_gates


@pytest.mark.parametrize(
    "wrong",
    [
        {"votes": 0}, {"votes": 2}, {"votes": -1}, {"votes": 101}, {"temperature": 0.0}, {"temperature": math.nan},
        {"temperature": math.inf}, {"judge_all": True, "llm": False},
    ],
)  # fmt: skip
def test_impossible_votes_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        JudgeConfig(**wrong)


# -- agreement ------------------------------------------------------------------------------------------------------

#: text, label, whether the gates let it pass, whether the LLM gives it its label, whether it says yes
ROWS = (
    (TEXTS[0], 0, True, True, True),
    (TEXTS[1], 1, True, True, False),
    (TEXTS[2], 2, True, False, True),
    (CHATTER, 0, False, True, True),
    (f"{TEXTS[0]} --- {TEXTS[1]}", 1, False, False, False),
)


def scripted(call: Call) -> Reply:
    said = call.prompt.partition("Sentence: " if asks_for_label(call) else "Text: ")[2].partition("\nLabel:")[0]
    _, label, _, holds, yes = next(row for row in ROWS if row[0] == said)
    if asks_for_label(call):
        return Reply(scores=tuple(-1.0 if (i == label) == holds else -9.0 for i in range(3)), finish="scored")
    return YES if yes else NO


def test_all_texts_are_asked_about_to_see_who_agrees(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(scripted).install(monkeypatch)
    rows = [row[:2] for row in ROWS]
    alone, before = run(small, rows=rows, gates=True, label_threshold=0.5)
    assert len(engine.calls) == 3 + 2
    assert "agreement" not in before
    found, summary = run(small, rows=rows, gates=True, label_threshold=0.5, judge_all=True)
    assert len(engine.calls) == 10
    assert [row[:3] for row in found] == [row[:3] for row in alone]  # the verdict needs gates and LLM all the same
    assert [row[1] for row in found] == ["llm", "llm", "label", "gate:chatter", "gate:separator"]
    assert found[3][3] == pytest.approx(1.0, abs=1e-3)  # what the LLM said of a text that a gate rejected
    assert summary["agreement"] == {
        "gates_llm": {"both_accept": 1, "gates_only": 2, "llm_only": 1, "both_reject": 1,
                      "kappa": pytest.approx((0.4 - 0.48) / 0.52)},
        "label_yes": {"both_accept": 2, "label_only": 1, "yes_only": 1, "both_reject": 1,
                      "kappa": pytest.approx((0.6 - 0.52) / 0.48)},
    }  # fmt: skip
    assert {name: summary[name] for name in ("accepted", "rejected", "labels")} == {
        name: before[name] for name in ("accepted", "rejected", "labels")
    }


def test_only_texts_that_both_sides_judged_are_compared(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(call: Call) -> Reply | str:
        if TEXTS[1] in call.prompt:
            return Reply(finish="refused", reason="policy")
        return "who knows" if TEXTS[2] in call.prompt else "yes"

    ScriptedEngine(answer).install(monkeypatch)
    _, summary = run(small, gates=True, judge_all=True)
    one = {"both_accept": 1, "gates_only": 0, "llm_only": 0, "both_reject": 0, "kappa": None}
    assert summary["agreement"] == {"gates_llm": one}
    _, summary = run(small, judge_all=True)
    assert "agreement" not in summary  # there is nothing to compare


# -- before it asks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "calls"), [({}, 3), ({"label_threshold": 0.3}, 6), ({"label_threshold": 0.3, "votes": 3}, 18)]
)
def test_what_it_would_ask_is_known_before(
    small: World, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any], calls: int
) -> None:
    def yes(call: Call) -> Reply:
        return Reply(scores=tuple(-1.0 for _ in call.choices), finish="scored")

    engine = ScriptedEngine(yes).install(monkeypatch)
    generation = add_import(small.store, small.cell, [(text, i) for i, text in enumerate(TEXTS)])
    config = JudgeConfig(model=small.model, gates=False, **how)
    before = judge.expected(small.context, config, small.cell, generation)
    assert before is not None
    assert (before.calls, before.cached) == (calls, 0)
    run(small, **how)
    assert len(engine.calls) == calls
    assert judge.expected(small.context, config, small.cell, generation) is None
    again = judge.expected(replace(small.context, force=True), config, small.cell, generation)
    assert again is not None
    assert (again.calls, again.cached) == (calls, calls)
    without = judge.expected(small.context, JudgeConfig(llm=False), small.cell, generation)
    assert without is not None
    assert without.calls == 0
