"""What asking cost, added up over calls.

Here: counts of calls and tokens, and what a reply's tokens are taken for where nobody counts them. Not here: limits and
prices (`budget.py`), asking (`ask.py`).
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from sdc.pipelines.engines.protocol import Call, Reply

#: A token where nobody counts them: rather too many tokens than too few.
_BYTES = 3


@dataclass(kw_only=True)
class Usage:
    """What asking cost: calls answered by the engine and by the cache, tokens, seconds, energy, money.

    Args:
        model: Who answered.
        engine: How it was run; None if the cache answered everything.
        calls: Calls that the engine answered for this artifact, refused and failed ones among them.
        earlier: Those of them that were answered in an earlier attempt at it, which was killed or left some unanswered.
        cached: Calls that the reply cache answered, and that were asked for something else.
        unreadable: Replies in the cache that could not be read; those calls were asked again.
        refused: Calls that the provider would not answer.
        failed: Calls without a usable answer after all tries.
        prompt_tokens: Of the engine's calls; None where a server did not count them.
        cached_tokens: Prompt tokens that a prefix cache served; None where the engine does not say.
        completion_tokens: Generated, reasoning among them, or scored; None as above.
        reasoned: Calls in which the model reasoned before it answered, those that the cache answered among them.
        reasoning_tokens: Of the engine's calls; by the length of the texts where nobody counts them. None without any.
        served: What servers called the model that answered, new and cached calls alike.
        seconds: Wall-clock time of the engine.
        energy_kwh: Of the GPUs meanwhile; None where nothing counts it.
        cost: In `currency`; None where the model's price is unknown.
        currency: Of the user's price table.
    """

    model: str = ""
    engine: str | None = None
    calls: int = 0
    earlier: int = 0
    cached: int = 0
    unreadable: int = 0
    refused: int = 0
    failed: int = 0
    prompt_tokens: int | None = 0
    cached_tokens: int | None = None
    completion_tokens: int | None = 0
    reasoned: int = 0
    reasoning_tokens: int | None = None
    served: tuple[str, ...] = ()
    seconds: float = 0.0
    energy_kwh: float | None = None
    cost: float | None = None
    currency: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Returns the counts for an artifact's summary."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}

    def count_cached(self, reply: Reply) -> None:
        """Adds a reply of the cache."""
        self.cached += 1
        self._count_kind(reply)

    def count_earlier(self, reply: Reply, engine: str | None) -> None:
        """Adds a reply of the cache that an earlier attempt at this artifact had asked for."""
        self.count(reply)
        self.earlier += 1
        self.seconds += reply.seconds
        self.engine = self.engine or engine

    def count(self, reply: Reply) -> None:
        """Adds a reply of the engine."""
        self.calls += 1
        self.refused += reply.finish == "refused"
        self.failed += reply.finish == "failed"
        self.prompt_tokens = _sum(self.prompt_tokens, reply.prompt_tokens)
        self.completion_tokens = _sum(self.completion_tokens, reply.completion_tokens)
        if reply.cached_tokens is not None:
            self.cached_tokens = (self.cached_tokens or 0) + reply.cached_tokens
        self._count_kind(reply)
        if reply.reasoning:
            self.reasoning_tokens = (self.reasoning_tokens or 0) + _reasoning_tokens(reply)

    def add_cost(self, cost: float, currency: str) -> None:
        """Adds money."""
        self.cost, self.currency = (self.cost or 0.0) + cost, currency

    def _count_kind(self, reply: Reply) -> None:
        self.reasoned += bool(reply.reasoning)
        if reply.model and reply.model not in self.served:
            self.served = (*self.served, reply.model)


def estimated(reply: Reply, prompt: str) -> Reply:
    """Returns a reply with tokens by the length of its texts, where a server counts none.

    >>> estimated(Reply(text="six ch", prompt_tokens=None, completion_tokens=None), "abc").completion_tokens
    2
    """
    prompt_tokens, completion_tokens = reply.prompt_tokens, reply.completion_tokens
    return replace(
        reply,
        prompt_tokens=_tokens(prompt) if prompt_tokens is None else prompt_tokens,
        completion_tokens=_tokens(reply.text + reply.reasoning) if completion_tokens is None else completion_tokens,
    )


def at_most(call: Call) -> Reply:
    """Returns a reply with the tokens that a call takes if its answer is as long as it may be.

    >>> at_most(Call(prompt="six ch", max_tokens=20)).prompt_tokens
    2
    >>> [at_most(Call(prompt="", choices=choices)).completion_tokens for choices in ((), ("yes", "no"))]
    [20, 2]
    """
    choices = sum(map(_tokens, call.choices))
    return Reply(prompt_tokens=_tokens(call.prompt), completion_tokens=choices or call.max_tokens)


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // _BYTES)


def _reasoning_tokens(reply: Reply) -> int:
    """Returns the tokens of the reasoning; where nobody counts them, its share of the texts."""
    if reply.reasoning_tokens is not None:
        return reply.reasoning_tokens
    share = len(reply.reasoning) / (len(reply.reasoning) + len(reply.text))
    return round(share * (reply.completion_tokens or _tokens(reply.reasoning + reply.text)))
