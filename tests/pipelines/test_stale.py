"""Replacing a result by other rows: nothing that was made from the old ones is taken for good any more."""

import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedEngine, World, never, obliging, unlike_any, world

from sdc.cache.store import Artifact, Store
from sdc.cache.verify import verify
from sdc.errors import StoreError
from sdc.pipelines import eval as evaluate
from sdc.pipelines import gen, icl, judge, report, sample, train
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.eval import EvalConfig
from sdc.pipelines.gen.config import GenConfig
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.records import lineage, runs
from sdc.pipelines.records.draws import draws_of
from sdc.pipelines.records.examples import rows_of
from sdc.pipelines.report import ReportConfig
from sdc.pipelines.sample.config import SampleConfig
from sdc.pipelines.stage import Outcome
from sdc.pipelines.students import LinearConfig
from sdc.pipelines.train import TrainConfig

REFUSED = Reply(finish="refused", reason="policy")
FAILED = Reply(finish="failed", reason="policy")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    ScriptedEngine(obliging).install(monkeypatch)
    return world(tmp_path)


def forced(small: World) -> World:
    return replace(small, context=replace(small.context, force=True))


def judged(small: World, generation: Artifact, **settings: Any) -> Outcome:
    config = JudgeConfig(**{"gates": False, **settings})
    return judge.run(small.context, config, small.cell, generation=generation)


def drawn(small: World, examples: Artifact, **settings: Any) -> Outcome:
    config = SampleConfig(**{"sizes": ("all",), "repeats": 1, **settings})
    return sample.run(small.context, config, small.cell, examples=examples)


def asked(small: World, draws: Any = (), **settings: Any) -> Outcome:
    config = IclConfig(**{"model": small.model, "shots": 0, **settings})
    (outcome,) = icl.run(small.context, config, small.cell, draws=draws, test=small.test)
    return outcome


def fitted(small: World, sampled: Artifact, **settings: Any) -> Outcome:
    config = TrainConfig(student=LinearConfig(), **settings)
    draws = draws_of(small.context, sampled)
    (outcome,) = train.run(small.context, config, small.cell, draws=draws, test=small.test)
    return outcome


def measured(small: World, run: Outcome) -> Outcome:
    (outcome,) = evaluate.run(small.context, EvalConfig(), [(small.cell, small.get(run))])
    return outcome


def right_but(small: World, refused: dict[int, Reply]) -> Callable[[Call], Reply]:
    """Answers every test row rightly, but for some."""
    rows = small.rows(small.test, "text, label")

    def answer(call: Call) -> Reply:
        number = next(i for i, (text, _) in enumerate(rows) if text in call.prompt)
        right = Reply(scores=tuple(-1.0 - 8 * (i != rows[number][1]) for i in range(2)), finish="scored")
        return refused.get(number, right)

    return answer


def yes_to(accepts: Callable[[str], bool]) -> Callable[[Call], Reply | str]:
    def answer(call: Call) -> Reply | str:
        if "yes" in call.choices:
            wanted = "yes" if accepts(call.prompt) else "no"
            is_wanted = [choice.strip().casefold().startswith(wanted) for choice in call.choices]
            return Reply(scores=tuple(-1.0 if right else -9.0 for right in is_wanted), finish="scored")
        return obliging(call)

    return answer


def some_of_them(prompt: str) -> bool:
    return zlib.crc32(prompt.encode()) % 2 == 0


def stale(small: World) -> set[str]:
    return {stage for (stage,) in small.store.query("select stage from artifacts join stale using (key)")}


