"""report: a small store filled by hand, its golden reports, and what must stand beside a result."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from report_store import (
    EVERY,
    STUDENT,
    TEACHER,
    Shelf,
    evaluate,
    fill,
    fill_evaluated,
    put,
    put_run,
    put_sample,
    put_test,
)

from sdc.cache.key import digest
from sdc.cache.store import Store
from sdc.cli import reported
from sdc.errors import DataError, UsageError
from sdc.pipelines import report
from sdc.pipelines.report import ReportConfig, audit, by, formats, pivot
from sdc.pipelines.report import points as report_points
from sdc.pipelines.report.latex import as_latex
from sdc.pipelines.report.points import Point
from sdc.pipelines.report.result import RunResult
from sdc.pipelines.stage import Context

GOLDEN = Path(__file__).parent.parent.parent / "golden"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Context:
    context = fill_evaluated(tmp_path_factory.mktemp("report") / "store.duckdb")
    evaluate(context, *EVERY, reader="paper-code")
    return context


def only(rows: Sequence[Point], /, **wanted: Any) -> Point:
    found = [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]
    assert len(found) == 1, found
    return found[0]


def check_golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("SDC_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8"), f"set SDC_UPDATE_GOLDEN=1 to accept the new {name}"


# -- golden -------------------------------------------------------------------------------------------------------


def test_golden(filled: Context, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = report.run(filled, ReportConfig())
    table = formats.for_people(rows, aggregated=False)
    check_golden("report.md", formats.markdown(table))
    check_golden("report.tex", as_latex(table))
    check_golden("report.csv", formats.as_csv(formats.records(rows)))
    check_golden("report.json", formats.as_json(formats.records(rows)))
    check_golden("report_wide.md", formats.markdown(pivot.by_size(table)))
    drawn = []
    for width in (80, 100, 120, 160, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        for shown in (table, pivot.by_size(table, spread=width > 80)):
            reported.show(shown, "table")
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= width
        drawn += [f"{width} columns", *(line.rstrip() for line in lines)]
    check_golden("report.txt", "\n".join(drawn) + "\n")


def test_golden_by_group(filled: Context) -> None:
    rows = report.run(filled, ReportConfig(by=("group", "method", "source", "size")))
    check_golden("report_by.md", formats.markdown(formats.for_people(rows, aggregated=True)))


def test_golden_audit(filled: Context) -> None:
    check_golden("report_audit.md", formats.markdown(audit.run(filled, wanted=[("te", "topic")])))


def test_csv_and_json_say_the_same(filled: Context) -> None:
    records = formats.records(report.run(filled, ReportConfig()))
    from_json = json.loads(formats.as_json(records))
    from_csv = list(csv.DictReader(io.StringIO(formats.as_csv(records))))
    assert [{n: "" if v is None else str(v) for n, v in row.items()} for row in from_json] == from_csv


# -- what a row says ----------------------------------------------------------------------------------------------


def test_b10_sizes_with_the_same_rows_are_one_row(filled: Context) -> None:
    rows = report.run(filled, ReportConfig(), wanted=[("te", "topic")])
    assert [(r.size, r.rows) for r in rows if r.method == "finetune"] == [("10,20", 14), ("all", 60)]
    # The released script writes one result file per nominal size, and each of the two has 14 rows.
    to_choose = {size: max(2, int(size / 7)) * 7 for size in (10, 20)}
    assert to_choose == {10: 14, 20: 14}
    by_size = report.run(
        filled, ReportConfig(by=("lang", "task", "method", "source", "size")), wanted=[("te", "topic")]
    )
    assert [(r.size, r.rows) for r in by_size if r.method == "finetune"] == [("10,20", 14), ("all", 60)]


def _record(name: str, size: str, value: float, **changed: Any) -> RunResult:
    record = RunResult(
        eval_key=name, run=name, lang="te", task="topic", method="linear", model="m", source="human", sizes=(size,),
        rows=14, shots=None, decoding=None, setting="s", model_identity=None, reader="scores", authors=(),
        metric="accuracy", value=value, low=0.0, high=1.0, majority=0.25, below_chance=False,
    )  # fmt: skip
    return replace(record, **changed)


def test_a_generator_is_the_model_that_wrote_the_rows_not_one_of_the_same_name() -> None:
    asked = {"method": "icl", "model": "llm", "source": None, "rows": None, "shots": 0}
    records = [
        _record("old", "", 0.9, **asked, model_identity="1", setting="old"),
        _record("new", "", 0.7, **asked, model_identity="2", setting="new"),
        _record("a", "10", 0.8, source="synthetic", authors=(("llm", "2"),)),
        _record("b", "10", 0.8, source="human"),
    ]
    rows = {row.source: row for row in report_points.build(records, ["a", "b"])}
    assert rows["synthetic"].reference == 0.7
    assert rows["human"].reference == 0.7  # nobody wrote it: the very model that wrote the cell's synthetic rows


def test_b10_other_draws_with_the_same_rows_are_repeats_of_the_same_row() -> None:
    _, row = report_points.build([_record("a", "20", 0.5), _record("b", "10", 0.3)], ["a", "b"])
    assert (row.size, row.rows, row.n, row.mean) == ("10,20", 14, 2, 0.4)


def test_a_generator_without_a_name_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    shelf = Shelf(Store(tmp_path / "store.duckdb"))
    test = put_test(shelf, "te", "topic")
    gen = put(shelf, "gen", "imported", "te", "topic", {})
    for draw in put_sample(shelf, "te", "topic", "synthetic", gen, {"all": 60}).values():
        put_run(shelf, test, "te", "topic", method="linear", right=0.5, draw=draw, source="synthetic", num_rows=60)
    shelf.flush()
    context = Context(store=shelf.store, say=said.append)
    evaluate(context, ("te", "topic"))
    assert [row.reference for row in report.run(context, ReportConfig())] == [None, None]
    assert said == ["report: the synthetic rows do not say which model wrote them; name it with --reference"]


def test_references_stand_beside_every_result(filled: Context) -> None:
    rows = report.run(filled, ReportConfig(), wanted=[("te", "topic")])
    assert [(row.role, row.method) for row in rows[:2]] == [("majority", "majority"), ("generator", "icl")]
    generator = only(rows, role="generator")
    assert (generator.model, generator.difference) == (TEACHER, None)
    assert all(row.majority == pytest.approx(rows[0].mean) for row in rows)
    student = only(rows, method="finetune", rows=14)
    linear = only(rows, method="linear", rows=14)
    assert student.linear == linear.mean
    assert student.difference == pytest.approx((student.mean or 0) - (generator.mean or 0))
    human = only(rows, source="human")
    assert human.difference is not None  # held against the cell's generator, though nobody wrote it
    assert human.linear == human.mean


def test_failed_runs_are_counted_and_not_averaged(filled: Context) -> None:
    rows = report.run(filled, ReportConfig(), wanted=[("te", "topic")])
    broken = only(rows, method="finetune", rows=60)
    assert (broken.n, broken.failed, broken.below_chance) == (1, 1, 0)
    assert broken.mean == pytest.approx(0.8)
    assert broken.std is None
    assert broken.low is not None and broken.low < 0.8 < (broken.high or 0)
    # A run below chance is a result: leaving it out would flatter the method.
    collapsed = only(rows, method="finetune", rows=14)
    assert (collapsed.n, collapsed.failed, collapsed.below_chance) == (2, 0, 1)
    assert collapsed.mean == pytest.approx((0.1 + 0.6) / 2, abs=0.02)


def test_b7_a_collapsed_run_is_named_beside_the_table(filled: Context) -> None:
    said: list[str] = []
    report.run(replace(filled, say=said.append), ReportConfig(), wanted=[("te", "topic")])
    named = [line for line in said if "below chance" in line]
    assert named == [
        "report: of 15 runs 1 broke off (in no mean), 1 is below chance; see `sdc report failed`;"
        " `--retry-failed` of `sdc train` fits them again",
    ]


def test_a_task_is_reported_in_its_own_metric(filled: Context) -> None:
    rows = report.run(filled, ReportConfig())
    assert {row.task: row.metric for row in rows} == {"topic": "accuracy", "sarcasm": "macro_f1"}
    asked = report.run(filled, ReportConfig(metric="macro_f1"))
    assert {row.metric for row in asked} == {"macro_f1"}
    assert only(rows, task="sarcasm", role="majority").mean == only(asked, task="sarcasm", role="majority").mean


def test_generator_can_be_named(filled: Context) -> None:
    said: list[str] = []
    context = Context(store=filled.store, say=said.append)
    rows = report.run(context, ReportConfig(generator=STUDENT), wanted=[("te", "topic")])
    assert all(row.difference is None for row in rows)
    assert "no zero-shot run of student & co" in said[0]
    assert "`sdc icl --lang te --task topic --model 'student & co' --shots 0`" in said[0]


def test_reader_changes_what_replies_are_worth(filled: Context) -> None:
    strict = report.run(filled, ReportConfig(), wanted=[("te", "topic")])
    as_script = report.run(filled, ReportConfig(reader="paper-code"), wanted=[("te", "topic")])
    one, other = (only(rows, method="icl", shots=2, rows=14).mean or 0 for rows in (strict, as_script))
    assert one == pytest.approx(0.9)
    assert other < one - 0.2  # B1: "2" is travel to the student and class 2 to the script
    linear = [only(rows, method="linear", source="human").mean for rows in (strict, as_script)]
    assert linear[0] == linear[1]


def test_keys_choose_what_is_shown_and_references_stay(filled: Context) -> None:
    key = next(
        key for key, in filled.store.query(
            "select m.key from metrics m join runs r on r.key = m.run where r.method = 'finetune' and r.lang = 'te' "
            "and m.metric = 'accuracy' and r.num_rows = 60"
        )
    )  # fmt: skip
    rows = report.run(filled, ReportConfig(), evals=[filled.store.resolve(key, stages=("eval",))])
    assert [row.method for row in rows] == ["majority", "finetune"]
    assert rows[1].difference == pytest.approx(0.2, abs=0.02)
    assert rows[1].linear is not None


def test_by_averages_over_cells_and_says_over_how_many(filled: Context) -> None:
    rows = report.run(filled, ReportConfig())
    task_means = [
        row.mean or 0 for row in rows if row.method == "linear" and row.source == "human" and row.task == "topic"
    ]
    row = only(by.aggregate(rows, ["task"]), task="topic", method="linear", source="human", size="all")
    assert (row.cells, row.lang, row.n) == (2, None, 4)
    assert row.mean == pytest.approx(sum(task_means) / 2)
    everything = by.aggregate(rows, ["method"])
    assert only(everything, role="majority").cells == 3
    assert only(everything, role="majority").metric == "accuracy, macro_f1"
    assert {row.group for row in by.aggregate(rows, ["lang"])} == {"low", "medium", "high"}


def test_a_cell_counts_once_however_many_rows_it_has() -> None:
    def row(lang: str, mean: float, rows: int) -> Point:
        return Point(task="t", lang=lang, group="low", method="linear", model="m", source="human", size=str(rows),
                   rows=rows,
                   metric="accuracy", n=1, mean=mean)  # fmt: skip

    found = by.aggregate([row("te", 0.2, 1), row("te", 0.4, 2), row("az", 0.9, 1)], ["method"])
    assert found[0].mean == pytest.approx(0.6)
    assert (found[0].cells, found[0].rows) == (2, "1-2")


def test_special_characters_are_escaped(filled: Context) -> None:
    table = formats.Table(columns=("a_b", "%"), rows=(("x|y & 5 %", "-"), ("\\_{}#$~^<>", "±")), title="t")
    assert r"x\|y & 5 %" in formats.markdown(table)
    latex = as_latex(table)
    assert r"a\_b & \% \\" in latex
    assert r"\textbackslash{}\_\{\}\#\$\textasciitilde{}\textasciicircum{}\textless{}\textgreater{} & $\pm$ \\" in latex
    assert r"x\textbar{}y \& 5 \% & - \\" in latex


# -- what is reported at all --------------------------------------------------------------------------------------


def test_nothing_to_report(tmp_path: Path) -> None:
    context = Context(store=Store(tmp_path / "store.duckdb"))
    with pytest.raises(DataError, match=r"no runs to report.*sdc train"):
        report.run(context, ReportConfig())
    context = fill(tmp_path / "store.duckdb")
    with pytest.raises(DataError, match="none is evaluated; run `sdc eval --lang te --task topic`"):
        report.run(context, ReportConfig(), wanted=[("te", "topic")])
    with pytest.raises(DataError, match=r"no runs to report.*--lang az --task topic"):
        report.run(context, ReportConfig(), wanted=[("az", "topic")])
    evaluate(context, ("te", "topic"))
    with pytest.raises(DataError, match="none is evaluated; run `sdc eval --lang en --task sarcasm`"):
        report.run(context, ReportConfig(), wanted=[("en", "sarcasm")])


def test_audit_without_replies(filled: Context) -> None:
    with pytest.raises(DataError, match="--decoding generate"):
        audit.run(filled, wanted=[("az", "topic")])


@pytest.mark.parametrize("wrong", [{"by": ("size", "colour")}, {"metric": "f2"}, {"reader": "lenient"}])
def test_bad_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        ReportConfig(**wrong)


def test_only_the_newest_sample_is_reported_and_missing_evals_are_said(tmp_path: Path) -> None:
    said: list[str] = []
    context = Context(store=(store := fill(tmp_path / "store.duckdb").store), say=said.append)
    evaluate(context, ("te", "topic"))
    gen = store.find("gen", lang="te", task="topic")[0].key
    shelf = Shelf(store)
    draws = put_sample(shelf, "te", "topic", "synthetic", gen, {"10": 14, "50": 49})
    test = digest(["data", "test", "te", "topic"])
    shelf.gold[test] = [0] * 70
    for name, draw in draws.items():
        if name.startswith("49"):
            put_run(
                shelf,
                test,
                "te",
                "topic",
                method="linear",
                model="tfidf",
                right=0.5,
                draw=draw,
                source="synthetic",
                num_rows=49,
            )
    shelf.flush()
    said.clear()
    rows = report.run(context, ReportConfig(), wanted=[("te", "topic")])
    shown = {(r.size, r.rows) for r in rows if r.source == "synthetic"}
    assert shown == {("10", 14)}  # `all` and "20" are only in the older sample, 49 rows are not evaluated
    assert said[:2] == [
        "report: 6 runs are left out (6 on an older sample); --all takes them, too",
        "report: 2 runs are not evaluated yet, run `sdc eval` for them",
    ]
    old = [a for a in store.find("sample", lang="te", task="topic") if a.summary["source"] == "synthetic"][-1]
    store.touch([old.key])
    rows = report.run(context, ReportConfig(), wanted=[("te", "topic")])
    assert {(r.size, r.rows) for r in rows if r.source == "synthetic"} == {("10,20", 14), ("all", 60)}


def test_order_of_sizes() -> None:
    assert sorted(["all", "100", "20"], key=report_points.size_order) == ["20", "100", "all"]


def test_imports_nothing_heavy(filled: Context) -> None:
    code = (
        "import sys, typer; from sdc.cli.report import report; app = typer.Typer(); app.command()(report)\n"
        "try: app()\n"
        "except SystemExit: print([m for m in ('torch', 'pandas', 'pyarrow', 'sklearn', 'scipy.stats') "
        "if m in sys.modules], file=sys.stderr)"
    )

    command = [sys.executable, "-c", code, "--store", str(filled.store.path)]
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stderr.endswith("\n[]\n")
    assert "teacher_70b" in done.stdout


def test_a_narrow_terminal_keeps_the_group_that_tells_means_apart(
    filled: Context, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    rows = report.run(filled, ReportConfig(by=("group", "method", "source")))
    reported.show(formats.for_people(rows, aggregated=True), "table")
    shown = capsys.readouterr().out
    assert re.search(r"^ +group ", shown, re.M) and "without" in shown
