"""report generators: which of several generations writes the best rows, told without a human test.

Here: fits on the rows of each, tests on the rows of the others, ranks. Not here: the student (`students/linear.py`),
intervals (`statistics/resampling.py`).

A student is fitted on one generation's rows and tested on those of all others, the same number per label of each. Who
writes what others' rows are recognised by covers the task best. The human test, where there is one, stands beside it.

Source: J. Cegin et al. (2026), RoSE: Round-robin synthetic data evaluation, EACL.

Array legend: R fits, N test rows, G generations, B replicates.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sdc.cache import freshness
from sdc.cache.key import SHORT, derive_seed
from sdc.cache.store import Artifact
from sdc.errors import DataError
from sdc.pipelines.cells import Cell
from sdc.pipelines.records import examples, lineage
from sdc.pipelines.report import data
from sdc.pipelines.report.panels import points
from sdc.pipelines.report.resampled import SEED
from sdc.pipelines.stage import Context
from sdc.pipelines.students import LinearConfig
from sdc.pipelines.students.protocol import Seeds
from sdc.pipelines.tasks import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sdc.pipelines.report.statistics.resampling import Replicates, Scores

TITLE = (
    "a linear student fitted on the rows of one generation and tested on those of the others, accuracy in %, best"
    " first; rank with its 95 % interval; human: the same students on the human test, in the task's metric"
)
_Row = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class _Written:
    """A generation with the rows that may be used: accepted ones if somebody judged; each text once."""

    artifact: Artifact
    rows: tuple[_Row, ...]


def run(context: Context, cell: Cell, *, repeats: int = 5, seed: int = 1337) -> list[dict[str, Any]]:
    """Returns one record per generation of a cell, the best first.

    Args:
        context: Where the store is.
        cell: Its generations are compared; one that another tops up is left out.
        repeats: Fits per generation, each on a choice of its rows, at least 1.
        seed: Root of those choices.

    Raises:
        DataError: There are fewer than two generations, or they share no two labels.
    """
    import numpy as np

    written = _generations(context, cell)
    if len(written) < 2:
        what = f"{len(written)} generation of {cell}" if len(written) == 1 else f"no generations of {cell}"
        raise DataError(what, str(context.store.path), "two are compared: run `sdc gen` with another model or setting")
    counts = [Counter(label for _, label in one.rows) for one in written]
    numbers = {label.id: min(count[label.id] for count in counts) for label in cell.task.labels}
    if sum(number > 0 for number in numbers.values()) < 2:
        raise DataError(
            f"the generations of {cell} share no two labels", str(context.store.path), "see `sdc report data`"
        )
    everywhere = Counter(text for one in written for text, _ in one.rows)
    tests = [_chosen([row for row in one.rows if everywhere[row[0]] == 1], numbers, seed, "test") for one in written]
    human = _human(context, cell)
    student = LinearConfig().build(context, cell.task)
    student.prepare([text for rows in (*(one.rows for one in written), human or ()) for text, _ in rows])
    scores: list[Replicates] = []
    on_human: list[Replicates | None] = []
    for place, one in enumerate(written):
        fits = [_chosen(one.rows, numbers, seed, one.artifact.key, repeat) for repeat in range(repeats)]
        fitted = [
            student.fit([text for text, _ in rows], [label for _, label in rows], num_labels=len(cell.task.labels),
                        seeds=Seeds(init=0, order=0)) for rows in fits
        ]  # fmt: skip

        def said(rows: Sequence[_Row], fitted: Sequence[Any] = fitted) -> "NDArray[Any]":
            return np.stack([np.argmax(fit.scores([text for text, _ in rows]), axis=1) for fit in fitted])

        others = [(written[i].artifact.key, rows) for i, rows in enumerate(tests) if i != place and rows]
        scores.append(_mean(one.artifact.key, [_scores(key, rows, said(rows)) for key, rows in others]))
        on_human.append(
            _mean(one.artifact.key, [_scores("human", human, said(human), of=cell.task)]) if human else None
        )
    return _records(cell, written, numbers, scores, on_human)


def cells(context: Context, langs: Sequence[str] | None, tasks: Sequence[str] | None) -> list[Cell]:
    """Returns the cells that flags mean; without any, those with several generations.

    Raises:
        DataError: There are none.
    """
    found = data.cells_of(context, langs, tasks)
    if langs or tasks:
        return found
    sql = "select lang, task from artifacts where stage = 'gen' group by all having count(*) > 1"
    several = set(context.store.query(sql))
    kept = [cell for cell in found if (cell.lang, cell.task.name) in several]
    if not kept:
        what = "no cell has two generations"
        raise DataError(what, str(context.store.path), "run `sdc gen` with another model or setting")
    return kept


def _generations(context: Context, cell: Cell) -> list[_Written]:
    """Returns the generations of a cell that are fresh and that no other one tops up, with their rows."""
    found = list(context.store.find("gen", lang=cell.lang, task=cell.task.name))
    stale = freshness.stale(context.store, [artifact.key for artifact in found])
    judgements = context.store.get_many([key for artifact in found for key in artifact.inputs])
    topped_up = {judged.inputs[0] for judged in judgements.values() if judged.stage == "judge"}
    written = []
    for artifact in found:
        if artifact.key in stale or artifact.key in topped_up:
            continue
        judgement = lineage.newest_judgement(context, cell, artifact)
        rows = (
            examples.accepted_rows(context, judgement.key)
            if judgement
            else examples.ok_rows(context, artifact.key, "synthetic")
        )
        if rows:
            once = {text: label for _, text, label in rows}
            written.append(_Written(artifact=artifact, rows=tuple(once.items())))
    return written


def _human(context: Context, cell: Cell) -> tuple[_Row, ...] | None:
    try:
        test = lineage.test_data(context, cell)
    except DataError:
        return None
    return tuple((text, label) for _, text, label in examples.ok_rows(context, test.key, "human"))


def _chosen(rows: Sequence[_Row], numbers: dict[int, int], seed: int, *purpose: str | int) -> list[_Row]:
    """Returns as many rows of each label as all generations have, by chance."""
    shuffled = random.Random(derive_seed(seed, "generators", *purpose)).sample(list(rows), len(rows))
    return [row for label, number in numbers.items() for row in [r for r in shuffled if r[1] == label][:number]]


def _scores(test: str, rows: Sequence[_Row], said_RN: "NDArray[Any]", *, of: Task | None = None) -> "Scores":
    """Returns the scores of fits in the metric of a task, else their accuracy."""
    import numpy as np

    from sdc.pipelines.report.statistics import resampling

    gold_N = np.array([label for _, label in rows])
    times_BN = resampling.resample({test: range(len(rows))}, test=test, seed=SEED)[test]
    score = resampling.OF_METRIC[of.metric if of else "accuracy"]
    return score(gold_N, said_RN, times_BN, lambda: len(of.labels) if of else 0)


def _mean(name: str, on_tests: Sequence["Scores"]) -> "Replicates":
    """Returns the mean over tests of fits, which are the same on each."""
    import numpy as np

    from sdc.pipelines.report.statistics.resampling import Scores, replicates

    whole = Scores(
        of_runs_R=np.mean([scores.of_runs_R for scores in on_tests], axis=0),
        resampled_RB=np.mean([scores.resampled_RB for scores in on_tests], axis=0),
        repeats_R=on_tests[0].repeats_R,
    )
    return replicates({name: whole}, seed=SEED)


def _records(
    cell: Cell,
    written: Sequence[_Written],
    numbers: dict[int, int],
    scores: Sequence["Replicates"],
    on_human: Sequence["Replicates | None"],
) -> list[dict[str, Any]]:
    import numpy as np

    values_GB = np.stack([one.values_B for one in scores])
    best_GB = (values_GB[None, :, :] > values_GB[:, None, :]).sum(axis=1) + 1
    worst_GB = (values_GB[None, :, :] >= values_GB[:, None, :]).sum(axis=1)  # behind all that are as good
    low_G = np.quantile(best_GB, 0.025, axis=1, method="inverted_cdf")
    high_G = np.quantile(worst_GB, 0.975, axis=1, method="inverted_cdf")
    records = []
    for place in sorted(range(len(scores)), key=lambda i: -scores[i].estimate):
        rank = 1 + sum(other.estimate > scores[place].estimate for other in scores)
        interval, human = scores[place].interval(), on_human[place]
        of_human = None if human is None else human.interval()
        artifact = written[place].artifact
        records.append(
            {
                "task": cell.task.name,
                "lang": cell.lang,
                "rank": rank,
                "rank_low": min(rank, int(low_G[place])),
                "rank_high": max(rank, int(high_G[place])),
                "generator": artifact.summary.get("model"),
                "temperature": artifact.config.get("temperature"),
                "generation": artifact.key[:SHORT],
                "rows": sum(numbers.values()),
                "score": points(interval.estimate),
                "low": points(interval.low),
                "high": points(interval.high),
                "human": None if of_human is None else points(of_human.estimate),
                "human_low": None if of_human is None else points(of_human.low),
                "human_high": None if of_human is None else points(of_human.high),
                "covers": interval.covers,
            }
        )
    return records
