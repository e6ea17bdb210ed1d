"""The diversity incentives: what a prompt says so that other texts come than before. One file per incentive.

An incentive is built from what a label has so far and returns what a call shows, or None while it has nothing to offer.

Source: J. Cegin et al., "Effects of diversity incentives on sample diversity and downstream model performance in
LLM-based text augmentation", ACL 2024. Here: the table of them. Not here: when which one is used (`schedule.py`).
"""

from collections.abc import Callable, Sequence

from sdc.pipelines.gen.incentives import chain, hints, taboo
from sdc.pipelines.gen.incentives.shown import Show

#: No incentive: the seed examples alone.
NONE = "none"
#: Begins without any, and takes the next one when novelty falls.
AUTO = "auto"
#: name -> builder(seed texts, new texts of the label so far, new texts of the other labels), in the order of `auto`.
INCENTIVES: dict[str, Callable[[Sequence[str], Sequence[str], Sequence[str]], Show | None]] = {
    "taboo": taboo.build,
    "hints": hints.build,
    "chain": chain.build,
}
#: What `--incentive` takes.
CHOICES = (AUTO, NONE, *INCENTIVES)
#: What an incentive wants before it can be used, for summaries.
NEEDS = {"taboo": taboo.NEEDS, "hints": hints.NEEDS, "chain": chain.NEEDS}
