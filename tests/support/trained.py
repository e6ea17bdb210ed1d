"""Small worlds with a trained run in them, for tests of what is done with runs: predict and export.

Here: rows that the tiny models of `tests/pipelines/conftest.py` can tell apart, and the stages up to a run.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripted import World, add_data, add_import, small_task, world

from sdc.cache.store import Artifact, Store
from sdc.pipelines import eval as evaluation
from sdc.pipelines import sample, train
from sdc.pipelines.eval import EvalConfig
from sdc.pipelines.records import run_record
from sdc.pipelines.records.draws import draws_of
from sdc.pipelines.records.run_record import RunRecord
from sdc.pipelines.sample.config import SampleConfig
from sdc.pipelines.students import StudentConfig
from sdc.pipelines.tasks import Task
from sdc.pipelines.train import TrainConfig

_WORDS = (("good", "fine"), ("bad", "poor"))
_THINGS = ("film", "music", "sun", "rain")
_STARTS = ("", "the ", "very ", "a ", "it was ")
#: Test rows that need padding in a batch.
_OF_OTHER_LENGTHS = (
    ("good", 0), ("rain", 1), ("it was the very bad film", 1), ("it was a very fine music a fine sun", 0),
    ("not bad not good", 0), ("poor", 1),
)  # fmt: skip


def rows(*, start: int = 0, num: int = 40) -> list[tuple[str, int]]:
    """Returns rows of two labels in turns, all different."""
    found = [
        (f"{begin}{word} {thing}", label)
        for begin in _STARTS
        for thing in _THINGS
        for pair in zip(*_WORDS, strict=True)
        for label, word in enumerate(pair)
    ]
    return found[start : start + num]


@dataclass(kw_only=True)
class Trained:
    """A world with one run that was tested and evaluated."""

    world: World
    run: RunRecord
    sample: Artifact
    evaluation: Artifact

    def stored(self) -> list[tuple[str, Any, Any]]:
        """Returns text, scores and reply of every test row, as the store has them."""
        return self.world.store.query(
            """select e.text, o.scores, o.reply from outputs o join examples e on e.key = ? and e.idx = o.idx
            where o.key = ? order by o.idx""",
            [self.run.test_key, self.run.artifact.key],
        )


def make(
    root: Path,
    student: StudentConfig,
    *,
    task: Task | None = None,
    repeats: int = 1,
    seeds: int = 0,
    **config: Any,
) -> Trained:
    """Returns a world in which a student was trained on 24 rows, `repeats` times; the run is the first.

    With `seeds`, as many rows of each label stand beside them that people wrote, and synthetic rows are mostly label 0.
    """
    here = world(root, task=task or small_task(2))
    tested = add_data(here.store, here.cell, [*rows(start=24, num=34), *_OF_OTHER_LENGTHS], split="test")
    generation = add_import(here.store, here.cell, rows(num=24) if not seeds else _uneven(rows(num=24)))
    human = add_data(here.store, here.cell, rows(num=24)) if seeds else None
    which: dict[str, Any] = {"source": "synthetic"}
    if seeds:
        which = {"source": "seeds+synthetic", "seeds_from": "human", "per_label": seeds}
    drawn = here.get(
        sample.run(
            here.context,
            SampleConfig(**which, sizes=("all",), repeats=repeats),
            here.cell,
            examples=generation,
            human=human,
        )
    )
    settings = TrainConfig(student=student, **config)
    outcomes = train.run(here.context, settings, here.cell, draws=draws_of(here.context, drawn), test=tested)
    pairs = [(here.cell, here.get(outcomes[0]))]
    (evaluated,) = evaluation.run(here.context, EvalConfig(), pairs)
    record = run_record.find(here.context, outcomes[0].key)
    return Trained(world=here, run=record, sample=drawn, evaluation=here.get(evaluated))


def _uneven(even: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return [(f"{text} {text}", label) for i, (text, label) in enumerate(even) if label == 0 or i % 3 == 0]


def copy(made: Trained, root: Path) -> Trained:
    """Returns a trained world in a folder of its own: making one takes longer than most tests."""
    shutil.copytree(made.world.root, root)
    context = replace(made.world.context, store=Store(root / "store.duckdb", lock_timeout_s=10))
    return replace(made, world=replace(made.world, root=root, context=context))
