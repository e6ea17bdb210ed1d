"""copy: the text is a human train row of the cell, word for word or nearly so (character 5-gram Jaccard)."""

from sdc.pipelines.gates.known import KnownCheck
from sdc.pipelines.gates.reference import Reference
from sdc.pipelines.text.similarity import Index

#: The least similarity that makes a copy, 0 to 1.
THRESHOLD = 0.8


def build(reference: Reference, threshold: float) -> KnownCheck:
    """Returns a check against the human train rows."""
    return KnownCheck(Index(reference.known_human, threshold=threshold), "human example")