# -- unanswered calls -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [REFUSED, FAILED])
@pytest.mark.parametrize("force", [False, True])
def test_an_eval_of_a_run_that_was_answered_later_is_made_again(
    small: World, monkeypatch: pytest.MonkeyPatch, missing: Reply, force: bool
) -> None:
    engine = ScriptedEngine(right_but(small, dict.fromkeys((0, 1, 2), missing))).install(monkeypatch)
    assert measured(small, asked(small)).summary["accuracy"] == 0.5
    engine = ScriptedEngine(right_but(small, {})).install(monkeypatch)
    again = forced(small) if force else small
    run = asked(again)
    assert (run.hit, run.summary["unanswered"], len(engine.calls)) == (False, 0, 3)
    assert stale(small) == {"eval"}
    found = measured(small, run)
    assert (found.hit, found.summary["accuracy"]) == (False, 1.0)
    assert stale(small) == set()
    assert measured(small, run).hit
    ScriptedEngine(never).install(monkeypatch)
    again_there = asked(small)
    assert (again_there.key, again_there.hit) == (run.key, True)
    assert json.dumps(again_there.summary) == json.dumps(run.summary)


def test_what_stays_unanswered_is_asked_each_time_and_makes_nothing_stale(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    small = replace(small, context=replace(small.context, say=said.append))
    replies = iter([REFUSED, replace(FAILED, reason="another reason")])
    rows = small.rows(small.test, "text")
    right = right_but(small, {})
    engine = ScriptedEngine(lambda call: next(replies) if rows[1][0] in call.prompt else right(call))
    engine.install(monkeypatch)
    run = asked(small)
    found = measured(small, run)
    again = asked(small)
    assert (again.hit, again.summary["unanswered"], len(engine.calls)) == (False, 1, 7)
    assert stale(small) == set()
    assert measured(small, again) == replace(found, hit=True)
    assert sum("1 LLM call was refused or failed; the same command asks again" in line for line in said) == 2


def test_a_judgement_asks_again_what_was_not_answered(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    generation = small.gen()
    texts = [text for (text,) in small.rows(generation, "text", "status = 'ok'")]
    ScriptedEngine(lambda call: FAILED if texts[0] in call.prompt else yes_to(bool)(call)).install(monkeypatch)
    first = judged(small, generation)
    assert (first.summary["accepted"], first.summary["unanswered"]) == (11, 1)
    engine = ScriptedEngine(yes_to(bool)).install(monkeypatch)
    second = judged(small, generation)
    assert (second.key, second.hit, second.summary["accepted"], len(engine.calls)) == (first.key, False, 12, 1)
    assert judged(small, generation).hit


def test_a_generation_asks_again_what_was_not_answered(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter(range(10**6))

    def moody(call: Call) -> Reply | str:
        is_third = call.prompt.startswith("Please create") and next(calls) % 3 == 0
        return FAILED if is_third else obliging(call)

    ScriptedEngine(moody).install(monkeypatch)
    first = small.gen()
    assert first.summary["unanswered"] > 0
    judgement = judged(small, first)
    engine = ScriptedEngine(obliging).install(monkeypatch)
    second = small.gen()
    assert (second.key, second.summary["unanswered"]) == (first.key, 0)
    assert len(engine.calls) == first.summary["unanswered"]
    assert stale(small) == {"judge"}
    assert not judged(small, second).hit
    assert judgement.key == judged(small, second).key
    ScriptedEngine(never).install(monkeypatch)
    assert small.gen().summary == second.summary


def test_a_question_about_a_label_counts_too(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_phrases(call: Call) -> Reply | str:
        return FAILED if call.prompt.startswith("The following texts") else obliging(call)

    ScriptedEngine(no_phrases).install(monkeypatch)
    first = small.gen(label_style="both")
    assert {item["explained_by"] for item in first.summary["labels"].values()} == {"task"}
    ScriptedEngine(obliging).install(monkeypatch)
    second = small.gen(label_style="both")
    assert second.key == first.key
    assert {item["explained_by"] for item in second.summary["labels"].values()} == {"generator"}


def test_one_vote_of_several_that_is_missing_is_asked_for_again(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    generation = small.gen()
    missing = [FAILED]
    ScriptedEngine(lambda call: missing.pop() if missing else yes_to(bool)(call)).install(monkeypatch)
    first = judged(small, generation, votes=3)
    assert (first.summary["unanswered"], first.summary["usage"]["failed"]) == (0, 1)
    engine = ScriptedEngine(yes_to(bool)).install(monkeypatch)
    assert (judged(small, generation, votes=3).hit, len(engine.calls)) == (False, 1)
    assert judged(small, generation, votes=3).hit


def test_a_worse_answer_does_not_replace_a_better_one(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ScriptedEngine(right_but(small, {0: FAILED})).install(monkeypatch)
    run = asked(small)
    for file in small.store.replies_folder.rglob("*"):
        file.unlink()  # the cache is lost, and the server is down
    ScriptedEngine(lambda call: FAILED).install(monkeypatch)
    assert asked(small).summary["unanswered"] == 1
    assert small.get(run).summary["unanswered"] == 1


# -- every stage under every later one --------------------------------------------------------------------------------


@pytest.fixture
def whole(small: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Everything from a generation to evaluations, with a top-up beside it."""
    ScriptedEngine(yes_to(some_of_them)).install(monkeypatch)
    generation = small.gen()
    judgement = small.get(judged(small, generation))
    sampled = small.get(drawn(small, judgement))
    config = GenConfig(model=small.model, quota=6, num_texts=4, num_seeds=2)
    topped = gen.run(small.context, config, small.cell, data=small.train, judgement=judgement)
    run = fitted(small, sampled)
    shots = asked(small, draws_of(small.context, sampled), shots=1)
    return {
        "gen": generation, "judge": judgement, "sample": sampled, "top-up": small.get(topped), "train": run,
        "icl": shots, "evals": [measured(small, run), measured(small, shots)],
    }  # fmt: skip


def test_equal_rows_make_nothing_stale(small: World, whole: dict[str, Any]) -> None:
    again = forced(small)
    again.gen()
    judged(again, whole["gen"])
    drawn(again, whole["judge"])
    fitted(again, whole["sample"])
    fitted(small, whole["sample"], keep_weights=True)
    asked(again, draws_of(small.context, whole["sample"]), shots=1)
    assert stale(small) == set()
    assert verify(small.store).faults == ()
    assert all(measured(small, whole[name]).hit for name in ("train", "icl"))


def test_other_verdicts_make_sample_and_top_up_stale(
    small: World, whole: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = whole["sample"].summary["rows"]
    with small.store.open(write=True) as con:  # as if the LLM had been another one without saying so
        con.execute("update verdicts set accepted = true where key = ?", [whole["judge"].key])
    small.store.put(*_copy(small.store, whole["judge"].key), replace=True)
    assert stale(small) == {"sample", "gen"}
    faults = verify(small.store).faults
    assert len(faults) == 2
    assert all("is stale: it was made from judge" in line for line in faults)
    assert any(f"`sdc sample {whole['judge'].short}` makes it again" in line for line in faults)
    with pytest.raises(StoreError, match="has other rows now; run `sdc sample") as caught:
        draws_of(small.context, whole["sample"])
    assert caught.value.exit_code == 3
    again = drawn(small, whole["judge"])
    assert (again.key, again.hit, again.summary["rows"]) == (whole["sample"].key, False, 12)
    assert before < 12
    (fault,) = verify(small.store).faults
    assert f"`sdc gen {whole['judge'].short}` makes it again" in fault


def _copy(store: Store, key: str) -> tuple[Artifact, dict[str, list[dict[str, Any]]]]:
    """Returns an artifact as it stands in the store, with its verdicts."""
    names = ["idx", "example_key", "accepted", "reason", "judged_by", "probability"]
    found = store.query(f"select {', '.join(names)} from verdicts where key = ?", [key])
    artifact = store.get(key)
    assert artifact is not None
    return artifact, {"verdicts": [dict(zip(names, row, strict=True)) for row in found]}


def write_others(small: World, monkeypatch: pytest.MonkeyPatch) -> Artifact:
    """Has the generator write other texts under the same key: the reply cache is lost, the server has a new model."""
    for file in small.store.replies_folder.rglob("*"):
        file.unlink()

    def other(call: Call) -> Reply | str:
        if call.prompt.startswith("Please create"):
            return "\n---\n".join(unlike_any(50_000 + call.seed * 100 + k) for k in range(4))
        return yes_to(bool)(call)

    ScriptedEngine(other).install(monkeypatch)
    return forced(small).gen()


def test_other_texts_make_all_that_hangs_on_them_stale(
    small: World, whole: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    again = replace(small, context=replace(small.context, say=said.append))
    generation = write_others(again, monkeypatch)
    assert generation.key == whole["gen"].key
    assert "what was made from the old ones is stale (3 artifacts)" in said[0]
    # Runs hang on the content of their draw, which is what it was.
    assert stale(small) == {"judge", "sample", "gen"}
    with pytest.raises(StoreError, match=r"run `sdc judge \w+`, with the flags"):
        lineage.newest_judgement(small.context, small.cell, generation)
    with pytest.raises(StoreError, match=r"run `sdc judge \w+`, then `sdc sample \w+`, with the flags"):
        draws_of(small.context, whole["sample"])
    found = runs.find(again.store)
    assert (list(found.keys), dict(found.hidden)) == ([], {"on a stale sample": 2})
    found.say(again.context, "eval")
    assert "2 runs are left out (2 on a stale sample)" in said[-1] and "then `sdc sample" in said[-2]

    judgement = small.get(judged(small, generation))
    assert judgement.summary["accepted"] == 12
    assert stale(small) == {"sample", "gen"}
    sampled = small.get(drawn(small, judgement))
    run = fitted(small, sampled)
    assert (run.hit, run.key == whole["train"].key) == (False, False)
    texts = {text for _, text, _ in rows_of(small.context, draws_of(small.context, sampled))[_draw(small, run)]}
    assert texts == {text for (text,) in small.rows(generation, "text", "status = 'ok'")}
    assert measured(small, whole["train"]).hit


def _draw(small: World, run: Outcome) -> str:
    return str(small.get(run).config["draw"])


def test_a_judgement_with_equal_verdicts_over_other_texts_does_not_keep_a_sample(
    small: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ScriptedEngine(yes_to(bool)).install(monkeypatch)
    generation = small.gen()
    judgement = judged(small, generation)
    sampled = drawn(small, small.get(judgement))
    write_others(small, monkeypatch)
    assert judged(small, generation).summary["accepted"] == judgement.summary["accepted"]
    again = drawn(small, small.get(judgement))
    assert (again.key, again.hit) == (sampled.key, False)
    assert stale(small) == set()


def test_putting_the_old_rows_back_makes_everything_fresh(
    small: World, whole: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_others(small, monkeypatch)
    for file in small.store.replies_folder.rglob("*"):
        file.unlink()
    ScriptedEngine(yes_to(some_of_them)).install(monkeypatch)
    forced(small).gen()
    assert stale(small) == set()
    assert judged(small, whole["gen"]).hit


def test_a_report_leaves_out_stale_evaluations_and_says_so(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    small = replace(small, context=replace(small.context, say=said.append))
    ScriptedEngine(right_but(small, {0: FAILED})).install(monkeypatch)
    run = asked(small)
    first = measured(small, run)
    other = measured(small, asked(small, option_order="shuffled"))
    ScriptedEngine(right_but(small, {})).install(monkeypatch)
    asked(small)
    rows = report.run(small.context, ReportConfig())
    assert [row.mean for row in rows if row.method == "icl"] == [other.summary["accuracy"]]
    assert any("1 run is not evaluated yet, 1 of them since they were made again" in line for line in said)
    with pytest.raises(StoreError, match=rf"eval {first.key[:12]} is stale.*`sdc eval {run.key[:12]}`"):
        lineage.refuse_stale(small.context, [small.get(first)])
    assert measured(small, run).summary["accuracy"] == 1.0
    assert 1.0 in [row.mean for row in report.run(small.context, ReportConfig()) if row.method == "icl"]


def test_a_retry_does_not_go_by_a_stale_evaluation(small: World, whole: dict[str, Any]) -> None:
    run = whole["train"].key
    config = TrainConfig(student=LinearConfig(), retry_failed=True)
    with small.store.open(write=True) as con:
        con.execute("update metrics set value = 1 where metric = 'failed_run'")
        assert run in {key for (key,) in con.execute("select run from metrics").fetchall()}
    assert run in runs.failed(small.store)
    artifact = small.store.get(run)
    assert artifact is not None
    small.store.put(artifact, {"runs": [], "outputs": []}, replace=True)
    assert run not in runs.failed(small.store)
    assert config.retry_failed


# -- while something is being made ------------------------------------------------------------------------------------


def test_what_is_made_while_its_input_is_replaced_is_stale(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    generation = small.gen()
    replaced: list[Artifact] = []

    def meanwhile(call: Call) -> Reply | str:
        if not replaced:
            names = ["idx", "text", "label", "source", "status", "lang", "task"]
            rows = [dict(zip(names, row, strict=True)) for row in small.rows(generation, ", ".join(names))]
            replaced.append(generation)
            small.store.put(generation, {"examples": [*rows, {**rows[-1], "idx": 999}]}, replace=True)
        return yes_to(bool)(call)

    ScriptedEngine(meanwhile).install(monkeypatch)
    judgement = judged(small, generation)
    assert replaced
    assert stale(small) == {"judge"}
    assert not judged(small, generation).hit
    assert judged(small, generation).key == judgement.key
    assert stale(small) == set()


def test_a_crash_while_rows_are_replaced_leaves_all_as_it_was(
    small: World, whole: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sdc.cache.store

    real = sdc.cache.store._insert

    def dies(con: Any, table: str, *rest: Any, **options: Any) -> None:
        if table == "artifacts":
            raise KeyboardInterrupt
        real(con, table, *rest, **options)

    before = small.store.query("select * from examples order by all")
    with monkeypatch.context() as patched:
        patched.setattr(sdc.cache.store, "_insert", dies)
        with pytest.raises(KeyboardInterrupt):
            write_others(small, patched)
    assert small.store.query("select * from examples order by all") == before
    assert stale(small) == set()
    assert judged(small, whole["gen"]).hit


def test_rows_that_are_not_those_that_were_drawn_are_refused(small: World, whole: dict[str, Any]) -> None:
    draws = draws_of(small.context, whole["sample"])
    with small.store.open(write=True) as con:  # a store from before draws were checked
        con.execute("update examples set text = text || 'x' where key = ?", [whole["gen"].key])
    with pytest.raises(StoreError, match=r"not those that were drawn.*run `sdc sample --force`"):
        rows_of(small.context, draws)


# -- a store of the version before ------------------------------------------------------------------------------------


def as_before(store: Store) -> None:
    """Takes from a store what only this version keeps."""
    with store.open(write=True) as con:
        con.execute("delete from made_from")
        con.execute("update artifacts set content = null")


def test_an_older_store_keeps_its_hits_until_something_is_replaced(
    small: World, whole: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_before(small.store)
    ScriptedEngine(never).install(monkeypatch)
    assert judged(small, whole["gen"]).hit and drawn(small, whole["judge"]).hit
    assert all(measured(small, whole[name]).hit for name in ("train", "icl"))
    forced(small).gen()  # equal rows, from the reply cache
    assert stale(small) == set()
    as_before(small.store)
    write_others(small, monkeypatch)
    assert stale(small) == {"judge", "sample", "gen"}
    assert not judged(small, whole["gen"]).hit


def test_what_is_made_from_older_artifacts_is_stale_when_they_are_replaced(
    small: World, whole: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_before(small.store)
    drawn(small, whole["judge"], source="seeds")
    write_others(small, monkeypatch)
    found = small.store.query("select distinct key from artifacts join stale using (key) where stage = 'sample'")
    assert len(found) == 2
