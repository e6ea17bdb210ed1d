"""Which results a report shows, and what its table says of them: filters, intervals, cells, as many human rows."""

from dataclasses import replace
from typing import Any

import pytest
from report_store import STUDENT, TEACHER, fill_evaluated

from sdc.errors import DataError
from sdc.pipelines import report
from sdc.pipelines.report import ReportConfig, formats, pivot
from sdc.pipelines.report.points import Point
from sdc.pipelines.report.selection import PointSelection
from sdc.pipelines.stage import Context


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Context:
    return fill_evaluated(tmp_path_factory.mktemp("shown") / "store.duckdb")


def shown(context: Context, **fields: tuple[str, ...]) -> list[Point]:
    selection: dict[str, Any] = fields
    return report.run(context, ReportConfig(selection=PointSelection(**selection)))


def test_filters_keep_what_results_are_held_against(filled: Context) -> None:
    said: list[str] = []
    rows = shown(replace(filled, say=said.append), method=("linear",), source=("human",))
    assert [(row.lang, row.method, row.source) for row in rows] == [
        (lang, *what)
        for lang in ("en", "sw", "te")
        for what in (("majority", None), ("icl", None), ("linear", "human"))
    ]
    assert "report: 12 of 21 results not shown, by --method, --source" in said
    assert {row.reference for row in rows if row.source} == {row.mean for row in rows if row.role == "generator"}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"model": (STUDENT,)}, [("te", "10,20"), ("te", "all")]),
        ({"method": ("finetune",), "size": ("20",)}, [("sw", "10,20"), ("te", "10,20")]),
        ({"strategy": ("balanced",), "generator": (TEACHER,), "method": ("icl",)}, [("te", "10,20"), ("te", "all")]),
    ],
)
def test_each_filter(filled: Context, fields: dict[str, tuple[str, ...]], found: list[tuple[str, str]]) -> None:
    assert [(row.lang, row.size) for row in shown(filled, **fields) if not row.role] == found


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"method": ("linaer",)}, "--method: no result has method linaer; did you mean 'linear'?"),
        ({"size": ("400",)}, "--size: no result has size 400; use one of 10, 20, all"),
        ({"method": ("finetune",), "source": ("human",)}, "no result has all of --method, --source; drop one"),
    ],
)
def test_filters_that_nothing_meets_say_what_there_is(
    filled: Context, fields: dict[str, tuple[str, ...]], message: str
) -> None:
    with pytest.raises(DataError, match=message.replace("?", r"\?")):
        shown(filled, **fields)


def test_a_table_has_no_column_that_says_nothing_and_no_word_of_one(filled: Context) -> None:
    every = report.run(filled, ReportConfig())
    table = formats.for_people(every, aggregated=False)
    assert "linear" in table.columns
    assert "; vs generator in points" in table.whole_title
    # Linear runs alone, without a generator: the column would repeat their means, and there is nothing to compare.
    alone = [replace(row, difference=None, difference_low=None, difference_high=None, linear=row.mean)
             for row in every if row.method == "linear"]  # fmt: skip
    table = formats.for_people(alone, aggregated=False)
    assert "linear" not in table.columns
    assert "vs generator" not in table.whole_title


def test_human_rows_stand_beside_as_many_others(filled: Context) -> None:
    rows = {(row.lang, row.method, row.source, row.rows): row for row in report.run(filled, ReportConfig())}
    found = {what: row.human_minus for what, row in rows.items() if row.human_minus is not None}
    assert {what: round(share, 4) for what, share in found.items()} == {
        ("en", "linear", "synthetic", 60): 0.1487, ("sw", "linear", "synthetic", 60): 0.15,
        ("te", "linear", "synthetic", 60): 0.15,
    }  # fmt: skip
    (mean,) = [
        row for row in report.run(filled, ReportConfig(by=("method", "source", "size")))
        if (row.method, row.source, row.size) == ("linear", "synthetic", "all")
    ]  # fmt: skip
    assert mean.human_minus == pytest.approx(sum(found.values()) / 3)


def table(context: Context, *by: str) -> tuple[formats.Table, list[dict[str, str]]]:
    made = formats.for_people(report.run(context, ReportConfig(by=by)), aggregated=bool(by))
    return made, [dict(zip(made.columns, row, strict=True)) for row in made.rows]


def test_a_column_has_one_kind_of_interval(filled: Context) -> None:
    made, rows = table(filled)
    for row in rows:
        several, one = row["95 %"] != "-", row["95 % of one run"] != "-"
        assert (several, one) == (row["n"] == "2", row["n"] == "1"), row
        assert (row["vs generator 95 %"] != "-") <= several
        assert (row["vs generator 95 % of one run"] != "-") <= one
    assert "95 % covers runs and test rows; 95 % of one run covers test rows" in made.whole_title


def test_means_over_fewer_cells_than_others_are_marked(filled: Context) -> None:
    made, rows = table(filled, "method", "source", "size")
    cells = {(row["method"], row["source"], row["size"]): row["cells"] for row in rows}
    assert cells["linear", "synthetic", "all"] == "3" and cells["finetune", "synthetic", "all"] == "2 of 3"
    assert cells["icl", "synthetic", "all"] == "1 of 3" and made.whole_title.endswith(
        "; N of M cells: other rows are over more"
    )
    wide = pivot.by_size(made)
    line = next(dict(zip(wide.columns, row, strict=True)) for row in wide.rows if "finetune" in row)
    assert line["all"].endswith("(2 of 3)")
    _, alone = table(filled, "task", "lang", "method", "source", "size")
    assert {row["cells"] for row in alone} == {"1"}
