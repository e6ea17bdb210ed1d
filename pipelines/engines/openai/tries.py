"""Trying again: how often and after how long a wait, and when a server counts as down.

Here: back-off, Retry-After, the circuit breaker, what a last failure becomes. Not here: one try (`http.py`).
"""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from sdc.cache.counted import counted
from sdc.errors import EngineError
from sdc.pipelines.engines.openai.faults import Rejected, TryFailed
from sdc.pipelines.engines.openai.secrets import scrub
from sdc.pipelines.engines.protocol import Reply
from sdc.pipelines.progress import log

T = TypeVar("T")

#: Fewest failed tries in a row that can mean that the server is down.
_FEWEST_FOR_DOWN = 20
_REFUSALS = ("content_filter", "content_policy_violation", "responsibleaipolicyviolation")
#: Statuses that every other call would get too, and what to do then.
_FOR_ALL = {
    401: "set SDC_API_KEY to a key of this server",
    402: "fill up the account",
    403: "use a key that may do this",
    404: "check --model, and --server, which ends in /v1 for most servers",
    407: "put user and password into the proxy's URL ($HTTP_PROXY, $HTTPS_PROXY or $ALL_PROXY)",
    405: "check --server, which ends in /v1 for most servers",
    429: "fill up the account, or raise its limit",
}


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Waits between the tries of a call: they double, and a part of each is random, so that calls spread out.

    Args:
        first_s: After the first try, in seconds.
        most_s: The longest wait in seconds, Retry-After included.
    """

    first_s: float = 1.0
    most_s: float = 60.0

    def wait_s(self, tried: int, asked_s: float | None) -> float:
        """Returns the wait after so many tries: never shorter than the server asks, as far as `most_s` allows."""
        own = self.first_s * 2.0 ** (tried - 1) * random.uniform(0.5, 1)
        if asked_s is not None:
            own = max(own, asked_s + random.uniform(0, self.first_s))
        return min(own, self.most_s)


class Tries:
    """The tries of all calls at one server.

    Args:
        most: Tries per call.
        at_once: Calls that are in flight together.
        backoff: The waits between them.
        where: The server, as messages show it.
    """

    def __init__(self, *, most: int, at_once: int, backoff: Backoff, where: str) -> None:
        self.most, self.where = most, where
        self._backoff = backoff
        # As many as use up all tries of everything in flight: an outage that the waits outlast is no reason to stop.
        self._limit = max(_FEWEST_FOR_DOWN, most * at_once)
        self._failed_in_a_row = 0
        self._open_from = 0.0
        self._is_over = False

    def end(self) -> None:
        """Begins no further try of any call; the run ends, and what is on its way is only waited for."""
        self._is_over = True

    async def persist(self, ask: Callable[[], Awaitable[T]], *, most: int | None = None) -> T:
        """Returns what `ask` returns, asked again for as long as it raises TryFailed and tries are left.

        Raises:
            TryFailed: The last try failed too.
            Rejected: As `ask` raised it.
            EngineError: So many tries failed in a row, over all calls, that the server is down.
        """
        import anyio

        tried, wait_s = 0, 0.0
        while True:
            # The pause that one call was told holds for all.
            pause_s = min(self._open_from - time.monotonic(), self._backoff.most_s)
            await anyio.sleep(max(wait_s, pause_s, 0.0))
            tried += 1
            try:
                found = await ask()
            except TryFailed as failure:
                self._count(failure)
                if self._is_over or tried >= (most or self.most):
                    raise
                wait_s = self._backoff.wait_s(tried, failure.wait_s)
                log.info("%s: try %d of %d failed, again in %.1f s (%s)", self.where, tried, most or self.most, wait_s,
                         scrub(failure.reason))  # fmt: skip
                if failure.wait_s is not None:
                    self._open_from = max(self._open_from, time.monotonic() + min(failure.wait_s, self._backoff.most_s))
            except Rejected:
                self._failed_in_a_row = 0  # whoever says no is up
                raise
            else:
                self._failed_in_a_row = 0
                return found

    async def reply(self, ask: Callable[[], Awaitable[Reply]]) -> Reply:
        """Returns the reply to one call; where there is none, one that says why.

        Raises:
            EngineError: The server is down, or would say the same no to every other call.
        """
        try:
            return await self.persist(ask)
        except TryFailed as failure:
            reason = f"no answer in {counted(self.most, 'try', 'tries')}; the last one: {failure.reason}"
            return replace(failure.came or Reply(finish="failed"), reason=reason)
        except Rejected as no:
            if is_refusal(no):
                return Reply(finish="refused", reason=no.reason)
            raise_if_for_all(no, self.where)
            return Reply(finish="failed", reason=no.reason)

    def _count(self, failure: TryFailed) -> None:
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= self._limit:
            what = f"the last {self._limit} tries failed, so the server counts as down (the last: {failure.reason})"
            fix = "see to the server and run this again: what it answered is kept"
            raise EngineError(what, self.where, fix) from None


def is_refusal(no: Rejected) -> bool:
    """Returns whether a content filter said no. Some providers tell it with 403."""
    flagged = no.status == 403 and ("flagged" in no.reason or "moderation" in no.reason)
    return flagged or no.code.lower() in _REFUSALS


def raise_if_for_all(no: Rejected, where: str) -> None:
    """Raises EngineError if every other call would get this no too: a wrong key, no such model, a wrong URL."""
    if no.status in _FOR_ALL or no.status < 400:
        fix = _FOR_ALL.get(no.status, "check --server")
        raise EngineError(f"the server says no ({no.reason})", where, fix) from None
