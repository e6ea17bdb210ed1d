"""Cost curves: hours of computing against the number of classified texts, and from how many on a student is cheaper.

Here: lines and how they look. Not here: what a student takes and when it pays off (`pay_off.py`), money.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from sdc.cache.store import Store
from sdc.pipelines.report.figures import lines, marks, vega
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.report.figures.plot import NotDrawn, Plot
from sdc.pipelines.report.figures.vega import Spec
from sdc.pipelines.report.pay_off import in_seconds, taken
from sdc.pipelines.report.points import Point
from sdc.pipelines.stage import Context

NAME = "b2-costs"
_MOST_TEXTS = 10_000_000
_WIDTH, _HEIGHT, _LABELS_PX, _LINE_PX = 560, 360, 300, 14
#: Lines that are nowhere further apart cannot be told apart; the dash of each of them.
_ALIKE_PX, _DASH_PX = 4, 7
_HOUR_S = 3600


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """A student in hours: what it takes before the first text, and per text; `pays_off` is the number of texts."""

    label: str
    method: str
    fixed: float
    per_text: float
    pays_off: float | None

    def at(self, texts: float) -> float:
        """Returns the hours of so many texts."""
        return self.fixed + self.per_text * texts


def plot(context: Context, material: Material) -> Plot | NotDrawn:
    """Returns the figure, if the store knows what the generator and a student take."""
    found = _lines(context.store, material.found.points)
    if not found:
        return NotDrawn(name=NAME, why="the store does not know the seconds of the generator, its rows and a student")
    said = [
        f"{line.label} costs less than the generator after {line.pays_off:,.0f} texts" if line.pays_off is not None
        and line.pays_off < math.inf else f"{line.label} never costs less" for line in found[1:]
    ]  # fmt: skip
    return Plot(
        name=NAME,
        title=material.title(NAME, "Hours of computing by number of classified texts"),
        caption=(
            "Mean over cells; both axes logarithmic. A student's line begins with the hours in which the rows of its "
            "largest draw were written and judged and it was trained on them. Rings, and numbers behind the names: "
            "texts from which on it has cost less than the generator. Lines that lie on each other share "
            "the way in dashes, by turns.",
        ),
        says="; ".join(said) + ".",
        chart=_chart(found),
        width=_WIDTH + _LABELS_PX,
        records=[
            {"line": line.label, "hours_before": line.fixed, "seconds_per_text": 3600 * line.per_text,
             "pays_off_after_texts": None if line.pays_off in (None, math.inf) else round(float(line.pays_off or 0), 1)}
            for line in found
        ],
    )  # fmt: skip


def _lines(store: Store, points: Sequence[Point]) -> list[CostLine]:
    """Returns the generator's line and one per student on rows with synthetic ones, on the most rows of each cell."""
    shown = [point for point in points if not point.role and point.n and "synthetic" in (point.source or "")]
    students: dict[str, dict[tuple[object, ...], Point]] = {}
    for point, name in zip(shown, lines.students(shown), strict=True):
        cells, cell = students.setdefault(name, {}), (point.lang, point.task, point.test)
        cells[cell] = max((point, cells.get(cell, point)), key=lambda one: one.rows if isinstance(one.rows, int) else 0)
    took = taken(store, [point for cells in students.values() for point in cells.values()])
    costs = {name: in_seconds(took, list(cells.values())) for name, cells in students.items()}
    known = {name: cost for name, cost in costs.items() if cost is not None}
    if not known:
        return []
    per_text = statistics.fmean({cost.generator for cost in known.values()}) / _HOUR_S
    found = [CostLine(label="generator", method="", fixed=0.0, per_text=per_text, pays_off=None)]
    for name, cost in known.items():
        method = str(next(iter(students[name].values())).method)
        found.append(
            CostLine(
                label=name, method=method, fixed=cost.fixed / _HOUR_S, per_text=cost.student / _HOUR_S,
                pays_off=cost.texts,
            )
        )  # fmt: skip
    return found


