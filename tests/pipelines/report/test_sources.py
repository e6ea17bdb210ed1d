"""Students on several kinds of rows: no figure, claim or comparison averages them, and none of them vanishes."""

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report_store import TEACHER, Shelf, evaluate, fill_evaluated, put, put_run, put_sample, put_test

from sdc.cache.store import Store
from sdc.pipelines import report
from sdc.pipelines.report import Found, ReportConfig, failed, gap
from sdc.pipelines.report.claims import claim, formats
from sdc.pipelines.report.claims.check import CheckedClaim, check
from sdc.pipelines.report.claims.claim import Claim
from sdc.pipelines.report.figures import bars, forest, lines, strip, tables
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.report.figures.plot import Plot
from sdc.pipelines.report.result import PARTS, Result
from sdc.pipelines.report.selection import PointSelection
from sdc.pipelines.stage import Context

Invoke = Callable[..., Any]
#: Method -> kind of rows -> what it gets right of ten; the generator gets 6.
_RIGHT = {
    "linear": {"synthetic": 0.5, "seeds+synthetic": 0.8},
    "probe": {"synthetic": 0.7, "seeds+synthetic": 0.9},
}
_ROWS = {"synthetic": 28, "seeds+synthetic": 28}


def _fill(path: Path, kinds: tuple[str, ...]) -> Context:
    shelf = Shelf(Store(path))
    test = put_test(shelf, "te", "topic")
    written = put(shelf, "gen", "gen", "te", "topic", {"model": TEACHER})
    put_run(shelf, test, "te", "topic", method="icl", model=TEACHER, right=0.6, shots=0, reply="{name}")
    for kind in kinds:
        draws = put_sample(shelf, "te", "topic", kind, written, {"all": _ROWS[kind]})
        for method, right in _RIGHT.items():
            for draw in draws.values() if kind in right else ():
                put_run(shelf, test, "te", "topic", method=method, right=right[kind], draw=draw, source=kind,
                        num_rows=_ROWS[kind])  # fmt: skip
    shelf.flush()
    context = Context(store=shelf.store)
    evaluate(context, ("te", "topic"))
    return context


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return _fill(Path(tmp_path_factory.mktemp("sources")) / "s.duckdb", ("synthetic", "seeds+synthetic"))


def _material(context: Context) -> Material:
    return Material(found=report.find(context, ReportConfig()))


def test_figure_1_is_of_purely_synthetic_rows(two: Context) -> None:
    made = bars.plot(_material(two))
    assert isinstance(made, Plot)
    assert {r["way"]: (r["percent"], r["n"]) for r in made.records} == {
        "generator": (60, 1), "linear": (50, 2), "probe": (70, 2),
    }  # fmt: skip


def test_strategies_have_a_bar_each(two: Context) -> None:
    found = report.find(two, ReportConfig())
    other = [
        replace(point, source="synthetic", strategy="coverage") if point.source == "seeds+synthetic" else point
        for point in found.points
        if (point.method, point.source) != ("probe", "seeds+synthetic")
    ]
    made = bars.plot(Material(found=replace(found, points=other)))
    assert isinstance(made, Plot)
    assert {r["way"]: r["percent"] for r in made.records} == {
        "generator": 60, "linear balanced": 50, "linear coverage": 80, "probe": 70,
    }  # fmt: skip


def test_break_even_has_every_source(two: Context) -> None:
    made = forest.plot(_material(two))
    assert isinstance(made, Plot)
    assert {str(r["student"]): r["break_even"] for r in made.records} == {
        "linear m seeds+synthetic": 28, "linear m synthetic": None, "probe m seeds+synthetic": 28,
        "probe m synthetic": 28,
    }  # fmt: skip


def _contrast(context: Context, *, against: PointSelection, source: tuple[str, ...]) -> CheckedClaim:
    about = Claim(
        id="c", where="", text="", statistic="contrast", low=5, high=math.inf, against=against,
        about=PointSelection(method=("probe",), source=source),
    )  # fmt: skip
    (found,) = check(context.store, report.find(context, ReportConfig()), [about])
    return found


def test_what_a_claim_is_held_against_keeps_what_it_does_not_name(two: Context) -> None:
    linear = PointSelection(method=("linear",))
    for source, points in (("synthetic", 20), ("seeds+synthetic", 10)):
        found = _contrast(two, against=linear, source=(source,))
        assert found.interval is not None
        assert found.interval.estimate == pytest.approx(points)
        assert found.mixed is None


