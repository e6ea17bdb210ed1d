"""The openai engine: any OpenAI-compatible server (vLLM, llama.cpp, Ollama, LM Studio, OpenAI, ...) answers.

Here: many requests in flight behind an ordinary generator, which ends them when it is closed.
Not here: one try (`http.py`), trying again (`tries.py`), the model's name (`served.py`), what is
asked and understood (`chat.py`, `scores.py`, `exact.py`), jobs of hours (`batch.py`).
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from queue import SimpleQueue

from sdc.errors import EngineError, UsageError
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.openai import batch, scores
from sdc.pipelines.engines.openai import served as openai_served
from sdc.pipelines.engines.openai.chat import Chat
from sdc.pipelines.engines.openai.exact import Exact
from sdc.pipelines.engines.openai.faults import TryFailed
from sdc.pipelines.engines.openai.http import Server
from sdc.pipelines.engines.openai.secrets import api_key, scrub, shown
from sdc.pipelines.engines.openai.tries import Backoff, Tries
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.engines.protocol import Call, Reply

RepliesByPosition = Mapping[int, Reply]

#: The most characters of each part of an error; names of models and their like are among them.
_ERROR_CHARS = 600
#: After an error that ends the run, answers that are on their way are waited for so long: they are paid already.
_GRACE_S = 10.0


def available() -> bool:
    """Returns whether the engine's library is installed."""
    from importlib.util import find_spec

    return find_spec("httpx2") is not None


class OpenaiEngine:
    """Asks one model behind a server. The key is read from the environment and kept nowhere here.

    The whole time is at most: calls / concurrency x tries x (timeout + longest wait). A server that is down ends the
    run after the tries of the calls in flight.

    Args:
        model: Who is asked.
        options: The server, and how hard to try.
        backoff: Waits between tries.
        poll_s: First wait for a batch job, in seconds; the waits grow to a minute.

    Raises:
        EngineError: The library is not installed.
        UsageError: There is no server, or the key cannot be used.
    """

    name = "openai"

    def __init__(
        self, model: Model, *, options: EngineOptions, backoff: Backoff | None = None, poll_s: float = 2.0
    ) -> None:
        if options.server is None:
            raise UsageError(f"no server to ask {model.name}", "--server", "give its URL, or set SDC_SERVER")
        if not available():
            raise EngineError("httpx2 is not installed", fix="install sdc with its dependencies")
        api_key()  # a key that cannot be used is to be known now
        self.model, self.options = model, options
        self._url, self._poll_s = options.server, poll_s
        self.where = shown(options.server)
        self._tries = Tries(
            most=options.retries, at_once=options.concurrency, backoff=backoff or Backoff(), where=self.where
        )
        self._chat: Chat | None = None
        self._exact: Exact | None = None

    def answer(self, calls: Sequence[Call]) -> Generator[RepliesByPosition]:
        """Yields replies as they arrive, those of a batch job together.

        Raises:
            EngineError: The server is down, takes no such key, has no such model, or does not take a setting.
        """
        if not calls:
            return
        from anyio.from_thread import start_blocking_portal

        inbox: SimpleQueue[RepliesByPosition | None] = SimpleQueue()
        # Leaving the block by an exception, GeneratorExit and Ctrl-C among them, cancels what is in flight.
        with start_blocking_portal() as portal:
            work = portal.start_task_soon(self._work, calls, inbox.put)
            work.add_done_callback(lambda _: inbox.put(None))
            yield from _groups(inbox)
            try:
                work.result()
            except EngineError as error:  # servers and hosts are quoted in many places: here all of it passes
                raise type(error)(*(scrub(part, most=_ERROR_CHARS) for part in error.args)) from None

    async def _work(self, calls: Sequence[Call], emit: Callable[[RepliesByPosition], None]) -> None:
        async with Server(self._url, timeout_s=self.options.timeout_s) as server:
            if self._chat is None:
                served = await openai_served.find(server, self.model, self._tries)
                self._chat = Chat(
                    replace(served, also=self.options.served_names), where=self.where, think=self.model.think
                )
            if self.options.batch_api:
                await batch.BatchJobs(server, self._chat, self._tries).run(calls, emit, poll_s=self._poll_s)
            else:
                await self._ask_all(server, self._chat, calls, emit)

    async def _ask_all(
        self, server: Server, chat: Chat, calls: Sequence[Call], emit: Callable[[RepliesByPosition], None]
    ) -> None:
        import anyio

        positions, at_once = iter(range(len(calls))), min(self.options.concurrency, len(calls))
        fatal: list[EngineError] = []
        came: dict[int, Reply] = {}

        async def ask(position: int) -> Reply:
            try:
                return await self._ask(server, chat, calls[position])
            except TryFailed as failure:
                if failure.came:
                    came[position] = failure.came
                raise

        async def ask_some() -> None:
            for position in positions:
                if fatal:
                    return
                start = time.perf_counter()
                try:
                    reply = await self._tries.reply(partial(ask, position))
                except EngineError as error:
                    fatal.append(error)
                    self._tries.end()
                    if position in came:
                        emit({position: came[position]})
                    group.cancel_scope.deadline = min(group.cancel_scope.deadline, anyio.current_time() + _GRACE_S)
                    return
                emit({position: replace(reply, seconds=(time.perf_counter() - start) / at_once)})

        async with anyio.create_task_group() as group:
            for _ in range(at_once):
                group.start_soon(ask_some)
        if fatal:
            raise fatal[0]
        chat.served.check(self.where)  # all may have been on their way before the first answer came

    async def _ask(self, server: Server, chat: Chat, call: Call) -> Reply:
        chat.served.check(self.where)
        if not call.choices:
            return chat.reply(await chat.ask(server, call), call)
        if self._exact is None:
            self._exact = Exact(self.model, chat.served)
        if self._exact.is_possible:
            scored = await self._exact.reply(server, call)
            if scored is not None:
                return scored
        optional = scores.chat_fields(call, chat.served)
        return scores.chat_reply(chat, await chat.ask(server, call, optional=optional), call)


def _groups(inbox: "SimpleQueue[RepliesByPosition | None]") -> Iterator[RepliesByPosition]:
    """Yields what is in the inbox, all that is there at a time, until None ends it."""
    is_open = True
    while is_open:
        groups = [inbox.get()]
        while not inbox.empty():
            groups.append(inbox.get())
        together = {position: reply for group in groups if group for position, reply in group.items()}
        if together:
            yield together
        is_open = None not in groups
