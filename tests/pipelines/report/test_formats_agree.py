"""All formats of a report have the same numbers; pandas reads CSV and JSON, and LaTeX takes its tables."""

import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from report_store import fill_evaluated

from sdc.pipelines import report
from sdc.pipelines.report import ReportConfig, formats
from sdc.pipelines.report.figures import tables
from sdc.pipelines.report.formats import Table
from sdc.pipelines.report.latex import as_latex
from sdc.pipelines.report.points import Point

_HEAD = r"\documentclass{article}\usepackage{booktabs,longtable}\usepackage[T1]{fontenc}\begin{document}\tiny"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Point]:
    context = fill_evaluated(tmp_path_factory.mktemp("agree") / "s.duckdb")
    return report.run(context, ReportConfig())


@pytest.fixture(scope="module")
def table(rows: list[Point]) -> Table:
    return formats.for_people(rows, aggregated=False)


def test_pandas_reads_csv_and_json_and_both_are_the_same(rows: list[Point]) -> None:
    pandas = pytest.importorskip("pandas")
    records = formats.records(rows)
    csv = pandas.read_csv(io.StringIO(formats.as_csv(records)))
    json = pandas.read_json(io.StringIO(formats.as_json(records)))
    assert list(csv.columns) == list(json.columns)
    for name in ("mean", "low", "high", "difference_points", "difference_points_low", "n", "failed"):
        pandas.testing.assert_series_equal(csv[name], json[name], check_dtype=False)
    assert csv["mean"].tolist() == [round(row.mean or 0, 6) for row in rows]


def _cells(lines: list[str], separator: str, marks: str) -> list[list[str]]:
    cells = [[re.sub(marks, r"\1", cell).strip() for cell in re.split(separator, line)] for line in lines]
    return [[cell for cell in row if cell] for row in cells]


def test_markdown_and_latex_have_the_numbers_of_the_table(table: Table) -> None:
    lines = [line for line in formats.markdown(table).splitlines() if line.startswith("| ")][1:]
    found = _cells([line.strip("| ") for line in lines], r"(?<!\\)\|", r"\\([^a-z])")
    assert found == [list(row) for row in table.rows]
    body = as_latex(table).split("\\midrule\n")[1].split("\\bottomrule")[0]
    found = _cells([line.removesuffix(r" \\") for line in body.splitlines()], r"(?<!\\)&", r"\\([^a-z])")
    assert found == [[cell.replace("±", r"$\pm$") for cell in row] for row in table.rows]


def test_latex_shows_dashes_and_quotes_one_by_one() -> None:
    body = as_latex(Table(columns=("a",), rows=(("the --- token, ``x''",),), title="")).splitlines()
    assert body[5] == r"the -{}-{}- token, `{}`x'{}' \\"


def test_latex_breaks_the_lines_of_long_texts() -> None:
    table = Table(columns=("a", "b", "c", "d"), rows=(("short", "x " * 25, "y " * 100, "1.5"),), title="")
    assert r"\begin{tabular}{lp{0.17\linewidth}p{0.33\linewidth}r}" in as_latex(table)
    table = Table(columns=("a",), rows=(("x" * 40,),), title="")
    assert r"\begin{tabular}{l}" in as_latex(table)


def _compiled(table: Table, folder: Path) -> str:
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("no LaTeX here: apt-get install texlive-latex-base")
    (folder / "t.tex").write_text(f"{_HEAD}\n{as_latex(table)}\n\\end{{document}}\n", "utf-8")
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (folder / "t.pdf").stat().st_size > 5000
    return done.stdout


@pytest.mark.slow
def test_latex_takes_the_table(table: Table, tmp_path: Path) -> None:
    _compiled(table, tmp_path)


@pytest.mark.slow
def test_latex_keeps_the_prompts_of_the_paper_on_the_page(tmp_path: Path) -> None:
    log = _compiled(tables.of_prompts().table, tmp_path)
    overfull = [float(width) for width in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\)", log)]
    assert max(overfull, default=0) < 30  # it was wider than three pages


@pytest.mark.slow
def test_latex_takes_a_table_of_many_pages(table: Table, tmp_path: Path) -> None:
    many = Table(columns=table.columns, rows=table.rows * 20, title=table.title)
    assert r"\begin{longtable}" in as_latex(many)
    _compiled(many, tmp_path)
