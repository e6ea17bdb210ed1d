"""script: a text in the wrong script, or letters of a foreign script in its words.

Names and loan words in Latin letters are normal in every script (`COVID-19`, `iPhone`, `WhatsAppలో`), and so are symbols
(`α`) and emoticons (`ಠ_ಠ`, `ツ`, `ㅠㅠ`). Letters of a third script are not, also single ones between spaces, nor are
Latin letters in the middle of a word. How much of a text may be titles and addresses in Latin letters follows the rows
of people.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from sdc.pipelines.gates.reference import Reference
from sdc.pipelines.text import scripts
from sdc.pipelines.text.scripts import WritingSystem, script_of

#: The least share of the letters that must be in the script of the language, 0 to 1.
THRESHOLD = 0.3
#: A piece of a word in Latin letters of another script's word is no loan word up to this length.
_SCRAP = 2
#: Faces are drawn with these; a word is not written with one of them.
_FACES = frozenset("ツシッヅノづಠლงДω")
#: Where people write titles in Latin letters, half of the least share of their rows is enough, but not less than this.
_HALF, _FEWEST = 0.5, 0.1


def build(reference: Reference, threshold: float) -> Callable[[str], str | None]:
    """Returns a check of the script of a text; all pass if the script of the language is unknown."""
    own = reference.writing
    if own is None:
        return lambda text: None

    needed = threshold
    if "Latn" not in own.scripts and reference.sample:
        least = 1 - reference.habit(lambda text: 1 - own.share(text), tolerate=1)
        needed = min(threshold, max(_HALF * least, _FEWEST))

    def foreign_letters(text: str) -> int:
        return 0 if own.share(text) >= needed else scripts.num_letters(text)

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


def foreign_in_words(text: str, own: WritingSystem) -> list[str]:
    """Returns the runs of letters that have no place in the words of a text, in order."""
    found: list[str] = []
    text = scripts.without_addresses(text)
    if not own.has_foreign(text):
        return found  # the usual case, quickly
    for match in _word().finditer(text):
        word = match.group()
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
            elif not _is_no_word(script, letters, place, runs, match.group(), _beside(text, match)):
                found.append(letters)
    return found


def _beside(text: str, match: Any) -> str:
    """Returns the characters on both sides of a word, blanks at the ends of a text."""
    return text[match.start() - 1 : match.start()] + text[match.end() : match.end() + 1]


def _is_no_word(script: str, letters: str, place: int, runs: list[tuple[str, str]], word: str, beside: str) -> bool:
    """Returns whether letters of a third script are a symbol (`α`, `μm`) or a face, and no word or piece of one."""
    if _emoticon().fullmatch(letters):
        return True
    if len(letters) > 1:
        return False
    if len(runs) > 1:
        faces = all(len(run) == 1 for _, run in runs) and not _FACES.isdisjoint(word)
        return faces or _is_symbol(script, place, runs)
    # One letter alone: a face has other signs right beside it, and a word only spaces and stops.
    return script == "Grek" or letters in _FACES or bool(_sign().search(beside))


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
def _emoticon() -> Any:
    """Returns the pattern of Korean letters that are no syllable: people cry (`ㅠㅠ`) and laugh (`ㅋㅋ`) with them."""
    import regex

    return regex.compile(r"[\u3131-\u318e]+")


@cache
def _sign() -> Any:
    import regex

    return regex.compile(r"[^\s\p{L}\p{M}\p{N}.,;:!?…。、，！？：；\"'“”„«»]")


@cache
def _word() -> Any:
    import regex

    return regex.compile(r"[\p{L}\p{M}\p{Join_Control}]+")
