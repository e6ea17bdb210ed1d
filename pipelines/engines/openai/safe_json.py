"""What servers send, as JSON that later code can rely on.

Here: no secrets in any string, no number that is none, no depth that ends in a traceback. Whatever a server sends is
read here and nowhere else. Not here: what an answer means (`chat.py`).
"""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from sdc.pipelines.engines.openai.secrets import hider

#: No answer that means something is deeper; what lies below is left out.
_DEEPEST = 32
#: No count has more digits.
_MOST_DIGITS = 18
#: Rounding may lift the logarithm of a probability of 1 above 0.
_ROUNDING = 0.01


class NotJson(ValueError):
    """The bytes are no JSON."""


def parse(content: bytes) -> Any:
    """Returns the JSON in `content`, with null for what is no number (NaN, infinities, more digits than any count has),
    for a name that stands twice with different values, and for what is nested too deeply.

    Raises:
        NotJson: It is no JSON.
    """
    try:
        raw = json.loads(
            content, parse_constant=lambda text: None, parse_int=_int, parse_float=_float, object_pairs_hook=_object
        )
        return _clean(raw, hider(), _DEEPEST)
    except (ValueError, RecursionError):
        raise NotJson from None


def logprob(value: Any) -> float | None:
    """Returns a log-probability in nats, or None for what cannot be one.

    >>> [logprob(value) for value in (-0.5, 0, 1e-6, 0.5, float("nan"), float("-inf"), True, "-1", 10**400)]
    [-0.5, 0.0, 0.0, None, None, None, None, None, None]
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not -1e300 < value <= _ROUNDING or not math.isfinite(value):
        return None
    return min(float(value), 0.0)


def count(value: Any) -> int | None:
    """Returns a count, or None for what is none.

    >>> [count(value) for value in (3, 0, 3.0, -1, True, "3", None)]
    [3, 0, 3, None, None, None, None]
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**12:
        return None
    return value


def _int(text: str) -> int | None:
    return int(text) if len(text) <= _MOST_DIGITS else None


def _float(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        for name, value in pairs:
            if found[name] is not value and found[name] != value:
                found[name] = None
    return found


def _clean(raw: Any, hide: Callable[[str], str], depth: int) -> Any:
    if isinstance(raw, str):
        return hide(raw)
    if isinstance(raw, list):
        return [_clean(item, hide, depth - 1) for item in raw] if depth else None
    if isinstance(raw, dict):
        return {hide(name): _clean(value, hide, depth - 1) for name, value in raw.items()} if depth else None
    return raw
