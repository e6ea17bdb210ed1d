"""What a demo's results say, in two sentences: the best student beside its generator, and what synthetic rows bring.

Here: sentences that are computed from the points, whichever way these fall. Not here: the points (`report/`).
"""

from collections.abc import Sequence

from sdc.pipelines.report.points import GENERATOR, Point

_HUMAN, _BOTH = "seeds", "seeds+synthetic"


def sentences(points: Sequence[Point]) -> list[str]:
    """Returns what the points of one language and task say, a sentence each; what they lack is not spoken of."""
    trained = [point for point in points if point.source and not point.shots and point.mean is not None]
    return [*_beside_generator(points, trained), *_beside_human(trained)]


def _beside_generator(points: Sequence[Point], trained: Sequence[Point]) -> list[str]:
    generators = [point for point in points if point.role == GENERATOR and point.mean is not None]
    taught = [point for point in trained if point.source != _HUMAN]
    if not generators or not taught:
        return []
    best, generator = max(taught, key=lambda point: point.mean or 0), generators[0]
    rows = "human and synthetic rows" if best.source == _BOTH else "synthetic rows"
    interval = "" if best.low is None else f" (95 % interval {_number(best.low)} to {_percent(best.high)})"
    return [
        f"The best student that saw synthetic rows, {best.method} on {best.rows} {rows}, gets {_percent(best.mean)}"
        f" right{interval}; its generator, asked itself, gets {_percent(generator.mean)},"
        f" {_difference(best, generator)}."
    ]


def _difference(best: Point, generator: Point) -> str:
    points = 100 * ((best.mean or 0) - (generator.mean or 0))
    low, high = best.difference_low, best.difference_high
    if _overlap(best, generator) if low is None or high is None else low <= 0 <= high:
        return f"a difference of {points:+.1f} points that may be chance"
    return f"{abs(points):.1f} points {'less' if points > 0 else 'more'}"


def _beside_human(trained: Sequence[Point]) -> list[str]:
    alone = {point.method: point for point in trained if point.source == _HUMAN}
    pairs = [(alone[p.method], p) for p in trained if p.source == _BOTH and p.method in alone]
    if not pairs:
        return []
    ways: dict[str, list[str]] = {"lift": [], "leave": [], "lower": []}
    for human, both in pairs:
        change = round(1000 * ((both.mean or 0) - (human.mean or 0)))
        way = "leave" if not change else "lift" if change > 0 else "lower"
        chance = ", which may be chance" if change and _overlap(human, both) else ""
        figures = f"at {_percent(both.mean)}" if not change else f"from {_number(human.mean)} to {_percent(both.mean)}"
        ways[way].append(f"{both.method} {figures}{chance}")
    told = "; they ".join(f"{way} {_listed(named)}" for way, named in ways.items() if named)
    rows = pairs[0][0].rows
    verdict = "" if ways["lift"] else "Synthetic rows do not help here. "
    return [f"{verdict}Beside the {rows} human rows alone, synthetic ones {told}."]


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])}, and {items[-1]}"


def _overlap(one: Point, other: Point) -> bool:
    """Whether two intervals overlap, so that their difference may be chance; unknown ones may, too."""
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return True
    return one.low <= other.high and other.low <= one.high


def _number(share: float | None) -> str:
    return f"{100 * (share or 0):.1f}"


def _percent(share: float | None) -> str:
    return f"{_number(share)} %"
