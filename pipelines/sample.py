"""sample: draws subsets of the accepted examples, for every size and repeat.

Here: which rows a source has, sizes with their real number of rows, the content hash of a draw. Not here: how rows are
chosen (`selection/`), what is done with a draw (train, icl).
"""

from dataclasses import dataclass
from typing import Any

from sdc.cache.key import derive_seed, identity
from sdc.cache.store import Artifact
from sdc.errors import DataError, UsageError
from sdc.pipelines import lineage, stage
from sdc.pipelines.cells import Cell
from sdc.pipelines.draws import check_source
from sdc.pipelines.examples import draw_hash, mark
from sdc.pipelines.selection import STRATEGIES
from sdc.pipelines.stage import Computed, Context, Outcome

VERSION = 2
ALL = "all"


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """Which draws are made.

    Args:
        source: `synthetic` (accepted rows), `human` (train data), `seeds` (the human examples that the generator was
            shown), or `seeds+synthetic` (all seeds and a draw of synthetic rows; the size counts the synthetic ones).
        strategy: `balanced` or `random`.
        sizes: Nominal numbers of rows, and `all` for every row. `seeds` has only `all`.
        repeats: Draws per size, at least 1. A repeat of `all` is the same rows again, for other training seeds.
        seed: Root of the data seeds; one per repeat, shared by all sizes, so that draws are nested.
    """

    source: str = "synthetic"
    strategy: str = "balanced"
    sizes: tuple[str, ...] = (ALL,)
    repeats: int = 20
    seed: int = 1337

    def __post_init__(self) -> None:
        check_source(self.source)
        if self.strategy not in STRATEGIES:
            known = ", ".join(STRATEGIES)
            raise UsageError(f"unknown strategy {self.strategy!r}", "--strategy", f"use one of {known}")
        wrong = [size for size in self.sizes if size != ALL and not _is_number(size)]
        if wrong or not self.sizes:
            raise UsageError(f"{(wrong or [''])[0][:80]!r} is no size", "--sizes", "use numbers above 0, and `all`")
        if self.repeats < 1:
            raise UsageError("repeats must be at least 1", "--repeats", "correct it")


def _is_number(size: str) -> bool:
    return size.isascii() and size.isdecimal() and len(size) <= 18 and int(size) > 0


def plan(config: SampleConfig, cell: Cell, examples: Artifact) -> Artifact:
    """Returns the artifact that `run` would make from a judgement, a generation or human data."""
    lineage.refuse_test(examples)
    lineage.check_labels(examples, cell)
    settings = {**identity(config), "num_labels": len(cell.task.labels), "sizes_up_to": cell.task.sizes_up_to}
    return stage.plan(
        stage="sample", version=VERSION, config=settings, inputs=[examples.key], lang=cell.lang, task=cell.task.name
    )


def run(context: Context, config: SampleConfig, cell: Cell, *, examples: Artifact) -> Outcome:
    """Makes the draws of one cell from `examples`, or returns those that are there.

    Raises:
        DataError: The source has no rows, or a label has none and the strategy is balanced.
    """
    planned = plan(config, cell, examples)

    def compute() -> Computed:
        example_key, rows, always = _rows(context, config, cell, examples)
        draws = _draws(config, cell, rows, always, example_key)
        return Computed(rows={"draws": draws}, summary=_summary(config, rows, always, draws, cell))

    return stage.produce(context, planned, compute)


_Row = tuple[int, str, int]


def _rows(context: Context, config: SampleConfig, cell: Cell, examples: Artifact) -> tuple[str, list[_Row], list[_Row]]:
    """Returns the key of the examples, the rows (idx, text, label) to draw from, and those that every draw contains."""
    always: list[_Row] = []
    generation_key = examples.inputs[0] if examples.stage == "judge" else examples.key
    seeds = _select(context, generation_key, "status = 'seed'")
    if config.source == "human":
        rows = _select(context, examples.key, "source = 'human' and status = 'ok'")
    elif examples.stage == "judge":
        rows = context.store.query(
            """select e.idx, e.text, e.label from examples e join verdicts v on v.example_key = e.key and v.idx = e.idx
            where v.key = ? and v.accepted order by e.idx""",
            [examples.key],
        )
    else:
        rows = _select(context, examples.key, "source = 'synthetic' and status = 'ok'")
    if config.source == "seeds":
        rows = seeds
    elif config.source == "seeds+synthetic":
        always = seeds
    if not rows or (config.source == "seeds+synthetic" and not seeds):
        fix = "a generation made elsewhere has no seeds" if "seeds" in config.source else "see `sdc store show`"
        raise DataError(f"no {config.source} rows for {cell}", f"{examples.stage} {examples.short}", fix)
    return (examples.key if config.source == "human" else generation_key), rows, always


def _select(context: Context, key: str, condition: str) -> list[_Row]:
    # `condition` is one of the constants above, never a user's text.
    sql = f"select idx, text, label from examples where key = ? and {condition} order by idx"  # noqa: S608
    return [(idx, text, label) for idx, text, label in context.store.query(sql, [key])]


def _draws(
    config: SampleConfig, cell: Cell, rows: list[_Row], always: list[_Row], example_key: str
) -> list[dict[str, Any]]:
    sizes = _sizes(config, cell, rows)
    numbers = [int(size) for size in sizes if size != ALL]
    labels = [label for _, _, label in rows]
    marks = {idx: mark(text, label) for idx, text, label in (*always, *rows)}
    draws = []
    for repeat in range(config.repeats):
        seed = derive_seed(config.seed, "data", repeat)
        chosen = STRATEGIES[config.strategy](labels, numbers, len(cell.task.labels), seed) if numbers else []
        by_size = dict(zip((size for size in sizes if size != ALL), chosen, strict=True))
        for size in sizes:
            picked = [rows[i] for i in by_size[size]] if size != ALL else rows
            members = [*always, *picked]
            draws.append(
                {
                    "draw": draw_hash([marks[idx] for idx, _, _ in members]),
                    "lang": cell.lang,
                    "task": cell.task.name,
                    "source": config.source,
                    "strategy": config.strategy,
                    "size": size,
                    "repeat": repeat,
                    "num_rows": len(members),
                    "example_key": example_key,
                    "members": [idx for idx, _, _ in members],
                }
            )
    return draws


def _sizes(config: SampleConfig, cell: Cell, rows: list[_Row]) -> list[str]:
    """Returns the sizes that make sense here: no larger than the task's grid, and only one that takes all there is."""
    if config.source == "seeds":
        return [ALL]
    numbers = sorted({int(size) for size in config.sizes if size != ALL and int(size) <= cell.task.sizes_up_to})
    counts = [sum(label == wanted.id for _, _, label in rows) for wanted in cell.task.labels]
    capacity = min(counts) * len(counts) if config.strategy == "balanced" else len(rows)
    if numbers and capacity == 0:
        lacking = cell.task.labels[counts.index(0)].name
        raise DataError(f"no {config.source} row of {lacking!r} for {cell}", fix="top up with `sdc gen --top-up`")
    kept = [number for position, number in enumerate(numbers) if position == 0 or numbers[position - 1] < capacity]
    return [str(number) for number in kept] + ([ALL] if ALL in config.sizes or not kept else [])


def _summary(
    config: SampleConfig, rows: list[_Row], always: list[_Row], draws: list[dict[str, Any]], cell: Cell
) -> dict[str, Any]:
    return {
        "source": config.source,
        "rows": len(rows) + len(always),
        "draws": len(draws),
        "repeats": config.repeats,
        "real_sizes": {draw["size"]: draw["num_rows"] for draw in draws if draw["repeat"] == 0},
    }
