"""separator: form between or around answers was left over: separators, numbers, bullets, markup, escaped line ends."""

from collections.abc import Callable

from sdc.pipelines.gates import signs
from sdc.pipelines.gates.reference import Reference
from sdc.pipelines.gates.signs import Sign

#: How many different signs reject a text.
THRESHOLD = 1.0

SIGNS = (
    Sign(
        pattern=(
            r"(?<!\S)(?:-{3,5}|—{2,5}|–{3,5}|={3,5}|_{3,5}|#{3,5}|~{3,5})(?!\S)",
            r"^(?:-{2,}|={3,}|_{3,}|#{3,}|~{3,}|\*{3,})(?=[\s\p{L}])",
            r"(?<=\s(?:-{2,}|={3,}|_{3,}|#{3,}|~{3,}))$",
        ),
        reason="a separator is left over",
    ),
    Sign(
        pattern=(
            r"\n[ \t]*[-–—=*#_~|]+[ \t]*(?:\n|$)",
            r"^[ \t]*[-–—=*#_~|]+[ \t]*\n",
            r"\s(?:-{2,}|[–—]+)[ \t]*\n",
        ),
        reason="a line ends in a separator",
    ),
    Sign(
        pattern=r"^\**[(\[（]?\d{1,3}\**[)\]）]\**\s*\p{L}|^\d{1,3}\.?[=|>]|^\*\*\d{1,2}\."
        r"|^\d{1,2}[、．]|^[①-⑳]|^#\d{1,3}[:.)]",
        reason="it is numbered",
    ),
    # `-LRB-` and a dialogue or a list of several points are how people write.
    Sign(
        pattern=r"(?s:^([-–—•*·▪►◦‣])[ \t]+\p{L}(?!.*\s\1\s))|(?s:^-[\p{Ll}\p{Lo}](?!.*\s-[\p{Ll}\p{Lo}]))",
        reason="a bullet is left over",
    ),
    Sign(
        pattern=(
            r"```",
            r"^#{2,6}\s+\p{L}|^\*\*[^*\n]{2,}\*\*(?:\s*[:：]|$)|^\s*[{\[]\s*[\"“{].*[\"”}]\s*[}\]],?$|^\|.*\|$",
            r"</?(?:p|br|div|li|ul|ol|b|i|em|strong|span|text|h[1-6])\s*/?>",
        ),
        reason="markup is left over",
    ),
    Sign(pattern=r"\\[nr](?![a-z])|[.!?]\\n", reason="an escaped line end"),
    Sign(
        pattern=r"(?<![#@\w/.])\p{L}[\p{L}\p{M}]*_(?:\p{L}[\p{L}\p{M}]*_){2,}\p{L}",
        reason="underscores instead of spaces",
    ),
)

_NUMBERED = r"^\d{1,2}\.\s+[\"“'‘(]?"
#: Languages that write an ordinal with a full stop. `3. aprila` is how a sentence begins, and no third answer; German
#: writes nouns with a capital, so that `2. Klasse` cannot be told from one.
_ORDINAL_STOP = (
    *("bs", "cs", "da", "de", "et", "eu", "fi", "fo", "hr", "hu", "is"),
    *("lb", "lv", "mk", "nb", "nn", "no", "pl", "sk", "sl", "sr", "tr"),
)


def build(reference: Reference, threshold: float) -> Callable[[str], str | None]:
    """Returns a check for the signs above, and for a number in front."""
    small_too = reference.cell.lang.split("-")[0] not in _ORDINAL_STOP
    first = r"\p{L}" if small_too else r"(?!\p{Ll})\p{L}"
    return signs.build((*SIGNS, Sign(pattern=_NUMBERED + first, reason="it is numbered")), reference, threshold)
