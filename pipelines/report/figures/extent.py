"""What the panels of a figure share: their lines, the ends of both axes, the room for labels and for bars at the foot.

Here: from lines to extents. Not here: drawing (`panel.py`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sdc.pipelines.report.figures.lines import LinePoint, StudentLine

#: Width of a character of a label, and the least room of the labels, in pixels.
_CHAR_PX, _LEAST_LABELS_PX = 6.4, 70
#: The share of a panel's height that bars of collapsed runs may have.
_FOOT = 0.11
#: The share of it above the highest number of the axis: else half of that stands above the panel, and moves its title.
_ABOVE_TICKS = 0.04


@dataclass(frozen=True, kw_only=True)
class LinePanel:
    """One panel: its title, its lines, and whether it is the first of its figure, which explains what recurs."""

    title: str
    lines: tuple[StudentLine, ...]
    is_first: bool = False


@dataclass(frozen=True, kw_only=True)
class Extent:
    """What all panels of a figure share: the ends of both axes, and what the zero line is called.

    Args:
        left, right: Rows, real numbers; lines end at `right`, and labels follow.
        bottom, top: Points; the foot is above `bottom`.
        foot: Height of the longest possible bar at the foot; 0 without bars.
        worst: The largest share of collapsed runs, which the tallest bar stands for.
        labels_px: Room of the labels right of the lines, in pixels.
        zero: Name of the zero line; empty for scores, which have none.
        y: Title of the y axis.
    """

    left: float
    right: float
    bottom: float
    top: float
    foot: float
    worst: float
    labels_px: float
    zero: str
    y: str


def extent(panels: Sequence[LinePanel], *, zero: str, y: str) -> Extent:
    """Returns the extent that holds all lines; bands may be cut off."""
    points = [point for panel in panels for line in panel.lines for point in line.points]
    rows = [point.rows for point in points if point.rows is not None] or [1.0, 10.0]
    means = [point.mean for point in points] + ([0.0] if zero else [])
    span = max(max(means) - min(means), 4.0)
    lows = [point.low for point in points if point.low is not None] or [min(means)]
    highs = [point.high for point in points if point.high is not None] or [max(means)]
    low = max(min(*lows, min(means)), min(means) - 0.15 * span) - 0.03 * span
    high = min(max(*highs, max(means)), max(means) + 0.15 * span) + 0.03 * span
    worst = max((collapsed(point) for point in points if point.rows is not None), default=0.0)
    foot = _FOOT * (high - low) if worst else 0.0
    left, right = min(rows), max(rows)
    if right < 2 * left:
        left, right = left / 1.5, right * 1.5
    longest = max(len(name) for name in (zero, *(line.label for panel in panels for line in panel.lines)))
    found = Extent(
        left=left / 1.18, right=right, bottom=low - 1.6 * foot, top=high, foot=foot, worst=worst, zero=zero, y=y,
        labels_px=max(_LEAST_LABELS_PX, 8 + _CHAR_PX * longest),
    )  # fmt: skip
    highest = max(y_ticks(found), default=low)
    return replace(found, top=max(high, highest + _ABOVE_TICKS * (high - found.bottom)))


def right_of(panel: LinePanel, shared: Extent) -> float:
    """Returns the rows at which the lines of a panel end, and their names stand: other panels may have more rows."""
    rows = [point.rows for line in panel.lines for point in line.points if point.rows is not None]
    return max(rows, default=shared.right)


def y_ticks(shared: Extent) -> list[float]:
    """Returns round numbers above the foot, where bars have another unit."""
    low = shared.bottom + 1.6 * shared.foot
    step = next(step for step in (1, 2, 5, 10, 20, 50) if (shared.top - low) / step <= 8 or step == 50)
    return [float(step * at) for at in range(math.ceil(low / step), math.floor(shared.top / step) + 1)]


def collapsed(point: LinePoint) -> float:
    """Returns the share of the runs of a point that are below chance."""
    return point.below_chance / point.n if point.n else 0.0
