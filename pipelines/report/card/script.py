"""script: the share of letters that are in the script of the language."""

from sdc.cache.counted import counted
from sdc.pipelines.report.card.figure import Figure, Measurement, mean
from sdc.pipelines.report.card.sides import Sides, texts

NAMES = ("script",)


def measure(sides: Sides) -> Measurement:
    """Returns the mean share per row of letters in the scripts of the cell, and how many rows have others.

    Scripts of the cell, as for the judge's gate: those of its language, and what people themselves write it in.
    Addresses and names of users do not count. Range: 0 to 1. Degenerate case: 1 for a row without letters; not told
    where the script of the language is not known.

    Source: Unicode Standard Annex #24, Unicode Script Property.
    """
    script = sides.cell.language.script
    what = f"letters in {script}"
    own = sides.reference.writing
    if own is None:
        note = f"the script of {sides.cell.lang} is not known"
        return Measurement(figures=(Figure(name="script", what=what, synthetic=None, note=note),))
    ours, theirs = ([own.share(row) for row in texts(rows)] for rows in (sides.some_synthetic, sides.some_human))
    mixed = sum(value < 1 for value in ours)
    figure = Figure(
        name="script", what=what, synthetic=mean(ours), human=mean(theirs),
        note=f"{counted(mixed, 'row')} with other letters" if mixed else "",
        details={"rows": len(ours), "mixed": mixed},
    )  # fmt: skip
    return Measurement(figures=(figure,))