def _chart(found: Sequence[CostLine]) -> Spec:
    right = max([1e5, *(10 * line.pays_off for line in found if line.pays_off and line.pays_off < _MOST_TEXTS)])
    texts = [10 ** (at / 8) for at in range(8, math.ceil(8 * math.log10(right)) + 1)]
    low = min(line.at(texts[0]) for line in found) / 1.5
    high = max(line.at(texts[-1]) for line in found) * 1.5
    at = _axes(texts, low, high)
    gap = _LINE_PX * math.log10(high / low) / _HEIGHT
    ends = marks.spread(
        [math.log10(line.at(texts[-1])) for line in found], gap=gap, low=math.log10(low), high=math.log10(high)
    )
    colours = marks.colours([line.method for line in found[1:]])
    dashes = _dashes([[line.at(number) for number in texts] for line in found], _HEIGHT / math.log(high / low))
    layers: list[Spec] = []
    for line, colour, dash, place in zip(found, [marks.INK, *colours], dashes, ends, strict=True):
        layers += _line(line, colour, dash, texts, at, label_at=10**place)
    return {"layer": layers, "width": _WIDTH + _LABELS_PX, "height": _HEIGHT}


def _dashes(hours: Sequence[Sequence[float]], px: float) -> list[Spec]:
    """Returns the dash of each line: none, or where some lie on each other one that the others leave room for.

    Args:
        hours: Of each line, at the same numbers of texts.
        px: Of a step of the axis, in natural logarithms.
    """
    groups: list[list[int]] = []
    for number, line in enumerate(hours):
        for group in groups:
            if all(abs(math.log(a / b)) * px < _ALIKE_PX for a, b in zip(line, hours[group[0]], strict=True)):
                group.append(number)
                break
        else:
            groups.append([number])
    found: dict[int, Spec] = {}
    for group in groups:
        for turn, number in enumerate(group):
            dash = {"strokeDash": [_DASH_PX, _DASH_PX * (len(group) - 1)], "strokeDashOffset": -_DASH_PX * turn}
            found[number] = dash if len(group) > 1 else {}
    return [found[number] for number in range(len(hours))]


def _axes(texts: Sequence[float], low: float, high: float) -> Spec:
    """Returns both axes, with room for labels to the right."""
    end = texts[-1] * (texts[-1] / texts[0]) ** (_LABELS_PX / _WIDTH)
    powers = [10**at for at in range(1, round(math.log10(texts[-1])) + 1)]
    hours = [10.0**at for at in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
    return {
        "x": vega.number("x", title="classified texts",
                         scale={"type": "log", "domain": [texts[0], end], "nice": False},
                         axis={"values": powers, "format": ",d", "grid": False, "titleAnchor": "start"}),
        "y": vega.number("y", title="hours", scale={"type": "log", "domain": [low, high], "nice": False},
                         axis={"values": hours, "format": "~g"}),
    }  # fmt: skip


def _line(
    line: CostLine, colour: str, dash: Spec, texts: Sequence[float], at: Spec, *, label_at: float
) -> list[Spec]:  # fmt: skip
    """Returns a line, the ring where it pays off, and its name."""
    path = [{"x": number, "y": line.at(number)} for number in texts]
    layers = [vega.unit(path, "line", at, color=colour, strokeWidth=2, clip=True, **dash)]
    if line.pays_off is not None and texts[0] < line.pays_off < texts[-1]:
        ring = [{"x": line.pays_off, "y": line.at(line.pays_off)}]
        layers.append(
            vega.unit(ring, "point", at, size=80, filled=True, fill="white", stroke=colour, strokeWidth=2, opacity=1)
        )
    said = f": {line.pays_off:,.0f}" if line.pays_off is not None and line.pays_off < math.inf else ""
    label = [{"x": texts[-1], "y": label_at, "text": f"{line.label}{said}"}]
    named = {**at, "text": vega.name("text")}
    return [
        *layers, vega.unit(label, "text", named, align="left", dx=8, color=colour, fontWeight="bold", fontSize=11)
    ]  # fmt: skip
