"""How a data card is written: tables for people, and JSON for programs.

Here: text. Not here: what stands in it (the measures), the HTML page (`page.py`), the terminal (`cli/render.py`).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sdc.pipelines.metrics.interval import Estimate
from sdc.pipelines.report.card import Card
from sdc.pipelines.report.card.figure import Figure
from sdc.pipelines.report.formats import Table, escape_markdown, markdown
from sdc.pipelines.text.visible import as_json as as_json_text

_NOTHING = "-"
#: The figures that a table of several cells shows of each.
_OVERVIEW = (
    "auc", "distinct_2", "nearest_human", "self_similarity", "openings", "length_ratio", "seed_copies", "human_copies",
    "leaks", "duplicates", "language", "rejected", "quota",
)  # fmt: skip
_OVERVIEW_SPARE = (
    "language", "human_copies", "seed_copies", "duplicates", "self_similarity", "distinct_2", "openings",
    "length_ratio", "quota", "leaks",
)  # fmt: skip


def value(estimate: Estimate | None, unit: str) -> str:
    """Returns a value as people read it: a share in %, the rest as it is.

    >>> value(Estimate(value=0.1234), "share"), value(Estimate(value=0.5), "score"), value(None, "share")
    ('12.3 %', '0.500', '-')
    """
    if estimate is None:
        return _NOTHING
    return {
        "share": f"{100 * estimate.value:.1f} %",
        "characters": f"{estimate.value:.0f}",
        "ratio": f"{estimate.value:.2f}",
    }.get(unit, f"{estimate.value:.3f}")


def interval(estimate: Estimate | None, unit: str) -> str:
    """Returns the ends of a 95 % interval in the unit of its value.

    >>> interval(Estimate(value=0.1, low=0.05, high=0.2), "share")
    '5.0..20.0'
    """
    if estimate is None or estimate.low is None or estimate.high is None:
        return _NOTHING
    ends = [value(Estimate(value=end), unit).removesuffix(" %") for end in (estimate.low, estimate.high)]
    return "..".join(ends)


def figures_table(card: Card) -> Table:
    """Returns every figure of a card, one a row."""
    rows = tuple(
        (
            figure.name, figure.what, value(figure.synthetic, figure.unit), interval(figure.synthetic, figure.unit),
            value(figure.human, figure.unit), interval(figure.human, figure.unit), figure.note,
        )
        for figure in card.figures
    )  # fmt: skip
    columns = ("figure", "what", "synthetic", "95 %", "human", "human 95 %", "note")
    return Table(columns=columns, rows=rows, title=title(card), spare=("figure", "human 95 %"))


def labels_table(card: Card) -> Table:
    """Returns the rows of each label."""
    rows = tuple(
        (row.name, str(row.synthetic), _NOTHING if row.quota is None else str(row.quota), str(row.human))
        for row in card.labels
    )
    return Table(columns=("label", "synthetic", "quota", "human"), rows=rows, title=f"{card.cell}: rows per label")


def rejected_table(card: Card) -> Table:
    """Returns what rejected rows, how many and why, beside the human rows that the same gate would stop."""
    rows = tuple(
        (
            str(row["gate"]), str(row["rows"]), f"{100 * row['share']:.1f} %",
            _NOTHING if row["human_share"] is None else f"{100 * row['human_share']:.1f} %", str(row["reason"]),
        )
        for row in card.examples.get("rejected", ())
    )  # fmt: skip
    title = f"{card.cell}: {card.figure('rejected').what}, by what stops them"
    return Table(columns=("by", "rows", "share", "human", "commonest reason"), rows=rows, title=title)


def overview(cards: Sequence[Card]) -> Table:
    """Returns the figures that matter most, one row per cell: the synthetic value, and after a slash the human one."""
    rows = []
    for card in cards:
        figures = [card.figure(name) for name in _OVERVIEW]
        rows.append((card.cell, str(card.rows["synthetic"]), *map(_both, figures)))
    title = "synthetic rows / human rows; shares in %"
    return Table(columns=("cell", "rows", *_OVERVIEW), rows=tuple(rows), title=title, spare=_OVERVIEW_SPARE)


def _both(figure: Figure) -> str:
    human = None if figure.name == "auc" else figure.human
    values = [value(found, figure.unit).removesuffix(" %") for found in (figure.synthetic, human) if found is not None]
    return " / ".join(values) or _NOTHING


def title(card: Card) -> str:
    """Returns what a card is about, in one line."""
    numbers = ", ".join(f"{number} {name}" for name, number in card.rows.items())
    return f"{card.cell}: {numbers} rows; {', '.join(f'{name} {key}' for name, key in card.about.items())}"


def as_markdown(cards: Sequence[Card]) -> str:
    """Returns the cards as Markdown tables; an overview first if there are several."""
    parts = [markdown(overview(cards))] if len(cards) > 1 else []
    for card in cards:
        tables = [figures_table(card), labels_table(card)]
        tables += [rejected_table(card)] if card.examples.get("rejected") else []
        parts += [markdown(replace(table, title=escape_markdown(table.title))) for table in tables]
        parts += [f"{escape_markdown(note)}\n" for note in card.notes]
    return "\n".join(parts)


def records(cards: Sequence[Card]) -> list[dict[str, Any]]:
    """Returns the cards for programs: shares from 0 to 1, null for what cannot be told."""
    return [
        {
            "cell": card.cell,
            "about": dict(card.about),
            "rows": dict(card.rows),
            "figures": {figure.name: _figure(figure) for figure in card.figures},
            "labels": [vars(row) for row in card.labels],
            "examples": {name: [dict(row) for row in rows] for name, rows in card.examples.items()},
            "notes": list(card.notes),
        }
        for card in cards
    ]


def as_json(cards: Sequence[Card]) -> str:
    """Returns the cards as a JSON list."""
    return as_json_text(records(cards), indent=1) + "\n"


def as_json_lines(cards: Sequence[Card]) -> str:
    """Returns cards as JSON, an object a line."""
    return "".join(as_json_text(record) + "\n" for record in records(cards))


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "what": figure.what,
        "unit": figure.unit,
        "synthetic": _estimate(figure.synthetic),
        "human": _estimate(figure.human),
        "note": figure.note,
        "details": dict(figure.details),
    }


def _estimate(estimate: Estimate | None) -> dict[str, float | None] | None:
    if estimate is None:
        return None
    return {name: None if end is None else round(end, 6) for name, end in vars(estimate).items()}
