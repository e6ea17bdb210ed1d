"""What human rows give over synthetic ones, against their number.

Here: the gap of each student that was trained on both. Not here: the two curves themselves (`of_paper.py`, figure 4).
"""

from sdc.pipelines.report.curves import SCORE, Curve
from sdc.pipelines.report.figures import lines, panels
from sdc.pipelines.report.figures.extent import LinePanel
from sdc.pipelines.report.figures.lines import StudentLine
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.report.figures.plot import NotDrawn, Plot

NAME = "b4-human-gap"


def plot(material: Material) -> Plot | NotDrawn:
    """Returns the figure, a panel per group of languages."""
    row: list[LinePanel] = []
    for group in material.groups:
        made = _gaps(material.curves(group=group, quantity=SCORE))
        if made:
            title = f"{group}-resource: {material.langs(group)}"
            row.append(LinePanel(title=title, lines=tuple(made), is_first=not row))
    if not row:
        return NotDrawn(name=NAME, why="no student was trained on human and on synthetic rows of one size")
    caption = (
        "Accuracy on human rows less that on as many synthetic ones, mean over tasks and languages; both on the same "
        f"resampled test rows; {panels.runs(row)}, both kinds together."
    )
    title = material.title(NAME, "Human less synthetic rows, by their number")
    return panels.plot(
        NAME, [row], title=title, caption=[caption], band="interval", zero="synthetic rows",
        y="human less synthetic, points",
    )  # fmt: skip


def _gaps(found: list[Curve]) -> list[StudentLine]:
    pairs: dict[tuple[object, ...], dict[str, Curve]] = {}
    for curve in found:
        first = curve.first
        if first.source in ("human", "synthetic"):
            what = (first.method, first.model, first.shots, first.decoding, first.recipe, first.reader)
            pairs.setdefault(what, {}).setdefault(first.source, curve)
    whole = {what: pair for what, pair in pairs.items() if len(pair) == 2}
    models: dict[object, int] = {}
    for method, *_ in whole:
        models[method] = models.get(method, 0) + 1
    made = []
    for (method, model, *_), pair in whole.items():
        name = lines.METHODS.get(str(method), str(method))
        label = f"{name} {model}" if models[method] > 1 else name
        line = lines.gap(pair["human"], pair["synthetic"], label=label)
        made += [line] if line else []
    return made
