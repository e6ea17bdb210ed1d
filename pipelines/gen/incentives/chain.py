"""chain: the latest new texts take the place of the seed examples, so that each call goes on from the ones before."""

import random
from collections.abc import Sequence

from sdc.pipelines.gen.incentives.shown import Show, Shown, shuffled

NEEDS = "a new text, and seed examples whose place it takes"


def build(seeds: Sequence[str], texts: Sequence[str], others: Sequence[str]) -> Show | None:
    """Returns as many texts as there are seeds: the latest of `texts`, and seeds while there are too few of them.

    None without texts, and without seeds, for then the generator is meant to be shown nothing.
    """
    if not seeds or not texts:
        return None
    latest = tuple(texts[-len(seeds) :])
    examples = (*seeds[: len(seeds) - len(latest)], *latest)

    def show(draw: random.Random) -> Shown:
        return Shown(examples=shuffled(examples, draw))

    return show
