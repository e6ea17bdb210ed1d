"""The figures beyond the paper's, and its tables: their numbers."""

import statistics
from dataclasses import replace
from pathlib import Path

import pytest
from report_store import CROSSED, Shelf, evaluate, put, put_crossed, put_sample, put_test

from sdc.cache.store import Store
from sdc.pipelines import report
from sdc.pipelines.report import ReportConfig
from sdc.pipelines.report.curves import SCORE
from sdc.pipelines.report.figures import costs, forest, gaps, slope, strip, tables, variance
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.report.figures.plot import NotDrawn, Plot
from sdc.pipelines.report.statistics.break_even import texts_to_pay_off
from sdc.pipelines.stage import Context


def _records(made: Plot | NotDrawn, **wanted: object) -> list[dict[str, object]]:
    assert isinstance(made, Plot), made
    return [dict(r) for r in made.records if all(r[name] == value for name, value in wanted.items())]


def test_break_even_has_a_row_per_cell_and_student(material: Material) -> None:
    records = _records(forest.plot(material))
    assert len({r["cell"] for r in records}) == 5 and len({r["student"] for r in records}) == 4
    (here,) = [r for r in records if (r["cell"], r["student"]) == ("te/topic", "fine-tuning xlm-r-large")]
    (curve,) = [
        c for c in material.curves(task="topic", lang="te")
        if c.first.method == "finetune" and c.first.source == "synthetic"
    ]  # fmt: skip
    assert curve.break_even is not None
    assert here["in_words"] == curve.break_even.words(curve.break_even.even)


def test_costs_cross_where_the_student_has_paid_off(small: Context, material: Material) -> None:
    generator, *students = _records(costs.plot(small, material))
    assert generator["line"] == "generator" and generator["hours_before"] == 0
    (tuned,) = [r for r in students if r["line"] == "fine-tuning xlm-r-large, synthetic"]
    assert tuned["hours_before"] == pytest.approx(4 + 0.9 * 0.167)  # rows and training, as the simulated store has them
    per_text = [float(str(r["seconds_per_text"])) / 3600 for r in (generator, tuned)]
    pays_off = texts_to_pay_off(4 + 0.9 * 0.167, generator=per_text[0], student=per_text[1])
    assert tuned["pays_off_after_texts"] == pytest.approx(float(pays_off), abs=0.1)


def test_costs_that_nobody_measured_are_not_drawn(small: Context, material: Material) -> None:
    unknown = [replace(p, against=()) for p in material.found.points if p.role != "generator"]
    found = type(material.found)(points=unknown, resampled=material.found.resampled)
    assert isinstance(costs.plot(small, Material(found=found)), NotDrawn)


def test_cost_lines_that_lie_on_each_other_take_turns() -> None:
    def line(label: str, method: str, fixed: float) -> costs.CostLine:
        return costs.CostLine(label=label, method=method, fixed=fixed, per_text=0.01, pays_off=None)

    found = [costs.CostLine(label="generator", method="", fixed=0, per_text=0.1, pays_off=None)]
    found += [line(f"{method} {i}", method, fixed) for method, fixed in (("icl", 4), ("lora", 9)) for i in range(3)]
    paths = [layer["mark"] for layer in costs._chart(found)["layer"] if layer["mark"]["type"] == "line"]
    assert len({path["color"] for path in paths}) == 7
    assert "strokeDash" not in paths[0]
    turns = [([7, 14], -7 * turn) for turn in range(3)]
    for group in (paths[1:4], paths[4:]):
        assert [(path["strokeDash"], path["strokeDashOffset"]) for path in group] == turns


