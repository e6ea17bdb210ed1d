"""test: the text is a row of a test split of the cell, word for word or nearly so: a student must not train on it."""

from collections.abc import Callable

from sdc.pipelines.gates.reference import Reference
from sdc.pipelines.text.similarity import Index

#: The least similarity that makes a copy, 0 to 1.
THRESHOLD = 0.8


def build(reference: Reference, threshold: float) -> Callable[[str], str | None]:
    """Returns a check against all test rows of the cell."""
    index = Index(reference.known_test, threshold=threshold)

    def check(text: str) -> str | None:
        near = index.nearest(text)
        return f"similarity {near[1]:.2f} to a test example" if near is not None else None

    return check
