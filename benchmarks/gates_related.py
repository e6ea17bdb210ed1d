"""Sentences of languages that are close to that of a cell, for `gates.py --related FOLDER`.

Here: which languages, and their files. Not here: measuring.
"""

import csv
from pathlib import Path

#: Files of close languages for each language.
RELATED = {
    "az": ("tur", "tuk", "uzn"), "de": ("nld", "ltz"), "en": ("nld", "ltz"), "ro": ("ita", "fur", "spa"),
    "sw": ("kik", "kin", "lin", "zul"), "te": ("tam", "kan"),
}  # fmt: skip


def load_related(folder: Path | None, lang: str) -> dict[str, list[str]]:
    """Returns the sentences of the languages that are close to one, by their code."""
    found: dict[str, list[str]] = {}
    for name in RELATED.get(lang, ()) if folder else ():
        (path,) = folder.glob(f"{name}_*.tsv")
        with path.open(encoding="utf-8", newline="") as file:
            found[name] = [row["text"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    return found
