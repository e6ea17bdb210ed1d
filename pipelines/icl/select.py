"""How many shots are best, measured on rows of the draw that are held out: never on the test.

Here: the held-out rows, the choice. Not here: prompts (`shots.py`), asking (`icl.py`).
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sdc.cache.counted import counted
from sdc.cache.key import derive_seed
from sdc.errors import DataError
from sdc.pipelines import metrics, readers
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines.protocol import Reply
from sdc.pipelines.records.examples import ExampleRow


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What was measured, and what came out.

    Args:
        best: Shots per label with the highest dev result; of equal ones the fewest.
        tried: One entry per number of shots: `shots`, the task's metric, `unparsed_rate`.
        dev_rows: Rows that were held out.
    """

    best: int
    tried: list[dict[str, Any]]
    dev_rows: int

    def as_json(self) -> dict[str, Any]:
        """Returns it for summaries and records."""
        return {"selected": self.best, "selection": self.tried, "dev_rows": self.dev_rows}


def most_shots(counts: Sequence[int], num_labels: int, *, most: int) -> int:
    """Returns how many shots per label are left in a draw beside the rows that `hold_out` takes; 0 if it cannot.

    >>> most_shots([5, 4], 2, most=100), most_shots([5], 2, most=100)
    (2, 0)
    """
    rarest = min(counts) if len(counts) == num_labels else 0
    held = min(rarest // 2, max(1, most // num_labels))
    return rarest - held if held else 0


def hold_out(
    cell: Cell, rows: Sequence[ExampleRow], *, most: int, seed: int, candidates: Sequence[int]
) -> tuple[list[ExampleRow], list[ExampleRow], list[int]]:
    """Returns the rows that shots are taken from, those that are held out, and the numbers of shots that are possible.

    As many of every label are held out: half of the rarest label's rows at most, and `most` in all
    (but one of each).

    Raises:
        DataError: Some label has fewer than two rows, or too few are left for any of the numbers.
    """
    by_label = {label.id: [row for row in rows if row[2] == label.id] for label in cell.task.labels}
    rarest = min(map(len, by_label.values()))
    num = min(rarest // 2, max(1, most // len(by_label)))
    fix = "use a larger draw (--sizes), or fewer --select"
    size = f"a draw of {counted(len(rows), 'row')}"
    if not num:
        raise DataError(f"{size} has none to spare for choosing the shots", str(cell), fix)
    choice = random.Random(derive_seed(seed, "dev"))
    held = {row[0] for own in by_label.values() for row in choice.sample(own, num)}
    possible = [number for number in candidates if number <= rarest - num]
    if not possible:
        raise DataError(f"{size} is too small for these numbers of shots", str(cell), fix)
    return [row for row in rows if row[0] not in held], [row for row in rows if row[0] in held], possible


def select(
    cell: Cell, held: Sequence[ExampleRow], candidates: Sequence[int], *, ask: Callable[[int], Sequence[Reply]]
) -> Selection:
    """Returns the best number of shots on the rows that are held out.

    Args:
        cell: Whose metric counts.
        held: The rows, with their labels.
        candidates: Numbers of shots per label.
        ask: Number of shots -> the replies about the held-out rows.
    """
    gold = [label for _, _, label in held]
    tried = []
    for number in sorted(set(candidates)):
        answers = ask(number)
        scores = [list(reply.scores) or None for reply in answers]
        texts = [reply.text if reply.is_answer and not reply.scores else None for reply in answers]
        reader = readers.resolve("auto", has_scores=any(row is not None for row in scores)) or "strict"
        found = readers.read(reader, cell.task, replies=texts, all_scores=scores)
        measured = {
            name: metrics.METRICS[name](gold, found, num_labels=len(cell.task.labels)).value
            for name in (cell.task.metric, "unparsed_rate")
        }
        tried.append({"shots": number, **measured})
    best = max(tried, key=lambda row: (row[cell.task.metric], -row["shots"]))
    return Selection(best=int(best["shots"]), tried=tried, dev_rows=len(held))
