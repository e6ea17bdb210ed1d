"""What an incentive shows the generator in one call."""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The part of a generation prompt that an incentive decides.

    Args:
        examples: Texts shown as examples, in order.
        taboo: Words that the prompt asks not to use, the most characteristic first.
    """

    examples: tuple[str, ...]
    taboo: tuple[str, ...] = ()


#: Gives what one call shows, from a source of random numbers of its own.
Show = Callable[[random.Random], Shown]


def shuffled(texts: tuple[str, ...], draw: random.Random) -> tuple[str, ...]:
    """Returns the texts in a random order: the same examples are shown in another order in each call."""
    order = list(texts)
    draw.shuffle(order)
    return tuple(order)
