"""After how many texts a student has paid off: by hand, and unknown where a part was not measured."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report_store import Shelf, evaluate, put, put_run, put_sample, put_test

from sdc.cache.store import Store
from sdc.pipelines import report
from sdc.pipelines.records.runs import seconds_of
from sdc.pipelines.report import ReportConfig, break_even, costs
from sdc.pipelines.report.figures import costs as b2
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.report.figures.plot import Plot
from sdc.pipelines.report.page import practice
from sdc.pipelines.report.pay_off import PayOff, pay_off, taken
from sdc.pipelines.stage import Context

TEACHER = "teacher"
_GEN = {"ok": 14, "usage": {"calls": 5, "cached": 0, "seconds": 864.0, "cost": 9.0, "currency": "EUR"}}
_FITTED = {"fit_seconds": 36.0, "test_rows": 70}
_ASKED = {"rows": 70, "usage": {"calls": 70, "cached": 0, "cost": 0.7}}


def _took(shelf: Shelf, seconds: float, summary: dict[str, Any], **details: Any) -> None:
    artifact, rows = shelf.items[-1]
    run = {**rows["runs"][0], "seconds": seconds}
    run["details"] = json.dumps(json.loads(run["details"]) | details)
    shelf.items[-1] = replace(artifact, summary=summary), {**rows, "runs": [run]}


def _found(
    tmp_path: Path, *, fitted: dict[str, Any], asked: dict[str, Any], written_ok: int = 14, source: str = "synthetic",
    method: str = "finetune", earlier: bool = False, **details: Any,
) -> tuple[Context, report.Found]:  # fmt: skip
    tmp_path.mkdir(exist_ok=True)
    shelf = Shelf(Store(tmp_path / "s.duckdb"))
    test = put_test(shelf, "te", "topic")
    written = put(shelf, "gen", "gen", "te", "topic", {"model": TEACHER, **_GEN, "ok": written_ok})
    if earlier:  # topped up: the rows of the first one are among those of the second
        before = put(shelf, "gen", "before", "te", "topic", {"model": TEACHER, **_GEN})
        shelf.items[-2] = replace(shelf.items[-2][0], inputs=(before,)), shelf.items[-2][1]
    draws = put_sample(shelf, "te", "topic", source, written, {"10": 14})
    put_run(shelf, test, "te", "topic", method="icl", model=TEACHER, right=0.5, shots=0, reply="{name}")
    _took(shelf, 70.0, asked)
    for repeat in (0, 1):
        put_run(shelf, test, "te", "topic", method=method, model="m", right=0.8, draw=draws[f"14/{repeat}"],
                source=source, num_rows=14)  # fmt: skip
        _took(shelf, 43.0, fitted, **details)
    shelf.flush()
    context = Context(store=shelf.store)
    evaluate(context, ("te", "topic"))
    return context, report.find(context, ReportConfig())


def _paid(
    tmp_path: Path, price: float | None = None, *, fitted: dict[str, Any] = _FITTED, asked: dict[str, Any] = _ASKED,
    **about: Any,
) -> PayOff:  # fmt: skip
    context, found = _found(tmp_path, fitted=fitted, asked=asked, **about)
    points = [point for point in found.points if point.model == "m"]
    return pay_off(taken(context.store, points), points, price_per_hour=price)


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


def test_rows_are_charged_by_the_share_that_is_used(tmp_path: Path) -> None:
    # 14 of 28 accepted rows: half of 864 s, and 36 of fitting, at 0.9 s a text.
    assert _paid(tmp_path / "half", written_ok=28).by_time == pytest.approx((432 + 36) / 0.9)
    # What tops up another generation has its rows, so its time as well.
    assert _paid(tmp_path / "twice", written_ok=28, earlier=True).by_time == pytest.approx((864 + 36) / 0.9)
    assert _paid(tmp_path / "seeds", source="seeds").by_time == pytest.approx(36 / 0.9)
    assert _paid(tmp_path / "human", source="human").by_time is None  # nobody measured the people


def test_a_probe_encodes_its_rows_and_every_text(tmp_path: Path) -> None:
    found = _paid(tmp_path / "measured", method="probe", encoded=84, encoding_seconds=42.0)
    assert found.by_time == pytest.approx((864 + 36 + 14 * 0.5) / (1 - 0.1 - 0.5))
    assert _paid(tmp_path / "unknown", method="probe", encoded=0, encoding_seconds=0.0).by_time is None


def test_costs_and_the_seconds_of_runs_have_encoding(tmp_path: Path) -> None:
    about: dict[str, Any] = {"method": "probe", "encoded": 84, "encoding_seconds": 42.0}
    context, found = _found(tmp_path, fitted=_FITTED, asked=_ASKED, **about)
    (probe,) = [record for record in costs.run(context.store) if record["method"] == "probe"]
    assert probe["hours"] == pytest.approx(42 / 3600)  # once, for both runs say it; the artifacts have no time here
    runs = [member.run for point in found.points if point.method == "probe" for member in point.members]
    assert list(seconds_of(context.store, runs).values()) == [pytest.approx(43 + 0.5 * (14 + 70))] * 2


def test_the_figure_says_the_same(tmp_path: Path) -> None:
    context, found = _found(tmp_path, fitted=_FITTED, asked=_ASKED)
    plot = b2.plot(context, Material(found=found))
    assert isinstance(plot, Plot)
    assert [record["pays_off_after_texts"] for record in plot.records] == [None, 1000]


def test_the_store_is_asked_once_for_all_students(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, found = _found(tmp_path, fitted=_FITTED, asked=_ASKED)
    points = [point for point in found.points if point.model == "m"]
    asked: list[str] = []
    query = Store.query

    def counted(self: Store, sql: str, *rest: Any) -> Any:
        asked.append(sql)
        return query(self, sql, *rest)

    monkeypatch.setattr(Store, "query", counted)
    (one,) = practice.of_points(context.store, points)
    num_of_one = len(asked)
    assert practice.of_points(context.store, points * 3) == [one] * 3
    assert len(asked) == 2 * num_of_one
    assert one.fit_s == 36
    assert one.pay_off.by_time == pytest.approx(1000)
