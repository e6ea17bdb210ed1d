"""The registers of a page: break-even by cell, variance, what is not as in the paper, what everything took, cards.

Here: which there are, and what stands in each. Not here: figures and means (`parts.py`), how the numbers are made
(the rooms beside).
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sdc.cache.key import SHORT
from sdc.cache.store import Store
from sdc.pipelines.report import Found, break_even, costs, deviations, panels, variance
from sdc.pipelines.report.formats import Table
from sdc.pipelines.report.page import Link, Section
from sdc.pipelines.report.page.choice import Choice

#: Columns of the break-even by cell; it would be too wide for a page with all.
_BREAK_EVEN = ("task", "lang", "metric", "method", "model", "shots", "source", "generator", "words", "low", "high",
               "sure", "strict", "first", "last", "runs")  # fmt: skip
_CARDS = (
    "A data card says how the synthetic rows of a cell differ from human ones; a model card comes with an exported"
    " student. These commands make them; cards that were named with --card are linked."
)


@dataclass(frozen=True, kw_only=True)
class Register:
    """What the registers need beside the store.

    Args:
        defaults: Of every stage and method, as in `deviations.run`; empty leaves the deviations out.
        kg_per_kwh: Of the electricity; None gives no carbon.
        price_per_hour: Of the machine; None gives no money for its hours.
        cards: Files of cards, which are linked.
    """

    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    kg_per_kwh: float | None = None
    price_per_hour: float | None = None
    cards: Sequence[Path] = ()


def of_cells(found: Found) -> Iterator[Section]:
    """Yields the break-even of each cell."""
    records = break_even.run(found, ("task", "lang"))
    if records:
        kept = [{name: record[name] for name in _BREAK_EVEN if name in record} for record in records]
        yield Section(
            title="Break-even by cell",
            words=break_even.WORDS,
            tables=[panels.table(kept, title=f"{len(kept)} curves")],
            code="sdc report break-even --by task,lang",
        )


def of_variance(store: Store, found: Found) -> Iterator[Section]:
    """Yields the parts of the variance, where draws and initialisations are crossed."""
    records = variance.run(store, found)
    if records:
        table = panels.table(records, title="")
        yield Section(title="Variance of runs", words=variance.WORDS, tables=[table], code="sdc report variance")


def registers(store: Store, found: Found, register: Register) -> Iterator[Section]:
    """Yields what is not as in the paper, and what everything took."""
    if register.defaults:
        records = deviations.run(store, found, register.defaults)
        yield Section(
            title="Deviations from the paper", words=_sentence(deviations.TITLE),
            tables=[panels.table(records, title="")], code="sdc report deviations",
        )  # fmt: skip
    cells = sorted({(str(point.lang), str(point.task)) for point in found.points})
    records = costs.run(
        store, cells=cells, kg_per_kwh=register.kg_per_kwh, price_per_hour=register.price_per_hour
    )  # fmt: skip
    if records:
        words = f"{_sentence(costs.TITLE)} Of all that the store has of these cells; a dash is not measured."
        table = panels.table(records, title="")
        yield Section(title="Costs and carbon", words=words, tables=[table], code="sdc report costs")


def cards(chosen: Sequence[Choice], register: Register, *, out: Path) -> Iterator[Section]:
    """Yields how the cards of each cell's data and student are made, with links to those that are there."""
    if not chosen and not register.cards:
        return
    rows = []
    for choice in chosen:
        point = choice.point
        run = next(member.run for member in point.members if member.value is not None)
        export = "-" if point.method == "icl" else f"sdc export --run {run[:SHORT]} --out {point.lang}-{point.task}"
        data = f"sdc report data --lang {point.lang} --task {point.task} --out {point.lang}-{point.task}.html"
        rows.append((f"{point.lang}/{point.task}", data, export))
    table = Table(columns=("cell", "data card", "model card"), rows=tuple(rows), title="Commands that make the cards")
    links = [Link(text=_name(path), address=_address(path, out)) for path in register.cards]
    yield Section(title="Data and model cards", words=_CARDS, tables=[table] if rows else [], links=links)


def _name(path: Path) -> str:
    """Returns what a card is called: the README of an export by its folder."""
    return path.parent.resolve().name if path.name.lower() == "readme.md" else path.stem


def _address(path: Path, out: Path) -> str:
    """Returns where a card is, from the folder of the page: both can be moved together."""
    return quote(Path(os.path.relpath(path.resolve(), out.resolve().parent)).as_posix())


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
