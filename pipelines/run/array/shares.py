"""How the batches of an experiment are shared out over the elements of a job array.

Here: how many elements, and which batch is whose: a function of the estimates, frozen in the plan. Not here: what a
batch is, and what it should take (`batches.py`).
"""

import heapq
import math
from collections.abc import Mapping, Sequence

from sdc.pipelines.run.batches import RunBatch
from sdc.pipelines.run.sites import Site

#: Elements where the site does not say how many run at once: each has a copy of what runs are made from.
_ELEMENTS = 64
#: How much of its time an element is given work for: some of it goes by before it begins, and estimates err.
_SHARE_OF_TIME = 0.75


def num_elements(seconds: Mapping[str, float], site: Site) -> int:
    """Returns how many elements an array has: the site's number, else as many as may run at once or are in time.

    Args:
        seconds: What each batch should take, by its id.
        site: Where they run.
    """
    needed = math.ceil(sum(seconds.values()) / (_SHARE_OF_TIME * site.seconds))
    return min(len(seconds), site.elements or max(site.max_tasks or _ELEMENTS, needed))


def shared(
    batches: Sequence[RunBatch], seconds: Mapping[str, float], num: int, *, whole_points: bool = False
) -> list[list[str]]:
    """Returns the ids of the batches of each element, in the order of the plan.

    Wave by wave, so that all elements come to a wave at about the same time, the longest batch goes to who has least
    to do: what elements have to do differs by no more than the longest batch takes.

    Args:
        batches: In the order of the plan.
        seconds: What each should take, by its id.
        num: How many elements, no more than there are batches.
        whole_points: All repeats of a point are of one element, whatever their wave: it sees when they are enough.
    """
    together: dict[tuple[int, ...], list[RunBatch]] = {}
    for number, batch in enumerate(batches):
        together.setdefault((batch.line, batch.cell) if whole_points else (number,), []).append(batch)
    waves: dict[int, list[list[RunBatch]]] = {}
    for group in together.values():
        waves.setdefault(group[0].wave, []).append(group)

    def weight(group: Sequence[RunBatch]) -> float:
        return sum(seconds[batch.id] for batch in group)

    heap = [(0.0, element) for element in range(num)]
    whose: dict[str, int] = {}
    for wave in sorted(waves):
        for group in sorted(waves[wave], key=weight, reverse=True):  # stable: equal ones as in the plan
            load, element = heapq.heappop(heap)
            whose |= {batch.id: element for batch in group}
            heapq.heappush(heap, (load + weight(group), element))
    found: list[list[str]] = [[] for _ in range(num)]
    for batch in batches:
        found[whose[batch.id]].append(batch.id)
    return found
