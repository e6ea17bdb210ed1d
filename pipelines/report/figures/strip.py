"""Failed runs by size and student, as a strip of shaded fields: where training breaks off or ends below chance.

Here: counts over all cells. Not here: what is a failed run (`metrics/failed_run.py`).
"""

from sdc.pipelines.report.figures import lines, marks
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.report.figures.plot import NotDrawn, Plot
from sdc.pipelines.report.points import GENERATOR, size_order

NAME = "b6-failed-runs"
_STEP = 40


def plot(material: Material) -> Plot | NotDrawn:
    """Returns the strip."""
    import altair as alt

    records = _records(material)
    if not any(record["failed"] or record["below_chance"] for record in records):
        return NotDrawn(name=NAME, why="no run broke off or ended below chance")
    sizes = sorted({str(record["size"]) for record in records}, key=size_order)
    students = list(dict.fromkeys(str(record["student"]) for record in records))
    rows = [{**record, "text": _said(float(str(record["percent"])))} for record in records]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("size:N", title="nominal size", sort=sizes, axis=alt.Axis(labelAngle=0, orient="bottom", ticks=False)),
        y=alt.Y("student:N", title=None, sort=students, axis=alt.Axis(labelLimit=260, ticks=False, labelPadding=6)),
    )
    most = max(float(str(record["percent"])) for record in records)
    shade = alt.Color("percent:Q", legend=None, scale=alt.Scale(domain=[0, most], range=["#f4f4f4", "#B2390E"]))
    dark = f"datum.percent > {0.55 * most}"
    text = base.mark_text(fontSize=10).encode(
        text="text:N", color=alt.condition(dark, alt.value("white"), alt.value(marks.INK))
    )
    worst = max(records, key=lambda record: float(str(record["percent"])))
    return Plot(
        name=NAME,
        title=material.title(NAME, "Runs that broke off or ended below chance, in % of all"),
        caption=("Over all cells; students on synthetic and on human rows. A dot: none.",),
        says=f"Most of {worst['student']} at size {worst['size']}: {worst['percent']:.1f} % of {worst['runs']} runs.",
        chart=(base.mark_rect(stroke="white", strokeWidth=2).encode(color=shade) + text).properties(
            width=alt.Step(_STEP), height=alt.Step(26)
        ),
        width=_STEP * len(sizes) + 120,
        records=records,
    )


def _said(percent: float) -> str:
    """Returns what stands in a field: something is never called nothing.

    >>> _said(0.0), _said(0.2), _said(7.6)
    ('·', '<1', '8')
    """
    return "·" if percent == 0 else "<1" if percent < 0.5 else f"{percent:.0f}"


def _records(material: Material) -> list[dict[str, object]]:
    counts: dict[tuple[str, str], list[int]] = {}
    for point in material.found.points:
        if point.source is None or point.role == GENERATOR:
            continue
        student = f"{lines.METHODS.get(str(point.method), point.method)} {point.model}, {point.source}"
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
