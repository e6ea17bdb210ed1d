"""Files of figures: whole, offline, with words for who cannot see them and numbers beside them."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from sdc.cache import atomic
from sdc.errors import DataError, UsageError
from sdc.pipelines.report import Found
from sdc.pipelines.report.figures import FiguresConfig, draw, of_paper, panels, render, run, written
from sdc.pipelines.report.figures.extent import LinePanel, extent, y_ticks
from sdc.pipelines.report.figures.lines import LinePoint, StudentLine
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.report.figures.plot import Plot
from sdc.pipelines.report.figures.tables import NamedTable
from sdc.pipelines.report.formats import Table
from sdc.pipelines.stage import Context


@pytest.fixture(scope="module")
def plot(material: Material) -> Plot:
    made = of_paper.groups(material, "Llama")
    assert isinstance(made, Plot)
    return made


@pytest.fixture(scope="module")
def svg(plot: Plot) -> str:
    return render.svg(plot)


def test_the_svg_says_its_finding_and_needs_nothing_else(plot: Plot, svg: str) -> None:
    label = re.search(r'<svg role="img" aria-label="([^"]+)"', svg)
    assert label is not None and label[1].startswith("low-resource: te: fine-tuning ")
    assert f"<title>{plot.title}</title>" in svg
    assert not re.search(r'(href|src)="http', svg) and "<script" not in svg
    assert {*re.findall(r'font-family="([^"]+)"', svg)} == {"Noto Sans"}
    assert ">generator<" in svg and ">fine-tuning<" in svg


def test_bands_and_lines_stay_in_their_panel(plot: Plot) -> None:
    marks = [mark for mark in _marks(plot.spec()) if mark["type"] == "area" or mark.get("strokeWidth") == 2]
    assert len(marks) > 10
    assert all(mark["clip"] for mark in marks)


def _line(label: str, *ends: tuple[float, float]) -> StudentLine:
    points = tuple(
        LinePoint(rows=rows, sizes="", cells=1, n=1, failed=0, below_chance=0, mean=mean, low=None, high=None,
                  apart=False) for rows, mean in ends
    )  # fmt: skip
    return StudentLine(label=label, method="icl", model="m", source="synthetic", points=points)


def test_names_stand_where_the_lines_of_their_panel_end() -> None:
    row = [
        LinePanel(title=title, lines=(_line("ICL", (10, -5), (rows, 5)),)) for title, rows in (("a", 400), ("b", 2000))
    ]
    spec = panels.plot("figure-3", [row], title="t", caption=[], band="interval").spec()
    texts = [
        {(value["text"], value["x"]) for layer in panel["layer"] if layer["mark"]["type"] == "text"
         for value in layer["data"]["values"]} for panel in spec["vconcat"][0]["hconcat"]
    ]  # fmt: skip
    assert texts == [{("ICL", 400), ("generator", 400)}, {("ICL", 2000), ("generator", 2000)}]


def test_no_number_of_the_axis_stands_above_its_panel() -> None:
    """Vega moves a title up by what does: titles beside each other would be on two heights."""
    for highest in (19.2, 19.4, 20.0):
        shared = extent([LinePanel(title="a", lines=(_line("ICL", (10, 0), (20, highest)),))], zero="generator", y="y")
        assert (shared.top - y_ticks(shared)[-1]) / (shared.top - shared.bottom) > 0.035


def _marks(spec: Any) -> Iterator[dict[str, Any]]:
    if isinstance(spec, dict):
        if isinstance(spec.get("mark"), dict):
            yield spec["mark"]
        spec = list(spec.values())
    if isinstance(spec, list):
        for part in spec:
            yield from _marks(part)


def test_the_page_runs_no_script_and_has_the_numbers(plot: Plot, svg: str) -> None:
    page = render.page(plot, svg).decode()
    assert "default-src 'none'" in page and "<script" not in page and "vega" not in page.lower()
    assert page.count("<tr>") == len(plot.records) + 1 and "<h1>" in page


def test_names_from_data_cannot_act(plot: Plot) -> None:
    point = LinePoint(
        rows=10.0, sizes="10", cells=1, n=1, failed=0, below_chance=0, mean=1.0, low=None, high=None, apart=False
    )  # fmt: skip
    name = '"><script>alert(1)</script> \\input \x1b[31m'
    line = StudentLine(label=name, method="icl", model=name, source="synthetic", points=(point, point))
    panel = LinePanel(title=name, lines=(line,))
    made = panels.plot("figure-2", [[panel]], title=name, caption=[name], band="interval")
    drawn = render.svg(made)
    assert "<script" not in drawn and "&lt;script" in drawn and r"\input \x1b[31m" in drawn
    assert "<script" not in render.page(made, drawn).decode()
    ElementTree.fromstring(drawn)


def test_png_and_pdf_are_what_they_are_called(plot: Plot, svg: str) -> None:
    assert render.png(plot, svg).startswith(b"\x89PNG")
    pdf = render.pdf(plot, svg)
    assert pdf.startswith(b"%PDF") and b"NotoSans-Bold" in pdf and b"DejaVu" not in pdf


def test_every_figure_has_its_numbers_beside_it(plot: Plot, tmp_path: Path) -> None:
    files = written.plot(plot, tmp_path, ["svg"])
    assert [file.name for file in files] == ["figure-2.svg", "figure-2.csv"]
    rows = list(csv.DictReader(io.StringIO(files[1].read_text("utf-8"))))
    assert [float(row["points"]) for row in rows] == [record["points"] for record in plot.records]


def test_nothing_half_written_is_left(plot: Plot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "put", full)
    with pytest.raises(UsageError, match="no space left on device"):
        written.plot(plot, tmp_path, ["svg"])
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_drawn_is_said_and_the_rest_is(small: Context, found: Found, tmp_path: Path) -> None:
    said: list[str] = []
    context = Context(store=small.store, say=said.append)
    files = list(run(context, FiguresConfig(formats=("svg",), only=("1", "6", "table-1")), found, out=tmp_path / "new"))
    assert [file.name for file in files] == ["figure-1.svg", "figure-1.csv", "table-1.md", "table-1.csv", "table-1.tex"]
    assert said == ["report figures: figure-6 is not drawn: no differences to a generator of a Gemma model"]
    assert all(file.is_file() for file in files)


def test_nothing_at_all_is_an_error(small: Context, found: Found, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing of it can be drawn"):
        list(run(small, FiguresConfig(only=("figure-6",)), found, out=tmp_path))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"formats": ("gif",)}, "unknown format 'gif'"),
        ({"band": "all"}, "unknown band"),
        ({"only": ("12",)}, "unknown figure '12'"),
    ],
)
def test_wrong_settings_are_one_line(settings: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        FiguresConfig(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["figure-1", "figure-5", "b1", "b2", "b3", "b4", "b5", "b6"])
def test_each_kind_of_figure_is_vega_lite(small: Context, found: Found, name: str) -> None:
    """Charts are plain dictionaries: here a misspelt property is found."""
    altair: Any = pytest.importorskip("altair")
    (made,) = draw(small, FiguresConfig(only=(name,)), found)
    assert isinstance(made, Plot)
    altair.Chart.from_dict(_with_few_rows(made.spec()))


def _with_few_rows(spec: Any) -> Any:
    """Returns a specification without most of its data, of which any form is right: checking it takes minutes."""
    if isinstance(spec, dict):
        return {
            name: part[:1] if name == "values" and part and isinstance(part[0], dict) else _with_few_rows(part)
            for name, part in spec.items()
        }
    return [_with_few_rows(part) for part in spec] if isinstance(spec, list) else spec


@pytest.mark.parametrize(("csv_safe", "model"), [(False, "=1+1"), (True, "'=1+1")])
def test_numbers_for_spreadsheets_hold_no_formulas(plot: Plot, tmp_path: Path, csv_safe: bool, model: str) -> None:
    named = replace(plot, records=[{"model": "=1+1"}])
    table = NamedTable(name="t", table=Table(columns=("model",), rows=(("=1+1",),), title="T"))
    files = written.plot(named, tmp_path, ["svg"], csv_safe=csv_safe) + written.table(
        table, tmp_path, csv_safe=csv_safe
    )
    for file in (file for file in files if file.suffix == ".csv"):
        assert file.read_text("utf-8").splitlines() == ["model", model]
