"""sample: draws subsets of the accepted examples, for every size and repeat.

Here: sizes with their real number of rows, the content hash of a draw. Not here: which rows a source has
(`rows.py`), how rows are chosen (`strategies/`), what is done with a draw (train, icl).
"""

import contextlib
from collections.abc import Sequence
from typing import Any

from sdc.cache.key import derive_seed, digest, identity
from sdc.cache.store import Artifact
from sdc.errors import DataError
from sdc.pipelines import presets, stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines import models
from sdc.pipelines.records import leaks, lineage
from sdc.pipelines.records.draws import draws_of
from sdc.pipelines.records.examples import ExampleRow, draw_hash, mark, weighted
from sdc.pipelines.sample import rows as sample_rows
from sdc.pipelines.sample.config import ALL, SampleConfig, has_seeds
from sdc.pipelines.sample.rows import SamplePool, more
from sdc.pipelines.sample.strategies import STRATEGIES
from sdc.pipelines.stage import Computed, Context, Outcome
from sdc.pipelines.view import dry_record

VERSION = 2


def configured(context: Context, preset: str, *, task: str | None = None, **flags: Any) -> SampleConfig:
    """Returns which draws are made: flags over what the preset says for source and task; None is not given.

    Args:
        context: Knows the encoders.
        preset: Its name.
        task: The name of the task.
        flags: Fields of `SampleConfig`.
    """
    usual = presets.load(preset, "sample", task=task)
    own = usual.pop("sources", {}).get(flags.get("source"), {})
    settings = presets.merged({**usual, **own}, **flags)
    settings["sizes"] = tuple(settings["sizes"])
    if not STRATEGIES[SampleConfig(**settings).strategy].needs_vectors:
        return SampleConfig(**settings)
    settings["encoder"] = settings.get("encoder") or models.ENCODER
    encoding = digest(sample_rows.encoder_of(context, settings["encoder"]).identity())
    return SampleConfig(**{**settings, "encoding": encoding})


def plan(config: SampleConfig, cell: Cell, examples: Artifact, *, human: Artifact | None = None) -> Artifact:
    """Returns the artifact that `run` would make.

    Args:
        config: Which draws.
        cell: Language and task.
        examples: A judgement, a generation or human data.
        human: Human train data, for sources with human rows beside synthetic ones.
    """
    for artifact in (examples, *([human] if human else [])):
        lineage.refuse_test(artifact)
        lineage.check_labels(artifact, cell)
    if config.needs_human != (human is not None):
        raise ValueError(f"source {config.source} from {config.seeds_from}, and human data {human}")
    settings = {**identity(config), "num_labels": len(cell.task.labels), "sizes_up_to": cell.task.sizes_up_to}
    inputs = [examples.key, *([human.key] if human else [])]
    return stage.plan(
        stage="sample", version=VERSION, config=settings, inputs=inputs, lang=cell.lang, task=cell.task.name
    )


def dry_run(
    context: Context, config: SampleConfig, cell: Cell, *, examples: Artifact, human: Artifact | None = None
) -> list[dict[str, Any]]:
    """Returns what `run` would make, as `--dry-run --json` tells it: one record."""
    planned = plan(config, cell, examples, human=human)
    cached = bool(stage.are_there(context, [planned.key]))
    return [dry_record(planned, cached=cached, source=config.source)]


def run(
    context: Context, config: SampleConfig, cell: Cell, *, examples: Artifact, human: Artifact | None = None
) -> Outcome:
    """Makes the draws of one cell, or returns those that are there.

    Raises:
        DataError: The source has no rows, a size that was ordered is larger than what is there, or a label has no row
            and the strategy is balanced.
    """
    planned = plan(config, cell, examples, human=human)

    outcome = stage.produce(
        context,
        planned,
        read=lambda: sample_rows.pool(context, config, cell, examples, human),
        compute=lambda pool: compute(config, cell, examples, pool),
    )
    if not outcome.hit:
        _say_leaks(context, cell, outcome.key)
    return outcome


def compute(config: SampleConfig, cell: Cell, examples: Artifact, pool: SamplePool) -> Computed:
    """Returns the draws of one cell from the rows of its source.

    Raises:
        DataError: A size that was ordered is larger than what is there, or a label has no row and the strategy is
            balanced.
    """
    draws = _draws(config, cell, pool, _sizes(config, cell, pool.rows, examples))
    return Computed(rows={"draws": draws}, summary=_summary(config, pool, draws))


