"""How much may be asked, and what it costs: limits on new calls, tokens and money, and the user's price table.

Here: prices, spending, the error that ends a command when a limit is reached. Not here: counting in the summary of an
artifact (`ask.py`), guesses before a run (`estimate.py`).
"""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdc.errors import BudgetError, UsageError
from sdc.pipelines import files
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.protocol import Reply

_PER = 1_000_000
_PARTS = ("input", "cached_input", "output", "hour")


@dataclass(frozen=True, kw_only=True)
class Prices:
    """What models cost, as the user says; a model that is not in the table has no known price.

    Args:
        currency: Of all prices, such as `EUR`.
        models: Model name -> `input`, `cached_input` and `output` per million tokens, `hour` per hour of running it.
    """

    currency: str = ""
    models: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def cost(
        self,
        model: Model,
        *,
        prompt_tokens: int,
        completion_tokens: int,
        seconds: float | None,
        cached_tokens: int = 0,
    ) -> float | None:
        """Returns the price of so many tokens and seconds, or None where it is unknown, or time that is paid is."""
        price = self.models.get(model.name) or self.models.get(model.thinking.name) or self.models.get(model.source)
        if price is None or (seconds is None and "hour" in price):
            return None
        full = prompt_tokens - cached_tokens
        tokens = full * price.get("input", 0.0) + cached_tokens * price.get("cached_input", price.get("input", 0.0))
        tokens += completion_tokens * price.get("output", 0.0)
        return tokens / _PER + (seconds or 0.0) / 3600 * price.get("hour", 0.0)


def limits(max_calls: int | None, max_tokens: int | None, max_cost: float | None, prices: Path | None) -> "Budget":
    """Returns the limits on what is newly asked, with the user's price table: that of a file, else of `$SDC_PRICES`.

    Raises:
        UsageError: The price table cannot be read.
    """
    file = prices or (Path(os.environ["SDC_PRICES"]) if os.environ.get("SDC_PRICES") else None)
    table = load_prices(file) if file is not None else None
    return Budget(max_calls=max_calls, max_tokens=max_tokens, max_cost=max_cost, prices=table)


def load_prices(path: Path) -> Prices:
    """Returns the price table in a TOML file: `currency = "EUR"` and one table of prices per model.

    Raises:
        UsageError: The file cannot be read, or something in it is no price.
    """
    try:
        raw: dict[str, Any] = tomllib.loads(files.content(path).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot read the price table ({error})", str(path), "see docs/costs.md") from error
    currency = raw.pop("currency", "")
    if not isinstance(currency, str) or not currency.strip():
        raise UsageError("the price table names no currency", str(path), 'begin it with `currency = "EUR"`')
    for model, prices in raw.items():
        if not isinstance(prices, dict) or not prices:
            raise UsageError(f"{model!r} is no table of prices", str(path), f"write [{model!r}] and prices below it")
        for name, value in prices.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if name not in _PARTS or not number or not 0 <= value < float("inf"):
                known = ", ".join(_PARTS)
                raise UsageError(f"{model}: {name} = {value!r} is no price", str(path), f"use numbers for {known}")
    return Prices(currency=currency.strip(), models=raw)


class Budget:
    """Limits on what one command may newly ask, shared by all its stages.

    Args:
        max_calls: The most calls that an engine answers; exact.
        max_tokens: Tokens (prompt and completion) after which no further call is begun, those of the calls that are on
            their way included, as far as these can be known.
        max_cost: Money, in the price table's currency, likewise.
        prices: The user's price table.
    """

    def __init__(
        self,
        *,
        max_calls: int | None = None,
        max_tokens: int | None = None,
        max_cost: float | None = None,
        prices: Prices | None = None,
    ) -> None:
        self.max_calls, self.max_tokens, self.max_cost = max_calls, max_tokens, max_cost
        self.prices = prices or Prices()
        self.calls = self.tokens = 0
        self.cost = 0.0

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit on anything."""
        return self.max_calls is not None or self.is_careful

    @property
    def spent(self) -> tuple[int, int, float]:
        """Calls, tokens and money so far."""
        return self.calls, self.tokens, self.cost

    def since(self, before: Sequence[float]) -> list[float]:
        """Returns what was spent after it was `before`, as `add` takes it."""
        return [now - then for now, then in zip(self.spent, before, strict=True)]

    def add(self, calls: int, tokens: int, cost: float) -> None:
        """Counts what another process has spent."""
        self.calls, self.tokens, self.cost = self.calls + calls, self.tokens + tokens, self.cost + cost

    @property
    def is_careful(self) -> bool:
        """Whether what is spent must be known before much more is asked."""
        return self.max_tokens is not None or self.max_cost is not None

    def room(self, model: Model, expected: Sequence[Reply]) -> int:
        """Returns how many of the coming calls may be begun now, at least 1.

        Args:
            model: Who is asked.
            expected: What each call takes at most, in their order.

        Raises:
            BudgetError: A limit is reached.
            UsageError: There is a limit on money, and the price of the model is unknown.
        """
        if self.max_cost is not None and self.price(model, Reply()) is None:
            fix = "put it into the file of --prices, or drop --max-cost"
            raise UsageError(f"the price of {model.name} is unknown", "--max-cost", fix)
        limits: list[tuple[str, float, float | None, str]] = [
            ("--max-calls", self.calls, self.max_calls, "calls"),
            ("--max-tokens", self.tokens, self.max_tokens, "tokens"),
            ("--max-cost", self.cost, self.max_cost, self.prices.currency),
        ]
        for flag, spent, limit, unit in limits:
            if limit is not None and spent >= limit:
                fix = "all replies are kept; the same command goes on from there"
                raise BudgetError(f"the budget is spent ({spent:.6g} of {limit:.6g} {unit})", flag, fix)
        room = len(expected) if self.max_calls is None else min(len(expected), self.max_calls - self.calls)
        if self.max_tokens is not None:
            tokens = [_tokens(reply) for reply in expected]
            room = min(room, self._begun(tokens, left=self.max_tokens - self.tokens, spent=self.tokens))
        if self.max_cost is not None:
            costs = [self.price(model, reply) or 0.0 for reply in expected]
            # What an hour costs says nothing of a call before one was answered.
            room = min(room, self._begun(costs, left=self.max_cost - self.cost, spent=self.cost) if self.calls else 1)
        return room

    def _begun(self, each: Sequence[float], *, left: float, spent: float) -> int:
        """Returns how many calls are begun while those before them, as far as known, leave something."""
        mean = spent / self.calls if self.calls else 0.0
        for number, most in enumerate(each):
            if left <= 0:
                return number
            left -= max(most, mean)
        return len(each)

    def spend(self, model: Model, reply: Reply) -> float | None:
        """Counts one reply and returns what it cost, or None where the price is unknown."""
        cost = self.price(model, reply)
        self.calls += 1
        self.tokens += _tokens(reply)
        self.cost += cost or 0.0
        return cost

    def price(self, model: Model, reply: Reply) -> float | None:
        """Returns what a reply cost, or None where the price is unknown."""
        return self.prices.cost(
            model,
            prompt_tokens=reply.prompt_tokens or 0,
            completion_tokens=reply.completion_tokens or 0,
            seconds=reply.seconds,
            cached_tokens=reply.cached_tokens or 0,
        )


def _tokens(reply: Reply) -> int:
    return (reply.prompt_tokens or 0) + (reply.completion_tokens or 0)
