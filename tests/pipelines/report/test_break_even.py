"""`report break-even`: one record per curve, by panel, from a store that was filled by hand."""

import math

import pytest
from report_store import fill_evaluated

from sdc.errors import UsageError
from sdc.pipelines import report
from sdc.pipelines.report import Found, ReportConfig, break_even, panels


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    context = fill_evaluated(tmp_path_factory.mktemp("even") / "s.duckdb")
    return report.find(context, ReportConfig())


def test_rows_are_those_of_the_crossing(found: Found) -> None:
    (linear,) = [r for r in break_even.run(found, ("group",)) if r["method"] == "linear" and r["source"] == "synthetic"
                 and r["group"] == "low"]  # fmt: skip
    assert linear["even"] == pytest.approx(14 * (60 / 14) ** 0.75, abs=0.1)  # -15 points at 14 rows, 5 at 60
    assert linear["high"] == math.inf
    assert (linear["metric"], linear["runs"], linear["cells"], linear["first"], linear["last"]) == (
        "accuracy", 4, 1, 14, 60,
    )  # fmt: skip


def test_what_starts_above_says_at_most(found: Found) -> None:
    (icl,) = [r for r in break_even.run(found, ("task",)) if r["method"] == "icl"]
    assert (icl["task"], icl["even"], icl["words"]) == ("topic", 14, "at most 14")


def test_metrics_are_never_averaged(found: Found) -> None:
    records = break_even.run(found, ())
    assert {(r["metric"], r["cells"]) for r in records if r["method"] == "linear" and r["source"] == "synthetic"} == {
        ("accuracy", 2), ("macro_f1", 1),
    }  # fmt: skip


def test_only_parts_of_a_cell_can_be_kept_apart(found: Found) -> None:
    with pytest.raises(UsageError, match="cannot keep 'method' apart"):
        break_even.run(found, ("method",))


def test_a_table_leaves_out_what_nothing_stands_in(found: Found) -> None:
    records = break_even.run(found, ("lang",))
    table = panels.table(records, title="t")
    assert "cut" not in table.columns
    assert "never" in {cell for row in table.rows for cell in row}
    assert "never" in [record["high"] for record in panels.for_programs(records)]
