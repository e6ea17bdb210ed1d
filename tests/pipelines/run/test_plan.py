"""Which runs an experiment has: the paper's numbers by hand, the order, hits."""

from collections import Counter
from pathlib import Path

import pytest

from sdc.cache.store import Artifact, Store
from sdc.pipelines import run as experiments
from sdc.pipelines.run import file
from sdc.pipelines.run.estimate import Measured, between, expected, model_names
from sdc.pipelines.run.plan import ExperimentPlan
from sdc.pipelines.run.sites import Site
from sdc.pipelines.stage import Context

SMALL = """
name = "small"
[cells]
task = "topic"
lang = "te"
[data]
from = "bundled"
[sample]
source = "human"
sizes = ["10", "20", "50"]
repeats = 6
[[students]]
method = "finetune"
[[students]]
method = "linear"
[[baselines]]
method = "icl"
shots = 0
"""


def _plan(tmp_path: Path, text: str, *, make: bool = False) -> tuple[Context, ExperimentPlan]:
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    context = Context(store=Store(tmp_path / "store.duckdb"))
    experiment = file.load(str(path))
    if make:
        from sdc.pipelines.run import inputs

        inputs.made(context, experiment)
    return context, experiments.look(context, experiment)


#: Worked out by hand from appendix A: nominal sizes up to the task's own limit, as real rows (at least two per label),
#: 10 and 20 being one draw where there are seven labels or ten.
DISTINCT_SIZES = {"sentiment": 15, "topic": 19, "intent": 22, "sarcasm": 11}
ROWS = {"sentiment": 2272, "topic": 6349, "intent": 11650, "sarcasm": 972}
LANGUAGES, REPEATS, MODELS = 11, 20, 3


def test_the_paper_has_as_many_runs_as_a_hand_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDC_PAPER_DATA", str(tmp_path))
    context = Context(store=Store(tmp_path / "store.duckdb"))
    plan = experiments.look(context, file.load("paper"))
    draws = {task: sizes * REPEATS * (1 if task == "sarcasm" else LANGUAGES) for task, sizes in DISTINCT_SIZES.items()}
    of_one_source = sum(draws.values())
    assert of_one_source == 12_540
    lines = plan.experiment.lines
    counts = Counter((lines[run.line].method, lines[run.line].is_baseline) for run in plan.runs)
    assert counts == {
        ("finetune", False): 2 * of_one_source,  # both sources
        ("icl", False): 2 * MODELS * of_one_source,
        ("lora", False): MODELS * of_one_source,  # synthetic alone
        ("icl", True): (MODELS + 1) * (3 * LANGUAGES + 1),  # zero-shot: the generator, too
    }
    assert sum(counts.values()) == 137_940 + 136
    rows = dict.fromkeys(DISTINCT_SIZES, 0)
    for run in plan.runs:
        cell = plan.cells[run.cell].cell
        if lines[run.line].method == "finetune" and run.draw and run.draw.source == "human" and run.draw.repeat == 0:
            rows[cell.task.name] += run.draw.num_rows if cell.lang == "en" else 0
    assert rows == ROWS


def test_few_repeats_of_the_sizes_that_show_a_curve_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDC_PAPER_DATA", str(tmp_path))
    plan = experiments.look(Context(store=Store(tmp_path / "s")), file.load("paper"))
    waves = [run.wave for run in plan.runs]
    assert waves == sorted(waves)
    intent = [run for run in plan.runs if plan.cells[run.cell].cell.task.name == "intent" and run.line == 4]
    first = [run for run in intent if run.wave == 1 and plan.cells[run.cell].cell.lang == "te"]
    assert {(run.draw.num_rows, run.draw.repeat) for run in first if run.draw} == {
        (rows, repeat) for rows in (20, 50, 100, 400) for repeat in range(5)
    }
    assert len(first) / len([run for run in intent if plan.cells[run.cell].cell.lang == "te"]) < 0.06


