"""demo: the whole chain on one cell, from a few human examples per label to evaluated students.

Here: the order of the stages and sizes that a laptop manages. Not here: any stage, the drawing of the report.
"""

from dataclasses import dataclass
from typing import Any

from sdc.cache.counted import counted
from sdc.cache.store import Artifact
from sdc.errors import DataError, EngineError
from sdc.pipelines import data, gen, icl, judge, sample, train
from sdc.pipelines import eval as evaluation
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import DataConfig
from sdc.pipelines.engines import models
from sdc.pipelines.eval import EvalConfig
from sdc.pipelines.records import lineage
from sdc.pipelines.records.draws import draws_of
from sdc.pipelines.run import until_accepted
from sdc.pipelines.stage import Context, Outcome

_EXAMPLES = models.POCKET / "examples"
_TOP_UPS = 1
_ALL = "all"


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """What the demo runs.

    Args:
        model: The generator, which is also the judge and the classifier that students are compared with.
        student: The small model that is fine-tuned and prompted.
        quota: Synthetic texts per label.
        num_seeds: Human examples per label that the generator is shown; students have no others. Three: sdc is for
            languages and tasks with almost no labelled data.
        sizes: Sizes of the synthetic draws beside all rows.
        repeats: Draws per size for the linear student and the probe; the costly students take the first.
        shots: Examples per label in a prompt.
        preset: Defaults of all stages.
        seed: Root of all random choices.
    """

    model: str = models.TEACHER
    student: str = models.STUDENT
    quota: int = 30
    num_seeds: int = 3
    sizes: tuple[str, ...] = ("50", "100")
    repeats: int = 3
    shots: int = 1
    preset: str = "sdc"
    seed: int = 1337


def run(context: Context, config: DemoConfig, cell: Cell) -> list[Outcome]:
    """Returns the evaluations of every student and of the generator; what the store has is not made again.

    Raises:
        DataError: The cell has neither demo examples nor data in the store.
    """
    train_data, test = (_examples(context, cell, split) for split in ("train", "test"))
    context.say(f"{cell}: {config.num_seeds} human examples per label to start from, {test.summary['ok']} to test on")
    judgement = _accepted(context, config, cell, train_data)
    samples = {
        source: _sample(context, config, cell, source, judgement)
        for source in ("synthetic", "seeds", "seeds+synthetic")
    }
    runs = [
        *_train(context, config, cell, "linear", list(samples.values()), test),
        *_probe(context, config, cell, list(samples.values()), test),
        *_train(context, config, cell, "finetune", list(samples.values()), test),
        *_icl(context, config, cell, config.student, config.shots, samples["synthetic"], test),
        *_icl(context, config, cell, config.model, 0, samples["synthetic"], test),
    ]
    pairs = [(cell, context.store.resolve(outcome.key)) for outcome in runs]
    return evaluation.run(context, EvalConfig(), pairs)


def _examples(context: Context, cell: Cell, split: str) -> Artifact:
    """Returns the demo examples of a cell, or the newest data of the store where there are none."""
    path = _EXAMPLES / f"{cell.task.name}-{cell.lang}-{split}.jsonl"
    if path.is_file():
        outcome = data.add(context, cell, path, DataConfig(split=split))
        return context.store.resolve(outcome.key)
    try:
        return lineage.newest_data(context, cell, split=split)
    except DataError as error:
        there = ", ".join(sorted({p.stem.rpartition("-")[0] for p in _EXAMPLES.glob("*.jsonl")}))
        raise DataError(f"no demo examples of {cell} (there are {there})", error.where, error.fix) from error


def _accepted(context: Context, config: DemoConfig, cell: Cell, train_data: Artifact) -> Artifact:
    """Returns the judgement after topping up what was rejected."""
    preset = config.preset
    settings = gen.configured(
        context, preset, model=config.model, quota=config.quota, num_seeds=config.num_seeds, seed=config.seed
    )
    judging = judge.configured(context, preset)
    key, before = "", 0
    for made in until_accepted.rounds(context, settings, judging, cell, data=train_data, most=1 + _TOP_UPS):
        key, accepted = made.judgement.key, made.judgement.summary["accepted"]
        new = made.generation.summary["ok"] - before  # those accepted before are carried over
        texts = f"{new} texts by {config.model}" if made.number == 1 else f"{new} more in place of those rejected"
        context.say(f"{cell}, round {made.number}: {texts}, {accepted} accepted{' in all' if before else ''}")
        before = accepted
    return context.store.resolve(key)


def _sample(context: Context, config: DemoConfig, cell: Cell, source: str, judgement: Artifact) -> Artifact:
    sizes = (*config.sizes, _ALL) if source == "synthetic" else (_ALL,)
    how: dict[str, Any] = {"source": source, "sizes": sizes, "repeats": config.repeats, "seed": config.seed}
    settings = sample.configured(context, config.preset, task=cell.task.name, **how)
    return context.store.resolve(sample.run(context, settings, cell, examples=judgement).key)


def _train(
    context: Context, config: DemoConfig, cell: Cell, method: str, samples: list[Artifact], test: Artifact
) -> list[Outcome]:
    flags = {"model": config.student} if method == "finetune" else {}
    settings = train.configured(context, config.preset, method=method, settings=flags, seed=config.seed)
    costly = method == "finetune"
    draws = [
        draw
        for drawn in samples
        for draw in draws_of(context, drawn, sizes=[_ALL] if costly else [], repeats=1 if costly else None)
    ]
    outcomes = train.run(context, settings, cell, draws=draws, test=test)
    context.say(f"{cell}: {counted(len(outcomes), f'{method} run')}")
    return outcomes


def _probe(context: Context, config: DemoConfig, cell: Cell, samples: list[Artifact], test: Artifact) -> list[Outcome]:
    """Returns the runs of the probe; none where the encoder that needs no download is not installed."""
    try:
        context.model(models.ENCODER)
    except EngineError as error:
        context.say(f"{cell}: without the probe, a real encoder: {error.what}; {error.fix.partition(',')[0]}")
        return []
    return _train(context, config, cell, "probe", samples, test)


def _icl(
    context: Context, config: DemoConfig, cell: Cell, model: str, shots: int, drawn: Artifact, test: Artifact
) -> list[Outcome]:
    settings = icl.configured(context, config.preset, model=model, shots=shots, seed=config.seed)
    draws = draws_of(context, drawn, sizes=[_ALL], repeats=1)
    outcomes = icl.run(context, settings, cell, draws=draws, test=test)
    examples = "one example" if shots == 1 else f"{shots or 'no'} examples"
    context.say(f"{cell}: {model} with {examples} per label in the prompt")
    return outcomes
