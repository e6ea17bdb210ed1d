"""After how many texts a student has paid off: by hand, and unknown where a part was not measured."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report_store import Shelf, evaluate, put, put_run, put_sample, put_test

from sdc.cache.store import Store
from sdc.pipelines import report
from sdc.pipelines.report import ReportConfig, break_even
from sdc.pipelines.report.pay_off import PayOff, pay_off
from sdc.pipelines.stage import Context

TEACHER = "teacher"
_GEN = {"usage": {"calls": 5, "cached": 0, "seconds": 864.0, "cost": 9.0, "currency": "EUR"}}
_ASKED = {"rows": 70, "usage": {"calls": 70, "cached": 0, "cost": 0.7}}


def _took(shelf: Shelf, seconds: float, summary: dict[str, Any]) -> None:
    artifact, rows = shelf.items[-1]
    shelf.items[-1] = replace(artifact, summary=summary), {**rows, "runs": [{**rows["runs"][0], "seconds": seconds}]}


def _found(tmp_path: Path, *, fitted: dict[str, Any], asked: dict[str, Any]) -> tuple[Context, report.Found]:
    tmp_path.mkdir(exist_ok=True)
    shelf = Shelf(Store(tmp_path / "s.duckdb"))
    test = put_test(shelf, "te", "topic")
    written = put(shelf, "gen", "gen", "te", "topic", {"model": TEACHER, **_GEN})
    draws = put_sample(shelf, "te", "topic", "synthetic", written, {"10": 14})
    put_run(shelf, test, "te", "topic", method="icl", model=TEACHER, right=0.5, shots=0, reply="{name}")
    _took(shelf, 70.0, asked)
    for repeat in (0, 1):
        put_run(shelf, test, "te", "topic", method="finetune", model="m", right=0.8, draw=draws[f"14/{repeat}"],
                source="synthetic", num_rows=14)  # fmt: skip
        _took(shelf, 43.0, fitted)
    shelf.flush()
    context = Context(store=shelf.store)
    evaluate(context, ("te", "topic"))
    return context, report.find(context, ReportConfig())


def _paid(tmp_path: Path, price: float | None = None, *, fitted: dict[str, Any], asked: dict[str, Any]) -> PayOff:
    context, found = _found(tmp_path, fitted=fitted, asked=asked)
    points = [point for point in found.points if point.method == "finetune"]
    return pay_off(context.store, points, price_per_hour=price)


def test_by_time_and_by_money(tmp_path: Path) -> None:
    found = _paid(tmp_path, 3.6, fitted={"fit_seconds": 36.0, "test_rows": 70}, asked=_ASKED)
    # 864 s of writing and 36 of fitting; a text takes 1 s of the generator and 0.1 of the student.
    assert found.by_time == pytest.approx(1000)
    # 9 of writing and 0.036 of fitting; a text costs 0.01 there, and a tenth of a thousandth of 3.6 an hour here.
    assert found.by_money == pytest.approx((9 + 36 * 0.001) / (0.01 - 0.1 * 0.001))


def test_what_was_not_measured_is_not_guessed(tmp_path: Path) -> None:
    old = _paid(tmp_path / "old", fitted={"test_rows": 70}, asked=_ASKED)
    assert (old.by_time, old.by_money) == (None, None)  # an older sdc kept no time of the fit, and nothing has a price
    cached = _paid(
        tmp_path / "cached", fitted={"fit_seconds": 36.0, "test_rows": 70},
        asked={"rows": 70, "usage": {"calls": 60, "cached": 10, "cost": 0.6}},
    )  # fmt: skip
    assert cached.by_time is None  # ten answers came from the reply cache


def test_break_even_has_it(tmp_path: Path) -> None:
    context, found = _found(tmp_path, fitted={"fit_seconds": 36.0, "test_rows": 70}, asked=_ASKED)
    (record,) = break_even.run(found, store=context.store)
    assert (record["words"], record["texts_by_time"], record["texts_by_money"]) == ("at most 14", 1000, None)
