"""What the generator and the judge of an experiment would be asked, cell by cell, as `gen` and `judge` expect it.

Here: both stages of each cell, and why nothing can be told of one. Not here: counting calls (the stages), runs
(`estimate.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from sdc.cache.store import Artifact
from sdc.errors import SdcError
from sdc.pipelines import gen, judge
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines.estimate import CallEstimate
from sdc.pipelines.gen.config import GenConfig
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.judge.llm import Candidate
from sdc.pipelines.records import lineage
from sdc.pipelines.records.examples import ok_rows
from sdc.pipelines.run.experiment import Experiment
from sdc.pipelines.run.inputs import writing
from sdc.pipelines.stage import Context


@dataclass(frozen=True, kw_only=True)
class ExpectedCalls:
    """An artifact of gen or judge.

    Args:
        planned: The artifact; a judgement of texts that are not there yet stands under a key that it will not have.
        expected: What would be asked; None says that it is there already.
        model: Who would answer; `gates` where no model judges.
    """

    planned: Artifact
    expected: CallEstimate | None
    model: str


def asked(context: Context, experiment: Experiment) -> tuple[list[ExpectedCalls], dict[str, list[str]]]:
    """Returns what writing and judging would ask, and why it cannot be told -> those cells.

    With turns it is the first one.
    """
    found: list[ExpectedCalls] = []
    unknown: dict[str, list[str]] = {}
    for cell in experiment.cells(context.store) if experiment.generator is not None else ():
        try:
            found += _of_cell(context, *writing(context, experiment), cell)
        except SdcError as error:
            unknown.setdefault(error.what, []).append(str(cell))
    return found, unknown


def _of_cell(context: Context, config: GenConfig, judging: JudgeConfig, cell: Cell) -> list[ExpectedCalls]:
    data = lineage.newest_data(context, cell, split="train")
    planned = gen.plan(context, config, cell, data=data, judgement=None)
    expected = gen.expected(context, config, cell, data=data, judgement=None)
    written = ExpectedCalls(planned=planned, expected=expected, model=context.model(config.model).name)
    generation = context.store.resolve(planned.key) if expected is None else planned
    to_come = None if expected is None else _to_come(context, config, cell, data)
    judged = judge.expected(context, judging, cell, generation, to_come=to_come)
    judge_model = context.model(judge.judge_name(judging, generation)).name if judging.llm else "gates"
    return [
        written,
        ExpectedCalls(planned=judge.plan(context, judging, cell, generation), expected=judged, model=judge_model),
    ]


def _to_come(context: Context, config: GenConfig, cell: Cell, data: Artifact) -> Sequence[Candidate]:
    """Returns as many texts as the quota asks for, made of human ones: what a generation has before it is written."""
    texts: dict[int, list[str]] = {}
    for _, text, label in ok_rows(context, data.key, "human"):
        texts.setdefault(label, []).append(text)
    quota = config.quota or cell.task.quota
    wanted = [(label, text) for label, own in texts.items() for text in islice(cycle(own), quota)]
    return [  # numbered: equal ones would be asked about once
        Candidate(idx=idx, text=f"{text} {idx}", label=label) for idx, (label, text) in enumerate(wanted)
    ]
