"""The draws of a sample: what each size is, and the texts of the smallest draw."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sdc.cache.counted import counted
from sdc.cache.store import Artifact
from sdc.pipelines.cells import of_artifact
from sdc.pipelines.records import draws, examples, lineage
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.show.choice import ShowChoice, View
from sdc.pipelines.stage import Context
from sdc.pipelines.view import ViewPart


def sample(context: Context, artifact: Artifact, choice: ShowChoice) -> View:
    """Returns the sizes of a sample, and the rows of its smallest draw by label.

    Raises:
        UsageError: A status is asked for: rows of a draw have none.
        StoreError: The sample is stale, or the rows of the draw are in another store.
    """
    choice.refuse("the draws of a sample", status=choice.statuses)
    cell = of_artifact(context.store, artifact)
    found = draws.draws_of(context, artifact)
    numbers = examples.label_counts(context, found)
    sizes = [
        _size(list(of_size), numbers)
        for _, of_size in groupby(found, key=lambda draw: draw.size)  # they come by real size
    ]
    first, names = found[0], cell.task.label_names
    rows = [
        {"label": names[label], "place": place, "status": "drawn", "text": text}
        for place, (_, text, label) in enumerate(examples.rows_of(context, [first])[first.draw])
    ]
    parts = choice.grouped(rows, cell.task, statuses=["drawn"])
    whose = f"size {first.size}, repeat {first.repeat}"
    parts = [ViewPart(title=f"{whose}, {part.title}", rows=part.rows, said=part.said) for part in parts]
    title = f"sample {cell} {artifact.short}: {counted(len(found), 'draw')}, {lineage.named(artifact)}"
    return View(title=title, parts=[ViewPart(title="sizes", rows=sizes), *parts])


def _size(of_size: Sequence[Draw], numbers: dict[str, list[int]]) -> dict[str, Any]:
    of_labels = [number for draw in of_size for number in numbers[draw.draw]]
    seeds = [draw.num_seeds for draw in of_size if draw.num_seeds]
    return {
        "size": of_size[0].size,
        "rows": _range([draw.num_rows for draw in of_size]),
        "per label": _range(of_labels),
        "seeds": _range(seeds) if seeds else None,
        "repeats": len(of_size),
        "different draws": len({draw.draw for draw in of_size}),
    }


def _range(numbers: Sequence[int]) -> str:
    """Returns one number, or the least and the greatest of several.

    >>> _range([3, 3]), _range([4, 2])
    ('3', '2-4')
    """
    least, greatest = min(numbers), max(numbers)
    return str(least) if least == greatest else f"{least}-{greatest}"
