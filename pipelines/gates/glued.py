"""glued: several answers in one row, because the generator dropped the separator between them.

Seen by line breaks between lines that are each as long as an answer, by numbers that go on from 2, and by far more
sentences than people write. Where people break lines themselves, or write many sentences, that says nothing.
"""

import math
import statistics
from collections.abc import Callable
from functools import cache
from typing import Any

from sdc.pipelines.gates.empty import emoji
from sdc.pipelines.gates.reference import Reference, far_out
from sdc.pipelines.text.scripts import without_addresses

#: The least number of answers in one row.
THRESHOLD = 2.0
#: A line may be an answer if it has this share of the median human length, and at most and at least so many characters.
_SHARE, _MOST_NEEDED, _LEAST_NEEDED = 0.3, 20, 4
#: Where people break lines, so many times their lines are too many, or lines that are each as long as a whole row.
_MORE_LINES = 2
#: What none of fewer rows does, one in twenty people may do (3 / n): until then they are taken to break a line; where
#: they write posts, also between two lines that are each as long as a row.
_FEW_ROWS = 60
#: Human rows end in a full stop or the like if at least so many of them do.
_MOSTLY = 0.5
#: Sentences count as answers from so many on, if they are so many times what people write, and their number and the
#: length of the text are so many standard deviations above it.
_LEAST_SENTENCES, _TIMES, _SPREADS_OF_NUMBER, _SPREADS_OF_LENGTH = 4, 1.5, 5.0, 3.0
_LEAST_ROWS = 5


def build(reference: Reference, threshold: float) -> Callable[[str], str | None]:
    """Returns a check for rows of at least `threshold` answers."""
    lines, whole_rows = _lines(reference)
    most_lines, most_rows = reference.habit(lines), reference.habit(whole_rows)
    if 0 < len(reference.sample) < _FEW_ROWS:
        most_lines = max(most_lines, 2)
        most_rows = max(most_rows, 2 if any(map(_is_post, reference.sample)) else 0)
    most_numbered = reference.habit(numbered)
    too_long, too_many = _far_out(reference)

    def check(text: str) -> str | None:
        answers = lines(text)
        if answers >= threshold and (answers > _MORE_LINES * most_lines or whole_rows(text) > max(most_rows, 1)):
            return f"{answers} lines that are each an answer"
        points = numbered(text)
        if points >= threshold and points > most_numbered:
            return f"{points} answers by their numbers"
        parts = sentences(text)
        if len(text) > too_long and parts > too_many and parts >= threshold:
            return f"{parts} sentences in {len(text)} characters, and people write less"
        return None

    return check


def numbered(text: str) -> int:
    """Returns how far numbers of answers (2., 3. ... or 2), 3) ...) run on in a text; at least to 3, and 0 with a 1.

    The number of the first answer went away with the form around it; a list of people begins with 1.

    >>> numbered("Wake me. 2. Stop it! 3. Be quiet"), numbered("1. Wake me. 2. Stop it! 3. Be quiet")
    (3, 0)
    """
    _, number = _patterns()
    expected = 2
    for match in number.finditer(text):
        if int(match[1]) == 1:
            return 0
        expected += int(match[1]) == expected
    return expected - 1 if expected > 3 else 0


def sentences(text: str) -> int:
    """Returns the number of sentences, by the characters that end one in any script.

    >>> sentences("Wake me! It is... late. मैं आया। 我来了。"), sentences("wake me")
    (5, 1)
    """
    end, _ = _patterns()
    return max(1, sum(any(map(str.isalpha, part)) for part in end.split(text)))


def _lines(reference: Reference) -> tuple[Callable[[str], int], Callable[[str], int]]:
    """Returns functions that count the lines of a text that may be answers, and those as long as a usual row.

    Both give 0 unless there are two.
    """
    lengths = [len(text.strip()) for text in reference.sample]
    usual = statistics.median(lengths) if lengths else math.inf
    needed = min(max(_SHARE * usual, _LEAST_NEEDED), _MOST_NEEDED)
    stops = [_stops(text) for text in reference.sample]
    mostly_stops = not stops or sum(stops) >= _MOSTLY * len(stops)

    def found(text: str, least: float) -> int:
        lines = [line.strip() for line in text.strip().splitlines()]
        lines = [line for line in lines if len(line) >= least and any(map(str.isalpha, line))]
        # One sentence on two lines, or a heading with its text.
        one = len(lines) == 2 and mostly_stops and not _stops(lines[0]) and _stops(lines[1])
        return len(lines) if len(lines) >= 2 and not one else 0

    return lambda text: found(text, needed), lambda text: found(text, max(usual, needed))


def _is_post(text: str) -> bool:
    """Returns whether a text is written as posts are: with a link, a name of a user, a hashtag, emoji or on lines.

    >>> _is_post("so tired #monday"), _is_post("What a week 😀"), _is_post("A good film.")
    (True, True, False)
    """
    return without_addresses(text) != text or emoji().search(text) is not None or "\n" in text.strip()


def _far_out(reference: Reference) -> tuple[float, float]:
    """Returns the length in characters and the number of sentences above which a text holds several answers."""
    if len(reference.sample) < _LEAST_ROWS:
        return math.inf, math.inf
    lengths, numbers = ([score(text) for text in reference.sample] for score in (_length, sentences))
    length, number = far_out(lengths, spreads=_SPREADS_OF_LENGTH), far_out(numbers, spreads=_SPREADS_OF_NUMBER)
    most_characters, most_sentences = reference.habitual(lengths), reference.habitual(numbers)
    return max(length, most_characters), max(number, _TIMES * most_sentences, _LEAST_SENTENCES - 1)


def _length(text: str) -> int:
    return len(text.strip())


def _stops(text: str) -> bool:
    end, _ = _patterns()
    return any(not any(map(str.isalpha, text[m.end() :])) for m in end.finditer(text))


@cache
def _patterns() -> tuple[Any, Any]:
    """Returns the patterns of the end of a sentence and of the number of a point in a list."""
    import regex

    # A full stop ends a sentence before white space only; in scripts that write none, the other stops always do.
    end = regex.compile(r"(?:(?![.])[\p{Sentence_Terminal=Yes}…])+|\.+(?=[\s\p{P}]|$)")
    return end, regex.compile(r"(?:^|(?<=\s))(\d{1,2})[.)](?=\s*\p{L})")
