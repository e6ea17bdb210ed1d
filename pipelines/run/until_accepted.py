"""Writing and judging in turns until every label has its quota of accepted texts, or nothing more is to be expected.

Here: the rounds, and when they end. Not here: writing (gen) and judging (judge), which make the same artifacts, under
the same keys, as when they are run by hand: gen, judge, gen as top-up, judge.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sdc.cache.store import Artifact
from sdc.errors import UsageError
from sdc.pipelines import gen, judge, stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.gen.config import MOST_ROUNDS, GenConfig
from sdc.pipelines.gen.label import QUOTA
from sdc.pipelines.gen.saturation import LEAST_GAIN, count_at_most
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.records import lineage
from sdc.pipelines.stage import Context, Outcome


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

    def make(data: Artifact | None, judgement: Artifact | None) -> tuple[Outcome, Outcome]:
        generation = gen.run(context, config, cell, data=data, judgement=judgement)
        return generation, judge.run(context, judging, cell, generation=context.store.resolve(generation.key))

    return _rounds(context, make, cell, data=data, judgement=judgement, most=most)


def rounds_there(
    context: Context, config: GenConfig, judging: JudgeConfig, cell: Cell, *, data: Artifact, most: int = MOST_ROUNDS
) -> Artifact | None:
    """Returns the judgement that the `rounds` from nothing end with, if the store has all of them; makes nothing."""
    is_whole = True

    def look(data: Artifact | None, judgement: Artifact | None) -> tuple[Outcome, Outcome] | None:
        nonlocal is_whole
        planned = gen.plan(context, config, cell, data=data, judgement=judgement)
        found = stage.hits(context, [planned.key])
        if found:
            planned_too = judge.plan(context, judging, cell, context.store.resolve(planned.key))
            found |= stage.hits(context, [planned_too.key])
        is_whole = len(found) == 2
        return (found[planned.key], found[planned_too.key]) if is_whole else None

    last = None
    for made in _rounds(context, look, cell, data=data, judgement=None, most=most):
        last = made
    return context.store.resolve(last.judgement.key) if last is not None and is_whole else None


def _rounds(
    context: Context,
    make: Callable[[Artifact | None, Artifact | None], tuple[Outcome, Outcome] | None],
    cell: Cell,
    *,
    data: Artifact | None,
    judgement: Artifact | None,
    most: int,
) -> Iterator[Round]:
    judged = {label.name: [0, 0] for label in cell.task.labels}  # accepted, and all, of the texts that were new
    for number in range(1, most + 1):
        both = make(data, judgement)
        if both is None:
            return
        judgement = context.store.resolve(both[1].key)
        data = data or lineage.train_data_of(context, judgement)  # "the newest" may be another by the next round
        made = _round(number, *both, judged)
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
