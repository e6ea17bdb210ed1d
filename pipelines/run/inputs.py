"""What the runs of an experiment are made from: data, texts, judgements and draws, cell by cell.

Here: which there are, made where they are missing or only looked at. Not here: any of these stages, the runs
(`plan.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdc.cache.store import Artifact
from sdc.errors import DataError, SdcError, StoreError, UsageError
from sdc.pipelines import data, gen, judge, sample, stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import DataConfig
from sdc.pipelines.engines import models
from sdc.pipelines.gen.config import GenConfig
from sdc.pipelines.judge.config import JudgeConfig
from sdc.pipelines.records import lineage
from sdc.pipelines.records.draws import Draw, draw_of_row, draws_of
from sdc.pipelines.run import until_accepted
from sdc.pipelines.run.experiment import Experiment
from sdc.pipelines.sample import inputs as sample_inputs
from sdc.pipelines.sample import rows as sample_rows
from sdc.pipelines.sample.config import ALL, SampleConfig, has_seeds
from sdc.pipelines.sample.strategies import STRATEGIES
from sdc.pipelines.stage import Context

_EXAMPLES = models.POCKET / "examples"
#: Begins the hash of a draw that is expected: its rows are not known yet.
EXPECTED = "expected "


@dataclass(frozen=True, kw_only=True)
class CellInputs:
    """What the runs of a cell are made from.

    Args:
        cell: Language and task.
        test: What students are tested on; None if it is not there yet.
        draws: The draws of each source; expected ones where the rows are not there yet.
        missing: The stages that are still to be done, in order.
        steps: Keys of what was made or found on the way: data, generation, judgement, samples.
        samples: Key of the sample of each source that there is.
    """

    cell: Cell
    test: Artifact | None
    draws: Mapping[str, Sequence[Draw]]
    missing: Sequence[str] = ()
    steps: Sequence[str] = ()
    samples: Mapping[str, str] = field(default_factory=dict)

    @property
    def num_test(self) -> int | None:
        """Usable test rows; None if the data are not there yet."""
        return None if self.test is None else int(self.test.summary["ok"])


@dataclass(kw_only=True)
class _Found:
    """What data say of a cell: human train and test rows, and texts that were written elsewhere."""

    train: Artifact | None = None
    test: Artifact | None = None
    texts: Artifact | None = None


def made(context: Context, experiment: Experiment) -> list[CellInputs]:
    """Returns the inputs of all cells, and makes what is missing; what the store has is taken from there.

    Args:
        context: Where they are kept.
        experiment: Which.

    Raises:
        DataError: A cell has no data.
        EngineError: A model cannot be had.
    """
    wanted = experiment.cells(context.store)
    brought = _brought(context, experiment, wanted)
    return [_made(context, experiment, cell, brought.get(str(cell), _Found())) for cell in wanted]


def _made(context: Context, experiment: Experiment, cell: Cell, found: _Found) -> CellInputs:
    train, test = (
        getattr(found, split) or lineage.newest_data(context, cell, split=split) for split in ("train", "test")
    )
    steps = [train.key, test.key]
    texts = found.texts
    if experiment.generator is not None:
        config, judging = writing(context, experiment)
        if experiment.until_accepted:
            *_, last = until_accepted.rounds(context, config, judging, cell, data=train)
            outcomes = (last.generation, last.judgement)
        else:
            generation = gen.run(context, config, cell, data=train)
            outcomes = (generation, judge.run(context, judging, cell, generation=context.store.resolve(generation.key)))
        steps += [outcome.key for outcome in outcomes]
        texts = context.store.resolve(steps[-1])
    draws: dict[str, Sequence[Draw]] = {}
    samples: dict[str, str] = {}
    for source in experiment.sources_of(cell):
        drawn = _sampling(context, experiment, cell, source)
        examples, human = sample_inputs.of(context, drawn, cell, train if source == "human" else texts)
        outcome = sample.run(context, drawn, cell, examples=examples, human=human)
        steps.append(outcome.key)
        samples[source] = outcome.key
        draws[source] = draws_of(context, context.store.resolve(outcome.key))
    return CellInputs(cell=cell, test=test, draws=draws, steps=steps, samples=samples)


def frozen(context: Context, experiment: Experiment, cells: Sequence[Mapping[str, Any]]) -> list[CellInputs]:
    """Returns the inputs of all cells from the keys that `as_frozen` gave: nothing is looked for.

    Raises:
        UsageError: The cells are others than those of the experiment.
        StoreError: Some of them are not in the store.
    """
    wanted = experiment.cells(context.store)
    if [str(cell) for cell in wanted] != [known["cell"] for known in cells]:
        raise UsageError("its cells are others than those that were planned", experiment.where, "plan it again")
    keys = [key for known in cells for key in (known["test"], *known["samples"].values())]
    artifacts = context.store.get_many(keys)
    if artifacts.keys() < set(keys):
        raise StoreError("it lacks what runs are made from", str(context.store.path), "remove it, and run it again")
    return [
        CellInputs(
            cell=cell,
            test=artifacts[known["test"]],
            draws={source: draws_of(context, artifacts[key]) for source, key in known["samples"].items()},
            samples=known["samples"],
        )
        for cell, known in zip(wanted, cells, strict=True)
    ]


def as_frozen(cells: Sequence[CellInputs]) -> list[dict[str, Any]]:
    """Returns the keys of what runs are made from; all of it must be there."""
    return [
        {"cell": str(each.cell), "test": each.test.key, "samples": dict(each.samples)} for each in cells if each.test
    ]


def there(context: Context, experiment: Experiment) -> list[CellInputs]:
    """Returns the inputs of all cells as far as they are there; draws are expected where their rows are not."""
    return [_there(context, experiment, cell) for cell in experiment.cells(context.store)]


def _there(context: Context, experiment: Experiment, cell: Cell) -> CellInputs:
    train, test = (_newest(context, cell, split) for split in ("train", "test"))
    missing = [] if train and test else ["data"]
    texts = None
    if experiment.generator is not None:
        texts = _judged(context, experiment, cell, train) if train else None
        missing += [] if texts else ["gen", "judge"]
    steps = [found.key for found in (train, test, texts) if found]
    draws: dict[str, Sequence[Draw]] = {}
    for source in experiment.sources_of(cell):
        config = _sampling(context, experiment, cell, source)
        draws[source] = []
        if train and (texts or source == "human" or experiment.generator is None):
            try:
                draws[source], kept = _drawn(context, config, cell, train if source == "human" else texts)
                steps += kept
            except DataError:  # there are no texts, or none that the source needs
                missing += ["data"] if "data" not in missing else []
        if not draws[source]:
            draws[source] = _expected(config, cell)
            missing.append(f"sample {source}")
    return CellInputs(cell=cell, test=test, draws=draws, missing=missing, steps=steps)


def _newest(context: Context, cell: Cell, split: str) -> Artifact | None:
    try:
        return lineage.newest_data(context, cell, split=split)
    except SdcError:
        return None


def _judged(context: Context, experiment: Experiment, cell: Cell, train: Artifact) -> Artifact | None:
    """Returns the judgement that the experiment would make, if it is there; None also where the model is not."""
    try:
        config, judging = writing(context, experiment)
        if experiment.until_accepted:
            return until_accepted.rounds_there(context, config, judging, cell, data=train)
        planned = gen.plan(context, config, cell, data=train, judgement=None)
        if not stage.are_there(context, [planned.key]):
            return None
        planned = judge.plan(context, judging, cell, context.store.resolve(planned.key))
        return context.store.resolve(planned.key) if stage.are_there(context, [planned.key]) else None
    except SdcError:
        return None


def _drawn(
    context: Context, config: SampleConfig, cell: Cell, artifact: Artifact | None
) -> tuple[list[Draw], list[str]]:
    """Returns the draws of a sample, and its key if it is there; else they are as they would be."""
    quiet = Context(store=context.store)
    examples, human = sample_inputs.of(quiet, config, cell, artifact)
    planned = sample.plan(config, cell, examples, human=human)
    if stage.are_there(context, [planned.key]):
        return draws_of(context, planned), [planned.key]
    rows = sample.compute(config, cell, examples, sample_rows.pool(quiet, config, cell, examples, human)).rows["draws"]
    assert isinstance(rows, list)
    return [draw_of_row(row) for row in rows], []


def _expected(config: SampleConfig, cell: Cell) -> list[Draw]:
    """Returns the draws of a sample whose rows are not there, as if there were enough of every label."""
    num_labels = len(cell.task.labels)
    most = min(cell.task.sizes_up_to, cell.task.quota * num_labels) if ALL in config.sizes else cell.task.sizes_up_to
    numbers = [int(size) for size in config.sizes if size != ALL and int(size) <= cell.task.sizes_up_to]
    if config.source == "seeds" and not config.exact:
        most, numbers = config.per_label * num_labels, []
    enough = [2 + -(-max([most, *numbers]) // num_labels)] * num_labels
    rows = {str(size): STRATEGIES[config.strategy].num_rows(enough, size) for size in numbers}
    is_seeded = STRATEGIES[config.strategy].is_seeded
    rows |= {ALL: most} if ALL in config.sizes or not rows else {}
    return [
        Draw(
            draw=f"{EXPECTED}{cell} {config.source} {num_rows} {repeat if size != ALL and is_seeded else ''}",
            source=config.source,
            size=size,
            repeat=repeat,
            num_rows=num_rows,
            example_key="",
            members=(),
        )
        for repeat in range(config.repeats)
        for size, num_rows in rows.items()
    ]


def writing(context: Context, experiment: Experiment) -> tuple[GenConfig, JudgeConfig]:
    """Returns how an experiment's texts are written and judged."""
    preset = experiment.preset
    config = gen.configured(context, preset, **{**(experiment.generator or {}), "seed": experiment.seed})
    return config, judge.configured(context, preset, **{**experiment.judge, "seed": experiment.seed})


