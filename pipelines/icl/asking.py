"""What an LLM is asked about test rows, and what came back.

Here: calls, and which of them were answered. Not here: prompts (`shots.py`), runs (`icl.py`), reading (eval).
"""

from collections import Counter
from collections.abc import Sequence

from sdc.pipelines.cells import Cell
from sdc.pipelines.engines.protocol import NOT_FINITE, UNWRITTEN, Call, Reply
from sdc.pipelines.icl.config import IclConfig


def calls(config: IclConfig, cell: Cell, texts: Sequence[str]) -> list[Call]:
    """Returns what an LLM is asked, one call per prompt."""
    return [
        Call(
            prompt=text,
            choices=cell.task.label_names if config.decoding == "scores" else (),
            max_tokens=config.max_tokens if config.decoding == "generate" else 20,
        )
        for text in texts
    ]


def text(reply: Reply) -> str | None:
    """Returns the answer in words, also that to a scored call where the engine gives no scores; None without one."""
    return reply.text if reply.is_answer and not reply.scores else None


def unanswered(answers: Sequence[Reply]) -> tuple[int, str, str | None]:
    """Returns how many test rows were not answered, the run's status, and a line that says why, or None.

    A run without any answer has failed; and one of a model that computed what is no number, with all that it said.
    """
    why = Counter(reply.reason or reply.finish for reply in answers if not reply.is_answer)
    if not why:
        return 0, "ok", None
    reason = f"{why.total()} of {len(answers)} test rows were not answered ({why.most_common(1)[0][0]})"
    is_broken = bool({NOT_FINITE, UNWRITTEN} & why.keys())
    return why.total(), "failed" if why.total() == len(answers) or is_broken else "ok", reason
