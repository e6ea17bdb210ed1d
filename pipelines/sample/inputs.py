"""What a sample is drawn from: the artifact that is named, or the newest that fits its source.

Here: the look-up. Not here: which of its rows (`rows.py`).
"""

from sdc.cache.store import Artifact
from sdc.errors import DataError
from sdc.pipelines.cells import Cell
from sdc.pipelines.records import lineage
from sdc.pipelines.sample.config import SampleConfig
from sdc.pipelines.stage import Context


def of(
    context: Context, config: SampleConfig, cell: Cell, artifact: Artifact | None
) -> tuple[Artifact, Artifact | None]:
    """Returns what is drawn from, and the human data beside it for sources that need some.

    Args:
        context: Where the store is.
        config: The source.
        cell: Language and task.
        artifact: A judgement, a generation or human data; None takes the newest that fits, and says which.

    Raises:
        DataError: There is none, or it has no rows of the source.
    """
    if config.source == "human" or (config.source == "seeds" and config.seeds_from == "human"):
        if artifact is None or artifact.stage == "data":
            return artifact or lineage.newest_data(context, cell, split="train"), None
        if config.source == "human":
            raise DataError(
                f"no human rows for {cell}", f"{artifact.stage} {artifact.short}", "name human data, or none"
            )
        return _human(context, cell, artifact), None
    if artifact is not None and artifact.stage == "data":
        raise DataError(
            f"no {config.source} rows for {cell}", f"data {artifact.short}", "name a judgement or a generation"
        )
    examples = artifact or _newest(context, cell)
    return examples, _human(context, cell, examples) if config.needs_human else None


def _human(context: Context, cell: Cell, examples: Artifact) -> Artifact:
    """Returns the human data that a generation was made from, else the newest."""
    found = lineage.train_data_of(context, examples) or lineage.newest_data(context, cell, split="train")
    context.say(f"{cell}: human rows of data {found.short}")
    return found


def _newest(context: Context, cell: Cell) -> Artifact:
    """Returns the newest generation as judged last."""
    generation = lineage.newest_generation(context, cell)
    judgement = lineage.newest_judgement(context, cell, generation)
    if judgement is not None:
        context.say(f"{cell}: draws from judgement {judgement.short}")
        return judgement
    context.say(f"{cell}: draws from generation {generation.short}, which nobody has judged")
    return generation
