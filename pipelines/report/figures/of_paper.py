"""Figures 2 to 11 of the paper: which students, rows and panels each of them has.

Here: one function per kind, and the numbers of the paper's figures. Not here: figure 1 (`bars.py`), drawing
(`panels.py`).
"""

from collections.abc import Sequence

from sdc.pipelines.report.curves import Curve
from sdc.pipelines.report.figures import lines, panels
from sdc.pipelines.report.figures.extent import LinePanel
from sdc.pipelines.report.figures.material import (
    FAMILIES,
    SARCASM,
    Material,
    family_of,
    from_sources,
    is_small_llm,
    of_family,
)
from sdc.pipelines.report.figures.plot import NotDrawn, Plot

SYNTHETIC = ("synthetic", "seeds+synthetic")
BOTH = (*SYNTHETIC, "human", "human+synthetic")
#: Kind of figure -> its number for each of `FAMILIES`.
_NUMBERS = {"groups": (2, 6, 7), "tasks": (3, 8, 9), "sources": (4, 10, 11)}


def groups(material: Material, family: str) -> Plot | NotDrawn:
    """Figures 2, 6, 7: the difference to the generator by number of synthetic rows, a panel per group of languages."""
    name = _name("groups", family)
    shown = _family(material, family)
    row = [
        _panel(material, from_sources(list(filter(of_family(shown), material.curves(group=group))), SYNTHETIC),
               title=_title(material, group), is_first=number == 0)
        for number, group in enumerate(material.groups)
    ]  # fmt: skip
    return _plot(material, name, family, shown, [row], "Difference to the generator by number of synthetic rows")


def tasks(material: Material, family: str) -> Plot | NotDrawn:
    """Figures 3, 8, 9: as figure 2, with a row of panels per task."""
    name = _name("tasks", family)
    shown = _family(material, family)
    grid = [
        [
            _panel(
                material,
                from_sources(list(filter(of_family(shown), material.curves(group=group, task=task))), SYNTHETIC),
                title=f"{task}, {_title(material, group, task)}",
                is_first=(row, number) == (0, 0),
            )
            for number, group in enumerate(material.groups)
        ]
        for row, task in enumerate(material.tasks)
    ]
    return _plot(
        material, name, family, shown, grid, "Difference to the generator by task and number of synthetic rows"
    )


def sources(material: Material, family: str) -> Plot | NotDrawn:
    """Figures 4, 10, 11: students on synthetic beside those on human rows, of each method that has both."""
    name = _name("sources", family)
    shown = _family(material, family)
    row = []
    for number, group in enumerate(material.groups):
        found = [c for c in filter(of_family(shown), material.curves(group=group)) if c.first.source in BOTH]
        row.append(_panel(material, _with_both(found), title=_title(material, group), is_first=number == 0))
    return _plot(material, name, family, shown, [row], "Difference to the generator on synthetic and on human rows")


def sarcasm(material: Material) -> Plot | NotDrawn:
    """Figure 5: sarcasm in macro-F1, a panel per small LLM."""
    name = "figure-5"
    found = material.curves(task=SARCASM)
    rising = [curve for curve in found if curve.points[0].rows is not None]
    if not rising:
        return NotDrawn(name=name, why="no differences to a generator in sarcasm")
    families = [name for name in (*FAMILIES, None) if any(_is_llm_of(curve, name) for curve in found)] or [None]
    row = [
        _panel(material, from_sources(list(filter(of_family(family), found)), BOTH),
               title=_models([c for c in found if _is_llm_of(c, family)]) or SARCASM, is_first=number == 0)
        for number, family in enumerate(families)
    ]  # fmt: skip
    langs = " ".join(sorted({str(p.lang) for p in material.found.points if p.task == SARCASM}))
    caption = f"Sarcasm detection ({langs}), macro-F1, on synthetic and human rows; {panels.runs(row)}."
    return panels.plot(
        name, [row], title=material.title(name, "Sarcasm: difference to the generator in macro-F1 by number of rows"),
        caption=[caption], band=material.band,
    )  # fmt: skip


def _name(kind: str, family: str) -> str:
    return f"figure-{_NUMBERS[kind][FAMILIES.index(family)]}"


def _family(material: Material, family: str) -> str | None:
    """Returns whose small LLMs a figure shows: the first figures show those of no family where the first has none."""
    there = {family_of(point.model) for point in material.found.points if is_small_llm(point)}
    return None if family == FAMILIES[0] and family not in there else family


def _plot(
    material: Material, name: str, family: str, shown: str | None, grid: Sequence[Sequence[LinePanel]], title: str
) -> Plot | NotDrawn:
    kept = [[panel for panel in row if any(not line.is_level for line in panel.lines)] for row in grid]
    kept = [row for row in kept if row]
    every = [panel for row in kept for panel in row]
    models = {line.model for panel in every for line in panel.lines if line.method in ("icl", "lora")}
    if not every or (family != FAMILIES[0] and not models):
        of = f"of a {family} model" if family != FAMILIES[0] else "of a student"
        both = " on synthetic and on human rows" if name in ("figure-4", "figure-10", "figure-11") else ""
        return NotDrawn(name=name, why=f"no differences to a generator {of}{both}")
    over = "languages" if len(material.tasks) == 1 or "task" in title else "tasks and languages"
    caption = [
        f"Accuracy of a student less that of the generator ({material.generators()}), mean over {over}; "
        f"{panels.runs(every)}. {_who(every)}."
    ]
    return panels.plot(
        name, kept, title=material.title(name, title + (f": {shown}" if models and shown else "")), caption=caption,
        band=material.band,
    )  # fmt: skip


def _who(every: Sequence[LinePanel]) -> str:
    """Returns the models behind the methods, in words."""
    models: dict[str, set[str]] = {}
    for panel in every:
        for line in panel.lines:
            models.setdefault(lines.METHODS.get(line.method, line.method), set()).add(line.model)
    said: dict[str, list[str]] = {}
    for method, names in models.items():
        said.setdefault(", ".join(sorted(names)), []).append(method)
    found = "; ".join(f"{' and '.join(methods)}: {names}" for names, methods in said.items())
    return found[:1].upper() + found[1:]


def _panel(material: Material, found: Sequence[Curve], *, title: str, is_first: bool) -> LinePanel:
    return LinePanel(title=title, lines=tuple(lines.of_curves(found, band=material.band)), is_first=is_first)


def _with_both(found: Sequence[Curve]) -> list[Curve]:
    """Returns the curves of students that have both kinds of rows."""
    kinds: dict[tuple[object, ...], set[bool]] = {}
    for curve in found:
        kinds.setdefault((curve.first.method, curve.first.model), set()).add(curve.first.source == "human")
    return [curve for curve in found if len(kinds[curve.first.method, curve.first.model]) == 2]


def _is_llm_of(curve: Curve, family: str | None) -> bool:
    return is_small_llm(curve.first) and family_of(curve.first.model) == family


def _models(found: Sequence[Curve]) -> str:
    return ", ".join(sorted({str(curve.first.model) for curve in found}))


def _title(material: Material, group: str, task: str | None = None) -> str:
    langs = material.langs(group, task)
    return f"other languages: {langs}" if group == "other" else f"{group}-resource: {langs}"
