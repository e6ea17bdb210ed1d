"""Which rows a sample draws from, and which stand in each of its draws, by source.

Here: look-ups, and the human examples that stand for the seeds of a generation that has none. Not here: sizes and
draws (`sample/__init__.py`), how rows are chosen (`strategies/`).
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sdc.cache.counted import counted
from sdc.cache.key import derive_seed
from sdc.cache.store import Artifact
from sdc.errors import DataError
from sdc.pipelines.cells import Cell
from sdc.pipelines.records.examples import ExampleRow, accepted_rows, ok_rows, seed_rows
from sdc.pipelines.sample.config import SampleConfig
from sdc.pipelines.sample.strategies import Candidates
from sdc.pipelines.stage import Context
from sdc.pipelines.students.probe import ProbeConfig, ProbeStudent


@dataclass(frozen=True, kw_only=True)
class SamplePool:
    """What a sample draws from.

    Args:
        example_key: The artifact that has `rows` and `always`.
        rows: What draws choose among.
        always: Rows of that artifact that stand in every draw.
        human_key: The human data that has `human`; None if there is none.
        human: Rows of it that stand in every draw, before all others.
        vectors: Of the embeddings of all texts, by text; None where the strategy asks for none.
    """

    example_key: str
    rows: Sequence[ExampleRow]
    always: Sequence[ExampleRow] = ()
    human_key: str | None = None
    human: Sequence[ExampleRow] = ()
    vectors: Any = None

    @property
    def seeds(self) -> list[ExampleRow]:
        """What stands in every draw."""
        return [*self.human, *self.always]

    def candidates(self, num_labels: int) -> Candidates:
        """Returns the rows as strategies see them."""
        import numpy as np

        _, texts, labels = zip(*self.rows, strict=True)
        seeds = [(text, label) for _, text, label in self.seeds]
        of_rows = of_seeds = None
        if self.vectors is not None:
            of_rows = np.stack([self.vectors[text] for text in texts])
            of_seeds = np.stack([self.vectors[text] for text, _ in seeds]) if seeds else None
        return Candidates(
            labels=labels, num_labels=num_labels, texts=texts, seeds=seeds, vectors_NE=of_rows, seed_vectors_SE=of_seeds
        )


def pool(context: Context, config: SampleConfig, cell: Cell, examples: Artifact, human: Artifact | None) -> SamplePool:
    """Returns the rows of a source.

    Args:
        context: Where the store is.
        config: The source, and where seeds come from.
        cell: Whose labels.
        examples: A judgement or generation; human data for the source `human`, and for `seeds` from there.
        human: Human data, for sources that need it beside the examples.

    Raises:
        DataError: The source has no rows, or a label has fewer than the seeds that are asked for.
    """
    generation_key = examples.inputs[0] if examples.stage == "judge" else examples.key
    if config.source == "human" or (config.source == "seeds" and examples.stage == "data"):
        found = SamplePool(example_key=examples.key, rows=ok_rows(context, examples.key, "human"))
        if config.source == "seeds":
            found = SamplePool(example_key=examples.key, rows=_seeds_from(config, cell, examples, found.rows))
    elif config.source == "seeds":
        found = SamplePool(example_key=generation_key, rows=seed_rows(context, generation_key))
    else:
        rows = (
            accepted_rows(context, examples.key)
            if examples.stage == "judge"
            else ok_rows(context, examples.key, "synthetic")
        )
        found = SamplePool(example_key=generation_key, rows=rows)
        if human is not None:
            chosen = ok_rows(context, human.key, "human")
            if config.source == "seeds+synthetic":
                chosen = _seeds_from(config, cell, human, chosen)
            found = SamplePool(example_key=generation_key, rows=rows, human_key=human.key, human=chosen)
        elif config.source == "seeds+synthetic":
            found = SamplePool(example_key=generation_key, rows=rows, always=seed_rows(context, generation_key))
    _refuse_nothing(config, cell, examples, found)
    if config.encoder is not None:
        found = replace(found, vectors=_vectors(context, config, [row[1] for row in (*found.seeds, *found.rows)]))
    return found


def _vectors(context: Context, config: SampleConfig, texts: Sequence[str]) -> dict[str, Any]:
    """Returns the embedding of each text, of length 1, float64."""
    import numpy as np

    assert config.encoder is not None
    vectors_NE = encoder_of(context, config.encoder).vectors(texts)
    lengths_N = np.maximum(np.linalg.norm(vectors_NE, axis=1), 1e-12)
    return dict(zip(texts, vectors_NE / lengths_N[:, None], strict=True))


def encoder_of(context: Context, name: str) -> ProbeStudent:
    """Returns what embeds texts as the probe does, so that each is encoded once for both.

    Args:
        context: Knows the models.
        name: Alias, hub id or folder.
    """
    model = context.model(name)
    config = ProbeConfig(model=name, **ProbeConfig(model=name).wanted_by(model))
    return ProbeStudent(config, model, kept=context.store.place.home / "embeddings.db")


def _refuse_nothing(config: SampleConfig, cell: Cell, examples: Artifact, found: SamplePool) -> None:
    where = f"{examples.stage} {examples.short}"
    if not found.rows and examples.stage == "judge" and not examples.summary.get("accepted", 1):
        rejected = examples.summary.get("rejected") or {}
        who = "".join(f", {number} rejected by {name}" for name, number in rejected.items())
        what = f"none of {counted(examples.summary.get('rows', 0), 'text')} of {cell} was accepted{who}"
        fix = (
            'see why with `sdc store sql "select reason, count(*) from verdicts group by all"`, and judge or write anew'
        )
        raise DataError(what, where, fix)
    if not found.rows:
        fix = _NO_SEEDS if config.source == "seeds" else "see `sdc store show`"
        raise DataError(f"no {config.source} rows for {cell}", where, fix)
    if config.source == "seeds+synthetic" and not found.always and not found.human:
        raise DataError(f"no seeds for {cell}", where, _NO_SEEDS)
    if config.source == "human+synthetic" and not found.human:
        raise DataError(f"no human rows for {cell}", where, "add some with `sdc data add`")


_NO_SEEDS = "a generation made elsewhere has none: take human examples with --seeds-from human"


def more(source: str, examples: Artifact) -> str:
    """Returns what a user can do who needs more rows of a source."""
    if source == "human":
        return "add more human examples with `sdc data add`"
    if source == "seeds":
        return "give the generator more with `sdc gen --num-seeds`, or take human examples with --seeds-from human"
    if examples.stage == "gen" and not examples.config.get("quota"):
        return "it was made elsewhere: add a larger file, or write texts of your own with `sdc gen`"
    return "top up with `sdc gen --top-up`"


def _seeds_from(config: SampleConfig, cell: Cell, data: Artifact, rows: Sequence[ExampleRow]) -> list[ExampleRow]:
    """Returns as many human examples of each label, chosen as `gen` chooses the ones that it shows a generator."""
    chosen: list[ExampleRow] = []
    for label in cell.task.labels:
        own = list({row[1]: row for row in reversed(rows) if row[2] == label.id}.values())[::-1]
        if len(own) < config.per_label:
            what = f"{config.per_label} seeds of {label.name!r} are asked for {cell}, and {len(own)} are there"
            raise DataError(what, f"data {data.short}", f"use --per-label {len(own)}, or add human examples")
        chosen += random.Random(derive_seed(config.seed, "seeds", label.name)).sample(own, config.per_label)
    return chosen
