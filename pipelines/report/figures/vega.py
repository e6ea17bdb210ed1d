"""Parts of a Vega-Lite specification as plain dictionaries: units of marks and their channels.

Here: the words that all figures use. Not here: what they draw, layering and panels, which Vega-Lite has as lists.

Altair's charts are the same, but each larger one copies and checks all that it holds: that took most of a report's
time. Tests check each whole figure against Altair's schema instead.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Spec = dict[str, Any]
#: Version of the language, which vl-convert must have.
VERSION = "6.4"


def unit(
    rows: Sequence[Mapping[str, Any]], mark: str, encoding: Spec, *, where: str | None = None, **look: Any
) -> Spec:
    """Returns marks of one kind over some rows.

    Args:
        rows: The data.
        mark: `line`, `point`, `area`, `rule`, `bar`, `rect` or `text`.
        encoding: Channel -> what it shows.
        where: Condition of rows that are drawn, as `datum.kind == 'at'`; None draws all.
        look: Properties of the mark.

    >>> unit([{"x": 1}], "point", {"x": number("x")}, size=9)["mark"]
    {'type': 'point', 'size': 9}
    """
    found = {"data": {"values": [dict(row) for row in rows]}, "mark": {"type": mark, **look}, "encoding": encoding}
    return found if where is None else {**found, "transform": [{"filter": where}]}


def number(field: str, **about: Any) -> Spec:
    """Returns a channel that shows a number."""
    return {"field": field, "type": "quantitative", **about}


def name(field: str, **about: Any) -> Spec:
    """Returns a channel that shows a name."""
    return {"field": field, "type": "nominal", **about}


def to(field: str) -> Spec:
    """Returns the second end of a channel, as `x2` and `y2`."""
    return {"field": field}


def beside(panels: Sequence[Spec], *, spacing: int) -> Spec:
    """Returns panels side by side."""
    return {"hconcat": list(panels), "spacing": spacing}