def _draws(config: SampleConfig, cell: Cell, pool: SamplePool, sizes: Sequence[str]) -> list[dict[str, Any]]:
    numbers = [int(size) for size in sizes if size != ALL]
    candidates, strategy = pool.candidates(len(cell.task.labels)), STRATEGIES[config.strategy]
    marks = {row: mark(row[1], row[2]) for row in {*pool.seeds, *pool.rows}}
    num_seeds = len(pool.seeds) if has_seeds(config.source) else 0
    draws = []
    chosen: list[list[int]] = []
    held: dict[str, float | None] = {}
    for repeat in range(config.repeats):
        seed = derive_seed(config.seed, "data", repeat)
        if numbers and (strategy.is_seeded or not repeat):
            chosen = strategy.choose(candidates, numbers, seed)
            shares = strategy.shares(candidates, chosen) if strategy.shares else [None] * len(chosen)
            held = dict(zip((size for size in sizes if size != ALL), shares, strict=True))
        by_size = dict(zip((size for size in sizes if size != ALL), chosen, strict=True))
        for size in sizes:
            picked = [pool.rows[i] for i in by_size[size]] if size != ALL else pool.rows
            members = [*pool.always, *picked]
            drawn = weighted([marks[row] for row in (*pool.human, *members)], num_seeds, config.seed_weight)
            draws.append(
                {
                    "draw": draw_hash(drawn),
                    "lang": cell.lang,
                    "task": cell.task.name,
                    "source": config.source,
                    "strategy": config.strategy,
                    "size": size,
                    "repeat": repeat,
                    "num_rows": len(pool.human) + len(members),
                    "example_key": pool.example_key,
                    "members": [idx for idx, _, _ in members],
                    "human_key": pool.human_key,
                    "human_members": [idx for idx, _, _ in pool.human] if pool.human_key else None,
                    "num_seeds": num_seeds,
                    "seed_weight": config.seed_weight,
                    "coverage": held.get(size),
                }
            )
    return draws


def _sizes(config: SampleConfig, cell: Cell, rows: Sequence[ExampleRow], examples: Artifact) -> list[str]:
    """Returns the sizes that are drawn: all that were ordered, or those of a grid that make sense here."""
    if config.source == "seeds" and not config.exact:
        return [ALL]
    numbers = sorted({int(size) for size in config.sizes if size != ALL})
    counts = [sum(label == wanted.id for _, _, label in rows) for wanted in cell.task.labels]
    capacity = STRATEGIES[config.strategy].capacity(counts)
    rarest = cell.task.labels[counts.index(min(counts))].name
    if config.exact:
        if numbers and numbers[-1] > capacity:
            what = f"{numbers[-1]} {config.source} rows of {cell} are asked for, and there are {capacity}"
            if STRATEGIES[config.strategy].is_balanced:
                what += f" with as many of every label ({min(counts)} of {rarest!r}, {len(rows)} in all)"
            raise DataError(what, "--sizes", f"use up to {capacity}, or `all`; or {more(config.source, examples)}")
        return [str(number) for number in numbers] + ([ALL] if ALL in config.sizes else [])
    numbers = [number for number in numbers if number <= cell.task.sizes_up_to]
    if numbers and capacity == 0:
        where = f"{examples.stage} {examples.short}"
        raise DataError(f"no {config.source} row of {rarest!r} for {cell}", where, more(config.source, examples))
    kept = [number for position, number in enumerate(numbers) if position == 0 or numbers[position - 1] < capacity]
    return [str(number) for number in kept] + ([ALL] if ALL in config.sizes or not kept else [])


def _say_leaks(context: Context, cell: Cell, key: str) -> None:
    """Tells the user how many texts of the newest test stand among the rows of the largest draw of a sample."""
    with contextlib.suppress(DataError):
        test = lineage.newest_data(context, cell, split="test")
        draws = draws_of(context, context.store.resolve(key))
        largest = max(draws, key=lambda draw: draw.num_rows)
        leaks.of_draws(context, f"sample {cell}", [largest], test.key)


def _summary(config: SampleConfig, pool: SamplePool, draws: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns what people see; sizes count synthetic rows, real sizes all rows."""
    seeds = {"seeds_from": "human", "seeds": str(config.per_label)} if config.seeds_from == "human" else {}
    return {
        "source": config.source,
        "strategy": config.strategy,
        "rows": len(pool.rows) + len(pool.always) + len(pool.human),
        "draws": len(draws),
        "repeats": config.repeats,
        "real_sizes": {draw["size"]: draw["num_rows"] for draw in draws if draw["repeat"] == 0},
        **seeds,
        **({"seed_weight": config.seed_weight} if config.seed_weight != 1 else {}),
        **(
            {"coverage": held}
            if (held := {d["size"]: d["coverage"] for d in draws if d["coverage"] is not None})
            else {}
        ),
        **({"human_rows": len(pool.human)} if pool.human_key else {}),
    }
