"""Failed runs by size and student, as a strip of shaded fields: where training breaks off or ends below chance.

Here: counts over all cells. Not here: what is a failed run (`metrics/failed_run.py`).
"""

from collections.abc import Mapping, Sequence

from sdc.pipelines.report.figures import lines, marks, vega
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.report.figures.plot import NotDrawn, Plot
from sdc.pipelines.report.figures.vega import Spec
from sdc.pipelines.report.points import GENERATOR, size_order

NAME = "b6-failed-runs"
_STEP = 40


def plot(material: Material) -> Plot | NotDrawn:
    """Returns the strip."""
    records = _records(material)
    if not any(record["failed"] or record["below_chance"] for record in records):
        return NotDrawn(name=NAME, why="no run broke off or ended below chance")
    sizes = sorted({str(record["size"]) for record in records}, key=size_order)
    worst = max(records, key=lambda record: float(str(record["percent"])))
    return Plot(
        name=NAME,
        title=material.title(NAME, "Runs that broke off or ended below chance, in % of all"),
        caption=("Over all cells; students on synthetic and on human rows. A dot: none.",),
        says=f"Most of {worst['student']} at size {worst['size']}: {worst['percent']:.1f} % of {worst['runs']} runs.",
        chart=_chart(records, sizes),
        width=_STEP * len(sizes) + 120,
        records=records,
    )


def _chart(records: Sequence[Mapping[str, object]], sizes: Sequence[str]) -> Spec:
    students = list(dict.fromkeys(str(record["student"]) for record in records))
    rows = [{**record, "text": _said(float(str(record["percent"])))} for record in records]
    most = max(float(str(record["percent"])) for record in records)
    at = {
        "x": vega.name("size", title="nominal size", sort=list(sizes),
                       axis={"labelAngle": 0, "orient": "bottom", "ticks": False}),
        "y": vega.name("student", title=None, sort=students,
                       axis={"labelLimit": 260, "ticks": False, "labelPadding": 6}),
    }  # fmt: skip
    shade = vega.number("percent", legend=None, scale={"domain": [0, most], "range": ["#f4f4f4", "#B2390E"]})
    readable = {"condition": {"test": f"datum.percent > {0.55 * most}", "value": "white"}, "value": marks.INK}
    fields = vega.unit(rows, "rect", {**at, "color": shade}, stroke="white", strokeWidth=2)
    texts = vega.unit(rows, "text", {**at, "color": readable, "text": vega.name("text")}, fontSize=10)
    return {"layer": [fields, texts], "width": {"step": _STEP}, "height": {"step": 26}}


def _said(percent: float) -> str:
    """Returns what stands in a field: something is never called nothing.

    >>> _said(0.0), _said(0.2), _said(7.6)
    ('·', '<1', '8')
    """
    return "·" if percent == 0 else "<1" if percent < 0.5 else f"{percent:.0f}"


def _records(material: Material) -> list[dict[str, object]]:
    counts: dict[tuple[str, str], list[int]] = {}
    points = [point for point in material.found.points if point.source is not None and point.role != GENERATOR]
    for point, student in zip(points, lines.students(points), strict=True):
        for size in (point.size or "").split(","):
            runs, failed, below = counts.get((student, size), [0, 0, 0])
            counts[student, size] = [runs + point.n + point.failed, failed + point.failed, below + point.below_chance]
    order = sorted(counts, key=lambda what: (what[0], size_order(what[1])))
    return [
        {"student": student, "size": size, "runs": runs, "failed": failed, "below_chance": below,
         "percent": round(100 * (failed + below) / runs, 3)}
        for student, size in order if (runs := counts[student, size][0])
        for _, failed, below in [counts[student, size]]
    ]  # fmt: skip
