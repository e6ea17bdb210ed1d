"""eval: what is stored for a run, keys and hits, and bad runs."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from sdc.cache.key import digest
from sdc.cache.store import Artifact, Store
from sdc.cache.verify import verify
from sdc.cli.eval import evaluate
from sdc.errors import DataError, UsageError
from sdc.pipelines import cells, tasks
from sdc.pipelines import eval as stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.eval import EvalConfig
from sdc.pipelines.metrics import HEADLINES, METRICS
from sdc.pipelines.records import readings
from sdc.pipelines.stage import Context
from sdc.pipelines.tasks import languages

LANG, TASK = "en", "sentiment"
TEST = digest("test")
GOLD = [0, 1, 1, 0, 1]


def artifact(stage: str, key: str, **changes: Any) -> Artifact:
    return Artifact(
        **{"key": key, "stage": stage, "version": 1, "lang": LANG, "task": TASK, "config": {}, "inputs": (), **changes}
    )


def put_run(store: Store, name: str, outputs: list[Any], *, stage: str = "icl", **changes: Any) -> str:
    """A run whose outputs are replies, lists of scores, or missing rows (None)."""
    row = {
        "lang": LANG, "task": TASK, "method": "icl", "model": "m", "source": None, "draw": None, "num_rows": 0,
        "num_shots": 0, "setting": "s", "test_key": TEST, "status": "ok", **changes,
    }  # fmt: skip
    rows = [
        {"idx": 2 * i, "scores" if isinstance(said, list) else "reply": said}
        for i, said in enumerate(outputs) if said is not None
    ]  # fmt: skip
    store.put(artifact(stage, digest(name), inputs=(TEST,)), {"runs": [row], "outputs": rows})
    return digest(name)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    store = Store(tmp_path / "store.duckdb")
    rows = [
        {"idx": 2 * i, "lang": LANG, "task": TASK, "text": f"t{i}", "label": label, "source": "human", "split": "test",
         "status": "ok"}
        for i, label in enumerate(GOLD)
    ]  # fmt: skip
    bad = [{**rows[0], "idx": 1, "status": "empty"}, {**rows[0], "idx": 3, "status": "unlabelled", "label": None}]
    store.put(artifact("data", TEST, summary={"split": "test"}), {"examples": [*rows, *bad]})
    return Context(store=store)


def run(context: Context, *keys: str, reader: str = "auto") -> list[dict[str, Any]]:
    outcomes = stage.run(context, EvalConfig(reader=reader), pairs(context, *keys))
    return [{"key": outcome.key, "hit": outcome.hit, **outcome.summary} for outcome in outcomes]


def pairs(context: Context, *keys: str) -> list[tuple[Cell, Artifact]]:
    cell = Cell(language=languages.load(LANG), task=tasks.load(TASK))
    return [(cell, found) for found in context.store.resolve_many(keys)]


def stored(context: Context, key: str) -> dict[str, tuple[Any, ...]]:
    rows = context.store.query("select metric, run, reader, value, low, high from metrics where key = ?", [key])
    return {row[0]: row[1:] for row in rows}


PERFECT = ["negative", "positive", "positive", "negative", "positive"]


def test_metrics_of_replies(context: Context) -> None:
    key = put_run(context.store, "a", ["negative", "2", "maybe", "1) negative", "negative"])
    (found,) = run(context, key)
    assert (found["reader"], found["num_test"], found["accuracy"], found["unparsed_rate"]) == ("strict", 5, 0.6, 0.2)
    rows = stored(context, found["key"])
    assert rows.keys() == METRICS.keys()
    assert rows["accuracy"][:3] == (key, "strict", 0.6)
    assert rows["accuracy"][3] < 0.6 < rows["accuracy"][4]
    assert rows["majority_rate"][2] == 0.6
    assert rows["failed_run"][2] == 0.0


def test_scores_are_read_as_scores_whatever_is_asked(context: Context) -> None:
    key = put_run(context.store, "a", [[0.9, 0.1], [0.2, 0.8], [-3.0, -1.0], [0.5, 0.5], [float("-inf"), 1.0]])
    found = [run(context, key, reader=reader)[0] for reader in ("auto", "strict", "paper-code", "scores")]
    assert {(row["reader"], row["accuracy"]) for row in found} == {("scores", 1.0)}
    assert len({row["key"] for row in found}) == 1
    assert [row["hit"] for row in found] == [False, True, True, True]


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_row_with_a_score_that_is_no_number_is_unparsed(context: Context, score: float) -> None:
    (found,) = run(
        context, put_run(context.store, "a", [[0.9, 0.1], [0.2, 0.8], [-3.0, -1.0], [0.5, 0.5], [score, 1.0]])
    )
    assert (found["accuracy"], found["unparsed_rate"]) == (0.8, 0.2)


def test_paper_code_is_kept_beside_strict(context: Context) -> None:
    key = put_run(context.store, "a", ["1", "2", "2", "1", "2"])
    strict, script = (run(context, key, reader=reader)[0] for reader in ("strict", "paper-code"))
    assert (strict["accuracy"], script["accuracy"]) == (1.0, 0.0)
    assert strict["key"] != script["key"]
    rows = stored(context, script["key"])
    assert rows["macro_f1_paper_code"][2] == 0.0
    assert rows["failed_run"][2] == 1.0


def test_missing_answers_are_wrong_and_counted(context: Context) -> None:
    (found,) = run(context, put_run(context.store, "a", [*PERFECT[:4], None]))
    assert (found["accuracy"], found["no_answer"], found["unparsed_rate"]) == (0.8, 1, 0.2)


def test_failed_run_has_no_accuracy(context: Context) -> None:
    (found,) = run(context, put_run(context.store, "a", [], status="failed", reason="loss is NaN"))
    assert found["failed_run"] is True and found["reason"] == "loss is NaN"
    rows = stored(context, found["key"])
    assert rows.keys() == {"failed_run", *HEADLINES.values()}  # what the test alone says, and no more
    assert (rows["failed_run"][2], rows["majority_rate"][2]) == (1.0, 0.6)


def test_same_key_is_a_hit_and_force_computes_again(context: Context) -> None:
    keys = [put_run(context.store, "a", PERFECT), put_run(context.store, "b", PERFECT[::-1])]
    first, second = run(context, *keys), run(context, *reversed(keys))
    assert [row["key"] for row in first] == [row["key"] for row in reversed(second)]
    assert [row["hit"] for row in (*first, *second)] == [False, False, True, True]
    assert second[1]["accuracy"] == first[0]["accuracy"]
    again = run(Context(store=context.store, force=True), *keys)
    assert [(row["key"], row["hit"]) for row in again] == [(row["key"], False) for row in first]
    assert context.store.query("select count(*) from metrics")[0][0] == 2 * len(METRICS)


def _readings(context: Context) -> list[tuple[Any, ...]]:
    return context.store.query("select key, run, reader, labels from readings order by reader, run")


def test_the_labels_that_were_read_are_kept_a_byte_each(context: Context) -> None:
    replies = put_run(context.store, "a", ["negative", "2", "maybe", None, "negative"])
    failed = put_run(context.store, "b", [], status="failed", reason="loss is NaN")
    scored = put_run(context.store, "c", [[0.9, 0.1], [0.2, 0.8], [float("nan"), 1.0], [0.5, 0.5], None])
    keys = {row["run"]: row["key"] for row in run(context, replies, failed, scored)}
    assert _readings(context) == sorted(
        [
            (keys[replies[:12]], replies, "strict", b"\x00\x01\xff\xff\x00"),
            (keys[failed[:12]], failed, "strict", None),
            (keys[scored[:12]], scored, "scores", b"\x00\x01\xff\x00\xff"),
        ],
        key=lambda row: (row[2], row[1]),
    )
    found = readings.labels_of(context.store, list(keys.values()))
    assert {key: labels.tolist() for key, labels in found.items()} == {
        keys[replies[:12]]: [0, 1, -1, -1, 0],
        keys[scored[:12]]: [0, 1, -1, 0, -1],
    }
    assert [fault for fault in verify(context.store).faults if "readings" in fault] == []


def test_more_labels_than_a_byte_has_are_two_bytes_each(context: Context) -> None:
    task = tasks.from_mapping(
        {
            "name": TASK,
            "instruction": tasks.load(TASK).instruction,
            "labels": [{"name": f"label {n}"} for n in range(300)],
        },
        where="test",
    )
    key = put_run(context.store, "a", ["label 0", "label 255", "label 299", "?", "label 1"])
    cell = Cell(language=languages.load(LANG), task=task)
    (outcome,) = stage.run(context, EvalConfig(), [(cell, found) for _, found in pairs(context, key)])
    assert readings.labels_of(context.store, [outcome.key])[outcome.key].tolist() == [0, 255, 299, -1, 1]
    assert len(_readings(context)[0][3]) == 10
    assert [fault for fault in verify(context.store).faults if "readings" in fault] == []


def test_readings_that_are_not_of_their_test_are_a_fault(context: Context) -> None:
    (found,) = run(context, put_run(context.store, "a", PERFECT))
    with context.store.open(write=True) as con:
        con.execute("update readings set labels = '\\x00\\x01'::blob")
    assert any(
        f"1 readings of {found['key'][:12]} do not have a label" in fault for fault in verify(context.store).faults
    )


def test_an_evaluation_of_an_older_sdc_gets_its_readings_when_it_is_repeated(context: Context) -> None:
    keys = [put_run(context.store, name, PERFECT) for name in ("a", "b")]
    first = run(context, *keys)
    before = _readings(context), context.store.query("from metrics order by all")
    with context.store.open(write=True) as con:
        con.execute("delete from readings where key = ?", [first[0]["key"]])
    assert readings.lacking(context.store, [row["key"] for row in first]) == {first[0]["key"]}
    assert stage.there(context, stage.plan(context, EvalConfig(), pairs(context, *keys))) == {first[1]["key"]}
    again = run(context, *keys)
    assert [row["hit"] for row in again] == [False, True]
    assert (_readings(context), context.store.query("from metrics order by all")) == before
    assert [row["hit"] for row in run(context, *keys)] == [True, True]
    assert not any("stale" in fault for fault in verify(context.store).faults)


def test_outputs_in_any_order_are_those_of_their_rows(context: Context) -> None:
    good, mixed = put_run(context.store, "a", PERFECT), put_run(context.store, "b", PERFECT)
    with context.store.open(write=True) as con:  # both runs mixed up, the last rows first, and rows of no test
        con.execute("create temp table kept as from run_outputs order by idx desc, run desc")
        con.execute("delete from run_outputs; insert into run_outputs from kept")
        con.execute("insert into run_outputs select no, 1, null, 'positive' from runs")
    found = run(context, good, mixed)
    assert [(row["accuracy"], row["no_answer"]) for row in found] == [(1.0, 0)] * 2


def test_a_new_alias_is_a_new_key_for_replies_only(context: Context) -> None:
    replies, scores = put_run(context.store, "a", PERFECT), put_run(context.store, "b", [[1.0, 0.0]] * 5)
    old = stage.plan(context, EvalConfig(), pairs(context, replies, scores))
    task = tasks.load(TASK)
    other = tasks.from_mapping(
        {"name": TASK, "instruction": task.instruction,
         "labels": [{"name": "negative", "aliases": ["bad"]}, {"name": "positive"}]},
        where="test",
    )  # fmt: skip
    cell = Cell(language=languages.load(LANG), task=other)
    new = stage.plan(context, EvalConfig(), [(cell, found) for _, found in pairs(context, replies, scores)])
    assert [a.key == b.key for a, b in zip(old, new, strict=True)] == [False, True]


def test_scores_of_replies_are_refused(context: Context) -> None:
    said: list[str] = []
    reply, scored = put_run(context.store, "a", PERFECT), put_run(context.store, "b", [[1.0, 0.0]] * 5)
    with pytest.raises(UsageError, match="none of these runs has scores"):
        run(context, reply, reader="scores")
    found = run(Context(store=context.store, say=said.append), reply, scored, reader="scores")
    assert len(found) == 1
    assert said == ["eval: left out 1 run with replies and no scores"]


def test_likelihoods_are_calibrated_and_others_read_as_before(context: Context) -> None:
    rows = [[-1.0, -3.0], [-1.0, -1.2], [-1.0, -1.1], [-1.0, -4.0], [-1.0, -1.3]]
    prompted = put_run(context.store, "prompted", rows, decoding="scores")
    trained = put_run(context.store, "trained", rows, stage="train", method="linear")
    plain = run(context, prompted, trained)
    found = run(context, prompted, trained, reader="scores-calibrated")
    assert [row["reader"] for row in found] == ["scores-calibrated", "scores"]
    assert [row["accuracy"] for row in plain] == [2 / 5, 2 / 5]
    assert [row["accuracy"] for row in found] == [1.0, 2 / 5]
    assert found[0]["key"] != plain[0]["key"]
    assert found[1]["key"] == plain[1]["key"]


def test_likelihoods_per_token_need_the_tokens_that_the_run_kept(context: Context) -> None:
    said: list[str] = []
    context = replace(context, say=said.append)
    rows = [[-2.0, -3.0]] * 5
    counted = put_run(context.store, "counted", rows, decoding="scores", details='{"label_tokens": [2, 4]}')
    unknown = put_run(context.store, "unknown", rows, decoding="scores", details='{"label_tokens": null}')
    older = put_run(context.store, "older", rows, decoding="scores")
    (found,) = run(context, counted, unknown, older, reader="scores-per-token")
    assert (found["accuracy"], run(context, counted)[0]["accuracy"]) == (3 / 5, 2 / 5)
    assert said == ["eval: left out 2 runs without the number of tokens of each label"]
    with pytest.raises(UsageError, match=r"1 run without the number of tokens.*--force"):
        run(context, older, reader="scores-per-token")
    failed = put_run(context.store, "failed", [], decoding="scores", status="failed", reason="no answer")
    assert run(context, failed, reader="scores-per-token")[0]["failed_run"]


def test_bad_input(context: Context) -> None:
    with pytest.raises(UsageError, match="unknown reader 'lenient'"):
        EvalConfig(reader="lenient")
    with pytest.raises(DataError, match=r"test data .* has no labelled row"):
        run(context, put_run(context.store, "a", PERFECT, test_key=digest("gone")))
    context.store.put(artifact("train", digest("bare")), {})
    with pytest.raises(DataError, match="has no record"):
        run(context, digest("bare"))
    with pytest.raises(DataError, match=r"no runs of te/topic.*sdc train --lang te --task topic"):
        stage.find_runs(context, cells.expand(context.store, ["te"], ["topic"])[0])


def test_find_runs_takes_the_newest_sample_and_the_newest_test(context: Context) -> None:
    store = context.store
    draws = [
        {"draw": name, "lang": LANG, "task": TASK, "source": "synthetic", "strategy": "balanced", "size": "10",
         "repeat": 0, "num_rows": 10, "example_key": "g", "members": [0]} for name in ("d1", "d2", "d3")
    ]  # fmt: skip
    store.put(artifact("sample", digest("old")), {"draws": draws[:2]})
    store.put(artifact("sample", digest("new")), {"draws": draws[1:]})
    store.put(artifact("sample", digest("human")), {"draws": [{**draws[0], "draw": "d4", "source": "human"}]})
    put_run(store, "other test", PERFECT, draw="d2", test_key=digest("other"))
    keys = {draw: put_run(store, f"on {draw}", PERFECT, draw=draw) for draw in ("d1", "d2", "d4")}
    zero = put_run(store, "zero-shot", PERFECT)
    found = {run.key for run in stage.find_runs(context, pairs(context, zero)[0][0])}
    assert found == {keys["d2"], keys["d4"], zero}


def test_command_line(context: Context) -> None:
    app = typer.Typer()
    app.command()(evaluate)
    keys = [put_run(context.store, name, PERFECT) for name in ("a", "b")]
    where = ["--store", str(context.store.path)]
    piped = CliRunner().invoke(app, ["-", *where], input="\n".join(key[:12] for key in keys))
    assert piped.exit_code == 0, piped.output
    by_cell = CliRunner().invoke(app, ["--lang", LANG, "--task", TASK, *where])
    assert sorted(piped.stdout.split()) == sorted(by_cell.stdout.split())
    assert "2 runs, 2 already there" in by_cell.stderr
    dry = CliRunner().invoke(app, [*keys, "--dry-run", "--reader", "paper-code", *where])
    assert (dry.stdout, "2 of 2 artifacts to make" in dry.stderr) == ("", True)


def test_a_hit_imports_nothing_heavy(context: Context) -> None:
    key = put_run(context.store, "a", PERFECT)
    run(context, key)
    code = (
        "import sys, typer; from sdc.cli.eval import evaluate; app = typer.Typer(); app.command()(evaluate)\n"
        "try: app()\n"
        "except SystemExit: print([m for m in ('numpy', 'torch', 'pandas', 'pyarrow') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, key, "--store", str(context.store.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "1 already there" in done.stderr
    assert done.stdout.endswith("[]\n")
