"""gen: quota, statuses, gates, explanations, top-up, restart.

When a label ends is in test_gen_stop.py, incentives are in test_gen_incentives.py; keys and hits of all stages are in
test_stage.py.
"""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted import (
    EngineDied,
    ScriptedEngine,
    World,
    add_data,
    add_import,
    never,
    obliging,
    small_task,
    unlike_any,
    world,
)

from sdc.cache.key import derive_seed
from sdc.cache.store import Artifact
from sdc.errors import DataError, EngineError, UsageError
from sdc.pipelines import gates, gen, judge, prompts
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.gen.config import GenConfig
from sdc.pipelines.judge.config import JudgeConfig


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(tmp_path)


def writes(*texts: str) -> Any:
    """An LLM that gives these texts in every call."""

    def answer(call: Call) -> Reply | str:
        return "\n---\n".join(texts) if call.prompt.startswith("Please create") else obliging(call)

    return answer


def english(number: int) -> str:
    """Returns a sentence that every gate for English lets pass, and that is no near duplicate of any other number's."""
    draw = random.Random(f"sentence {number}")
    who = ("My older sister", "The new teacher", "Our neighbour", "A tall policeman", "That young farmer")
    does = ("wanted to buy", "forgot to bring", "was looking for", "finally painted", "has already sold")
    what = ("the wooden chairs", "some fresh bread", "a bigger house", "seven blue bottles", "his favourite book")
    where = ("near the old bridge", "before the storm came", "without telling anyone", "on the way to school")
    return f"{' '.join(map(draw.choice, (who, does, what, where)))}, said {unlike_any(number).split()[0].title()}."


def statuses(small: World, artifact: Artifact) -> Counter[str]:
    return Counter(status for (status,) in small.rows(artifact, "status"))


@pytest.mark.parametrize("quota", [1, 4, 6, 9])
def test_the_quota_is_met_exactly_for_every_label(small: World, monkeypatch: pytest.MonkeyPatch, quota: int) -> None:
    ScriptedEngine(obliging).install(monkeypatch)
    made = small.gen(quota=quota)
    found = Counter(label for (label,) in small.rows(made, "label", "status = 'ok' and source = 'synthetic'"))
    assert found == {0: quota, 1: quota}
    for item in made.summary["labels"].values():
        assert (item["quota"], item["accepted"], item["stopped"]) == (quota, quota, "quota")
    assert gen.short_labels(made.summary) == []