def test_the_gap_is_human_less_synthetic(material: Material) -> None:
    shown = _records(gaps.plot(material), panel="low-resource: te", line="fine-tuning")
    curves = {
        str(c.first.source): c for c in material.curves(group="low", quantity=SCORE) if c.first.method == "finetune"
    }
    expected = [
        100 * (human.mean - synthetic.mean)
        for human, synthetic in zip(curves["human"].points, curves["synthetic"].points, strict=True)
    ]
    assert [r["points"] for r in shown] == pytest.approx(expected, abs=1e-3)
    assert all(float(str(r["low"])) <= float(str(r["points"])) <= float(str(r["high"])) for r in shown)


def test_readers_are_compared_on_the_same_runs(small: Context, material: Material) -> None:
    records = _records(slope.plot(small, material), student="ICL llama-3-70b, zero-shot")
    assert [(r["reader"], r["runs"]) for r in records] == [("paper-code", 5), ("strict", 5)]
    strict = statistics.fmean(
        value for (value,) in small.store.query(
            """select value from metrics m join runs r on r.key = m.run where metric = 'accuracy' and reader = 'strict'
            and r.model = 'llama-3-70b'"""
        )
    )  # fmt: skip
    assert records[1]["percent"] == pytest.approx(100 * strict, abs=1e-3)


def test_failed_runs_are_counted_by_size(small: Context, material: Material) -> None:
    made = strip.plot(material)
    counted = sum(int(str(r["below_chance"])) for r in _records(made) if r["size"] == "10")
    expected = small.store.query(
        """select count(*) from metrics m join runs r on r.key = m.run join artifacts a on a.key = m.key
        where metric = 'failed_run' and value = 1 and r.status = 'ok' and r.source is not null
        and m.reader <> 'paper-code' and r.draw in (select draw from draws where size = '10')"""
    )
    assert counted == expected[0][0] > 0


def test_the_parts_of_the_variance_add_up(small: Context, material: Material) -> None:
    records = _records(variance.plot(small, material), student="ICL llama-3.1-8b, 2-shot, synthetic")
    first = records[:2]
    (curve,) = [
        c for c in material.curves(quantity=SCORE)
        if (c.first.method, c.first.model, c.first.source) == ("icl", "llama-3.1-8b", "synthetic")
    ]  # fmt: skip
    whole = statistics.fmean((p.std or 0) ** 2 for p in curve.points[0].points)
    assert sum(float(str(r["variance"])) for r in first) >= 1e4 * whole - 1e-3


def test_crossed_grids_are_shown_by_draw_and_initialisation(tmp_path: Path) -> None:
    shelf = Shelf(Store(tmp_path / "s.duckdb"))
    test = put_test(shelf, "te", "topic")
    draws = put_sample(shelf, "te", "topic", "synthetic", put(shelf, "gen", "gen", "te", "topic", {}), {"10": 14})
    put_crossed(shelf, test, "te", "topic", draws, CROSSED)
    shelf.flush()
    context = Context(store=shelf.store)
    evaluate(context, ("te", "topic"))
    made = variance.plot(context, Material(found=report.find(context, ReportConfig())))
    parts = {str(r["part"]): r["variance"] for r in _records(made, student="fine-tuning m, synthetic", rows=14)}
    # Rows are 70 80 70 and 30 40 30.
    assert parts == pytest.approx({"draw": 800, "initialisation": 100 / 3, "both together, and noise": 0}, rel=0.01)


def test_table_1_has_every_prompt_with_its_digests() -> None:
    table = tables.of_prompts().table
    assert [row[0] for row in table.rows] == ["generation", "sentiment", "topic", "intent", "sarcasm"]
    assert len({row[2] for row in table.rows}) == 5 and all(len(row[1]) == 12 for row in table.rows)
    assert "1) serious; 2) sarcastic" in table.rows[-1][-1]


def test_table_2_has_what_was_measured_beside_the_papers(small: Context, material: Material) -> None:
    rows = {row[:2]: row[2:] for row in tables.of_hours(small, material).table.rows}
    assert rows["generator", "llama-3-70b"] == ("15", "5", "-", "15")
    assert rows["fine-tuning", "xlm-r-large"][0] == "0.167"
