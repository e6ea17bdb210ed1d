"""From the raw reply of a generator to texts.

Here: splitting at the separator and removing what is form, not content. Not here: whether a text is any good (judge).

A sign is form only where the whole reply shows it: `2. Weltkrieg` begins a sentence, unless the texts before and after
it are numbered 1 and 3; quotes belong to a text unless all texts stand in some. What cannot be told stays as it is, and
the gates see it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# The prompt asks for `---`; models also write longer rules, or em-dashes. Within a line it is how people write.
_BLANK = r"[^\S\r\n]*"
_SEPARATOR = re.compile(rf"(?<![^\r\n]){_BLANK}(?:-{{3,}}|[—–]+){_BLANK}(?![^\r\n])")
_LINE_END = r"(?:\r\n|\r|\n)"
# Digits of any script. Without a space only before a letter: `2.5 litres` and `7:30` are no numbers of a list.
_NUMBER = re.compile(
    r"[\u200e\u200f]*(?:(?P<bold>\*\*)?[(\[（]?(?P<number>\d{1,3})(?:[.):\]）：、．]|\s?[-–](?=\s))"
    r"(?(bold)\*\*)(?:\s+|(?=[^\W\d_]))|(?P<circled>[①-⑳])\s*)(?=\S)"
)
#: `Text 3: ...`, in bold or not.
_TITLE = re.compile(
    r"(?P<bold>\*\*)?(?P<word>[^\s\d:.*()]+)\s(?P<number>\d{1,3})"
    r"(?:\s?[.:)：]\s*(?(bold)\*\*)|(?(bold)\*\*|(?!))\s*[:：])\s*(?=\S)"
)
#: Items of a list: blocks between blank lines, lines with the indented ones that follow them, what stands below numbers
#: on lines of their own, or all lines.
_ITEMS = tuple(
    map(
        re.compile,
        (
            rf"{_LINE_END}(?:{_BLANK}{_LINE_END})+",
            rf"{_LINE_END}(?=\S)",
            rf"{_LINE_END}(?=\d{{1,3}}[.)]{_BLANK}{_LINE_END})",
            _LINE_END,
        ),
    )
)
#: So many texts numbered from 1 are a list even between words of the model that it did not number.
_SURE = 3
_BULLET = re.compile(r"([-–—•*·▪►◦‣])\s+")
#: Opening quote -> what may close it.
_QUOTES = {
    '"': '"', "“": "”“", "”": "”", "„": "“”", "«": "»", "»": "«", "‹": "›", "'": "'", "‘": "’", "‚": "‘", "「": "」",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The texts of a reply, in order.

    Args:
        whole: Those that the generator finished.
        half: The last one, where the reply was cut in the middle of it; empty if there is none.
    """

    whole: Sequence[str] = ()
    half: str = ""


def split(reply: str) -> list[str]:
    """Returns the texts in a finished reply, in order, without separators, numbers of a list and surrounding quotes.

    >>> split("1. first one\\n---\\n2. second\\n---\\n"), split("2. Weltkrieg endete 1945\\n---\\nsecond")
    (['first one', 'second'], ['2. Weltkrieg endete 1945', 'second'])
    """
    return list(read(reply).whole)


def read(reply: str, *, asked: int | None = None, cut: bool = False) -> Texts:
    """Returns the texts in a reply, without separators, and without numbers, bullets and quotes that all of them have.

    A reply without any separator but with several lines is taken as one text a line, unless one text was asked for.

    Args:
        reply: What the generator wrote.
        asked: How many texts it was asked for; None is not known.
        cut: Whether it was stopped at its limit: the last text is half, unless a separator stands behind it.
    """
    parts = _SEPARATOR.split(reply)
    by_lines = len(parts) == 1 and asked != 1
    if by_lines:
        parts = _lines(reply, cut=cut)
    half = parts.pop().strip() if cut else ""
    head, items, tail = _framed([text for text in map(str.strip, parts) if text])
    if half and not tail and (ends := _numbers([*items, half])):
        half = half[ends.pop() :]
    else:
        ends = _numbers(items)
    if ends:
        items = [text[end:] for text, end in zip(items, ends, strict=True)]
    return Texts(whole=[*head, *_unquoted(_unmarked(items) if by_lines else items), *tail], half=half)


def _lines(reply: str, *, cut: bool) -> list[str]:
    """Returns the items of a numbered list, which may be of several lines, or else the lines."""
    for ends in _ITEMS:
        parts = ends.split(reply)
        _, items, _ = _framed([text for text in map(str.strip, parts) if text])
        if _numbers(items) or (cut and _numbers(items[:-1])):
            return parts
    return parts


def _framed(texts: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Returns what a model says before its texts and behind them apart from the texts.

    A line such as `Here are ten texts:` announces them. Any other part at one of the ends is apart only from what is
    sure to be a list: it may as well be a text.
    """
    first = int(len(texts) > 1 and texts[0].endswith((":", "：")) and not _NUMBER.match(texts[0]))
    ends = [(first, 0), (1, 0), (0, 1), (1, 1)]  # how many texts stand before the list, and behind it
    for head, tail in ends:
        items = texts[head : len(texts) - tail]
        if _numbers(items) if (head, tail) == ends[0] else len(items) >= _SURE and _numbers(items, first=1):
            return texts[:head], items, texts[len(texts) - tail :]
    return texts[:first], texts[first:], []


def _numbers(texts: Sequence[str], *, first: int | None = None) -> list[int]:
    """Returns where each text begins behind its number, if all are numbered in order, from `first` on; else none."""
    for sign in (_NUMBER, _TITLE):
        found = [match for match in map(sign.match, texts) if match]
        if len(found) < len(texts) or len(texts) < 2:
            continue
        parts = [match.groupdict() for match in found]
        values = [int(part["number"]) if part["number"] else ord(part["circled"]) - ord("①") + 1 for part in parts]
        start = values[0] if first is None else first
        if values == list(range(start, start + len(values))) and len({part.get("word") for part in parts}) == 1:
            return [match.end() for match in found]
    return []


def _unmarked(texts: list[str]) -> list[str]:
    """Returns texts without the bullet that all begin with; a text of several points has it inside, too."""
    found = [match for match in map(_BULLET.match, texts) if match]
    marks = {match[1] for match in found}
    if len(found) < len(texts) or len(texts) < 2 or len(marks) > 1:
        return texts
    rest = [text[match.end() :] for text, match in zip(texts, found, strict=True)]
    return texts if any(f" {mark} " in text for text in rest for mark in marks) else rest


def _unquoted(texts: list[str]) -> list[str]:
    """Returns texts without the quotes that all stand in."""
    bare = list(map(unquoted, texts))
    return texts if any(new == old for new, old in zip(bare, texts, strict=True)) else bare


def unquoted(text: str) -> str:
    """Returns a text without the one pair of quotes that it stands in as a whole, if it does and they hold something.

    >>> unquoted('"one"'), unquoted("„trei”"), unquoted('"one" and "two"'), unquoted("the boys'")
    ('one', 'trei', '"one" and "two"', "the boys'")
    """
    inside = text[1:-1]
    own = {text[0], text[-1]} if text else set()
    if not inside.strip() or text[-1] not in _QUOTES.get(text[0], "") or own & set(inside):
        return text
    return inside.strip()
