"""`report compare`: what A and B mean, equal draws, tests and their family, from stores with known differences."""

from pathlib import Path
from typing import Any

import paper_store
import pytest
from paper_claims import GEMMA, LLAMA, XLM_R
from report_store import TEACHER, evaluate, fill

from sdc.errors import UsageError
from sdc.pipelines import report
from sdc.pipelines.report import ReportConfig
from sdc.pipelines.report.compare import Side, run, side
from sdc.pipelines.report.statistics.paired import holm
from sdc.pipelines.stage import Context


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Context:
    grid = paper_store.PaperGrid(
        repeats=5, sizes=(10, 20, 400), cells=(("te", "topic"), ("sw", "topic")), models=(XLM_R, LLAMA, GEMMA)
    )
    return paper_store.fill(Path(tmp_path_factory.mktemp("compare")) / "s.duckdb", grid)


def _compare(context: Context, first: str, second: str, *by: str) -> list[dict[str, Any]]:
    return run(context, report.find(context, ReportConfig()), side(first), side(second), by)


def test_a_minus_b_is_the_difference_of_means_on_equal_draws(paper: Context) -> None:
    found = report.find(paper, ReportConfig())
    records = run(paper, found, side("method=finetune,source=synthetic"), side(f"method=icl,model={LLAMA}"), ("lang",))
    assert {record["draws"] for record in records} == {"equal"}
    assert [record["size"] for record in records if record["lang"] == "te"] == ["10,20", "400", "all"]
    at_400 = {
        point.method: point.mean or 0
        for point in found.points
        if (point.lang, point.source, point.size) == ("te", "synthetic", "400") and point.model in (XLM_R, LLAMA)
    }
    (record,) = [record for record in records if (record["lang"], record["size"]) == ("te", "400")]
    assert record["difference"] == pytest.approx(100 * (at_400["finetune"] - at_400["icl"]), abs=0.06)
    assert record["low"] < record["difference"] < record["high"]
    assert (record["runs"], record["runs_b"], record["cells"]) == (5, 5, 1)


def test_the_family_is_all_rows_of_the_table(paper: Context) -> None:
    records = _compare(paper, "method=finetune,source=synthetic", f"method=icl,model={GEMMA}", "lang")
    p_values = [record["p"] for record in records]
    assert [record["p_holm"] for record in records] == pytest.approx(holm(p_values), rel=0.1)
    assert min(p_values) > 0.06  # five repeats cannot say more


def test_a_few_rows_show_what_was_built_in(paper: Context) -> None:
    records = {record["size"]: record for record in _compare(paper, "method=finetune,source=human", "source=synthetic")}
    assert records["400"]["draws"] == "others"  # human and synthetic draws have nothing in common
    assert records["400"]["p"] is None
    assert records["400"]["low"] > 3  # 10 points


def test_two_single_runs_are_compared_row_by_row(paper: Context) -> None:
    (record,) = _compare(paper, f"method=icl,model={LLAMA},shots=0", f"method=icl,model={GEMMA},shots=0", "lang")[:1]
    assert (record["runs"], record["runs_b"], record["covers"]) == (1, 1, "test rows")
    assert 0 < record["p"] <= 1


def test_a_store_that_was_filled_by_hand(tmp_path: Path) -> None:
    context = fill(tmp_path / "s.duckdb")
    evaluate(context, ("te", "topic"))
    records = _compare(context, "method=linear,source=synthetic,size=all", f"method=icl,model={TEACHER},shots=0")
    assert [record["difference"] for record in records] == [5]  # 6 and 7 of ten rows against 6
    assert records[0]["p"] == 1  # of differences of 0 and 10 points


def test_several_results_are_never_averaged_without_a_word(paper: Context) -> None:
    with pytest.raises(UsageError, match="means several results in"):
        _compare(paper, "method=finetune,source=synthetic", "method=icl")


@pytest.mark.parametrize(
    ("text", "says"), [("lora", "says no results"), ("metod=icl", "did you mean 'method'"), ("shots=two", "says no")]
)
def test_what_is_no_side_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        side(text)


def test_sides_can_be_the_evaluations_of_experiments(paper: Context) -> None:
    found = report.find(paper, ReportConfig())
    points = [point for point in found.points if point.source == "synthetic" and point.method == "finetune"]
    evals = [
        frozenset(m.eval_key for p in points for m in p.members if m.repeat in some) for some in ((0, 1), (0, 1, 2))
    ]
    first, second = (Side(name=str(i), evals=keys) for i, keys in enumerate(evals))
    records = run(paper, found, first, second)
    assert {(record["runs"], record["runs_b"]) for record in records} == {(4, 6)}
    assert {record["difference"] for record in records} == {0}  # the repeats that both have are the same runs
