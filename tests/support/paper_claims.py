"""What the simulated store of the paper's grid is made to say: curves that hold the paper's claims, or break them.

Here: the mean score of a student by cell, source and rows, in points of difference to the generator; how runs scatter
and collapse. The numbers come from what the paper's text states (C1-C14 of its claims); what it leaves open is guessed.
Not here: the rows of the store (`paper_store.py`).
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

GENERATOR, LLAMA, GEMMA, QWEN = "llama-3-70b", "llama-3.1-8b", "gemma-3-4b", "qwen-2.5-7b"
XLM_R, TFIDF = "xlm-r-large", "tfidf-logreg"
SMALL_LLMS = (LLAMA, GEMMA, QWEN)
GROUPS = ("low", "medium", "high")
#: Claims that can be broken one by one; C15 is a product of three numbers that no run says.
CLAIMS = ("C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C10", "C11", "C12", "C13", "C14")

#: Accuracy of the generator (sarcasm: macro-F1) by task, for the groups in order.
_GENERATOR = {
    "topic": (0.62, 0.70, 0.80), "intent": (0.45, 0.54, 0.62), "sentiment": (0.80, 0.84, 0.88),
    "sarcasm": (0.5, 0.5, 0.5),
}  # fmt: skip
#: Points over the generator without rows and with all of them, by task, for the groups in order.
_FINETUNE = {
    "topic": ((-20.0, 5.0), (-17.0, 4.0), (-14.0, -2.0)),
    "intent": ((-13.0, 36.0), (-9.0, 27.0), (-8.0, 24.0)),
    "sentiment": ((-20.0, -2.0), (-18.0, -3.0), (-14.0, -5.0)),
    "sarcasm": ((12.0, 12.0), (12.0, 12.0), (12.0, 12.0)),
}
#: Points with all rows of (topic, intent, sentiment) for the groups in order, then of sarcasm.
_LLM_ENDS = {
    ("icl", LLAMA): (((5, 38, 2), (4, 32, -2), (-1, 29, -1)), -1),
    ("icl", GEMMA): (((4, 30, 2), (2, 28, -3), (-2, 22, -2)), 5),
    ("icl", QWEN): (((1, 22, -2), (1, 20, -4), (-3, 18, -3)), 25),
    ("lora", LLAMA): (((5, 41, 8), (4, 34, 4), (0, 30, 3)), 3),
    ("lora", GEMMA): (((2, 26, 2), (2, 25, 0), (0, 22, 2)), 8),
    ("lora", QWEN): (((2, 26, 2), (2, 25, 0), (-1, 22, 2)), 22),
}
#: How far below its end an LLM's curve begins, by method.
_LLM_RISE = {"icl": 4.0, "lora": 10.0}
#: Points of the small LLMs without examples for (topic, intent, sentiment, sarcasm).
_PROMPTED = {LLAMA: (-25, -12, -8, -12), GEMMA: (-18, -8, -7, -8), QWEN: (-20, -9, -6, -5)}
_LINEAR = {"topic": (-32.0, -12.0), "intent": (-15.0, 18.0), "sentiment": (-24.0, -14.0), "sarcasm": (-6.0, -1.0)}
_TASKS = ("topic", "intent", "sentiment", "sarcasm")
#: Points of human over synthetic rows for the groups in order: fine-tuning at 400 rows and more, ICL at all sizes.
_HUMAN_FINETUNE, _HUMAN_ICL = (10.0, 9.0, 5.0), {LLAMA: (4.0, 4.0, 2.0), GEMMA: (2.0, 1.5, 1.0), QWEN: (1.5, 1.5, 1.0)}
#: GPU hours of a run: the paper's Table 2; one of a linear student is a guess.
_HOURS = {"generator": 15.0, "finetune": 0.167, "prompting": 1.5, "icl": 3.5, "lora": 10.0, "linear": 0.001}


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a student is made to be: `score` is the mean over runs, 0 to 1, with those that collapse."""

    score: float
    spread: float
    collapsing: float
    breaking_off: float
    hours: float


def generator_score(task: str, group: str) -> float:
    """Returns what the generator scores, 0 to 1."""
    return _GENERATOR[task][GROUPS.index(group)]