def test_rows_of_another_source_are_no_substitute(tmp_path: Path) -> None:
    context = _fill(tmp_path / "s.duckdb", ("synthetic",))
    seeds = PointSelection(method=("linear",), source=("seeds+synthetic",))
    assert _contrast(context, against=seeds, source=("synthetic",)).verdict == "not run"
    prompted = _contrast(context, against=PointSelection(method=("icl",), shots=(0,)), source=("synthetic",))
    assert prompted.interval is not None
    assert prompted.interval.estimate == pytest.approx(10)  # what has no rows is held against any


@pytest.mark.parametrize(
    ("expected", "says"),
    [("[5, inf]", "at least 5.0"), ("[-inf, 0]", "at most 0"), ("[5, 6]", "5.0..6.0"), ("inf", "never")],
)
def test_an_open_end_of_a_claim_is_said_in_words(tmp_path: Path, expected: str, says: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(f'[[claims]]\nid = "c"\nstatistic = "score"\nexpected = {expected}\n', "utf-8")
    (about,) = claim.load(path)
    assert formats.table([CheckedClaim(claim=about, verdict="not run")]).rows[0][3] == says


def test_a_copy_of_a_store_differs_in_nothing(invoke: Invoke, two: Context, tmp_path: Path) -> None:
    copy = shutil.copy(two.store.path, tmp_path / "copy.duckdb")
    beside = two.store.path.with_suffix(".d")
    if beside.exists():
        shutil.copytree(beside, tmp_path / "copy.d")
    done = invoke("report", "compare", str(two.store.path), str(copy), "--format", "csv")
    assert done.exit_code == 0, done.output
    header, *rows = (line.split(",") for line in done.stdout.splitlines())
    records = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(r["method"], r["source"], r["difference"], r["runs"]) for r in records if r["source"]] == [
        (method, source, "0.0", "2") for method in ("linear", "probe") for source in ("seeds+synthetic", "synthetic")
    ]


def test_stores_with_other_sources_are_paired_by_source(invoke: Invoke, two: Context, tmp_path: Path) -> None:
    other = _fill(tmp_path / "s.duckdb", ("synthetic",)).store.path
    done = invoke("report", "compare", str(two.store.path), str(other), "--format", "csv")
    assert done.exit_code == 0, done.output
    assert "seeds+synthetic" not in done.stdout
    assert "linear,m,,synthetic" in done.stdout


def test_a_command_that_is_typed_as_a_flag_is_named(invoke: Invoke) -> None:
    done = invoke("report", "--compare", "a", "b")
    assert done.exit_code == 2
    assert "write `sdc report compare ...`" in done.stderr


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Context, Found]:
    context = fill_evaluated(Path(tmp_path_factory.mktemp("whole")) / "s.duckdb")
    return context, report.find(context, ReportConfig())


@pytest.mark.parametrize("name", [name for name in PARTS["source"] if name != "source"])
def test_rows_that_differ_in_anything_are_never_averaged_nor_added_up(whole: tuple[Context, Found], name: str) -> None:
    context, found = whole
    changed: dict[str, Any] = {name: "another"}
    other = [replace(point, **changed) for point in found.points if point.source == "synthetic"]
    both = replace(found, points=[*found.points, *other])
    for stage, number in ((gap, "human_minus_synthetic"), (failed, "rate")):
        once, twice = (stage.run(each, ("task",)) for each in (found, both))
        synthetic = [each for each in once if each["source"] == "synthetic"]
        assert len(twice) == len(once) + len(synthetic)
        of_other = [each for each in twice if each[name] == "another"]
        assert [(each["runs"], each[number]) for each in of_other] == [(e["runs"], e[number]) for e in synthetic]
    one, two = (strip._records(Material(found=each)) for each in (found, both))
    assert len(two) == len(one) + sum(1 for each in one if ", synthetic" in str(each["student"]))
    (hours,) = [row for row in tables.of_hours(context, Material(found=both)).table.rows if row[0] == "fine-tuning"]
    assert hours[-2].startswith("2 ")


@pytest.mark.parametrize("name", [name for part in ("method", "source") for name in PARTS[part]])
def test_students_that_differ_in_anything_have_names_of_their_own(name: str) -> None:
    changed: dict[str, Any] = {name: 7 if name in ("shots", "version") else "another"}
    one = Result(method="icl", model="m", shots=2, source="synthetic")
    assert len(set(lines.students([one, replace(one, **changed)]))) == 2
    assert lines.students([one, Result(method="icl", model="m", shots=0)]) == [
        "ICL m, 2-shot, synthetic",
        "ICL m, zero-shot",
    ]