def test_what_the_quota_has_no_room_for_is_a_surplus_row(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(obliging).install(monkeypatch)
    made = small.gen(quota=3, num_texts=5)
    surplus = small.rows(made, "reason", "status = 'surplus'")
    assert surplus == [("the quota was full",)] * 4  # two labels, 5 - 3 each
    assert statuses(small, made)["ok"] == 6


def test_every_text_is_a_row_with_its_status_and_reason(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_text = small.rows(small.train, "text", "label = 0")[0][0]
    new, other = unlike_any(1), unlike_any(2)
    ScriptedEngine(writes(new, new.upper(), new + "x", seed_text, seed_text + "!", other)).install(monkeypatch)
    made = small.gen(quota=2, num_texts=6, num_seeds=3)
    first = small.rows(made, "text, status, reason", "source = 'synthetic' and label = 0 and origin = 'call 0'")
    assert [(text, status) for text, status, _ in first] == [
        (new, "ok"),
        (new.upper(), "duplicate"),
        (new + "x", "near_duplicate"),
        (seed_text, "seed_copy"),
        (seed_text + "!", "seed_copy"),
        (other, "ok"),
    ]
    assert all((reason is None) == (status == "ok") for _, status, reason in first)
    # The second label brings the same texts: another label does not make them new.
    assert {status for (status,) in small.rows(made, "status", "source = 'synthetic' and label = 1")} <= {
        "duplicate",
        "near_duplicate",
        "seed_copy",
    }
    indices = [idx for (idx,) in small.rows(made, "idx")]
    assert indices == list(range(len(indices)))


def test_the_seed_examples_it_was_shown_are_rows(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(obliging).install(monkeypatch)
    made = small.gen(num_seeds=2)
    seeds = small.rows(made, "text, label, source, origin", "status = 'seed'")
    assert Counter(label for _, label, _, _ in seeds) == {0: 2, 1: 2}
    assert {(source, origin) for _, _, source, origin in seeds} == {("human", small.train.key)}
    for call in engine.calls:
        if call.prompt.startswith("Please create"):
            assert sum(text in call.prompt for text, _, _, _ in seeds) == 2  # those of its own label


def test_near_duplicate_above_one_takes_all_but_equal_texts(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    new = unlike_any(1)
    ScriptedEngine(writes(new, new + "x", " " + new.title())).install(monkeypatch)
    made = small.gen(quota=2, num_texts=3, near_duplicate=1.01)
    assert [s for (s,) in small.rows(made, "status", "label = 0 and origin = 'call 0'")] == ["ok", "ok", "duplicate"]


def test_the_last_text_of_a_reply_that_hit_max_tokens_is_truncated(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(call: Call) -> Reply | str:
        made = obliging(call)
        return Reply(text=made, finish="length") if isinstance(made, str) and "---" in made else made

    ScriptedEngine(answer).install(monkeypatch)
    made = small.gen(quota=6, num_texts=4)
    by_call: dict[tuple[int, str], list[str]] = {}
    for label, origin, status in small.rows(made, "label, origin, status", "source = 'synthetic'"):
        by_call.setdefault((label, origin), []).append(status)
    assert by_call
    assert all(rows[-1] == "truncated" and "truncated" not in rows[:-1] for rows in by_call.values())
    assert {reason for (reason,) in small.rows(made, "reason", "status = 'truncated'")} == {
        "the reply ended at max_tokens"
    }


# -- gates --------------------------------------------------------------------------------------------------------


def test_with_gates_only_texts_that_pass_count(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    count = iter(range(10**6))

    def answer(call: Call) -> Reply | str:  # every other text has no letter in it
        if not call.prompt.startswith("Please create"):
            return obliging(call)
        return "\n---\n".join(text for _ in range(2) for text in (english(next(count)), f"{next(count)} 77 ..."))

    ScriptedEngine(answer).install(monkeypatch)
    made = small.gen(quota=5, num_texts=4, gates=True, near_duplicate=1.01)
    found = small.rows(made, "label, status, text, reason", "source = 'synthetic'")
    assert Counter(label for label, status, _, _ in found if status == "ok") == {0: 5, 1: 5}
    rejected = [(text, reason) for _, status, text, reason in found if status == "rejected"]
    assert len(rejected) == 12 and all(text.endswith("...") for text, _ in rejected)
    assert all(reason.partition(": ")[0] in gates.GATES and reason.partition(": ")[2] for _, reason in rejected)
    for item in made.summary["labels"].values():
        assert (item["accepted"], item["acceptance"], item["stopped"]) == (5, 0.5, "quota")
        assert item["problems"] == {f"rejected: {rejected[0][1].partition(':')[0]}": 6}


def test_a_copy_of_a_human_example_that_it_was_not_shown_is_rejected_by_the_gates(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    human = [text for (text,) in small.rows(small.train, "text", "label = 0")]

    def answer(call: Call) -> Reply | str:
        made = obliging(call)
        return "\n---\n".join([*human, str(made)]) if call.prompt.startswith("Please create") else made

    ScriptedEngine(answer).install(monkeypatch)
    made = small.gen(num_seeds=1, gates=True)
    (shown,) = (text for (text,) in small.rows(made, "text", "status = 'seed' and label = 0"))
    copies = dict(small.rows(made, "text, status", "label = 0 and origin = 'call 0' and status <> 'ok'"))
    assert copies == {text: "seed_copy" if text == shown else "rejected" for text in human}


def test_what_a_gate_rejects_is_no_earlier_text_of_what_it_lets_pass(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = english(1)
    ScriptedEngine(writes(f"<|x|>{good}", good, "We have not seen the doctor since last winter.")).install(monkeypatch)
    made = small.gen(quota=2, num_texts=3, gates=True)
    first = small.rows(made, "status", "label = 0 and origin = 'call 0'")
    assert [status for (status,) in first] == ["rejected", "ok", "ok"]


def test_the_presets_decide_about_gates_and_incentives(small: World) -> None:
    settings = {name: gen.configured(small.context, name, model=small.model) for name in ("paper", "code", "sdc")}
    assert {name: (config.gates, config.incentive) for name, config in settings.items()} == {
        "paper": (False, "none"), "code": (False, "none"), "sdc": (True, "auto")
    }  # fmt: skip
    assert gen.configured(small.context, "sdc", model=small.model, gates=False).gates is False


# -- replies without texts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("finish", ["refused", "failed"])
def test_a_call_without_an_answer_is_a_row_with_the_reason(
    small: World, monkeypatch: pytest.MonkeyPatch, finish: str
) -> None:
    calls = iter(range(10**6))

    def answer(call: Call) -> Reply | str:  # every third one, beginning with the first
        if call.prompt.startswith("Please create") and next(calls) % 3 == 0:
            return Reply(finish=finish, reason="content filter: violence")
        return obliging(call)

    ScriptedEngine(answer).install(monkeypatch)
    made = small.gen(quota=12, num_texts=3)
    found = small.rows(made, "text, label, source, reason, origin", f"status = '{finish}'")
    assert len(found) > 1
    assert {(text, source, reason) for text, _, source, reason, _ in found} == {
        ("", "synthetic", "content filter: violence")
    }
    assert found[0][4] == "call 0"
    assert statuses(small, made)["ok"] == 24
    assert made.summary["statuses"][finish] == made.summary["unanswered"] == len(found)


def test_force_asks_only_the_unanswered_calls_again(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def moody(call: Call) -> Reply | str:
        refuses = call.prompt.startswith("Please create") and "first" in call.prompt and call.seed % 2
        return Reply(finish="refused", reason="no") if refuses else obliging(call)

    small.context = replace(small.context, force=True)
    ScriptedEngine(moody).install(monkeypatch)
    refused = small.gen(quota=12, num_texts=3)
    again = ScriptedEngine(obliging).install(monkeypatch)
    made = small.gen(quota=12, num_texts=3)
    asked = [call for call in again.calls if call.prompt.startswith("Please create")]
    assert refused.summary["unanswered"] > 0 == made.summary["unanswered"]
    assert asked and all(call.seed % 2 and "first" in call.prompt for call in asked)
    assert made.key == refused.key


def test_what_belongs_to_a_text_stays(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = (
        "2. Weltkrieg endete 1945",
        "5 --- 10 evrov stane vstopnica",
        '"Wir schaffen das"',
        "ein Satz ohne all das",
    )
    ScriptedEngine(writes(*texts)).install(monkeypatch)
    made = small.gen(quota=4, num_texts=4)
    assert (
        tuple(text for (text,) in small.rows(made, "text", "source = 'synthetic' and origin = 'call 0'"))[:4] == texts
    )


def test_what_a_cut_reply_ends_with_is_whole_before_a_separator(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(call: Call) -> Reply | str:
        made = obliging(call)
        return Reply(text=f"{made}\n---\n", finish="length") if "---" in call.prompt else made

    ScriptedEngine(answer).install(monkeypatch)
    assert statuses(small, small.gen())["truncated"] == 0


def test_a_reply_without_any_text_is_a_row_too(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    replies = iter(["---\n---"])

    def answer(call: Call) -> Reply | str:
        return next(replies, str(obliging(call))) if call.prompt.startswith("Please create") else obliging(call)

    ScriptedEngine(answer).install(monkeypatch)
    made = small.gen()
    assert small.rows(made, "text, label, reason, origin", "status = 'empty'") == [
        ("", 0, "no text in the reply", "call 0")
    ]
    assert statuses(small, made)["ok"] == 12


@pytest.mark.parametrize("nothing", ["", "---\n---", "   \n "])
def test_an_engine_that_writes_nothing_usable_is_an_engine_error(
    small: World, monkeypatch: pytest.MonkeyPatch, nothing: str
) -> None:
    ScriptedEngine(writes(nothing)).install(monkeypatch)
    with pytest.raises(EngineError, match=r"nothing usable for en/small \(first: nothing usable: \d+ empty") as caught:
        small.gen()
    assert caught.value.exit_code == 4
    assert small.store.find("gen") == []


def test_a_label_without_human_examples_is_generated_and_said(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(obliging).install(monkeypatch)
    said: list[str] = []
    small.context = replace(small.context, say=said.append)
    small.train = add_data(small.store, small.cell, [(unlike_any(-i), 0) for i in range(1, 4)])
    made = small.gen()
    assert said == ["en/small: no human example of 'second'; it is generated without any"]
    assert made.summary["labels"]["second"]["accepted"] == 6
    assert small.rows(made, "idx", "status = 'seed' and label = 1") == []


def test_the_test_split_gives_no_seed_examples(small: World) -> None:
    small.train = small.test
    with pytest.raises(UsageError, match="is the test split"):
        small.gen()


def test_without_human_data_it_says_how_to_add_some(small: World) -> None:
    other = world(small.root / "other", task=small_task(3, name="elsewhere"))
    with pytest.raises(DataError, match="sdc data add FILE --lang en --task elsewhere --split train"):
        gen.run(small.context, GenConfig(model=small.model), other.cell)


def test_what_gates_and_explanations_are_made_with_is_in_the_key_where_there_are_some(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keys() -> dict[str, str]:
        settings: dict[str, dict[str, Any]] = {"plain": {}, "gates": {"gates": True}, "name": {"label_style": "name"}}
        return {
            name: gen.plan(
                small.context, GenConfig(model=small.model, **more), small.cell, data=small.train, judgement=None
            ).key
            for name, more in settings.items()
        }

    before = keys()
    assert len(set(before.values())) == 3
    monkeypatch.setattr(gates, "VERSION", gates.VERSION + 1)
    after = keys()
    assert [name for name in before if before[name] != after[name]] == ["gates"]
    digest = prompts.digest
    monkeypatch.setattr(prompts, "digest", lambda name: "new" if name == "explain" else digest(name))
    assert [name for name, key in keys().items() if key != after[name]] == ["plain", "gates"]


# -- explanations -------------------------------------------------------------------------------------------------


def explains(*replies: str | Reply) -> Any:
    """An LLM that explains the first label with these replies in turn."""
    left = list(replies)

    def answer(call: Call) -> Reply | str:
        if call.prompt.startswith("The following texts") and '"first"' in call.prompt:
            return left.pop(0)
        return obliging(call)

    return answer


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ("not the second", "names another label (second)"),
        ("second, third and other things", "names another label (second)"),
        ("everything (SECOND)", "names another label (second)"),
        ("", "empty"),
        ('"."', "empty"),
        (Reply(text="a phrase that never ends", finish="length"), "longer than 60 tokens"),
        (Reply(finish="refused", reason="content filter"), "refused: content filter"),
        (Reply(finish="failed"), "failed"),
    ],
)
def test_a_bad_explanation_is_asked_again(
    small: World, monkeypatch: pytest.MonkeyPatch, wrong: str | Reply, problem: str
) -> None:
    engine = ScriptedEngine(explains(wrong, "good things.")).install(monkeypatch)
    made = small.gen()
    first = made.summary["labels"]["first"]
    assert (first["explanation"], first["explained_by"]) == ("good things", "generator")
    assert first["explanation_problems"] == [problem]
    assert made.summary["labels"]["second"]["explanation_problems"] == []
    assert made.summary["labels"]["second"]["explanation"] == "a plain phrase"
    asked = [call for call in engine.calls if call.prompt.startswith("The following texts")]
    assert [call.temperature for call in asked] == [0.0, 0.0, 0.7]  # both labels greedily, then one sampled
    assert any("first (good things)" in call.prompt for call in engine.calls)


def test_after_three_bad_explanations_the_tasks_own_is_taken(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [{"name": "first", "description": "the one before"}, {"name": "second"}]
    small.cell = replace(small.cell, task=small_task(labels=labels))
    engine = ScriptedEngine(explains("second", "the second", "")).install(monkeypatch)
    made = small.gen()
    first = made.summary["labels"]["first"]
    assert (first["explanation"], first["explained_by"]) == ("the one before", "task")
    assert first["explanation_problems"] == ["names another label (second)", "names another label (second)", "empty"]
    assert len({call.seed for call in engine.calls if '"first"' in call.prompt}) == 3


def test_a_label_inside_anothers_name_is_no_other_label(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [{"name": "not sarcastic"}, {"name": "sarcastic"}]
    small.cell = replace(small.cell, task=small_task(labels=labels))

    def answer(call: Call) -> Reply | str:
        return "sincere, not sarcastic" if "The following" in call.prompt else obliging(call)

    ScriptedEngine(answer).install(monkeypatch)
    made = small.gen()
    assert made.summary["labels"]["not sarcastic"]["explanation"] == "sincere, not sarcastic"
    assert made.summary["labels"]["sarcastic"]["explanation"] == "sarcastic"  # it named the other label


def test_label_style_decides_what_the_prompt_says(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    for style in ("name", "explanation", "both"):
        engine = ScriptedEngine(obliging).install(monkeypatch)
        small.gen(label_style=style)
        prompts = [call.prompt for call in engine.calls if call.prompt.startswith("Please create")]
        seen[style] = next(prompt for prompt in prompts).split("about the ")[1].split(".")[0]
    assert seen == {"name": "first", "explanation": "a plain phrase", "both": "first (a plain phrase)"}


# -- sampling -----------------------------------------------------------------------------------------------------


def test_every_call_has_its_own_seed_and_order_of_examples(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(obliging).install(monkeypatch)
    small.gen(quota=40, num_seeds=3)
    calls = [call for call in engine.calls if call.prompt.startswith("Please create")]
    assert len({call.seed for call in calls}) == len(calls) == 20
    assert len({call.prompt for call in calls}) > 2
    assert {(call.temperature, call.top_p, call.repetition_penalty, call.max_tokens) for call in calls} == {
        (0.7, 0.9, 1.2, 4096)
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"quota": 0},
        {"num_texts": 0},
        {"max_tokens": 0},
        {"num_seeds": -1},
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"top_p": float("nan")},
        {"repetition_penalty": 0.0},
        {"near_duplicate": 0.0},
        {"near_duplicate": float("inf")},
        {"label_style": "emoji"},
        {"incentive": "money"},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        GenConfig(**wrong)


# -- top-up -------------------------------------------------------------------------------------------------------


def judged(small: World, made: Artifact, rejected: set[str]) -> Artifact:
    """Judges a generation, with exactly these texts rejected."""
    outcome = judge.run(small.context, JudgeConfig(llm=False), small.cell, generation=made)
    indices = [idx for idx, text in small.rows(made, "idx, text") if text in rejected]
    with small.store.open(write=True) as con:
        con.execute("update verdicts set accepted = not list_contains(?, idx) where key = ?", [indices, outcome.key])
    return small.get(outcome)


def test_top_up_keeps_what_was_accepted_and_writes_what_is_short(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(obliging).install(monkeypatch)
    made = small.gen(num_texts=3)
    texts = [text for (text,) in small.rows(made, "text", "status = 'ok' and label = 0")]
    rejected = set(texts[:2])
    judgement = judged(small, made, rejected)
    before = {call.seed for call in engine.calls if call.prompt.startswith("Please create")}

    def brings_back(call: Call) -> Reply | str:  # the rejected texts first, then new ones
        return "\n---\n".join([*sorted(rejected), str(obliging(call))])

    again = ScriptedEngine(brings_back).install(monkeypatch)
    config = GenConfig(model=small.model, quota=6, num_texts=3, num_seeds=2)
    topped = small.get(gen.run(small.context, config, small.cell, data=small.train, judgement=judgement))

    ok = small.rows(topped, "text, label, origin", "status = 'ok' and source = 'synthetic'")
    assert Counter(label for _, label, _ in ok) == {0: 6, 1: 6}
    assert {text for text, _, origin in ok if origin == f"kept {made.key}"} >= set(texts[2:])
    assert not rejected & {text for text, _, _ in ok}
    assert rejected <= {text for (text,) in small.rows(topped, "text", "status = 'duplicate'")}
    # Explanations came from the cache; only the short label was asked, with calls that were never made before.
    assert len(again.calls) == 1
    assert '"' not in again.calls[0].prompt[:20]
    assert not before & {call.seed for call in again.calls}
    assert topped.key != made.key
    assert list(topped.inputs) == [small.train.key, judgement.key]


def test_top_up_first_takes_what_there_was_no_room_for(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(obliging).install(monkeypatch)
    made = small.gen(quota=6, num_texts=4)
    left_over = [text for (text,) in small.rows(made, "text", "status = 'surplus' and label = 0")]
    texts = [text for (text,) in small.rows(made, "text", "status = 'ok' and label = 0")]
    judgement = judged(small, made, {texts[0]})
    engine = ScriptedEngine(never).install(monkeypatch)
    config = GenConfig(model=small.model, quota=6, num_texts=4, num_seeds=2)
    topped = small.get(gen.run(small.context, config, small.cell, data=small.train, judgement=judgement))
    assert engine.loaded == 0
    taken = dict(small.rows(topped, "text, status", f"origin = 'surplus of {made.key}' and label = 0"))
    assert taken == {left_over[0]: "ok", left_over[1]: "surplus"}  # the second stays for the next time
    assert (topped.summary["ok"], topped.summary["labels"]["first"]["kept"]) == (12, 5)


def test_top_up_of_a_full_judgement_asks_nothing(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(obliging).install(monkeypatch)
    made = small.gen()
    judgement = judged(small, made, set())
    engine = ScriptedEngine(never).install(monkeypatch)
    config = GenConfig(model=small.model, quota=6, num_texts=4, num_seeds=2)
    topped = small.get(gen.run(small.context, config, small.cell, data=small.train, judgement=judgement))
    assert engine.loaded == 0
    assert topped.summary["ok"] == 12


def test_top_up_of_an_imported_generation(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(obliging).install(monkeypatch)
    imported = add_import(small.store, small.cell, [(unlike_any(7000 + i), i % 2) for i in range(6)])
    judgement = judged(small, imported, set())
    config = GenConfig(model=small.model, quota=6, num_texts=4, num_seeds=2)
    topped = small.get(gen.run(small.context, config, small.cell, judgement=judgement))
    origins = Counter(origin for (origin,) in small.rows(topped, "origin", "status = 'ok'"))
    assert origins[f"kept {imported.key}"] == 6
    assert sum(origins.values()) == 12


# -- before a run -------------------------------------------------------------------------------------------------


def test_the_first_calls_are_known_without_asking(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(obliging).install(monkeypatch)
    config = GenConfig(model=small.model, quota=6, num_texts=4, num_seeds=2, incentive="auto")
    calls = gen.first_calls(small.context, config, small.cell, data=small.train, judgement=None)
    assert engine.loaded == 0 and small.store.find("gen") == []
    gen.run(small.context, config, small.cell, data=small.train)
    asked = {call.seed: call for call in engine.calls}
    assert len(calls) == 2 + 2 * 2 == len(asked)
    for call in calls:
        known = "a plain phrase" if call.prompt.startswith("Please create") else ""
        # The generator's explanation stands where the task's description was: in label style `both`, in brackets.
        expected = call.prompt.replace("first (first)", f"first ({known})").replace(
            "second (second)", f"second ({known})"
        )
        assert asked[call.seed] == replace(call, prompt=expected)


def test_a_top_up_needs_fewer_calls(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(obliging).install(monkeypatch)
    made = small.gen(num_texts=3)
    texts = [text for (text,) in small.rows(made, "text", "status = 'ok' and label = 0")]
    config = GenConfig(model=small.model, quota=6, num_texts=3, num_seeds=2, label_style="name")
    rejected = judged(small, made, set(texts[:4]))
    calls = gen.first_calls(small.context, config, small.cell, data=small.train, judgement=rejected)
    assert ["about the first" in call.prompt for call in calls] == [True, True]


# -- restart ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batches", [0, 1, 2, 4, 6])
def test_a_restart_asks_only_what_was_not_answered_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: int
) -> None:
    unbroken, broken = world(tmp_path / "a"), world(tmp_path / "b")
    whole = ScriptedEngine(obliging).install(monkeypatch)
    expected = unbroken.gen(quota=20, batch_size=2)
    assert len(whole.batches) == 6

    dying = ScriptedEngine(obliging, dies_after=batches).install(monkeypatch)
    if batches < 6:
        with pytest.raises(EngineDied):
            broken.gen(quota=20, batch_size=2)
        assert broken.store.find("gen") == []
    else:
        broken.gen(quota=20, batch_size=2)
    second = ScriptedEngine(obliging).install(monkeypatch)
    made = broken.gen(quota=20, batch_size=2)

    assert made.key == expected.key
    assert broken.rows(made) == unbroken.rows(expected)
    assert dying.batches + second.batches == whole.batches  # nothing twice, and the very same batches
    usage, alone = made.summary["usage"], expected.summary["usage"]
    assert usage["earlier"] == (0 if batches == 6 else len(dying.calls))
    for name in ("model", "engine", "calls", "cached", "prompt_tokens", "completion_tokens"):
        assert usage[name] == alone[name], name  # the ledger counts the calls of all attempts
    ledger = broken.store.query("select calls, cached_calls, engine from ledger where stage = 'gen'")
    assert ledger == [(len(whole.calls), 0, "scripted")]


@pytest.mark.parametrize("settings", [{}, {"incentive": "auto", "gates": True}, {"incentive": "hints"}])
def test_the_number_of_calls_in_a_batch_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    found = []
    for batch_size in (1, 3, 32):
        ScriptedEngine(obliging).install(monkeypatch)
        other = world(tmp_path / str(batch_size))
        found.append(other.rows(other.gen(batch_size=batch_size, quota=20, **settings)))
    assert found[0] == found[1] == found[2]


def test_seeds_follow_from_the_root_seed(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(obliging).install(monkeypatch)
    small.gen(seed=5)
    seeds = [call.seed for call in engine.calls if call.prompt.startswith("Please create")]
    assert derive_seed(5, "gen", "", "first", 0) in seeds
