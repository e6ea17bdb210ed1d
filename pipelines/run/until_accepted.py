"""Writing and judging in turns until every label has its quota of accepted texts, or nothing more is to be expected.

Here: the rounds, and when they end. Not here: writing (gen) and judging (judge), which make the same artifacts, under
the same keys, as when they are run by hand: gen, judge, gen as top-up, judge.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sdc.cache.store import Artifact
from sdc.errors import UsageError
from sdc.pipelines import gen, judge
from sdc.pipelines.cells import Cell
from sdc.pipelines.gen.config import GenConfig
from sdc.pipelines.gen.label import QUOTA
from sdc.pipelines.gen.saturation import LEAST_GAIN, count_at_most
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.records import lineage
from sdc.pipelines.stage import Context, Outcome

#: Half of all texts may be rejected in each round, and the tenth still fills a quota of 500.
MOST_ROUNDS = 10


@dataclass(frozen=True, kw_only=True)
class Round:
    """One writing and one judging.

    Args:
        number: 1, 2 ...
        generation: What gen made.
        judgement: What judge made of it.
        accepted: Label -> accepted texts so far.
        open: Labels without their quota that may still get it.
        ended: Label without its quota -> why it will not get it.
        nothing_new: Whether no label got a text that was not there before.
    """

    number: int
    generation: Outcome
    judgement: Outcome
    accepted: Mapping[str, int]
    open: tuple[str, ...]
    ended: Mapping[str, str]
    nothing_new: bool


def rounds(
    context: Context,
    config: GenConfig,
    judging: JudgeConfig,
    cell: Cell,
    *,
    data: Artifact | None = None,
    judgement: Artifact | None = None,
    most: int = MOST_ROUNDS,
) -> Iterator[Round]:
    """Yields the rounds of one cell as they are made, at least one.

    They end when no label is open, when a round wrote nothing new, or after `most` rounds. A label is done with its
    quota of accepted texts; it has ended without it when gen ended it for another reason than its quota, or when the
    judge accepts so few of its texts that the upper bound (95 %) of their share is below `LEAST_GAIN`.

    Args:
        context: Where artifacts live.
        config: How texts are written.
        judging: How they are judged.
        cell: The language and task.
        data: Human train examples; None takes the newest of the cell.
        judgement: Begin with topping up this one; None begins from nothing.
        most: The most rounds, at least 1.
    """
    if most < 1:
        raise UsageError(f"{most} rounds", "--rounds", "use at least 1")
    judged = {label.name: [0, 0] for label in cell.task.labels}  # accepted, and all, of the texts that were new
    for number in range(1, most + 1):
        generation = gen.run(context, config, cell, data=data, judgement=judgement)
        outcome = judge.run(context, judging, cell, generation=context.store.resolve(generation.key))
        judgement = context.store.resolve(outcome.key)
        data = data or lineage.train_data_of(context, judgement)  # "the newest" may be another by the next round
        made = _round(number, generation, outcome, judged)
        yield made
        if not made.open or made.nothing_new:
            return


def _round(number: int, generation: Outcome, judgement: Outcome, judged: dict[str, list[int]]) -> Round:
    """Returns what a round came to, and adds its verdicts on new texts to `judged`."""
    accepted: Mapping[str, int] = judgement.summary["labels"]
    ended, still_open = {}, []
    new_texts = 0
    for name, item in generation.summary["labels"].items():
        new = item["accepted"] - item["kept"]
        new_texts += new
        judged[name][0] += max(0, accepted[name] - item["kept"])
        judged[name][1] += new
        if accepted[name] < item["quota"]:
            reason = _reason(item, *judged[name])
            if reason:
                ended[name] = reason
            else:
                still_open.append(name)
    return Round(
        number=number,
        generation=generation,
        judgement=judgement,
        accepted=accepted,
        open=tuple(still_open),
        ended=ended,
        nothing_new=new_texts == 0,
    )


def _reason(item: Mapping[str, Any], accepted: int, texts: int) -> str:
    """Returns why a label will not get more, or an empty string."""
    if item["stopped"] != QUOTA:
        return str(item["stopped"])
    if texts and count_at_most(accepted) / texts < LEAST_GAIN:
        return f"the judge accepts {accepted} of {texts} texts"
    return ""
