"""Intervals of points: over runs and test rows, paired with the generator, translations of a sentence together."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from report_store import TEACHER, Shelf, evaluate, fill, put, put_run, put_sample, put_test, seed_last

from sdc.cache.store import Store
from sdc.pipelines import report
from sdc.pipelines.records import readings
from sdc.pipelines.report import ReportConfig
from sdc.pipelines.report.compare import compared
from sdc.pipelines.report.contrasts import contrast
from sdc.pipelines.report.points import Point
from sdc.pipelines.report.resampled import SEED
from sdc.pipelines.report.result import RunResult
from sdc.pipelines.report.statistics import resampling
from sdc.pipelines.stage import Context

LANGS = ("te", "sw", "ro")


def _parallel(path: Path, *, ids: bool, apart: float = 0.0) -> Context:
    """Three languages in which a student is right on the same sentences; its runs on two draws may lie apart."""
    shelf = Shelf(Store(path))
    for lang in LANGS:
        test = put_test(shelf, lang, "topic", ids=ids)
        gen = put(shelf, "gen", "gen", lang, "topic", {"model": TEACHER})
        put_run(shelf, test, lang, "topic", method="icl", model=TEACHER, right=0.5, shots=0, reply="{name}")
        for repeat, draw in enumerate(put_sample(shelf, lang, "topic", "synthetic", gen, {"10": 14}).values()):
            right = 0.6 + apart * repeat
            about = {"draw": draw, "source": "synthetic", "num_rows": 14}
            put_run(shelf, test, lang, "topic", method="linear", right=right, **about)  # type: ignore[arg-type]
    shelf.flush()
    context = Context(store=shelf.store)
    evaluate(context, *((lang, "topic") for lang in LANGS))
    return context


def _linear(context: Context, **config: tuple[str, ...]) -> list[Point]:
    return [row for row in report.run(context, ReportConfig(**config)) if row.method == "linear"]  # type: ignore[arg-type]


def test_an_interval_is_that_of_the_stored_readings(tmp_path: Path) -> None:
    context = _parallel(tmp_path / "s.duckdb", ids=False, apart=0.01)
    point = next(row for row in _linear(context) if row.lang == "te")
    read = readings.labels_of(context.store, [member.eval_key for member in (*point.members, *point.against)])
    gold = np.array([0 if i % 2 else (i // 2) % 7 for i in range(70)])
    test = point.members[0].test_key
    times = resampling.resample({test: range(70)}, test=test, seed=SEED)[test]

    def scores(members: Sequence[RunResult]) -> resampling.Scores:
        right = np.stack([read[member.eval_key] == gold for member in members])
        return resampling.accuracy(right, times, repeats=[member.repeat for member in members])

    mean = resampling.replicates({"te/topic synthetic": scores(point.members)}, seed=SEED).interval()
    paired = scores(point.members).minus(scores(point.against))
    difference = resampling.replicates({"te/topic synthetic": paired}, seed=SEED).interval()
    assert (point.low, point.high) == pytest.approx((max(0, mean.low), min(1, mean.high)), rel=1e-6)
    assert point.covers == mean.covers == "runs and test rows"
    assert point.mean == pytest.approx(mean.estimate)
    assert (point.difference_low, point.difference_high) == pytest.approx((difference.low, difference.high), rel=1e-6)
    assert point.difference == pytest.approx(difference.estimate)


def test_translations_of_a_sentence_are_drawn_together_and_other_tests_apart(tmp_path: Path) -> None:
    (together,) = _linear(_parallel(tmp_path / "a.duckdb", ids=True), by=("method", "source", "size"))
    (apart,) = _linear(_parallel(tmp_path / "b.duckdb", ids=False), by=("method", "source", "size"))
    assert together.mean == apart.mean
    widths = [(point.high or 0) - (point.low or 0) for point in (together, apart)]
    assert widths[0] / widths[1] == pytest.approx(3**0.5, abs=0.3)  # three equal languages say no more than one


def test_another_language_changes_no_interval(tmp_path: Path) -> None:
    context = _parallel(tmp_path / "s.duckdb", ids=True)
    alone = report.run(context, ReportConfig(), wanted=[("te", "topic")])
    assert alone == [row for row in report.run(context, ReportConfig()) if row.lang == "te"]


def test_a_run_that_answers_with_one_label_has_collapsed(tmp_path: Path) -> None:
    shelf = Shelf(Store(tmp_path / "s.duckdb"))
    test = put_test(shelf, "te", "topic")
    put_run(shelf, test, "te", "topic", method="icl", model="m", right=0.5, shots=0, reply="{name}")
    put_run(shelf, test, "te", "topic", method="icl", model="other", right=0.5, shots=0, reply="politics")
    shelf.flush()
    context = Context(store=shelf.store)
    evaluate(context, ("te", "topic"))
    assert {row.model: row.collapsed for row in report.run(context, ReportConfig())} == {None: 0, "m": 0, "other": 1}


def test_without_readings_an_interval_is_over_runs_and_says_so(tmp_path: Path) -> None:
    context = fill(tmp_path / "s.duckdb")
    evaluate(context, ("te", "topic"))
    with context.store.open(write=True) as con:
        con.execute("delete from readings")
    (row,) = (row for row in _linear(context) if row.source == "synthetic" and row.rows == 14)
    assert row.covers == "runs"
    assert row.difference_low is None


def test_several_runs_of_the_generator_are_paired_with_no_draw(tmp_path: Path) -> None:
    shelf = Shelf(Store(tmp_path / "s.duckdb"))
    test = put_test(shelf, "te", "topic")
    gen = put(shelf, "gen", "gen", "te", "topic", {"model": TEACHER})
    for number, right in enumerate((0.3, 0.5, 0.7)):
        put_run(shelf, test, "te", "topic", method="icl", model=TEACHER, right=right, shots=0, reply="{name}")
        seed_last(shelf, number)
    draws = put_sample(shelf, "te", "topic", "synthetic", gen, {"10": 14}).values()
    for right, draw in zip((0.7, 0.8), draws, strict=True):
        put_run(
            shelf, test, "te", "topic", method="linear", right=right, draw=draw, source="synthetic", num_rows=14
        )  # fmt: skip
    shelf.flush()
    context = Context(store=shelf.store)
    evaluate(context, ("te", "topic"))
    found = report.find(context, ReportConfig())
    (point,) = (point for point in found.points if point.method == "linear")
    (reference,) = (point for point in found.points if point.method == "icl")
    assert reference.n == 3
    assert point.difference == pytest.approx(0.25, abs=0.01)
    whole = contrast(found.resampled, [(point, (reference,))])
    assert whole is not None
    apart = whole.interval()
    assert (apart.estimate, apart.low, apart.high) == pytest.approx(
        (point.difference, point.difference_low, point.difference_high)
    )
    assert apart.low < 0 < 0.5 < apart.high  # three runs that lie 20 points apart say little


def test_several_runs_on_one_draw_are_held_against_others_as_a_whole(tmp_path: Path) -> None:
    shelf = Shelf(Store(tmp_path / "s.duckdb"))
    test = put_test(shelf, "te", "topic")
    gen = put(shelf, "gen", "gen", "te", "topic", {"model": TEACHER})
    draws = put_sample(shelf, "te", "topic", "synthetic", gen, {"10": 14}).values()
    for number, draw in enumerate(draws):
        about = {"draw": draw, "source": "synthetic", "num_rows": 14}
        put_run(shelf, test, "te", "topic", method="linear", right=0.6, **about)  # type: ignore[arg-type]
        for right in (0.3, 0.7):
            put_run(shelf, test, "te", "topic", method="finetune", right=right, **about)  # type: ignore[arg-type]
            seed_last(shelf, round(10 * right) + number)
    shelf.flush()
    context = Context(store=shelf.store)
    evaluate(context, ("te", "topic"))
    found = report.find(context, ReportConfig())
    one, other = (next(p for p in found.points if p.method == method) for method in ("finetune", "linear"))
    assert (one.n, other.n) == (4, 2)
    held = compared(context, found.resampled, [(one, other)])
    assert held is not None
    assert (held["draws"], held["runs"], held["runs_b"]) == ("others", 4, 2)
    assert held["difference"] == pytest.approx(100 * ((one.mean or 0) - (other.mean or 0)), abs=0.1)