def _sampling(context: Context, experiment: Experiment, cell: Cell, source: str) -> SampleConfig:
    of_seeds = {"seeds_from", "per_label"} if "seeds" not in source else set[str]()
    of_seeds |= set() if has_seeds(source) else {"seed_weight"}
    settings = {name: value for name, value in experiment.sample.items() if name not in of_seeds}
    return sample.configured(
        context, experiment.preset, task=cell.task.name, source=source, seed=experiment.seed, **settings
    )


# -- data ----------------------------------------------------------------------------------------------------------


def _brought(context: Context, experiment: Experiment, cells: Sequence[Cell]) -> dict[str, _Found]:
    """Returns what the experiment's data bring for each cell; nothing if it takes what the store has."""
    kind, _, place = (experiment.data or "").partition(":")
    if not kind:
        return {}
    if kind == "paper" and place:
        outcomes = data.add_paper(context, Path(place).expanduser())
    elif kind == "hub" and not place:
        outcomes = data.fetch(context, cells)
    elif kind == "bundled" and not place:
        outcomes = [_bundled(context, cell, split) for cell in cells for split in ("train", "test")]
    else:
        what = f"data come from {experiment.data!r}"
        raise UsageError(what, f"{experiment.name}: [data]", "use paper:FOLDER, hub or bundled")
    found: dict[str, _Found] = {}
    for artifact in context.store.get_many([outcome.key for outcome in outcomes]).values():
        of_cell = found.setdefault(f"{artifact.lang}/{artifact.task}", _Found())
        split = "texts" if artifact.stage == "gen" else str(artifact.summary.get("split"))
        setattr(of_cell, split, artifact)
    return found


def _bundled(context: Context, cell: Cell, split: str) -> stage.Outcome:
    path = _EXAMPLES / f"{cell.task.name}-{cell.lang}-{split}.jsonl"
    if not path.is_file():
        there = sorted({tuple(each.stem.split("-")[:2]) for each in _EXAMPLES.glob("*.jsonl")})
        fix = f"bundled are {', '.join(f'{lang}/{task}' for task, lang in there)}"
        raise DataError(f"no bundled examples of {cell}", "[data]", fix)
    return data.add(context, cell, path, DataConfig(split=split))
