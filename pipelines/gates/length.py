"""length: far longer than what people write in this cell."""

from collections.abc import Callable

from sdc.pipelines.gates.reference import Reference, far_out

#: So many standard deviations of the logarithm of the length lie between the median of the human rows and the limit.
THRESHOLD = 5.0
#: The limit in characters while there are too few human rows to set one.
_MAX_CHARS = 2000
_LEAST_ROWS = 5


def build(reference: Reference, threshold: float) -> Callable[[str], str | None]:
    """Returns a check for texts that are far longer than human ones; without human rows, than 2,000 characters."""
    limit = float(_MAX_CHARS)
    if len(reference.sample) >= _LEAST_ROWS:
        usual = far_out([len(text.strip()) for text in reference.sample], spreads=threshold)
        limit = max(usual, reference.habit(lambda text: len(text.strip())))

    def check(text: str) -> str | None:
        length = len(text.strip())
        return f"{length} characters, and people write {limit:.0f} at most" if length > limit else None

    return check
