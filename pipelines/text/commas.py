"""Values of a flag with commas between them.

Here: the one way in which a flag that may be repeated, or hold several values, is read, and in which a line names many
things. Not here: what they mean.
"""

from collections.abc import Iterable, Sequence

#: Things that are named in one line.
_MOST_NAMED = 12


def parts(given: str | Iterable[str] | None) -> list[str]:
    """Returns the values, in order, without the blanks around them; empty ones are left out.

    >>> parts("100, 500,all"), parts(["te,sw", " de "]), parts(",,"), parts(None)
    (['100', '500', 'all'], ['te', 'sw', 'de'], [], [])

    Args:
        given: What the flag says, or what each of its repetitions says; None if it was not given.
    """
    texts = [given] if isinstance(given, str) else given or []
    return [part for text in texts for part in map(str.strip, text.split(",")) if part]


def listed(names: Sequence[str]) -> str:
    """Returns names as a part of a line: the first ones, and how many more there are.

    >>> listed(["te", "sw"]), listed([str(number) for number in range(14)])
    ('te, sw', '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more')
    """
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