def test_an_order_by_cell_or_student(tmp_path: Path) -> None:
    _, plan = _plan(tmp_path, SMALL + '[order]\nby = "student"\n')
    lines = [run.line for run in plan.runs]
    assert lines == sorted(lines)
    _, plan = _plan(tmp_path, SMALL.replace('"te"', '["te", "sw"]') + '[order]\nby = "cell"\n')
    cells = [run.cell for run in plan.runs]
    assert cells == sorted(cells)


def test_what_is_expected_is_what_is_planned_once_the_rows_are_there(tmp_path: Path) -> None:
    _, before = _plan(tmp_path, SMALL)
    _, after = _plan(tmp_path, SMALL, make=True)
    assert not before.is_certain
    assert after.is_certain
    assert Counter((run.line, run.wave) for run in before.runs) == Counter((run.line, run.wave) for run in after.runs)
    assert before.cells[0].missing == ["data", "sample human"]
    assert after.cells[0].missing == []


def test_a_plan_is_named_by_its_runs(tmp_path: Path) -> None:
    _, one = _plan(tmp_path, SMALL, make=True)
    _, same = _plan(tmp_path, SMALL)
    _, other = _plan(tmp_path, SMALL.replace("repeats = 6", "repeats = 5"), make=True)
    assert one.digest == same.digest != other.digest
    assert {run.key for run in other.runs} < {run.key for run in one.runs}


def test_what_it_takes_is_null_where_nothing_was_measured(tmp_path: Path) -> None:
    context, plan = _plan(tmp_path, SMALL, make=True)
    rows = expected(plan, set(), Measured(context.store, model_names(context, plan)), Site(price_per_hour=2.0))
    total = rows[-1]
    assert (total.runs, total.there, total.hours, total.cost, total.kg_co2e) == (len(plan.runs), 0, None, None, None)
    num_test = plan.cells[0].num_test
    assert num_test and total.outputs == num_test * len(plan.runs)
    assert sum(row.runs for row in rows[:-1]) == total.runs


def test_hours_of_a_probe_have_its_texts_read_once(tmp_path: Path) -> None:
    text = SMALL.replace('"finetune"', '"probe"')
    context, plan = _plan(tmp_path, text, make=True)
    probes = [run for run in plan.runs if plan.experiment.lines[run.line].method == "probe"]
    name = model_names(context, plan)(plan.experiment.lines[probes[0].line])
    details = '{"encoded": 100, "encoding_seconds": 50.0}'
    row = {"lang": "te", "task": "topic", "method": "probe", "model": name, "num_rows": 14, "setting": "s",
           "test_key": "t", "status": "ok", "seconds": 2.0, "details": details}  # fmt: skip
    artifact = Artifact(
        key="0" * 64, stage="train", version=1, lang="te", task="topic", config={"model": "m"}, inputs=(), summary={}
    )
    context.store.put_many([(artifact, {"runs": [row]})])
    read = {idx for run in probes if run.draw for idx in run.draw.members}
    assert plan.cells[0].num_test
    texts = plan.cells[0].num_test + len(read)
    measured = Measured(context.store, model_names(context, plan))
    waves = [row.hours for row in expected(plan, set(), measured, Site()) if row.line == "probe"]
    assert sum(hours or 0 for hours in waves) == pytest.approx((2.0 * len(probes) + 0.5 * texts) / 3600)
    there = {run.key for run in probes[:-1]}  # what these have read need not be read again
    seconds = measured.of_runs(plan, there)(probes[-1])
    last = probes[-1].draw
    assert last is not None and seconds is not None
    left = set(last.members) - {idx for run in probes[:-1] if run.draw for idx in run.draw.members}
    assert seconds == pytest.approx(2.0 + 0.5 * len(left))


def test_seconds_lie_on_the_line_between_two_sizes() -> None:
    assert between({10: (1.0, 0.1), 30: (3.0, 0.3)}, 15) == pytest.approx((1.5, 0.15))
    assert between({10: (1.0, None), 30: (3.0, 0.3)}, 5) == (1.0, None)
