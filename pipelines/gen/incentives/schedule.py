"""Which incentive the next calls of a label use, and when none is worth asking with any more.

Here: one decision from estimates. Not here: the estimates (`saturation.py`), what an incentive shows.
"""

import math
from collections.abc import Collection, Mapping

from sdc.pipelines.gen.incentives import AUTO, INCENTIVES, NONE
from sdc.pipelines.gen.saturation import Unseen

#: `auto` goes on to the next incentive when fewer of the next acceptable texts than this would be new.
SWITCH_BELOW = 0.5
#: An incentive is judged after so many calls, and at least so many texts asked for.
_WINDOW_CALLS, _WINDOW_TEXTS = 5, 30
#: Calls of a label between two looks at its texts, while an incentive is in use: each round sees what the last brought.
_ROUND = 2


def window(asked: int) -> int:
    """Returns after how many calls, each asking for `asked` texts, an incentive is judged.

    >>> window(10), window(1)
    (5, 30)
    """
    return max(_WINDOW_CALLS, math.ceil(_WINDOW_TEXTS / asked))


def choose(mode: str, *, estimates: Mapping[str, Unseen], offered: Collection[str], asked: int) -> str | None:
    """Returns the incentive of the next calls, or None if no way of asking brings enough.

    `auto` keeps the most fruitful way of asking of those that it has tried, as long as its texts are new; else it tries
    the next one. When all were tried, the most fruitful one is used until none promises enough. An incentive that has
    nothing to offer is passed over; a fixed one is replaced by no incentive meanwhile.

    Args:
        mode: `auto`, `none` or the name of an incentive.
        estimates: Name -> what its calls say about the unseen; only of names that were used.
        offered: Incentives that can be used now.
        asked: Texts asked for in a call.
    """
    names = [NONE, *INCENTIVES] if mode == AUTO else [mode]
    names = [name for name in names if name == NONE or name in offered] or [NONE]
    tried = [name for name in names if name in estimates and estimates[name].calls >= window(asked)]
    untried = [name for name in names if name not in tried]
    alive = [name for name in tried if not estimates[name].is_exhausted(asked)]
    best = max(alive, key=lambda name: estimates[name].gain, default=None)
    if best is not None and (estimates[best].novelty >= SWITCH_BELOW or not untried):
        return best
    return untried[0] if untried else None


def round_size(mode: str, name: str, *, wanted: int, calls: int, asked: int) -> int:
    """Returns how many calls are made before the next decision, 1 to `wanted`.

    Args:
        mode: `auto`, `none` or the name of an incentive.
        name: What is used in the round.
        wanted: Calls that should fill the quota, at least 1.
        calls: Calls made in this way before.
        asked: Texts asked for in a call.
    """
    if mode == NONE and not calls:
        return wanted
    if mode not in (AUTO, NONE) or name != NONE:
        return min(wanted, _ROUND)
    return min(wanted, max(window(asked), calls // 2))
