"""report figures: figures 1 to 11 and tables 1 and 2 of the paper, and six more, from what the store has.

Here: which there are, and that they are written one by one. Not here: what each shows (`of_paper.py` and a file per
kind), how it looks (`panel.py`, `marks.py`), files (`written.py`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sdc.errors import DataError, UsageError
from sdc.pipelines.progress import Step
from sdc.pipelines.report import Found
from sdc.pipelines.report.figures import (
    bars,
    costs,
    forest,
    gaps,
    of_paper,
    render,
    slope,
    strip,
    tables,
    variance,
    written,
)
from sdc.pipelines.report.figures.lines import check_band
from sdc.pipelines.report.figures.material import FAMILIES, Material
from sdc.pipelines.report.figures.plot import NotDrawn, Plot
from sdc.pipelines.stage import Context

LLAMA, GEMMA, QWEN = FAMILIES
#: Name of a figure -> what draws it.
_Maker = Callable[[Context, Material], Plot | NotDrawn]
TABLES = ("table-1", "table-2")


def _of(function: Callable[..., Plot | NotDrawn], *arguments: str) -> _Maker:
    return lambda _, material: function(material, *arguments)


FIGURES: Mapping[str, _Maker] = {
    "figure-1": _of(bars.plot),
    "figure-2": _of(of_paper.groups, LLAMA),
    "figure-3": _of(of_paper.tasks, LLAMA),
    "figure-4": _of(of_paper.sources, LLAMA),
    "figure-5": _of(of_paper.sarcasm),
    "figure-6": _of(of_paper.groups, GEMMA),
    "figure-7": _of(of_paper.groups, QWEN),
    "figure-8": _of(of_paper.tasks, GEMMA),
    "figure-9": _of(of_paper.tasks, QWEN),
    "figure-10": _of(of_paper.sources, GEMMA),
    "figure-11": _of(of_paper.sources, QWEN),
    forest.NAME: _of(forest.plot),
    costs.NAME: costs.plot,
    variance.NAME: variance.plot,
    gaps.NAME: _of(gaps.plot),
    slope.NAME: slope.plot,
    strip.NAME: _of(strip.plot),
}


@dataclass(frozen=True, kw_only=True)
class FiguresConfig:
    """Which figures are drawn, and how.

    Args:
        formats: Of `svg`, `png`, `pdf` and `html`; the numbers are written as CSV in any case.
        band: What bands show: `interval`, `runs` or `means`.
        with_fewer_cells: Go on, dotted, where only some cells have a size, instead of cutting there.
        only: Names of figures and tables, or how they begin (`b1`); empty takes all.
        findings: Name of a figure -> a title that says what it shows, where a check supports it.
        csv_safe: Write CSV whose texts no spreadsheet takes for formulas.
    """

    formats: tuple[str, ...] = ("svg", "png")
    band: str = "interval"
    with_fewer_cells: bool = False
    only: tuple[str, ...] = ()
    findings: Mapping[str, str] = field(default_factory=dict)
    csv_safe: bool = False

    def __post_init__(self) -> None:
        check_band(self.band)
        wrong = [name for name in self.formats if name not in render.FORMATS]
        if wrong or not self.formats:
            what = f"unknown format {(wrong or [''])[0][:80]!r}"
            raise UsageError(what, "--format", f"use {', '.join(render.FORMATS)}, separated by commas")
        for name in self.only:
            if not _chosen((name,)):
                what = f"unknown figure {name[:80]!r}"
                raise UsageError(what, "--only", f"use {', '.join((*FIGURES, *TABLES))}")


def run(context: Context, config: FiguresConfig, found: Found, *, out: Path) -> Iterator[Path]:
    """Writes the figures and tables of a report, and yields each file; says which cannot be drawn, and why.

    Raises:
        UsageError: A file cannot be written.
        DataError: Nothing of what was asked for can be drawn.
    """
    written.folder(out)
    num_drawn = 0
    for made in draw(context, config, found):
        if isinstance(made, NotDrawn):
            context.say(f"report figures: {made.name} is not drawn: {made.why}")
            continue
        num_drawn += 1
        if isinstance(made, Plot):
            yield from written.plot(made, out, config.formats, csv_safe=config.csv_safe)
        else:
            yield from written.table(made, out, csv_safe=config.csv_safe)
    if not num_drawn:
        raise DataError(
            "nothing of it can be drawn", str(context.store.path), "run `sdc train` or `sdc icl` and `sdc eval`"
        )


def draw(context: Context, config: FiguresConfig, found: Found) -> Iterator[Plot | NotDrawn | tables.NamedTable]:
    """Yields the figures and tables of a report, and those that cannot be drawn with the reason."""
    material = Material(
        found=found, band=config.band, with_fewer_cells=config.with_fewer_cells, findings=dict(config.findings)
    )
    chosen = _chosen(config.only)
    for number, name in enumerate(chosen):
        context.progress(Step(what="figures", done=number, total=len(chosen), unit="figure"))
        yield from _make(context, material, name)
    context.progress(Step(what="figures", done=len(chosen), total=len(chosen), unit="figure"))


def _make(context: Context, material: Material, name: str) -> Iterator[Plot | NotDrawn | tables.NamedTable]:
    makers: dict[str, Callable[[], Plot | NotDrawn | tables.NamedTable]] = {
        "table-1": tables.of_prompts,
        "table-2": partial(tables.of_hours, context, material),
    }
    yield makers[name]() if name in makers else FIGURES[name](context, material)


def _chosen(only: Sequence[str]) -> list[str]:
    """Returns the figures and tables that some names, or beginnings of names, mean.

    >>> _chosen(["figure-1", "b1", "2"])
    ['figure-1', 'figure-2', 'b1-break-even']
    """
    names = [*FIGURES, *TABLES]
    if not only:
        return names
    return [
        name
        for name in names
        if any(name == asked or name.startswith(f"{asked}-") or name == f"figure-{asked}" for asked in only)
    ]
