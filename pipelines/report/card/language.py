"""language: the share of rows that read as the language they should be in."""

from collections.abc import Sequence

from sdc.pipelines.report.card.figure import Figure, Measurement, share
from sdc.pipelines.report.card.sides import Sides, texts
from sdc.pipelines.text.identifier import LEAST_LETTERS, known
from sdc.pipelines.text.identifier_scores import model
from sdc.pipelines.text.scripts import without_addresses

NAMES = ("language",)


def measure(sides: Sides) -> Measurement:
    """Returns the share of rows whose most probable language, among all that py3langid knows, is the right one.

    Addresses and names of users are left out, and texts with fewer than 12 letters. Range: 0 to 1. It is lower than the
    truth where languages are close (Indonesian and Malay; Slovenian, Croatian and Serbian; Azerbaijani and Turkish):
    hold it against the human rows. Degenerate case: not told if the identifier does not know the language, or if all
    texts are short.

    Source: Lui and Baldwin (2012), langid.py: an off-the-shelf language identification tool, ACL; A. Barbaresi's
    py3langid.
    """
    tag = known(sides.cell.lang)
    what = f"rows that read as {tag or sides.cell.lang}"
    if tag is None:
        note = f"the identifier does not know {sides.cell.lang}"
        return Measurement(figures=(Figure(name="language", what=what, synthetic=None, note=note),))
    ours, theirs = (_found(texts(rows)) for rows in (sides.some_synthetic, sides.some_human))
    others: dict[str, int] = {}
    for name in ours:
        if name != tag:
            others[name] = others.get(name, 0) + 1
    commonest = sorted(others.items(), key=lambda item: (-item[1], item[0]))[:3]
    if ours:
        note = ", ".join(f"{name} {count}" for name, count in commonest)
    else:
        note = f"no synthetic row has {LEAST_LETTERS} letters"
    figure = Figure(
        name="language", what=what, synthetic=share(ours.count(tag), len(ours)),
        human=share(theirs.count(tag), len(theirs)), note=note, details={"rows": len(ours)},
    )  # fmt: skip
    return Measurement(figures=(figure,))


def _found(rows: Sequence[str]) -> list[str]:
    """Returns the most probable language of each text that is long enough."""
    found = [without_addresses(row) for row in rows]
    return [str(model().classify(text)[0]) for text in found if sum(map(str.isalpha, text)) >= LEAST_LETTERS]
