"""From the raw reply of a generator to texts.

Here: splitting at the separator and removing what is form, not content. Not here: whether a text is any good (judge).
"""

import re

# The prompt asks for `---`; models also write longer rules, or em-dashes on a line of their own.
_SEPARATOR = re.compile(r"-{3,}|(?m:^[ \t]*[—–]+[ \t]*$)")
_NUMBERING = re.compile(r"^\(?\d{1,3}[.):]\s+")
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "'": "'"}


def split(reply: str) -> list[str]:
    """Returns the texts in a generator's reply, in order, without separators, numbering and surrounding quotes.

    A reply without any separator but with several lines is taken as one text a line.

    >>> split('1. first one\\n---\\n"second"\\n---\\n')
    ['first one', 'second']
    """
    parts = _SEPARATOR.split(reply)
    if len(parts) == 1:
        parts = reply.splitlines()
    return [text for text in map(_bare, parts) if text]


def _bare(part: str) -> str:
    text = _NUMBERING.sub("", part.strip()).strip()
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] and text[0] not in text[1:-1]:
        text = text[1:-1].strip()
    return text
