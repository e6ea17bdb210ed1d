"""Examples, draws and runs as `records` reads them: by status, source, verdict, hash and run."""

from collections.abc import Callable
from typing import Any

import pytest

from sdc.cache.store import Artifact, Store
from sdc.pipelines.records import draws, examples, judged, outputs, results, runs
from sdc.pipelines.stage import Context

_ROW = {"lang": "te", "task": "topic", "label": 0, "label_name": "zero"}


@pytest.fixture
def mixed(store: Store, make: Callable[..., Artifact]) -> Artifact:
    """Rows of every status, from both sources, in an order that is not that of their numbers."""
    made = make("gen")
    about = [
        ("human", "seed"), ("synthetic", "ok"), ("synthetic", "duplicate"), ("synthetic", "ok"), ("human", "ok"),
        ("human", "unlabelled"),
    ]  # fmt: skip
    rows = [
        {**_ROW, "idx": i, "text": f"text {i}", "source": source, "status": status, "split": "train"}
        for i, (source, status) in enumerate(about)
    ]
    store.put(made, {"examples": rows[::-1]})
    return made


def test_rows_of_an_artifact_by_source_and_status(store: Store, mixed: Artifact) -> None:
    key = mixed.key
    context = Context(store=store)
    assert examples.ok_rows(context, key, "synthetic") == [(1, "text 1", 0), (3, "text 3", 0)]
    assert examples.ok_rows(context, key, "human") == [(4, "text 4", 0)]
    assert examples.seed_rows(context, key) == [(0, "text 0", 0)]
    statuses = [status for _, _, status in examples.texts_and_statuses(store, key, source="synthetic")]
    assert statuses == ["ok", "duplicate", "ok"]
    assert examples.num_by_source(context, key, [0, 1, 3]) == {"human": 1, "synthetic": 2}


def test_whole_rows_have_every_column_but_the_key(store: Store, mixed: Artifact) -> None:
    rows = examples.whole_rows(Context(store=store), mixed.key)
    assert [row["idx"] for row in rows] == list(range(6))
    expected = {"idx": 2, "text": "text 2", "source": "synthetic", "status": "duplicate", "split": "train"}
    assert rows[2] == {**_ROW, **expected, "reason": None, "origin": None}


def test_human_texts_of_several_artifacts(store: Store, chain: dict[str, Artifact], mixed: Artifact) -> None:
    of_both = examples.human_texts(Context(store=store), [mixed.key, chain["test"].key])
    assert sorted(text for _, text in of_both) == ["text 4", "text 5", "x", "y"]
    assert ("train", "text 5") in of_both


def test_rows_with_their_verdicts(store: Store, chain: dict[str, Artifact]) -> None:
    found = judged.judged_rows(store, chain["judge"].key)
    assert [(row.example_key, row.idx, row.text, row.accepted, row.judged_by) for row in found] == [
        (chain["gen"].key, i, text, i < 2, "gate:copy") for i, text in enumerate("stu")
    ]
    accepted = examples.accepted_rows(Context(store=store), chain["judge"].key)
    assert [(idx, text) for idx, text, _ in accepted] == [(0, "s"), (1, "t")]
    assert [(task, lang, text) for task, lang, text, _ in judged.accepted_anywhere(store)] == [
        ("topic", "te", "s"),
        ("topic", "te", "t"),
    ]


def test_a_draw_by_its_hash(store: Store, chain: dict[str, Artifact]) -> None:
    (found,) = draws.by_hash(store, ["d1", "d2"])
    assert (found.draw, found.example_key, list(found.members)) == ("d1", chain["gen"].key, [1, 0])
    assert (found.human_key, found.human_members) == (None, ())
    drawn = draws.drawn_last(store, "d1")
    assert drawn is not None and (drawn.sample, drawn.strategy, drawn.draw) == (chain["sample"].key, "balanced", found)
    assert draws.drawn_last(store, "d2") is None


def test_a_draw_is_taken_from_the_sample_used_last(
    store: Store, chain: dict[str, Artifact], make: Callable[..., Artifact]
) -> None:
    again = make("sample", config={"sizes": "all"}, inputs=[chain["judge"].key])
    row: dict[str, Any] = {"draw": "d1", "lang": "te", "task": "topic", "source": "synthetic", "strategy": "random"}
    row |= {"size": "all", "repeat": 0, "num_rows": 2, "example_key": chain["gen"].key, "members": [1, 0]}
    store.put(again, {"draws": [row]})
    drawn = draws.drawn_last(store, "d1")
    assert drawn is not None and (drawn.sample, drawn.draw.size) == (again.key, "all")
    store.touch([chain["sample"].key])
    drawn = draws.drawn_last(store, "d1")
    assert drawn is not None and (drawn.sample, drawn.draw.size) == (chain["sample"].key, "10")
    assert len(draws.by_hash(store, ["d1"])) == 1


def test_what_a_run_said(store: Store, chain: dict[str, Artifact], make: Callable[..., Artifact]) -> None:
    found = outputs.answered_rows(store, chain["train"].key, test=chain["test"].key)
    assert [(row.text, row.scores, row.reply) for row in found] == [
        ("x", [0.25, 0.75], None),
        ("y", [0.25, 0.75], None),
    ]
    assert outputs.replies_of(store, [chain["train"].key]) == []  # scores are no replies
    wrote = make("icl", inputs=[chain["test"].key])
    run = {"lang": "te", "task": "topic", "method": "icl", "model": "m", "num_rows": 0, "num_shots": 0, "setting": "s"}
    said = [{"idx": 1, "reply": "one"}]
    store.put(wrote, {"runs": [{**run, "test_key": chain["test"].key, "status": "ok"}], "outputs": said})
    (replies,) = outputs.replies_of(store, [chain["train"].key, wrote.key])
    assert (replies.run, replies.model, sorted(map(str, replies.replies))) == (wrote.key, "m", ["None", "one"])
    assert len(replies.gold) == 2


def test_cells_with_runs_and_how_many_are_evaluated(store: Store, chain: dict[str, Artifact]) -> None:
    assert runs.cells_with_runs(store) == [("te", "topic")]
    assert runs.num_evaluated(store) == {("te", "topic"): (1, 1)}


def test_readings_and_origins(store: Store, chain: dict[str, Artifact]) -> None:
    (reading,) = results.readings(store, runs=[chain["train"].key], evals=[])
    assert (reading["eval_key"], reading["run"], reading["accuracy"]) == (chain["eval"].key, chain["train"].key, 0.5)
    assert reading["accuracy_low"] is None and reading["macro_f1"] is None and reading["test"] == chain["test"].short
    assert results.readings(store, runs=[], evals=[chain["eval"].key]) == [reading]
    (origin,) = results.origins(store, ["d1"])
    assert (origin["is_newest"], origin["size"], origin["strategy"]) == (True, "10", "balanced")
    assert (origin["generation"], origin["judgement"]) == (chain["gen"].key, chain["judge"].key)
