"""script: a text in the wrong script, or letters of a foreign script in its words.

Names and loan words in Latin letters are normal in every script (`COVID-19`, `iPhone`, `WhatsAppలో`), and so are
single letters of any script that stand alone (`α`, `ツ`). Letters of a third script are not, nor are Latin letters in
the middle of a word.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from sdc.pipelines.gates import writing
from sdc.pipelines.gates.reference import Reference
from sdc.pipelines.gates.writing import Writing, script_of

#: The least share of the letters that must be in the script of the language, 0 to 1.
THRESHOLD = 0.3
#: A piece of a word in Latin letters of another script's word is no loan word up to this length.
_SCRAP = 2


def build(reference: Reference, threshold: float) -> Callable[[str], str | None]:
    """Returns a check of the script of a text; all pass if the script of the language is unknown."""
    own = writing.of(reference)
    if own is None:
        return lambda text: None

    def foreign_letters(text: str) -> int:
        return 0 if own.share(text) >= threshold else writing.num_letters(text)

    def intruders(text: str) -> int:
        return sum(map(len, foreign_in_words(text, own)))

    most_letters = reference.habit(foreign_letters, tolerate=1)
    most_intruders = reference.habit(intruders, tolerate=1)

    def check(text: str) -> str | None:
        if foreign_letters(text) > most_letters:
            return f"only {own.share(text):.0%} of the letters are {reference.cell.language.script}"
        found = foreign_in_words(text, own)
        if sum(map(len, found)) > most_intruders:
            return f"letters of a foreign script: {' '.join(found)}"
        return None

    return check


def foreign_in_words(text: str, own: Writing) -> list[str]:
    """Returns the runs of letters that have no place in the words of a text, in order."""
    found: list[str] = []
    text = writing.words(text)
    if not own.foreign.search(text):
        return found  # the usual case, quickly
    for word in _word().findall(text):
        if word.isascii() or not own.foreign.search(word):
            continue
        runs = _runs(word)
        for place, (script, letters) in enumerate(runs):
            if script in own.scripts:
                continue
            before = any(name in own.scripts for name, _ in runs[:place])
            after = any(name in own.scripts for name, _ in runs[place + 1 :])
            if script == "Latn":
                inside = before and letters.islower() and (after or len(letters) <= _SCRAP)
                if own.spaced and inside:
                    found.append(letters)
            elif len(letters) > 1 or not (len(runs) == 1 or _is_symbol(script, place, runs)):
                found.append(letters)
    return found


def _is_symbol(script: str, place: int, runs: list[tuple[str, str]]) -> bool:
    """Returns whether a single letter at an end of a word is one of science, as in `μm` or `IFNγ`."""
    return script == "Grek" and place in (0, len(runs) - 1)


def _runs(word: str) -> list[tuple[str, str]]:
    """Returns (script, letters) of the stretches of a word in one script; marks belong to the letter before them."""
    runs: list[tuple[str, str]] = []
    for c in word:
        script = script_of(c)
        if not c.isalpha() or script in ("Zyyy", "Zinh", "Zzzz"):
            continue
        if runs and runs[-1][0] == script:
            runs[-1] = (script, runs[-1][1] + c)
        else:
            runs.append((script, c))
    return runs


@cache
def _word() -> Any:
    import regex

    return regex.compile(r"[\p{L}\p{M}\p{Join_Control}]+")
