"""icl: how many runs, which shots, what is kept of each answer."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedEngine, World, add_data, obliging, world

from sdc.errors import DataError, EngineError, UsageError
from sdc.pipelines import eval as evaluate
from sdc.pipelines import icl, sample
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.eval import EvalConfig
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.records.draws import Draw, draws_of
from sdc.pipelines.sample.config import SampleConfig


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    ScriptedEngine(obliging).install(monkeypatch)
    return world(tmp_path, per_label=12)


def drawn(small: World, **config: Any) -> list[Draw]:
    settings = SampleConfig(**{"source": "human", "sizes": ("10",), "repeats": 2, **config})
    return draws_of(small.context, small.get(sample.run(small.context, settings, small.cell, examples=small.train)))


def runs(small: World, draws: list[Draw], **config: Any) -> list[dict[str, Any]]:
    settings = IclConfig(**{"model": small.model, **config})
    outcomes = icl.run(small.context, settings, small.cell, draws=draws, test=small.test)
    names = ["key", "draw", "num_rows", "num_shots", "shot_seed", "init_seed", "setting", "details", "method"]
    names += ["status", "reason"]
    found = []
    for outcome in outcomes:
        (row,) = small.store.query(f"select {', '.join(names)} from runs where key = ?", [outcome.key])
        found.append({**dict(zip(names, row, strict=True)), "shots": json.loads(row[7])["shots"]})
    return found


def failed(small: World, match: str, **config: Any) -> dict[str, Any]:
    """Runs what ends as an error, and returns the failed run, which is kept all the same."""
    with pytest.raises(EngineError, match=match) as caught:
        runs(small, [], shots=0, **config)
    assert "the failed runs are kept" in str(caught.value)
    ((key, status, reason),) = small.store.query("select key, status, reason from runs")
    return {"key": key, "status": status, "reason": reason}


def outputs(small: World, key: str) -> list[tuple[Any, ...]]:
    return small.store.query("select idx, scores, reply from outputs where key = ? order by idx", [key])


def test_zero_shot_is_one_run_whatever_the_draws_and_the_seed(small: World) -> None:
    (run,) = runs(small, drawn(small), shots=0)
    assert (run["draw"], run["num_rows"], run["num_shots"], run["shot_seed"], run["shots"]) == (None, 0, 0, None, [])
    assert [again["key"] for again in runs(small, [], shots=0, seed=99)] == [run["key"]]


def test_one_run_per_draw_with_balanced_shots_from_it(small: World) -> None:
    draws = drawn(small)
    found = runs(small, draws, shots=2)
    assert [run["draw"] for run in found] == [draw.draw for draw in draws]
    for run, draw in zip(found, draws, strict=True):
        assert Counter(label for _, label in run["shots"]) == {"first": 2, "second": 2}
        rows = dict(small.rows(small.train, "text, label_name", f"list_contains({list(draw.members)}, idx)"))
        assert all(rows[text] == label for text, label in run["shots"])
        assert len({text for text, _ in run["shots"]}) == 4
        assert run["init_seed"] is None


def test_the_shot_seed_changes_shots_and_not_draws(small: World) -> None:
    """B18: data and shots have seeds of their own."""
    draws = drawn(small)
    one, other = runs(small, draws, seed=1), runs(small, draws, seed=2)
    assert [run["draw"] for run in one] == [run["draw"] for run in other]
    assert all(a["shots"] != b["shots"] and a["key"] != b["key"] for a, b in zip(one, other, strict=True))
    assert [run["setting"] for run in one] == [run["setting"] for run in other]  # one setting, two shot seeds
    redrawn = runs(small, drawn(small, seed=7), seed=1)
    assert [run["shot_seed"] for run in redrawn] == [run["shot_seed"] for run in one]
    assert [run["draw"] for run in redrawn] != [run["draw"] for run in one]


def test_repeats_of_the_same_rows_are_runs_with_other_shots(small: World) -> None:
    found = runs(small, drawn(small, sizes=("all",), repeats=3))
    assert len({run["draw"] for run in found}) == 1
    assert len({run["key"] for run in found}) == 3
    assert len({json.dumps(run["shots"]) for run in found}) == 3


def test_the_same_rows_under_two_names_are_one_run(small: World) -> None:
    (draw, _) = drawn(small)
    assert len(runs(small, [draw, replace(draw, size="11")])) == 1


def test_more_shots_than_rows_takes_what_there_is(small: World) -> None:
    (run, _) = runs(small, drawn(small), shots=50)
    assert Counter(label for _, label in run["shots"]) == {"first": 5, "second": 5}


def test_scores_are_kept_in_label_order(small: World) -> None:
    (run,) = runs(small, [], shots=0)
    assert outputs(small, run["key"]) == [(idx, [-1.0, -2.0], None) for idx in range(6)]


def test_generated_replies_are_kept_raw(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(lambda call: "  1) First!\n").install(monkeypatch)
    (run,) = runs(small, [], shots=0, decoding="generate", max_tokens=9)
    assert outputs(small, run["key"]) == [(idx, None, "  1) First!\n") for idx in range(6)]
    assert {(call.max_tokens, call.temperature, call.choices) for call in engine.calls} == {(9, 0.0, ())}


# -- replies that are none, or not what was asked for -----------------------------------------------------------------


def some(small: World, replies: dict[int, Reply]) -> Callable[[Call], Reply]:
    """Returns what answers test row i with `replies[i]`, and the others with the scores of their right label."""
    rows = small.rows(small.test, "text, label")

    def answer(call: Call) -> Reply:
        number = next(i for i, (text, _) in enumerate(rows) if text in call.prompt)
        right = Reply(scores=tuple(-1.0 - 8 * (i != rows[number][1]) for i in range(2)), finish="scored")
        return replies.get(number, right)

    return answer


def evaluated(small: World, key: str) -> dict[str, Any]:
    artifact = small.store.get(key)
    assert artifact is not None
    (outcome,) = evaluate.run(small.context, EvalConfig(), [(small.cell, artifact)])
    return dict(outcome.summary)


def test_rows_without_an_answer_are_kept_as_such_and_count_as_unparsed(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    small.context = replace(small.context, say=said.append)
    gone = {0: Reply(finish="refused", text="I will not", reason="policy"), 3: Reply(finish="failed", reason="policy")}
    ScriptedEngine(some(small, gone)).install(monkeypatch)
    (run,) = runs(small, [], shots=0)
    assert [row[1:] for row in outputs(small, run["key"])][::3] == [(None, None)] * 2
    assert (run["status"], run["reason"]) == ("ok", "2 of 6 test rows were not answered (policy)")
    again = "the same command asks again, and no answered one"
    assert said == [f"icl en/small: {run['reason']}", f"icl en/small: 2 LLM calls were refused or failed; {again}"]
    found = evaluated(small, run["key"])
    assert (found["reader"], found["accuracy"], found["unparsed_rate"]) == ("scores", 4 / 6, 2 / 6)
    assert found["reason"] == run["reason"]


def test_force_asks_again_only_what_was_not_answered(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {1: Reply(finish="refused", reason="policy")}
    engine = ScriptedEngine(some(small, gone)).install(monkeypatch)
    runs(small, [], shots=0)
    gone.clear()
    small.context = replace(small.context, force=True)
    (run,) = runs(small, [], shots=0)
    assert (run["status"], run["reason"], len(engine.calls)) == ("ok", None, 7)


@pytest.mark.parametrize("score", [float("nan"), float("-inf")])
def test_a_run_with_a_score_that_is_no_number_failed(
    small: World, monkeypatch: pytest.MonkeyPatch, score: float
) -> None:
    broken = {2: Reply(scores=(score, -1.0), finish="scored")}
    engine = ScriptedEngine(some(small, broken)).install(monkeypatch)
    run = failed(small, r"icl en/small: the run failed .1 of 6 test rows were not answered .a score is not finite")
    assert run["status"] == "failed"
    assert run["reason"] == "1 of 6 test rows were not answered (a score is not finite)"
    assert outputs(small, run["key"])[2][1:] == (None, None)
    broken.clear()  # it was not kept as an answer, so it is asked again
    small.context = replace(small.context, force=True)
    (run,) = runs(small, [], shots=0)
    assert (run["status"], run["reason"], len(engine.calls)) == ("ok", None, 7)


def test_a_run_without_any_answer_failed(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(lambda call: Reply(finish="refused", reason="policy")).install(monkeypatch)
    run = failed(small, r"the run failed .6 of 6 test rows were not answered .policy", decoding="generate")
    assert (run["status"], run["reason"]) == ("failed", "6 of 6 test rows were not answered (policy)")
    found = evaluated(small, run["key"])
    assert found["failed_run"]
    assert "accuracy" not in found


def test_a_failed_run_beside_a_good_one_is_no_error(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Call] = []

    def reply(call: Call) -> Reply:
        asked.append(call)
        return Reply(finish="refused", reason="policy") if len(asked) <= 6 else Reply(text="first")

    ScriptedEngine(reply).install(monkeypatch)
    found = runs(small, drawn(small), shots=1, decoding="generate")
    assert [run["status"] for run in found] == ["failed", "ok"]


def test_words_where_scores_were_asked_for_are_read_strictly(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for (name,) in small.rows(small.test, "label_name")]
    words = {i: Reply(text=f" {name.title()}.") for i, name in enumerate(names)} | {0: Reply(text="first or second")}
    ScriptedEngine(some(small, words)).install(monkeypatch)
    (run,) = runs(small, [], shots=0)
    assert [row[1:] for row in outputs(small, run["key"])] == [(None, words[i].text) for i in range(6)]
    found = evaluated(small, run["key"])
    assert (found["reader"], found["accuracy"], found["unparsed_rate"]) == ("strict", 5 / 6, 1 / 6)


def test_a_server_that_scores_some_rows_only_loses_none(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for (name,) in small.rows(small.test, "label_name")]
    words = {1: Reply(text=names[1]), 2: Reply(text="no idea")}
    ScriptedEngine(some(small, words)).install(monkeypatch)
    (run,) = runs(small, [], shots=0)
    found = evaluated(small, run["key"])
    assert (found["reader"], found["accuracy"], found["unparsed_rate"]) == ("scores", 5 / 6, 1 / 6)


def test_the_prompt_has_shots_options_and_the_text(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(obliging).install(monkeypatch)
    (run, _) = runs(small, drawn(small), shots=1)
    tests = {text for (text,) in small.rows(small.test, "text")}
    for call in engine.calls[:6]:
        assert call.prompt.startswith("Choose: 1) first; 2) second.")
        assert any(call.prompt.endswith(f"Sentence: {text}\nLabel:") for text in tests)
        assert call.choices == ("first", "second")
    shown = "\n".join(f"Sentence: {text}\nLabel: {label}" for text, label in run["shots"])
    assert sum(shown in call.prompt for call in engine.calls) == 6


def test_it_is_deterministic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for name in "ab":
        ScriptedEngine(obliging).install(monkeypatch)
        small = world(tmp_path / name, per_label=12)
        made = runs(small, drawn(small))
        found.append([(run["key"], run["shots"], outputs(small, run["key"])) for run in made])
    assert found[0] == found[1]


def test_max_tokens_matters_only_to_generated_answers(small: World) -> None:
    def key(**config: Any) -> str:
        return icl.plan(
            small.context, IclConfig(model=small.model, shots=0, **config), small.cell, draws=[], test=small.test
        )[0].key

    assert key(decoding="scores", max_tokens=5) == key(decoding="scores")
    assert key(decoding="generate", max_tokens=5) != key(decoding="generate")


def test_only_the_missing_runs_are_made(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = drawn(small)
    runs(small, [first])
    engine = ScriptedEngine(obliging).install(monkeypatch)
    settings = IclConfig(model=small.model)
    found = icl.run(small.context, settings, small.cell, draws=[first, second], test=small.test)
    assert [outcome.hit for outcome in found] == [True, False]
    assert len(engine.calls) == 6


def test_draws_can_be_chosen_by_size(small: World) -> None:
    artifact = small.get(
        sample.run(
            small.context,
            SampleConfig(source="human", sizes=("4", "10", "all"), repeats=1),
            small.cell,
            examples=small.train,
        )
    )
    assert [draw.size for draw in draws_of(small.context, artifact)] == ["4", "10", "all"]
    assert [draw.size for draw in draws_of(small.context, artifact, sizes=["10"])] == ["10"]


def test_a_draw_without_a_label_is_a_data_error(small: World) -> None:
    small.train = add_data(small.store, small.cell, [("only this", 0), ("and that", 0)])
    with pytest.raises(DataError, match="no example of 'second'"):
        runs(small, drawn(small, strategy="random"))


def test_test_data_without_rows_is_a_data_error(small: World) -> None:
    small.test = add_data(small.store, small.cell, [], split="test")
    with pytest.raises(DataError, match="has no usable row"):
        runs(small, [], shots=0)


@pytest.mark.parametrize("wrong", [{"shots": -1}, {"shots": 101}, {"decoding": "beam"}])
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        IclConfig(**wrong)


# -- which shots --------------------------------------------------------------------------------------------------


def planned(small: World, draws: list[Draw], **config: Any) -> str:
    settings = IclConfig(**{"model": small.model, **config})
    return icl.plan(small.context, settings, small.cell, draws=draws, test=small.test)[0].key


def test_settings_at_their_default_are_in_no_key(small: World) -> None:
    draws = drawn(small)
    usual = icl.plan(small.context, IclConfig(model=small.model), small.cell, draws=draws, test=small.test)[0]
    assert set(usual.config) == {"model", "definition", "prompt", "draw", "shot_seed"}
    assert planned(small, draws, shot_strategy="balanced", option_order="task", dev_rows=7) == usual.key
    assert planned(small, draws, shot_strategy="random") != usual.key
    assert planned(small, draws, option_order="shuffled") != usual.key
    assert planned(small, [], shots=0, shot_strategy="nearest") == planned(small, [], shots=0)
    chosen = [planned(small, draws, select=(0, 2), shots=shots) for shots in (1, 2)]
    assert chosen[0] == chosen[1] != usual.key
    assert planned(small, draws, select=(2, 0, 2)) == chosen[0] != planned(small, draws, select=(0, 2), dev_rows=7)


def test_random_shots_are_as_many_in_all_whatever_their_labels(small: World) -> None:
    found = runs(small, drawn(small, sizes=("20",), repeats=8), shots=3, shot_strategy="random")
    assert {len(run["shots"]) for run in found} == {6}
    assert len({tuple(sorted(Counter(label for _, label in run["shots"]).items())) for run in found}) > 1
    assert all(len({text for text, _ in run["shots"]}) == 6 for run in found)


def test_random_shots_need_no_label(small: World) -> None:
    small.train = add_data(small.store, small.cell, [("only this", 0), ("and that", 0)])
    (run, *_) = runs(small, drawn(small, strategy="random"), shots=1, shot_strategy="random")
    assert {label for _, label in run["shots"]} == {"first"}


def test_nearest_shots_end_with_the_row_most_like_the_text(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tests = [text for (text,) in small.rows(small.test, "text")]
    near = [(f"{text} almost", i % 2) for i, text in enumerate(tests)]
    far = [(f"nothing of that sort {i}", i % 2) for i in range(8)]
    small.train = add_data(small.store, small.cell, [*far, *near])
    engine = ScriptedEngine(obliging).install(monkeypatch)
    draws = drawn(small, sizes=("all",), repeats=2)
    (run,) = runs(small, draws, shots=2, shot_strategy="nearest")  # nothing is random: repeats are the same run
    assert run["shot_seed"] is None
    rows = dict(small.rows(small.train, "idx, text"))
    details = json.loads(run["details"])
    assert details["shots"] == []
    for text, idxs in zip(tests, details["nearest"], strict=True):
        assert len(idxs) == 4
        assert rows[idxs[-1]] == f"{text} almost"
        (call,) = (call for call in engine.calls if call.prompt.endswith(f"Sentence: {text}\nLabel:"))
        assert [call.prompt.index(f"Sentence: {rows[idx]}\n") for idx in idxs] == sorted(
            call.prompt.index(f"Sentence: {rows[idx]}\n") for idx in idxs
        )


def test_options_can_be_shuffled_and_scores_stay_in_label_order(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(obliging).install(monkeypatch)
    found = runs(small, drawn(small, sizes=("20",), repeats=8), shots=1, option_order="shuffled")
    orders = [json.loads(run["details"])["options"] for run in found]
    assert {tuple(order) for order in orders} == {("first", "second"), ("second", "first")}
    for number, order in enumerate(orders):
        calls = engine.calls[6 * number : 6 * number + 6]
        assert all(call.prompt.startswith(f"Choose: 1) {order[0]}; 2) {order[1]}.") for call in calls)
        assert {call.choices for call in calls} == {("first", "second")}
    with pytest.raises(UsageError, match="--decoding scores"):
        IclConfig(option_order="shuffled", decoding="generate")


# -- how many shots -----------------------------------------------------------------------------------------------


def knowing(rows: dict[str, str], *, needs: int) -> Callable[[Call], Reply]:
    """An LLM that knows the label of every text if there are so many shots, and says `first` otherwise."""

    def answer(call: Call) -> Reply:
        *shots, asked = call.prompt.split("Sentence: ")[1:]
        right = rows[asked.split("\nLabel:")[0]] if len(shots) == needs else "first"
        return Reply(scores=tuple(-1.0 - 4 * (name != right) for name in call.choices), finish="scored")

    return answer


def chosen(small: World, monkeypatch: pytest.MonkeyPatch, *, needs: int) -> tuple[dict[str, Any], ScriptedEngine]:
    known = dict(small.rows(small.train, "text, label_name")) | dict(small.rows(small.test, "text, label_name"))
    engine = ScriptedEngine(knowing(known, needs=needs)).install(monkeypatch)
    settings = IclConfig(model=small.model, select=(0, 1, 3), dev_rows=6)
    (outcome,) = icl.run(
        small.context, settings, small.cell, draws=drawn(small, sizes=("20",), repeats=1), test=small.test
    )
    return {"key": outcome.key, **outcome.summary}, engine


@pytest.mark.parametrize(("needs", "best"), [(0, 0), (2, 1), (6, 3), (99, 0)])
def test_the_number_of_shots_is_chosen_on_held_out_rows_of_the_draw(
    small: World, monkeypatch: pytest.MonkeyPatch, needs: int, best: int
) -> None:
    found, engine = chosen(small, monkeypatch, needs=needs)
    assert (found["selected"], found["shots"], found["dev_rows"]) == (best, best, 6)
    right = {0: 0, 1: 2, 3: 6}
    assert found["selection"] == [
        {"shots": shots, "accuracy": 1.0 if needs == num else 0.5, "unparsed_rate": 0.0} for shots, num in right.items()
    ]
    tests = {text for (text,) in small.rows(small.test, "text")}
    train = dict(small.rows(small.train, "text, label_name"))
    asked = [[part.split("\nLabel:")[0] for part in call.prompt.split("Sentence: ")[1:]] for call in engine.calls]
    dev, test = asked[:18], asked[18:]
    held = {texts[-1] for texts in dev}
    assert Counter(train[text] for text in held) == {"first": 3, "second": 3}
    assert not held & {text for texts in dev for text in texts[:-1]}
    assert not tests & {text for texts in dev for text in texts}
    assert {texts[-1] for texts in test} == tests
    assert {len(texts) - 1 for texts in test} == {2 * best}
    ((num_shots, details),) = small.store.query("select num_shots, details from runs where key = ?", [found["key"]])
    assert num_shots is None
    assert json.loads(details)["selection"] == found["selection"]


def test_labels_of_the_test_cannot_change_what_is_chosen(
    small: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B13: the same texts with the labels turned round are asked in the same words, after the same choice."""
    one, engine = chosen(small, monkeypatch, needs=2)
    turned = small.rows(small.test, "text, 1 - label")
    small.test = add_data(small.store, small.cell, turned, split="test")
    other, again = chosen(small, monkeypatch, needs=2)
    assert one["key"] != other["key"]
    assert (one["selected"], one["selection"]) == (other["selected"], other["selection"])
    assert not again.calls  # every prompt is one that the reply cache knows
    assert len(engine.calls) == 18 + 6


