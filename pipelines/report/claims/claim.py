"""A claim: a number that somebody states, and what of a store can tell whether it holds.

Here: what a claim is, and its file. Not here: how its statistic is measured (`measures.py`), the verdict (`check.py`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from sdc.errors import UsageError
from sdc.pipelines import files
from sdc.pipelines.report.by import CELL_PARTS
from sdc.pipelines.report.claims.measures import STATISTICS
from sdc.pipelines.report.selection import PointSelection
from sdc.pipelines.text import tables

BUNDLED = Path(__file__).parent / "claims.toml"
#: How panels become one number; `each` checks them one by one.
OVER = ("mean", "max", "min", "each")
_BY = (*CELL_PARTS, "method", "model", "source", "size")
_PAGE = "docs/reports.md"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What is claimed.

    Args:
        id: Its name; what stands before a dot groups claims.
        where: Where it is stated.
        text: What it says, in words.
        statistic: One of `measures.STATISTICS`, which has its unit.
        low, high: The range in which the number must be, tolerance included.
        about: The points that it is about.
        against: The points that are taken from them, for the statistic `contrast`.
        by: What is kept apart: each combination is a panel. Cells and repeats are always averaged.
        over: How panels become one number.
    """

    id: str
    where: str
    text: str
    statistic: str
    low: float
    high: float
    about: PointSelection
    against: PointSelection | None = None
    by: tuple[str, ...] = ()
    over: str = "mean"

    @property
    def unit(self) -> str:
        """The unit of the number."""
        return STATISTICS[self.statistic].unit


_KEYS = {"id": str, "where": str, "text": str, "statistic": str, "tolerance": float, "by": tuple[str, ...], "over": str}
_POINTS = get_type_hints(PointSelection)


def load(path: Path | None = None) -> list[Claim]:
    """Returns the claims of a file, or the paper's.

    Raises:
        DataError: The file cannot be read.
        UsageError: Something in it is unknown, missing or contradicts itself.
    """
    where = "the paper's claims" if path is None else str(path)
    raw = tables.parse(files.text(path or BUNDLED, "the claims"), where, see=_PAGE)
    tables.check_names(raw, ("claims",), where)
    listed = raw.get("claims", [])
    if not isinstance(listed, list) or not listed or not all(isinstance(table, dict) for table in listed):
        raise UsageError("there is no claim", where, f"write [[claims]]; see {_PAGE}")
    claims = [_claim(table, f"{where}: claim {number}") for number, table in enumerate(listed, start=1)]
    ids = [claim.id for claim in claims]
    twice = next((name for name in ids if ids.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"two claims are called {twice[:80]!r}", where, "give each its own id")
    return claims


def _claim(raw: Mapping[str, Any], where: str) -> Claim:
    tables.check_names(raw, (*_KEYS, "expected", "against", *_POINTS), where)
    missing = [name for name in ("id", "statistic", "expected") if name not in raw]
    if missing:
        raise UsageError(f"{missing[0]} is missing", where, f"see {_PAGE}")
    found: dict[str, Any] = {
        name: tables.typed(raw[name], kind, f"{where}: {name}") for name, kind in _KEYS.items() if name in raw
    }
    for name, known in (("statistic", STATISTICS), ("over", OVER)):
        if name in found and found[name] not in known:
            raise UsageError(f"unknown {name} {found[name][:80]!r}", where, tables.nearest(found[name], list(known)))
    tables.check_names(dict.fromkeys(found.get("by", ())), _BY, f"{where}: by")
    if ("against" in raw) != (found["statistic"] == "contrast"):
        raise UsageError("statistic `contrast` and key `against` belong together", where, "give both or neither")
    against = raw.get("against")
    if against is not None and not isinstance(against, dict):
        raise UsageError("against is no table", where, 'write against = { source = "synthetic" }')
    tolerance = found.pop("tolerance", 0.0)
    low, high = _range(raw["expected"], f"{where}: expected")
    return Claim(
        **{"where": "", "text": "", **found},
        low=low - tolerance,
        high=high + tolerance,
        about=_selection({name: value for name, value in raw.items() if name in _POINTS}, where),
        against=None if against is None else _selection(against, f"{where}: against"),
    )


def _range(value: Any, where: str) -> tuple[float, float]:
    ends = tables.typed(value, tuple[float, ...], where)
    low, high = ends if len(ends) == 2 else (ends * 2 if len(ends) == 1 else (math.nan, math.nan))
    if not low <= high:
        raise UsageError("it is neither a number nor [lowest, highest]", where, "write 13 or [5, 6]; -inf and inf do")
    return low, high


def _selection(raw: Mapping[str, Any], where: str) -> PointSelection:
    tables.check_names(raw, [field.name for field in fields(PointSelection)], where)
    known = _POINTS.items()
    return PointSelection(
        **{name: tables.typed(raw[name], kind, f"{where}: {name}") for name, kind in known if name in raw}
    )
