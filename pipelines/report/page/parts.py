"""What a page is made of, read from the store: what was run, and the parts between the choice and all results.

Here: which parts there are. Not here: their markup (`page.html.jinja`), how their numbers are made (the rooms beside).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sdc.cache.counted import counted
from sdc.pipelines.records import examples, runs
from sdc.pipelines.report import Found, every_two, failed, figures, gap, panels
from sdc.pipelines.report.claims import check, claim, findings
from sdc.pipelines.report.claims import formats as claim_formats
from sdc.pipelines.report.curves import DIFFERENCE, SCORE, Curve, curves, names
from sdc.pipelines.report.figures import render
from sdc.pipelines.report.figures.plot import Plot
from sdc.pipelines.report.figures.tables import NamedTable
from sdc.pipelines.report.formats import Table
from sdc.pipelines.report.page import Page, Picture, SampleText, Section, practice, registers
from sdc.pipelines.report.page.choice import Choice, choices
from sdc.pipelines.report.page.registers import Register
from sdc.pipelines.report.points import MAJORITY, Point
from sdc.pipelines.stage import Context

if TYPE_CHECKING:
    from sdc.pipelines.report.statistics.break_even import BreakEven

#: Texts that are shown of each cell, one of a label.
_TEXTS_OF_A_CELL = 3
#: Panels of the table of means: the groups of languages, as the paper has them.
_GROUPS = ("low", "medium", "high")
#: Rows of numbers behind one figure that stand on the page.
_MOST_NUMBERS = 200
_NOTHING = Register()
_FIGURES = (
    "Bands are 95 % intervals over new draws, new seeds and new texts. Sizes are real rows; where some cells of a "
    "student have no more rows its line ends."
)
_MEANS = (
    "Each cell counts once. An interval covers new draws, new seeds and new texts; sizes that some cells of a student "
    "lack are left out. The difference is to the zero-shot score of the cell's generator, paired by test rows; "
    "break-even is where its monotone mean reaches zero."
)
_TEXTS = "The first text of some labels, as the generator wrote it, of one draw of the student named above."
_TABLES = "Its Table 1, prompts, then its Table 2, hours, as this store and this sdc have them."
_CLAIMS = (
    "Each claim of the paper's text, held against these runs by the 95 % interval: it holds if the interval lies "
    "within what the text's rounding allows, does not if it lies outside, and cannot be told otherwise."
)


def page(
    context: Context, found: Found, *, title: str, register: Register = _NOTHING, out: Path = Path("report.html")
) -> Page:
    """Returns the page of some points.

    Args:
        context: Where the store is.
        found: The points.
        title: Its heading.
        register: What registers need beside the store.
        out: Where the page will be: links to cards start there.
    """
    members = [member for point in found.points for member in point.members]
    seconds = runs.seconds_of(context.store, [member.run for member in members])
    taken = choices(found.points, seconds, found.resampled)
    in_use = practice.of_points(
        context.store, [choice.point for choice in taken], price_per_hour=register.price_per_hour
    )
    chosen = [replace(choice, practice=use) for choice, use in zip(taken, in_use, strict=True)]
    sections = [
        *_sections(context, found),
        *_texts(context, chosen),
        *registers.of_variance(context.store, found),
        *registers.of_cells(found),
        *registers.registers(context.store, found, register),
        *registers.cards(chosen, register, out=out),
    ]
    return Page(title=title, found=found, chosen=chosen, about=_about(found), sections=sections)


def _sections(context: Context, found: Found) -> Iterator[Section]:
    checked = check.check(context.store, found, claim.load())
    config = figures.FiguresConfig(findings=findings.titles(checked))
    drawn = list(figures.draw(context, config, found))
    pictures = [_picture(plot) for plot in drawn if isinstance(plot, Plot)]
    if pictures:
        yield Section(title="Figures", words=_FIGURES, pictures=pictures, code="sdc report figures --out figures")
    of_paper = [made.table for made in drawn if isinstance(made, NamedTable)]
    yield Section(title="Tables of the paper", words=_TABLES, tables=of_paper, code="sdc report figures --only table")
    if any(one.verdict != check.NOT_RUN for one in checked):
        table = claim_formats.table(checked)
        yield Section(title="What the paper claims", words=_CLAIMS, tables=[table], code="sdc report claims")
    means = list(_means(found))
    if means:
        yield Section(title="Means over cells", words=_MEANS, tables=means)
    for name, records, words, command in (
        ("Students against each other", every_two.run(context, found), every_two.WORDS, "sdc report compare"),
        ("Human against synthetic rows", gap.run(found), gap.WORDS, "sdc report gap"),
        ("Failed runs", failed.run(found), failed.WORDS, "sdc report failed"),
    ):
        if records:
            yield Section(title=name, words=words, tables=[panels.table(records, title="")], code=command)


def _texts(context: Context, chosen: Sequence[Choice]) -> Iterator[Section]:
    """Yields a few of the synthetic texts that the student of each cell learnt from."""
    cells = {
        next(member.run for member in choice.point.members if member.value is not None): choice.point
        for choice in chosen
    }
    drawn = examples.drawn_texts(context.store, list(cells), num=_TEXTS_OF_A_CELL)
    texts = [
        SampleText(cell=panels.cell(point), lang=str(point.lang), label=label, text=text)
        for run, point in cells.items()
        for label, text in drawn.get(run, ())
    ]
    if texts:
        yield Section(title="Synthetic texts", words=_TEXTS, texts=texts, code="sdc show KEY -n 20 --random")


def _picture(plot: Plot) -> Picture:
    return Picture(
        name=plot.name.replace("-", " ").capitalize(),
        title=plot.title,
        caption=" ".join(plot.caption),
        svg=render.svg(plot, bare=True),
        numbers=_numbers(plot),
    )


def _numbers(plot: Plot) -> Table:
    """Returns the numbers behind a figure, as many as a page can hold."""
    columns = tuple(plot.records[0]) if plot.records else ()
    shown = plot.records[:_MOST_NUMBERS]
    left = len(plot.records) - len(shown)
    title = f"{left:,} more rows are in what `sdc report figures` writes" if left else ""
    rows = tuple(tuple(_cell(record[name]) for name in columns) for record in shown)
    return Table(columns=columns, rows=rows, title=title)


def _cell(value: object) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _means(found: Found) -> Iterator[Table]:
    """Yields a table of the curves of each group of languages, each metric apart."""
    panels: dict[str, list[Point]] = {}
    for point in found.points:
        if point.role != MAJORITY:
            panels.setdefault(f"{point.group or 'other'}, {point.metric}", []).append(point)
    order = {group: place for place, group in enumerate(_GROUPS)}
    for name, points in sorted(panels.items(), key=lambda item: (order.get(item[0].split(",")[0], 9), item[0])):
        scores = curves(points, found.resampled, quantity=SCORE)
        differences = curves(points, found.resampled, quantity=DIFFERENCE)
        rows = [
            row
            for label, curve in zip(map(" ".join, names(scores)), scores, strict=True)
            for row in _rows(label, curve, _same(curve, differences))
        ]
        columns = ("student", "rows", "cells", "runs", "score %", "95 %", "vs generator", "95 %", "break-even, rows")
        yield Table(columns=columns, rows=tuple(rows), title=f"{name} (languages: {_langs(points)})")


def _same(curve: Curve, others: Sequence[Curve]) -> Curve | None:
    """Returns the curve of differences of the same student on the same kind of rows."""
    mine = {id(member) for point in curve.points for one in point.points for member in one.members}
    for other in others:
        if any(id(member) in mine for point in other.points for one in point.points for member in one.members):
            return other
    return None


def _rows(label: str, curve: Curve, against: Curve | None) -> Iterator[tuple[str, ...]]:
    differences = {point.rows: point for point in against.points} if against else {}
    even = against.break_even if against else None
    words = _even(even) if even else ""
    for place, point in enumerate(curve.points):
        interval, other = point.interval, differences.get(point.rows)
        gained = other.interval if other else None
        yield (
            label,
            "-" if point.rows is None else f"{point.rows:.0f}",
            str(len(point.cells)),
            str(point.n),
            f"{100 * point.mean:.1f}",
            "-" if interval is None else f"{100 * interval.low:.1f}..{100 * interval.high:.1f}",
            "-" if other is None else f"{100 * other.mean:+.1f}",
            "-" if gained is None else f"{100 * gained.low:+.1f}..{100 * gained.high:+.1f}",
            words if place == 0 else "",
        )


def _even(even: "BreakEven") -> str:
    """Returns a break-even with the ends of its interval, where these say more than it does."""
    said, low, high = (even.words(rows) for rows in (even.even, even.low, even.high))
    return said if said == low == high else f"{said} ({low} to {high})"


def _langs(points: Sequence[Point]) -> str:
    return ", ".join(sorted({str(point.lang) for point in points}))


def _about(found: Found) -> dict[str, str]:
    """Returns what was run, as name -> value."""
    points = [point for point in found.points if point.role != MAJORITY]
    members = {member.run: member for point in points for member in point.members}
    failed = sum(member.value is None for member in members.values())
    by_method = Counter(f"{member.method} {member.model}" for member in members.values())
    cells = sorted({f"{point.lang}/{point.task}" for point in points})
    generators = sorted({point.generator for point in points if point.generator})
    covers = sorted({point.covers for point in points if point.covers})
    return {
        "runs": f"{counted(len(members), 'run', commas=True)}, of which {failed} broke off",
        "students": ", ".join(f"{name} ({number:,})" for name, number in sorted(by_method.items())),
        "cells": f"{len(cells)}: {', '.join(cells)}",
        "generators": ", ".join(generators) or "the rows do not say who wrote them",
        "scores": ", ".join(sorted({f"{point.metric} ({point.task})" for point in points})),
        "95 % intervals cover": "; ".join(covers) or "nothing",
    }
