"""Synthetic examples with what a judgement says of them.

Here: the look-ups. Not here: the accepted ones alone, as examples (`examples.py`), who judges and why (judge).
"""

from dataclasses import dataclass

from sdc.cache.store import Store

_BOTH = "examples e join verdicts v on v.example_key = e.key and v.idx = e.idx"


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgedRow:
    """A row of a generation, and its verdict.

    Args:
        example_key: The generation.
        idx: The number of the row in it.
        text: The text.
        label: Id of the label it was written for.
        accepted: The verdict.
        judged_by: Who said so: a gate, an LLM, a person.
        reason: Why it was rejected; None if it was not.
        probability: What the LLM gave yes, or the label where that decided; None where it gave nothing.
    """

    example_key: str
    idx: int
    text: str
    label: int
    accepted: bool
    judged_by: str | None
    reason: str | None
    probability: float | None


def judged_rows(store: Store, judgement: str) -> list[JudgedRow]:
    """Returns the rows that a judgement is about, accepted or not, by idx."""
    names = ("example_key", "idx", "text", "label", "accepted", "judged_by", "reason", "probability")
    found = store.query(
        f"""select e.key, e.idx, e.text, e.label, v.accepted, v.judged_by, v.reason, v.probability from {_BOTH}
        where v.key = ? order by e.idx, e.key""",  # noqa: S608 (a constant)
        [judgement],
    )
    return [JudgedRow(**dict(zip(names, row, strict=True))) for row in found]


def accepted_anywhere(store: Store) -> list[tuple[str, str, str, int]]:
    """Returns task, language, text and label id of every synthetic text that some judgement accepted, each once."""
    return store.query(
        f"""select distinct e.task, e.lang, e.text, e.label from {_BOTH}
        where v.accepted and e.source = 'synthetic' order by all"""  # noqa: S608 (a constant)
    )
