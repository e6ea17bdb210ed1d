"""Whether draws have the rows for the shots that are asked for.

Here: which draws do, and how many shots others have. Not here: which rows are shown (`shots.py`), runs (`icl.py`).
"""

from collections.abc import Sequence

from sdc.errors import DataError, UsageError
from sdc.pipelines.cells import Cell
from sdc.pipelines.icl import select
from sdc.pipelines.icl.config import IclConfig
from sdc.pipelines.records.draws import Draw
from sdc.pipelines.records.examples import label_counts
from sdc.pipelines.stage import Context


def fitting(
    context: Context, config: IclConfig, cell: Cell, draws: Sequence[Draw]
) -> tuple[list[Draw], list[DataError]]:
    """Returns the draws that have what was ordered, and what is wrong with the others, by size.

    Raises:
        UsageError: Fewer rows may be held out than there are labels.
    """
    num_labels = len(cell.task.labels)
    if config.select and config.exact_dev_rows and config.dev_rows < num_labels:
        what = f"{config.dev_rows} held-out rows, and {cell} has {num_labels} labels"
        raise UsageError(what, "--dev-rows", f"use at least {num_labels}")
    if not config.exact:
        return list(draws), []
    counts = label_counts(context, draws)
    kept, wrong = [], {}
    for draw in draws:
        if config.select:
            most = select.most_shots(counts[draw.draw], num_labels, most=config.dev_rows)
            asked, what = max(config.select), "beside the rows that are held out"
        else:
            most, asked, what = there(config, counts[draw.draw], num_labels), config.shots, "in it"
        if asked <= most or most == 0:  # with nothing of a label, the stage says which
            kept.append(draw)
        else:
            fix = f"use up to {most} shots, or only larger draws (--sizes)"
            text = f"{cell}: {asked} shots per label, and a draw of size {draw.size} has {most} of each {what}"
            wrong[draw.size] = DataError(text, fix=fix)
    return kept, list(wrong.values())


def there(config: IclConfig, counts: Sequence[int], num_labels: int) -> int:
    """Returns how many shots per label a draw has; strategies that ignore labels count rows in all."""
    if config.shot_strategy == "balanced":
        return min(counts) if len(counts) == num_labels else 0
    return sum(counts) // num_labels
