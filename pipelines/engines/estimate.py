"""What a stage would ask, before it asks: calls, what is cached of them, tokens, time and money where they are known.

Here: counting from the calls themselves, the reply cache, the model's tokenizer and the ledger of earlier
artifacts. What none of them knows is None. Not here: which calls a stage makes (each stage), limits (`budget.py`).
"""

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from sdc.cache.store import Store
from sdc.errors import EngineError
from sdc.pipelines.engines import hub
from sdc.pipelines.engines.budget import Prices
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.protocol import Call, Reply

#: Prompts that are tokenised; the rest is taken to be alike.
_SAMPLE = 200


@dataclass(frozen=True, kw_only=True)
class CallEstimate:
    """What asking would take. Tokens, seconds and money are of the new calls alone.

    Args:
        calls: Calls in all.
        cached: Those of them that the reply cache answers.
        prompt_tokens: By the model's tokenizer; None where it is not on this machine.
        completion_tokens: As long as the answers of this model to earlier calls of the stage; None without any.
        seconds: As fast as those; None without any.
        cost: From the price table; None where the price or the tokens are unknown.
        currency: Of the price table; None without a cost.
    """

    calls: int
    cached: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None
    cost: float | None = None
    currency: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Returns the figures for `--dry-run`; None is written as null."""
        return asdict(self)


def estimate(store: Store, model: Model, calls: Sequence[Call], *, stage: str, prices: Prices) -> CallEstimate:
    """Returns what `calls` would take.

    Args:
        store: Has the replies and the ledger.
        model: Who would answer.
        calls: What would be asked; equal ones count once.
        stage: Whose earlier artifacts tell how long answers are and how much time they take.
        prices: The user's price table.
    """
    identity = model.identity()
    unique = {call.key(identity): call for call in calls}
    known = _cached(store, list(unique))
    new = [call for key, call in unique.items() if key not in known]
    if not new:
        return CallEstimate(calls=len(unique), cached=len(known), prompt_tokens=0, completion_tokens=0, seconds=0.0)
    prompt_tokens = _prompt_tokens(model, new)
    completion_rate, seconds_rate = _rates(store, model, stage)
    completion = None if completion_rate is None else round(completion_rate * len(new))
    seconds = None if seconds_rate is None else round(seconds_rate * len(new), 1)
    cost = None
    if prompt_tokens is not None and completion is not None and seconds is not None:
        cost = prices.cost(model, prompt_tokens=prompt_tokens, completion_tokens=completion, seconds=seconds)
    return CallEstimate(
        calls=len(unique),
        cached=len(known),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion,
        seconds=seconds,
        cost=cost,
        currency=None if cost is None else prices.currency,
    )


def _cached(store: Store, keys: Sequence[str]) -> set[str]:
    if not store.replies_folder.is_dir() and not store.place.before("replies"):
        return set()
    with store.replies() as cache:
        return {key for key, raw in cache.get_many(list(keys)).items() if Reply.fault(raw) is None}


def _prompt_tokens(model: Model, calls: Sequence[Call]) -> int | None:
    if hub.local_folder(model) is None:
        return None
    chosen = random.Random(0).sample(list(calls), min(_SAMPLE, len(calls)))
    with suppress(EngineError):
        from sdc.pipelines.engines.prompt_tokens import load_tokenizer, prompt_ids

        tokenizer = load_tokenizer(model)
        counted = sum(len(prompt_ids(tokenizer, call.prompt)) for call in chosen)
        return round(counted / len(chosen) * len(calls))
    return None


def _rates(store: Store, model: Model, stage: str) -> tuple[float | None, float | None]:
    """Returns completion tokens and engine seconds per call of the model in a stage, from the ledger."""
    found = store.query(
        """select sum(completion_tokens) / sum(calls), sum(engine_seconds) / sum(calls)
        from ledger where stage = ? and model = ? and calls > 0""",
        [stage, model.name],
    )
    return found[0] if found else (None, None)
