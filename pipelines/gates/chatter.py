"""chatter: the generator talks about its answer, or shows the form it was asked for, instead of giving the text alone.

English phrases, for models chat in English whatever the language they were asked for; and forms that need no language:
control tokens, a remark in brackets, a heading such as `Beispiel 3:`, the name of the label in front. What a model says
in the language of the texts and in plain sentences is not seen here.
"""

import re
from collections.abc import Callable

from sdc.pipelines.gates import signs
from sdc.pipelines.gates.reference import Reference
from sdc.pipelines.gates.signs import Sign

#: How many different signs reject a text.
THRESHOLD = 1.0

_OBLIGING = r"(?:sure|certainly|of course|absolutely|okay|great)\b[\s,!.:]*"
_THINGS = r"(?:texts?|examples?|sentences?|samples?|reviews?|tweets?|questions?|variations?|versions?|translations?)\b"

SIGNS = (
    Sign(
        pattern=(
            r"<(?:\|[^|>\n]{1,40}\|>|</?SYS>>|/?s>|(?:start|end)_of_turn>|(?:eos|bos|pad|unk)>|/?think>)",
            r"\[/?INST\]",
            *(rf"(?m:^{role}[ \t]*:?[ \t]*$)" for role in ("assistant", "user", "system")),
        ),
        reason="a control token of the model",
        ignore_case=True,
    ),
    Sign(
        pattern=(
            rf"^\W*(?:{_OBLIGING})(?:here\b|i can\b|i['’]d\b|i will\b|i['’]ll\b|let me\b)",
            rf"(?m:^\W*(?:{_OBLIGING})?here(?:['’]s| is| are)\b[^.\n]{{0,80}}\b{_THINGS})",
            r"(?m:^\W*(?:please )?note(?: that\b|\s*:))",
            r"\b(?:let me know if\b|i hope th(?:is|ese) help|feel free to ask\b|as an ai\b|language model\b"
            r"|as requested\b|i (?:can['’]t|cannot) (?:fulfil|create|generate|assist|write))",
            r"\bi['’](?:ve|ll|d) (?:\w+ ){0,2}?(?:add|creat|generat|writ|provid|follow|separat)\w*"
            rf"[^.\n]{{0,60}}\b(?:{_THINGS}|request|instruction|separat|more\b)",
        ),
        reason="talk of the generator",
        ignore_case=True,
    ),
    Sign(
        pattern=(
            r"\bsep(?:arator)?[ _-]?tokens?\b",
            r"^\W*tokens?(?:\s*[:)\]]| between\b| as\b| to separate\b)",
        ),
        reason="talk of separators",
        ignore_case=True,
    ),
    Sign(
        pattern=r"\[\p{Ll}+(?:/\p{Ll}+)+\]|\{\{?\w+\}\}?|\[(?i:(?:your|insert|enter)\b[^\]\n]{0,30}"
        r"|(?:name|city|date|time|location|product|place|country|person|company|movie|title)(?: \w+)?)\]",
        reason="a placeholder was not filled in",
    ),
    Sign(
        pattern=r"(?m:^[(\[（【*_]+\s*(?:\p{L}[\p{L}\p{M}'’]* ?){1,3}\s*[:：])"
        r"|[(\[（【]\s*(?i:(?:english )?translation|note|in english|literally)\b[^)\]）】]*[:：]",
        reason="a remark in brackets",
    ),
    Sign(
        pattern=r"^\W*\p{L}[\p{L}\p{M}]{3,}[ \t]#?1?\d[ \t]?\**[:：](?!\d)"
        r"|^\W*(?i:label|topic|category|sentiment|intent|text|output|answer|response|translation)[ \t]*\**[:：]",
        reason="a heading stands in front",
    ),
    # Short, and one clause: a sentence of a text may end so, too. The colon is looked for first, which most texts lack.
    Sign(
        pattern=r"(?s:^(?=.*[:：]$)(?!.*[.!?…。！？؟।,;、，؛].*[\p{L}\p{N}])(?!(?:\S+\s+){12})(?!.{100}))"
        r"(?s:.*)[\p{L}\p{M}\p{N}]{2,}[\"”»)）]?\s*[:：]$",
        reason="it announces something and ends",
    ),
)


def build(reference: Reference, threshold: float) -> Callable[[str], str | None]:
    """Returns a check for the signs above, and for the label names of the task in front of or behind a text."""
    names = "|".join(sorted(re.escape(name) for name in reference.cell.task.label_names))
    label = Sign(
        pattern=rf"^\W*(?:{names})\W{{0,2}}[:：]|[(\[]\s*(?:{names})\s*[)\]]\W*$",
        reason="the name of a label is left over",
        ignore_case=True,
    )
    return signs.build((*SIGNS, label), reference, threshold)
