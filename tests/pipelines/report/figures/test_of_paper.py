"""Figures 1 to 11: which lines and numbers they have, and what is said of those that cannot be drawn."""

import dataclasses
from pathlib import Path

import pytest
from report_store import EVERY, evaluate, fill

from sdc.pipelines import report
from sdc.pipelines.report import ReportConfig
from sdc.pipelines.report.curves import SCORE
from sdc.pipelines.report.figures import bars, of_paper
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.report.figures.plot import NotDrawn, Plot


def _records(made: Plot | NotDrawn, **wanted: object) -> list[dict[str, object]]:
    assert isinstance(made, Plot), made
    return [dict(r) for r in made.records if all(r[name] == value for name, value in wanted.items())]


def test_figure_2_has_a_panel_per_group_and_the_difference_of_every_student(material: Material) -> None:
    made = of_paper.groups(material, "Llama")
    records = _records(made)
    assert list(dict.fromkeys(r["panel"] for r in records)) == ["low-resource: te", "high-resource: de"]
    assert {r["line"] for r in records} == {"fine-tuning", "ICL", "LoRA", "linear", "zero-shot"}
    (curve,) = [
        c for c in material.curves(group="low") if c.first.method == "finetune" and c.first.source == "synthetic"
    ]
    shown = _records(made, panel="low-resource: te", line="fine-tuning")
    assert [r["points"] for r in shown] == [round(100 * point.mean, 3) for point in curve.points]
    assert [r["low"] for r in shown] == [round(100 * p.interval.low, 3) for p in curve.points if p.interval]
    assert isinstance(made, Plot)
    assert made.title == "Difference to the generator by number of synthetic rows: Llama"
    assert "fine-tuning: xlm-r-large" in " ".join(made.caption).lower()
    assert f"fine-tuning {shown[0]['points']:+.1f} at {shown[0]['rows']:.0f} rows" in made.says


def test_sizes_stop_where_cells_change_or_go_on_apart(material: Material) -> None:
    cut = _records(of_paper.groups(material, "Llama"), panel="low-resource: te", line="ICL")
    assert [(r["sizes"], r["cells"], r["apart"]) for r in cut] == [
        ("10", 2, False), ("50", 2, False), ("400", 2, False), ("all", 2, True)
    ]  # fmt: skip
    longer = dataclasses.replace(material, with_fewer_cells=True)
    whole = _records(of_paper.groups(longer, "Llama"), panel="low-resource: te", line="ICL")
    assert ("1000", 1, True) in [(r["sizes"], r["cells"], r["apart"]) for r in whole]


def test_bands_are_intervals_or_standard_deviations(material: Material) -> None:
    runs = dataclasses.replace(material, band="runs")
    first, *_ = _records(of_paper.groups(runs, "Llama"), panel="low-resource: te", line="fine-tuning")
    (curve,) = [
        c for c in material.curves(group="low") if c.first.method == "finetune" and c.first.source == "synthetic"
    ]
    assert curve.points[0].std_of_runs is not None
    assert first["high"] == pytest.approx(100 * (curve.points[0].mean + curve.points[0].std_of_runs), abs=1e-3)


def test_figure_3_has_a_row_per_task_and_figure_4_both_sources(material: Material) -> None:
    panels = {r["panel"] for r in _records(of_paper.tasks(material, "Llama"))}
    assert panels == {
        f"{task}, {group}" for task in ("topic", "sentiment") for group in ("low-resource: te", "high-resource: de")
    }
    lines = {r["line"] for r in _records(of_paper.sources(material, "Llama"))}
    assert lines == {f"{way} {source}" for way in ("fine-tuning", "ICL", "linear") for source in ("human", "synthetic")}


def test_figure_5_is_sarcasm_in_macro_f1(material: Material) -> None:
    made = of_paper.sarcasm(material)
    assert {r["panel"] for r in _records(made)} == {"llama-3.1-8b"}
    assert isinstance(made, Plot)
    assert "macro-F1" in made.title


def test_a_family_that_is_not_there_is_said(material: Material) -> None:
    made = of_paper.groups(material, "Gemma")
    assert made == NotDrawn(name="figure-6", why="no differences to a generator of a Gemma model")


def test_a_finding_takes_the_place_of_the_quantity(material: Material) -> None:
    said = dataclasses.replace(material, findings={"figure-2": "Students win"})
    made = of_paper.groups(said, "Llama")
    assert isinstance(made, Plot) and made.title == "Students win"


def test_figure_1_is_the_mean_over_all_cells(material: Material) -> None:
    by_way = {str(r["way"]): r for r in _records(bars.plot(material))}
    assert list(by_way) == ["generator", "prompting small LLMs", "fine-tuning", "ICL", "LoRA", "linear"]
    scores = [p.mean for p in material.found.points if p.role == "generator" and p.mean is not None]
    assert by_way["generator"]["percent"] == pytest.approx(100 * sum(scores) / len(scores), abs=1e-3)
    (tuned,) = [
        c for c in material.curves(quantity=SCORE, every_metric=True)
        if c.first.method == "finetune" and c.first.source == "synthetic"
    ]  # fmt: skip
    assert by_way["fine-tuning"]["percent"] == round(100 * tuned.points[-1].mean, 3)


def test_figure_1_is_of_all_rows_where_some_cells_have_more_sizes(material: Material) -> None:
    longer = dataclasses.replace(material, with_fewer_cells=True)
    assert _records(bars.plot(longer)) == _records(bars.plot(material))


def test_figure_1_names_students_that_have_no_run_on_all_rows(material: Material) -> None:
    whole = bars.plot(material)
    assert isinstance(whole, Plot)
    assert "without a run on all rows" not in " ".join(whole.caption).lower()
    points = [p for p in material.found.points if p.method != "finetune" or "all" not in (p.size or "")]
    made = bars.plot(Material(found=dataclasses.replace(material.found, points=points)))
    assert isinstance(made, Plot)
    assert made.caption[-1] == "Without a run on all rows, and so on the most it has: fine-tuning (50 rows)."


def test_other_models_than_the_papers_are_drawn_and_named(tmp_path: Path) -> None:
    context = fill(tmp_path / "s.duckdb")
    evaluate(context, *EVERY)
    material = Material(found=report.find(context, ReportConfig()))
    made = of_paper.groups(material, "Llama")
    assert {r["model"] for r in _records(made)} == {"m", "tfidf", "student & co"}
    assert isinstance(made, Plot)
    assert "student & co" in " ".join(made.caption) and made.title.endswith("synthetic rows")