def test_a_draw_that_can_spare_no_rows_is_a_data_error(small: World) -> None:
    settings = IclConfig(model=small.model, select=(5, 6))
    for sizes, message in ((("2",), "too small"), (("4",), "too small")):
        draws = drawn(small, sizes=sizes, repeats=1)
        with pytest.raises(DataError, match=message):
            icl.run(small.context, settings, small.cell, draws=draws, test=small.test)


def test_a_dry_run_counts_the_calls_of_the_choice(small: World) -> None:
    settings = IclConfig(model=small.model, select=(0, 1, 3), dev_rows=6)
    draws = drawn(small, sizes=("20",), repeats=1)
    ((_, expected),) = icl.estimates(small.context, settings, small.cell, draws=draws, test=small.test)
    assert expected is not None
    assert expected.calls == 18 + 6


@pytest.mark.parametrize("wrong", [{"shot_strategy": "best"}, {"option_order": "up"}, {"select": (2, 101)}])
def test_unknown_ways_to_take_shots_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        IclConfig(**wrong)


def test_one_text_that_is_too_long_fails_its_row_and_not_the_command(tmp_path: Path) -> None:
    """A real engine: the tiny model of the bundled student, and one row of thousands of words."""
    from sdc.pipelines.engines import models

    rows = [("a good film", 0), ("word " * 4000, 1), ("a bad film", 1)]
    small = world(tmp_path, per_label=2)
    test = add_data(small.store, small.cell, rows, split="test")
    settings = IclConfig(model=models.STUDENT, shots=0)
    (outcome,) = icl.run(small.context, settings, small.cell, draws=[], test=test)
    ((status, reason),) = small.store.query("select status, reason from runs where key = ?", [outcome.key])
    assert status == "ok"
    assert reason.startswith("1 of 3 test rows were not answered (a prompt of ")
    assert reason.endswith("for the answer exceeds the context of 2048)")
    assert [bool(row[1]) for row in outputs(small, outcome.key)] == [True, False, True]
    test = add_data(small.store, small.cell, [rows[1], ("more " * 4000, 0)], split="test")
    with pytest.raises(EngineError, match="exceeds the context of 2048; use fewer shots"):
        icl.run(small.context, settings, small.cell, draws=[], test=test)
