"""What a stage would ask, before it asks: calls, what is cached of them, tokens, time and money where they are known.

Here: counting from the calls themselves, the reply cache, the model's tokenizer and the ledger of earlier artifacts.
Where neither of the last two knows, tokens go by characters, and `tokens_from` says so; of time and money that nothing
is known of, the figure is None. Not here: which calls a stage makes (each stage), limits (`budget.py`).
"""

import json
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sdc.cache.store import Artifact, Store
from sdc.errors import EngineError
from sdc.pipelines.engines import hub
from sdc.pipelines.engines.budget import Prices
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.engines.usage import at_most
from sdc.pipelines.view import dry_record

#: Prompts that are tokenised; the rest is taken to be alike.
_SAMPLE = 200


@dataclass(frozen=True, kw_only=True)
class CallEstimate:
    """What asking would take. Tokens, seconds and money are of the new ones of `calls` alone.

    Args:
        model: Who would answer.
        calls: Calls that are known.
        cached: Those of them that the reply cache answers.
        at_least: The fewest that it takes; None: all of `calls`.
        at_most: The most that it takes; None: no more than `calls`.
        likely: What it likely takes, from what was seen of earlier ones; None where that is not known.
        prompt_tokens: As `tokens_from` says.
        completion_tokens: As long as the answers of this model to earlier calls of the stage, else at their longest.
        tokens_from: `tokenizer` (the model's own), `ledger` (as earlier calls with the same settings), `characters`
            (the true number may be half or twice as many); None where no call is known.
        seconds: As fast as earlier calls of the stage; None without any.
        cost: From the price table; None where the price is unknown, or the time of a model that is paid by the hour.
        currency: Of the price table; None without a cost.
        a_call: What one more call takes, as `tokens`, `seconds` and `cost`, where all of `calls` are cached and so tell
            nothing of those that may follow; else None.
    """

    model: str
    calls: int
    cached: int = 0
    at_least: int | None = None
    at_most: int | None = None
    likely: int | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    tokens_from: str | None = None
    seconds: float | None = 0.0
    cost: float | None = None
    currency: str | None = None
    a_call: Mapping[str, float | None] | None = None

    @classmethod
    def nothing(cls, model: str) -> "CallEstimate":
        """Returns that nothing is asked."""
        return cls(model=model, calls=0)

    def as_json(self) -> dict[str, Any]:
        """Returns the figures for `--dry-run`; None is written as null."""
        least = self.calls if self.at_least is None else self.at_least
        most = self.calls if self.at_most is None else self.at_most
        return {
            "model": self.model, "calls": self.calls, "calls_at_least": least, "calls_at_most": most,
            "calls_likely": least if least == most else self.likely, "cached": self.cached,
            "prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens,
            "tokens_from": self.tokens_from, "seconds": self.seconds, "cost": self.cost, "currency": self.currency,
            "a_call": None if self.a_call is None else dict(self.a_call),
        }  # fmt: skip


def asked_record(planned: Artifact, expected: CallEstimate | None, *, model: str, **more: Any) -> dict[str, Any]:
    """Returns what a dry run tells of an artifact that an LLM is asked for.

    Args:
        planned: The artifact.
        expected: What would be asked; None says that it is there already.
        model: Who would answer.
        more: What else is told of it.
    """
    asked = (expected or CallEstimate.nothing(model)).as_json()
    asked = {"cached_calls" if name == "cached" else name: value for name, value in asked.items()}
    return {**dry_record(planned, cached=expected is None, **more), **asked}


def estimate(
    store: Store,
    model: Model,
    calls: Sequence[Call],
    *,
    stage: str,
    prices: Prices,
    like: Mapping[str, Any] | None = None,
) -> CallEstimate:
    """Returns what `calls` would take.

    Args:
        store: Has the replies and the ledger.
        model: Who would answer.
        calls: What would be asked; equal ones count once.
        stage: Whose earlier artifacts tell how long answers are and how much time they take.
        prices: The user's price table.
        like: Settings of the stage that decide how long a prompt is, as artifacts have them; None is their default.
    """
    identity = model.identity()
    unique = {call.key(identity): call for call in calls}
    known = _cached(store, list(unique))
    new = [call for key, call in unique.items() if key not in known]
    known_of = new or list(unique.values())
    if not known_of:
        return CallEstimate.nothing(model.name)
    prompt_tokens, tokens_from = _prompt_tokens(store, model, known_of, stage, like or {})
    completion_rate, seconds_rate = _rates(store, model, stage)
    longest = sum(at_most(call).completion_tokens or 0 for call in known_of)
    completion = longest if completion_rate is None else round(completion_rate * len(known_of))
    seconds = None if seconds_rate is None else round(seconds_rate * len(known_of), 1)
    cost = prices.cost(model, prompt_tokens=prompt_tokens, completion_tokens=completion, seconds=seconds)
    currency = None if cost is None else prices.currency
    found = CallEstimate(
        model=model.name, calls=len(unique), cached=len(known), tokens_from=tokens_from, currency=currency
    )
    if new:
        return replace(found, prompt_tokens=prompt_tokens, completion_tokens=completion, seconds=seconds, cost=cost)
    of_all = {"tokens": prompt_tokens + completion, "seconds": seconds, "cost": cost}
    return replace(
        found, a_call={name: None if value is None else value / len(known_of) for name, value in of_all.items()}
    )


def _cached(store: Store, keys: Sequence[str]) -> set[str]:
    if not store.replies_folder.is_dir() and not store.place.before("replies"):
        return set()
    with store.replies() as cache:
        return {key for key, raw in cache.get_many(list(keys)).items() if Reply.fault(raw) is None}


def _prompt_tokens(
    store: Store, model: Model, calls: Sequence[Call], stage: str, like: Mapping[str, Any]
) -> tuple[int, str]:
    """Returns the tokens of all prompts, and how they are known."""
    if hub.local_folder(model) is not None:
        chosen = random.Random(0).sample(list(calls), min(_SAMPLE, len(calls)))
        with suppress(EngineError):
            from sdc.pipelines.engines.prompt_tokens import load_tokenizer, prompt_ids

            tokenizer = load_tokenizer(model)
            counted = sum(len(prompt_ids(tokenizer, call.prompt)) for call in chosen)
            return round(counted / len(chosen) * len(calls)), "tokenizer"
    alike = "".join(f" and (a.config -> '$.{name}')::varchar is not distinct from ?" for name in like)
    ((rate,),) = store.query(
        f"""select sum(l.prompt_tokens) / sum(l.calls) from ledger l join artifacts a using (key)
        where l.stage = ? and l.model = ? and l.calls > 0 and l.prompt_tokens is not null{alike}""",  # noqa: S608 (names)
        [stage, model.name, *(None if value is None else json.dumps(value) for value in like.values())],
    )
    if rate is not None:
        return round(rate * len(calls)), "ledger"
    return sum(at_most(call).prompt_tokens or 0 for call in calls), "characters"


def _rates(store: Store, model: Model, stage: str) -> tuple[float | None, float | None]:
    """Returns completion tokens and engine seconds per call of the model in a stage, from the ledger."""
    found = store.query(
        """select sum(completion_tokens) / sum(calls), sum(engine_seconds) / sum(calls)
        from ledger where stage = ? and model = ? and calls > 0""",
        [stage, model.name],
    )
    return found[0] if found else (None, None)
