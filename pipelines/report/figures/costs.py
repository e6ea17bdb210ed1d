"""Cost curves: hours of computing against the number of classified texts, and from how many on a student is cheaper.

Here: means over cells of what was measured. Not here: when a student pays off (`statistics/break_even.py`), money.

A trained student's time per text is not measured apart from its training: a run on the fewest rows, training included,
over its test texts is taken as an upper bound.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from sdc.pipelines.records import spent
from sdc.pipelines.records.spent import StudentTime
from sdc.pipelines.report.figures import lines, marks, vega
from sdc.pipelines.report.figures.marks import Mark
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.report.figures.plot import NotDrawn, Plot
from sdc.pipelines.report.figures.vega import Spec
from sdc.pipelines.report.points import GENERATOR
from sdc.pipelines.stage import Context

NAME = "b2-costs"
_MOST_TEXTS = 10_000_000
_WIDTH, _HEIGHT, _LABELS_PX, _LINE_PX = 560, 360, 230, 14


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
    points = material.found.points
    runs = sorted({m.run for p in points for m in p.members if p.source in (None, "synthetic")})
    times = spent.of_students(context.store, runs)
    written = sorted({key for p in points for name in (p.generation, p.judgement) if name for key in name.split(", ")})
    rows = spent.of_rows(context.store, written)
    generators = {str(p.model) for p in points if p.role == GENERATOR}
    found = _lines(times, rows, generators)
    if len(found) < 2:
        return NotDrawn(name=NAME, why="the store does not know the seconds of the generator, its rows and a student")
    said = [
        f"{line.label} costs less than the generator after {line.pays_off:,.0f} texts" if line.pays_off is not None
        and line.pays_off < math.inf else f"{line.label} never costs less" for line in found[1:]
    ]  # fmt: skip
    return Plot(
        name=NAME,
        title=material.title(NAME, "Hours of computing by number of classified texts"),
        caption=(
            "Mean over cells; both axes logarithmic. A student's line begins with the hours in which its rows were "
            "written and judged and it was trained on all of them. Rings: from here on it has cost less than the "
            "generator. Trained students per text: an upper bound, a run on the fewest rows over its test texts.",
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


def _lines(times: Sequence[StudentTime], rows: dict[tuple[str, str], float], generators: set[str]) -> list[CostLine]:
    from sdc.pipelines.report.statistics.break_even import texts_to_pay_off

    of_generator = [t.seconds_per_text for t in times if t.model in generators and t.shots == 0 and t.seconds_per_text]
    if not of_generator or not rows:
        return []
    generator = statistics.fmean(of_generator) / 3600
    found = [CostLine(label="generator", method="", fixed=0.0, per_text=generator, pays_off=None)]
    students: dict[tuple[str, str], list[StudentTime]] = {}
    for time in times:
        if time.source == "synthetic" and time.model not in generators and time.seconds is not None:
            students.setdefault((time.method, time.model), []).append(time)
    for (method, model), of_student in students.items():
        costs = [cost for cell, seconds in rows.items() if (cost := _cost(of_student, cell, seconds, method))]
        if costs:
            fixed, per_text = (statistics.fmean(values) for values in zip(*costs, strict=True))
            name = lines.METHODS.get(method, method)
            pays_off = float(texts_to_pay_off(fixed, generator=generator, student=per_text))
            found.append(
                CostLine(label=f"{name} {model}", method=method, fixed=fixed, per_text=per_text, pays_off=pays_off)
            )
    return found


def _cost(
    times: Sequence[StudentTime], cell: tuple[str, str], seconds_of_rows: float, method: str
) -> tuple[float, float] | None:
    """Returns the hours before the first text, and per text, of a student in a cell; None if it has no run there."""
    here = sorted((t for t in times if (t.lang, t.task) == cell), key=lambda time: time.rows)
    if not here:
        return None
    least, most = here[0], here[-1]
    if method == "icl":  # nothing is trained
        per_text = most.seconds_per_text
        return None if per_text is None else (seconds_of_rows / 3600, per_text / 3600)
    return (seconds_of_rows + (most.seconds or 0)) / 3600, (least.seconds or 0) / least.num_test / 3600


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
    layers: list[Spec] = []
    seen: dict[str, int] = {}
    for line, place in zip(found, ends, strict=True):
        look = marks.of(line.method, "synthetic", nth=seen.get(line.method, 0))
        seen[line.method] = seen.get(line.method, 0) + 1
        layers += _line(line, look, texts, at, label_at=10**place)
    return {"layer": layers, "width": _WIDTH + _LABELS_PX, "height": _HEIGHT}


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


def _line(line: CostLine, look: Mark, texts: Sequence[float], at: Spec, *, label_at: float) -> list[Spec]:
    """Returns a line, the ring where it pays off, and its name."""
    colour, dash = (look.colour, list(look.dash)) if line.method else (marks.INK, [])
    path = [{"x": number, "y": line.at(number)} for number in texts]
    layers = [vega.unit(path, "line", at, color=colour, strokeWidth=2, strokeDash=dash, clip=True)]
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
