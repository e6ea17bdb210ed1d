"""Claims as tables: one row per claim, or one per panel, and records for programs.

Here: what stands in which column. Not here: verdicts (`check.py`), how a table is written (`report/formats.py`).
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sdc.pipelines.report.claims.check import CheckedClaim
from sdc.pipelines.report.claims.claim import Claim
from sdc.pipelines.report.formats import Table

if TYPE_CHECKING:
    from sdc.pipelines.report.statistics.resampling import Interval

_NONE = "-"


def table(checked: Sequence[CheckedClaim]) -> Table:
    """Returns one row per claim."""
    rows = [
        (
            c.claim.id, c.verdict, c.claim.text, _range(c.claim), _estimate(c.interval), _ends(c.interval),
            c.claim.unit, str(c.runs), _cells(c), c.rows or _NONE, c.claim.where,
        )
        for c in checked
    ]  # fmt: skip
    columns = ("claim", "verdict", "says", "expected", "measured", "95 %", "unit", "runs", "cells", "rows", "where")
    return Table(columns=columns, rows=tuple(rows), title=_title(checked), spare=("where", "runs"))


def panels(checked: CheckedClaim) -> Table:
    """Returns one row per panel of a claim."""
    rows = [
        (panel.name, panel.verdict, _estimate(panel.interval), _ends(panel.interval), str(panel.runs), str(panel.cells))
        for panel in checked.panels
    ]
    over = "each is checked" if checked.claim.over == "each" else f"the claim is about the {checked.claim.over}"
    by = ", ".join(checked.claim.by) or "panel"
    title = f"{checked.claim.id}: {checked.verdict}; {checked.claim.statistic} in {checked.claim.unit}, {over}"
    return Table(columns=(by, "verdict", "measured", "95 %", "runs", "cells"), rows=tuple(rows), title=title)


def records(checked: Sequence[CheckedClaim]) -> list[dict[str, object]]:
    """Returns one record per claim, in the unit of its statistic; null is "not there", or no limit."""
    return [
        {
            "claim": c.claim.id,
            "where": c.claim.where,
            "text": c.claim.text,
            "statistic": c.claim.statistic,
            "unit": c.claim.unit,
            "expected_low": _number(c.claim.low),
            "expected_high": _number(c.claim.high),
            "estimate": None if c.interval is None else _or_never(c.interval.estimate),
            "low": None if c.interval is None else _or_never(c.interval.low),
            "high": None if c.interval is None else _or_never(c.interval.high),
            "covers": None if c.interval is None else c.interval.covers,
            "verdict": c.verdict,
            "runs": c.runs,
            "cells": c.cells,
            "of_cells": c.of_cells,
            "rows": c.rows,
            "mixed": c.mixed,
            "query": c.query,
        }
        for c in checked
    ]


def _title(checked: Sequence[CheckedClaim]) -> str:
    counts = {c.verdict: sum(other.verdict == c.verdict for other in checked) for c in checked}
    said = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    covers = list(dict.fromkeys(c.interval.covers for c in checked if c.interval is not None))
    return f"{said}; 95 % intervals cover {', or '.join(covers)}" if covers else said


def _cells(checked: CheckedClaim) -> str:
    return str(checked.cells) if checked.of_cells is None else f"{checked.cells} of {checked.of_cells}"


def _range(claim: Claim) -> str:
    """Returns the ends of what is claimed, of which one may be open: `at least 5.0`."""
    if claim.low == claim.high:
        return _one(claim.low)
    if math.isinf(claim.low):
        return "any" if math.isinf(claim.high) else f"at most {_one(claim.high)}"
    return f"at least {_one(claim.low)}" if math.isinf(claim.high) else f"{_one(claim.low)}..{_one(claim.high)}"


def _estimate(interval: "Interval | None") -> str:
    return _NONE if interval is None else _one(interval.estimate)


def _ends(interval: "Interval | None") -> str:
    return _NONE if interval is None else f"{_one(interval.low)}..{_one(interval.high)}"


def _one(value: float) -> str:
    if math.isinf(value):
        return "never" if value > 0 else "any"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def _or_never(value: float) -> float | str | None:
    return "never" if value == math.inf else _number(value)


def _number(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
