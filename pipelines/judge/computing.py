"""The two steps of judge: gates, then the LLM on what they let pass.

Here: their order; it needs a model and no store. Not here: each gate (`gates/`), what the LLM is asked and how its
replies are read (`llm.py`), what becomes of a text (`verdicts.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sdc.pipelines import gates
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines.ask import Asker
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.judge.llm import Candidate, which_label, will_do
from sdc.pipelines.judge.verdicts import Evidence, agreement, label_holds, summary, verdict
from sdc.pipelines.progress import Counter, Progress, ahead, part
from sdc.pipelines.stage import Computed


@dataclass(frozen=True, kw_only=True)
class JudgeInputs:
    """What a judgement is made from.

    Args:
        generation: Key of the generation.
        rows: Its texts.
        train: Human texts that the gates take as the norm, and that no text may copy.
        test: Test texts, which no text may copy.
    """

    generation: str
    rows: Sequence[Candidate]
    train: Sequence[str] = ()
    test: Sequence[str] = ()


def compute(
    config: JudgeConfig, cell: Cell, inputs: JudgeInputs, asker: Asker | None, *, progress: Progress
) -> Computed:
    """Returns the verdict of every text.

    Args:
        config: How it is judged.
        cell: Language and task.
        inputs: The texts, and what they are compared with.
        asker: Asks the LLM; None where the config wants none.
        progress: Called with texts that went through the gates, and with answers.
    """
    rows = inputs.rows
    evidence = {row.idx: Evidence() for row in rows}
    if config.gates:
        check = gates.build(cell, inputs.train, inputs.test)
        check.read_ahead([row.text for row in rows])
        passed = Counter(ahead(progress) if asker else progress, f"gates {cell}", unit="text")
        for number, row in enumerate(rows):
            evidence[row.idx].gate = check(row.text)
            if evidence[row.idx].gate is None:
                check.accept(row.text)
            passed(number + 1, len(rows))
    usage = _ask(config, cell, asker, rows, evidence, progress=progress) if asker else {}
    of_rows = [verdict(config, cell.task, row, evidence[row.idx]) for row in rows]
    about = summary(of_rows, rows, cell.task) | {"usage": usage}
    if config.judge_all and (tables := agreement(config, rows, evidence)):
        about["agreement"] = tables
    verdicts = [{**said, "example_key": inputs.generation} for said in of_rows]
    return Computed(rows={"verdicts": verdicts}, summary=about)


def _ask(
    config: JudgeConfig,
    cell: Cell,
    asker: Asker,
    rows: Sequence[Candidate],
    evidence: Mapping[int, Evidence],
    *,
    progress: Progress,
) -> dict[str, Any]:
    """Asks the LLM about the texts that are still open, or about all, and returns what it cost."""
    if not config.judge_all:
        rows = [row for row in rows if evidence[row.idx].gate is None]
    if not rows:
        return {}
    if config.label_threshold:
        labels = which_label(cell, rows, votes=config.voting).ask(asker, progress=part(progress, 0, 2))
        for row, opinion in zip(rows, labels, strict=True):
            evidence[row.idx].label = opinion
        if not config.judge_all:
            rows = [row for row in rows if label_holds(config, row, evidence[row.idx])]
        progress = part(progress, 1, 2)
    answers = will_do(cell, rows, votes=config.voting).ask(asker, progress=progress)
    for row, opinion in zip(rows, answers, strict=True):
        evidence[row.idx].answer = opinion
    return asker.usage.as_json()