def truth(
    method: str, model: str, *, task: str, group: str, source: str | None = None, rows: int = 0,
    broken: Collection[str] = (),
) -> Truth:  # fmt: skip
    """Returns what a student is made to be in a cell.

    Args:
        method: `icl`, `lora`, `finetune` or `linear`.
        model: One of the names above.
        task: Name of the task.
        group: Of the language.
        source: `synthetic` or `human`; None for zero shots.
        rows: Real rows.
        broken: Claims that are not to hold.
    """
    generator = generator_score(task, group)
    points = 0.0 if model == GENERATOR else _points(method, model, task, group, source, rows, broken)
    unstable = method == "finetune"
    rate = (0.12, 0.07, 0.05)[GROUPS.index(group)] * (0.4 if source == "human" else 1.0)
    kind = "generator" if model == GENERATOR else "prompting" if source is None else method
    hours = _HOURS[kind] * (0.02 if "C14" in broken and kind == "generator" else 1.0)
    return Truth(
        score=min(0.97, max(0.05, generator + points / 100)),
        spread=0.0 if source is None else 0.012 + (0.045 * math.exp(-rows / 80) if unstable else 0.004),
        collapsing=rate * math.exp(-rows / 80) if unstable and task != "sarcasm" else 0.0,
        breaking_off=0.003 if unstable or method == "lora" else 0.0,
        hours=hours,
    )


def _points(
    method: str, model: str, task: str, group: str, source: str | None, rows: int, broken: Collection[str]
) -> float:
    at = GROUPS.index(group)
    if source is None:
        return float(_PROMPTED[model][_TASKS.index(task)])
    human = source == "human"
    if method == "linear":
        start, end = _LINEAR[task]
        return start + (end - start) * _risen(rows, 120) + (6.0 * _late(rows) if human else 0.0)
    if method == "finetune":
        start, end = _finetune(task, at, broken)
        slow = 25.0 if {"C1", "C2"} & set(broken) else 1.0
        more = 4.0 if task == "sarcasm" else _HUMAN_FINETUNE[at] * _late(rows)
        gap = 0.0 if {"C9", "C11"} & set(broken) else more
        return start + (end - start) * _risen(rows, 50.0 * slow) + (gap if human else 0.0)
    end = _llm_end(method, model, task, at, broken)
    rise = 0.0 if task == "sarcasm" else _LLM_RISE[method]
    gap = 0.0 if "C10" in broken else 6.0 if task == "sarcasm" else _HUMAN_ICL[model][at]
    return end - rise * (1 - _risen(rows, 100)) + (gap if human else 0.0)


def _finetune(task: str, at: int, broken: Collection[str]) -> tuple[float, float]:
    start, end = _FINETUNE[task][at]
    if task == "sarcasm":
        return (-3.0, -3.0) if "C11" in broken else (start, end)
    if "C4" in broken and at == 0:
        end -= 10
    if "C5" in broken and at == 2:
        end -= 12
    if "C6" in broken and task == "sentiment" and at == 2:
        end = 3.0
    return _any_student(task, at, start, broken), _any_student(task, at, end, broken)


def _llm_end(method: str, model: str, task: str, at: int, broken: Collection[str]) -> float:
    of_groups, of_sarcasm = _LLM_ENDS[method, model]
    if task == "sarcasm":
        return -8.0 if "C11" in broken else float(of_sarcasm)
    end = float(of_groups[at][_TASKS.index(task)])
    if ("C4" in broken and at == 0) or ("C5" in broken and at == 2):
        end -= 12 if model == LLAMA else 0
    if ("C12" in broken and model == GEMMA) or ("C13" in broken and model == QWEN):
        end -= 15
    return _any_student(task, at, end, broken)


def _any_student(task: str, at: int, points: float, broken: Collection[str]) -> float:
    if "C3" in broken:
        points -= 12
    if "C7" in broken and task == "topic" and at < 2:
        points -= 15
    if "C8" in broken and task == "intent":
        points -= 30
    return points


def _risen(rows: int, scale: float) -> float:
    """Returns how much of its rise a curve has behind it, 0 to 1."""
    return 1 - math.exp(-((rows / scale) ** 0.884))


def _late(rows: int) -> float:
    """Returns 0 up to 100 rows and 1 from 400 on."""
    return min(1.0, max(0.0, math.log(max(rows, 1) / 100) / math.log(4)))
