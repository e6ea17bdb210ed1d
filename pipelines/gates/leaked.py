"""test: the text is a row of a test split of the cell, word for word or nearly so: a student must not train on it."""

from sdc.pipelines.gates.known import KnownCheck
from sdc.pipelines.gates.reference import Reference
from sdc.pipelines.text.similarity import Index

#: The least similarity that makes a copy, 0 to 1.
THRESHOLD = 0.8


def build(reference: Reference, threshold: float) -> KnownCheck:
    """Returns a check against all test rows of the cell."""
    return KnownCheck(Index(reference.known_test, threshold=threshold), "test example")
