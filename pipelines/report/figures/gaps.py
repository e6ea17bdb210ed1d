"""What human rows give over synthetic ones, against their number.

Here: the gap of each student that was trained on both, for each kind of synthetic rows. Not here: the two curves
themselves (`of_paper.py`, figure 4).
"""

from sdc.pipelines.report.curves import SCORE, Curve
from sdc.pipelines.report.figures import lines, panels
from sdc.pipelines.report.figures.extent import LinePanel
from sdc.pipelines.report.figures.lines import StudentLine
from sdc.pipelines.report.figures.material import Material
from sdc.pipelines.report.figures.plot import NotDrawn, Plot
from sdc.pipelines.report.result import of_parts

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
    pairs = [
        (human, synthetic)
        for human in found
        for synthetic in found
        if (human.first.source, synthetic.first.source) == ("human", "synthetic")
        and of_parts(human.first, ("method",)) == of_parts(synthetic.first, ("method",))
    ]
    names = [lines.in_words([pair[side] for pair in pairs]) for side in (0, 1)]
    made = []
    for (human, synthetic), of_human, of_synthetic in zip(pairs, *names, strict=True):
        # What tells human rows apart, such as how they were chosen, is said of them where they are several.
        words = [*of_synthetic, *(f"{word} human rows" for word in of_human if word not in of_synthetic)]
        line = lines.gap(human, synthetic, label=" ".join(words))
        made += [line] if line else []
    return made
