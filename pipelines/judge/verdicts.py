"""From what gates and LLM found out about a text to its verdict, and how far they agree.

Here: thresholds, reasons, counts. Not here: finding out (`gates/`, `llm.py`), the artifact (`judge.py`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.judge.llm import Candidate, Opinion
from sdc.pipelines.metrics import kappa
from sdc.pipelines.tasks import Task

#: Who judged a text that the LLM did not answer about.
NOBODY = "none"
#: How the reason of such a verdict begins.
NO_ANSWER = "no answer: "


@dataclass(kw_only=True)
class Evidence:
    """What is known about one text; None is not looked at.

    Args:
        gate: The gate that rejects it, and why.
        label: What the LLM answered when it was asked for the label.
        answer: What it answered when it was asked whether the text will do.
    """

    gate: tuple[str, str] | None = None
    label: Opinion | None = None
    answer: Opinion | None = None


def label_holds(config: JudgeConfig, row: Candidate, evidence: Evidence) -> bool | None:
    """Returns whether the LLM gives the text its label; None if it was not asked, or its answer says nothing."""
    shares = evidence.label.shares if evidence.label else ()
    return shares[row.label] >= config.label_threshold if shares else None


def says_yes(config: JudgeConfig, evidence: Evidence) -> bool | None:
    """Returns whether the LLM says yes; None if it was not asked, or its answer says nothing."""
    shares = evidence.answer.shares if evidence.answer else ()
    return shares[0] >= config.threshold if shares else None


def verdict(config: JudgeConfig, task: Task, row: Candidate, evidence: Evidence) -> dict[str, Any]:
    """Returns the verdict on one text: that of the first to reject it, in the order gates, label, yes or no.

    `probability` is that of its label where the label decided, else that of yes; None if the LLM was not asked.
    """
    judged_by, reason, probability = "gate:all", None, None
    if evidence.answer and evidence.answer.shares:
        probability = evidence.answer.shares[0]
    if evidence.gate:
        judged_by, reason = f"gate:{evidence.gate[0]}", evidence.gate[1]
    elif evidence.label and not evidence.label.shares:
        judged_by, reason = _said_nothing(evidence.label, "label")
        probability = None
    elif evidence.label and not label_holds(config, row, evidence):
        best, share = max(enumerate(evidence.label.shares), key=lambda item: item[1])
        judged_by, reason = "label", f"it reads as {task.labels[best].name} ({share:.2f}{_votes(evidence.label)})"
        probability = evidence.label.shares[row.label]
    elif evidence.answer and not evidence.answer.shares:
        judged_by, reason = _said_nothing(evidence.answer, "llm")
    elif evidence.answer:
        judged_by = "llm"
        if not says_yes(config, evidence):
            reason = f"the judge says no ({1 - evidence.answer.shares[0]:.2f}{_votes(evidence.answer)})"
    return {
        "idx": row.idx,
        "accepted": reason is None,
        "judged_by": judged_by,
        "reason": reason,
        "probability": probability,
    }


def _said_nothing(opinion: Opinion, judged_by: str) -> tuple[str, str]:
    if opinion.unanswered:
        return NOBODY, f"{NO_ANSWER}{opinion.unanswered}"
    return judged_by, f"unreadable: {opinion.unreadable}"


def _votes(opinion: Opinion) -> str:
    return f", {opinion.num_votes} votes" if opinion.num_votes > 1 else ""


def summary(verdicts: Sequence[Mapping[str, Any]], rows: Sequence[Candidate], task: Task) -> dict[str, Any]:
    """Returns counts: texts, accepted ones in all and by label, rejected ones by who rejected them, unanswered ones."""
    accepted = Counter(row.label for row, said in zip(rows, verdicts, strict=True) if said["accepted"])
    rejected = Counter(said["judged_by"] for said in verdicts if not said["accepted"])
    unanswered = rejected.pop(NOBODY, 0)
    return {
        "rows": len(rows),
        "accepted": sum(accepted.values()),
        "rejected": dict(sorted(rejected.items())),
        "unanswered": unanswered,
        "labels": {label.name: accepted.get(label.id, 0) for label in task.labels},
    }


def nobody_answered(summary: Mapping[str, Any]) -> bool:
    """Returns whether an LLM was asked, and no verdict of a judgement with these counts is its answer."""
    return bool(summary["unanswered"] and not summary["accepted"] and not {"llm", "label"} & {*summary["rejected"]})


def agreement(config: JudgeConfig, rows: Sequence[Candidate], evidence: Mapping[int, Evidence]) -> dict[str, Any]:
    """Returns two-by-two tables with Cohen's kappa: of gates and LLM, and of the label check and yes or no.

    A text counts where both sides said something.
    """
    with_gates, of_llm = [], []
    for row in rows:
        about = evidence[row.idx]
        holds, yes = label_holds(config, row, about), says_yes(config, about)
        if config.label_threshold and holds is not None and yes is not None:
            of_llm.append((holds, yes))
        if config.gates and yes is not None and (holds is not None or not config.label_threshold):
            with_gates.append((about.gate is None, yes and holds is not False))
    tables = {}
    if config.gates:
        tables["gates_llm"] = _table(with_gates, "gates", "llm")
    if config.label_threshold:
        tables["label_yes"] = _table(of_llm, "label", "yes")
    return tables


def _table(pairs: Sequence[tuple[bool, bool]], first: str, second: str) -> dict[str, Any]:
    counts = Counter(pairs)
    return {
        "both_accept": counts[True, True],
        f"{first}_only": counts[True, False],
        f"{second}_only": counts[False, True],
        "both_reject": counts[False, False],
        "kappa": kappa.cohen([a for a, _ in pairs], [b for _, b in pairs]),
    }
