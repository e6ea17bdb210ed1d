"""What students are fitted on: the draws of the samples that are named, or of the newest of every source.

Here: the look-up. Not here: which runs that makes (`__init__.py`).
"""

from collections.abc import Sequence

from sdc.cache.store import Artifact
from sdc.errors import DataError, MissingInput
from sdc.pipelines.cells import Cell
from sdc.pipelines.records import inputs, lineage
from sdc.pipelines.records.draws import Draw, check_source, draws_of
from sdc.pipelines.stage import Context


def by_cell(
    pairs: Sequence[tuple[Cell, Artifact | None]], *, sources: Sequence[str]
) -> list[tuple[Cell, list[Artifact]]]:
    """Returns the samples that were named, by cell; none for a cell whose samples are to be looked up.

    Args:
        pairs: Samples, or None, and their cells.
        sources: Only samples of these; empty for all.

    Raises:
        UsageError: There is no such source.
        DataError: None of the samples is of them.
    """
    for name in sources:
        check_source(name)
    kept = [
        (cell, artifact)
        for cell, artifact in pairs
        if artifact is None or not sources or artifact.summary.get("source") in sources
    ]
    if not kept:
        raise DataError(f"none of these samples is of source {' or '.join(sources)}", "--source", "drop the flag")
    return inputs.by_cell(kept)


def of(
    context: Context,
    cell: Cell,
    named: Sequence[Artifact],
    *,
    sources: Sequence[str] = (),
    sizes: Sequence[str] = (),
    repeats: int | None = None,
) -> list[Draw]:
    """Returns the draws of the samples that were named, or of the newest of every kind, and says which.

    Args:
        context: Where the store is.
        cell: Language and task.
        named: Samples; empty takes the newest.
        sources: Only these sources of the newest; empty for all.
        sizes: Only these nominal sizes; empty for all.
        repeats: Only the first repeats of each size; None for all.

    Raises:
        MissingInput: There is no sample, or none of a source.
        DataError: None has such draws; or one that was named, or its source, has no such draws.
    """
    if named:
        return [draw for drawn in named for draw in draws_of(context, drawn, sizes=sizes, repeats=repeats)]
    newest = lineage.newest_samples(context, cell)
    there = {lineage.source_of(drawn) for drawn in newest}
    lacking = [source for source in sources if source not in there]
    if lacking or not newest:
        fix = f"run `sdc sample --lang {cell.lang} --task {cell.task.name}` first"
        fix = lineage.other_tag(context, cell, "sample") or fix
        raise MissingInput(f"no {' or '.join(lacking) or 'sample'} draws", cell, str(context.store.path), fix)
    samples = [drawn for drawn in newest if not sources or lineage.source_of(drawn) in sources]
    names = ", ".join(f"{lineage.named(drawn)} {drawn.short}" for drawn in samples)
    context.say(f"train {cell}: samples {names}")
    draws: list[Draw] = []
    errors: list[DataError] = []
    for drawn in samples:
        try:
            draws += draws_of(context, drawn, sizes=sizes, repeats=repeats)
        except DataError as error:
            if sources:
                raise
            errors.append(error)
    missing = set(sizes) - {draw.size for draw in draws}
    if errors and (missing or not draws):
        raise errors[0]
    for left_out in errors:
        context.say(f"train {cell}: {left_out}")
    return draws
