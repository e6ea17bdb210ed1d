"""`report compare` without names: which students are held against each other, at which size, as one family."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import paper_store
import pytest
from paper_claims import LLAMA, TFIDF, XLM_R
from report_store import EVERY, evaluate, fill

from sdc.pipelines import report
from sdc.pipelines.report import Found, ReportConfig, every_two
from sdc.pipelines.report.compare import run, side
from sdc.pipelines.report.statistics.paired import holm
from sdc.pipelines.stage import Context


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Context:
    grid = paper_store.PaperGrid(
        repeats=3, sizes=(10, 400), cells=(("te", "topic"), ("te", "sentiment"), ("en", "topic"), ("en", "sarcasm")),
        models=(XLM_R, LLAMA, TFIDF),
    )  # fmt: skip
    return paper_store.fill(Path(tmp_path_factory.mktemp("pairs")) / "s.duckdb", grid)


@pytest.fixture(scope="module")
def found(paper: Context) -> Found:
    return report.find(paper, ReportConfig())


@pytest.fixture(scope="module")
def records(paper: Context, found: Found) -> list[dict[str, Any]]:
    return every_two.run(paper, found)


def test_every_two_students_on_one_kind_of_rows_in_every_panel(records: list[dict[str, Any]]) -> None:
    of_panel = [r for r in records if (r["group"], r["metric"]) == ("low", "accuracy")]
    synthetic = [r["method"] for r in of_panel if r["source"] == "synthetic"]
    assert synthetic == ["finetune vs icl", "finetune vs linear", "finetune vs lora", "icl vs linear", "icl vs lora",
                         "linear vs lora"]  # fmt: skip
    assert [r["method"] for r in of_panel if r["source"] == "human"] == synthetic[:2] + synthetic[3:4]  # no LoRA there
    assert {(r["group"], r["metric"]) for r in records} == {
        ("low", "accuracy"), ("high", "accuracy"), ("high", "macro_f1")
    }  # fmt: skip


def test_a_pair_is_what_naming_both_gives(paper: Context, found: Found, records: list[dict[str, Any]]) -> None:
    named = run(paper, found, side("method=finetune,source=synthetic,group=low"), side("method=linear"), ("group",))
    (same,) = [r for r in named if r["size"] == "all"]
    (mine,) = [r for r in records if (r["group"], r["source"], r["method"]) == ("low", "synthetic", same["method"])]
    assert mine["cells"] == 2
    assert {**mine, "p_holm": None} == {**same, "p_holm": None}


def test_all_rows_are_one_family(records: list[dict[str, Any]]) -> None:
    assert len(records) == 27
    assert [r["p_holm"] for r in records] == pytest.approx(holm([r["p"] for r in records]), rel=0.1)


def test_several_results_on_the_same_rows_are_left_out_and_said(paper: Context, found: Found) -> None:
    twice = [replace(p, setting="another") for p in found.points if (p.method, p.lang) == ("linear", "en")]
    said: list[str] = []
    context = Context(store=paper.store, say=said.append)
    records = every_two.run(context, Found(points=[*found.points, *twice], resampled=found.resampled))
    assert [r["method"] for r in records if r["group"] == "high" and "linear" in r["method"]] == []
    what = "report compare: en/topic has several results of one student on the same rows, and is left out"
    assert said and set(said) == {what, what.replace("topic", "sarcasm")}


def test_the_size_is_the_largest_that_most_cells_have(tmp_path: Path) -> None:
    context = fill(tmp_path / "s.duckdb")
    evaluate(context, *EVERY)
    found = report.find(context, ReportConfig())
    kept = [p for p in found.points if not (p.lang == "sw" and p.method == "finetune" and p.size == "all")]
    (both,) = every_two.run(context, Found(points=[p for p in kept if p.method in ("finetune", "linear")],
                                           resampled=found.resampled), ("task",))  # fmt: skip
    assert (both["size"], both["cells"]) == ("10,20", 2)


def test_too_many_students_are_said_and_not_compared(
    paper: Context, found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(every_two, "_MOST", 4)
    said: list[str] = []
    records = every_two.run(Context(store=paper.store, say=said.append), found)
    assert said == [
        f"report compare: 7 students in {panel} are too many for every two: name two of them"
        for panel in ("high accuracy", "high macro_f1", "low accuracy")
    ]
    assert records == []
