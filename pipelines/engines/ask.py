"""Asking an LLM through the reply cache, so that no answered call is ever asked again.

Here: fixed batches, the look-up before the engine and the keeping after it. Not here: what is asked (the stages).
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from logging import DEBUG
from pathlib import Path
from typing import Any

from sdc.cache.counted import counted
from sdc.cache.replies import Replies
from sdc.pipelines.engines import reasoning
from sdc.pipelines.engines.budget import Budget
from sdc.pipelines.engines.energy import Meter
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.protocol import Call, Engine, Reply, making
from sdc.pipelines.engines.usage import Usage, at_most, estimated
from sdc.pipelines.progress import Progress, Step, log, silent


class Asker:
    """Answers calls for one model: from the cache, else from its engine, which is loaded on the first miss.

    Args:
        model: Who answers.
        replies: The open reply cache.
        load: Returns the engine; called at most once.
        batch_size: Calls that the engine is handed at once.
        budget: Limits on what is newly asked.
        is_server: Whether a server answers, from which an empty answer is none.
        served_as: Names that a server may give the model beside its own.
        say: Takes one line for the user.
    """

    def __init__(
        self,
        model: Model,
        replies: Replies,
        load: Callable[[], Engine],
        *,
        batch_size: int = 32,
        budget: Budget | None = None,
        is_server: bool = False,
        served_as: Sequence[str] = (),
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.model, self.usage = model, Usage(model=model.name)
        self._replies, self._load, self._budget = replies, load, budget or Budget()
        self._batch_size = batch_size
        self._engine: Engine | None = None
        self._is_server, self._served_as, self._say = is_server, served_as, say
        self._is_estimate_said = self._is_switch_said = False
        self._counted: set[tuple[str, str]] = set()  # artifact and call, of what this process has counted as a call
        self._journal = os.environ.get("SDC_CALL_JOURNAL")

    def take_usage(self) -> Usage:
        """Returns what asking cost since the last time, for an asker that serves several artifacts."""
        taken, self.usage = self.usage, Usage(model=self.model.name)
        return taken

    def ask(self, calls: Sequence[Call], *, what: str = "calls", progress: Progress = silent) -> list[Reply]:
        """Returns one reply per call, in order; a refused or failed one says so in `finish`.

        Batches are cut from all calls, also those that the cache can answer: a killed run that starts again meets the
        same batches, so that rounding inside a batch cannot change a reply.

        Raises:
            BudgetError: A limit is reached; what was answered is kept.
        """
        if not calls:
            return []
        identity = self.model.identity()
        keys = [call.key(identity) for call in calls]
        known = self._known(dict(zip(keys, calls, strict=True)))
        order = sorted(dict(zip(keys, range(len(keys)), strict=True)).values(), key=lambda i: _sort_key(calls[i], i))
        found = len(known)
        log.info("%s: %s of %s, %d of them in the cache", what, counted(len(order), "call"), self.model.name, found)

        def tell() -> None:
            progress(Step(what=what, done=len(known), total=len(order), unit="call", found=found))

        for start in range(0, len(order), self._batch_size):
            missing = [i for i in order[start : start + self._batch_size] if keys[i] not in known]
            if missing:
                self._answer(calls, keys, missing, known, tell)
        tell()
        return [known[key] for key in keys]

    def _known(self, calls: Mapping[str, Call]) -> dict[str, Reply]:
        """Returns the replies that are kept for `calls`; one that cannot be read is counted, and asked again.

        So is what an earlier version took for an answer, and is none.
        """
        known, unreadable = {}, len(self._replies.unreadable)
        for key, raw in self._replies.get_many(calls).items():
            try:
                reply = self._read(Reply.from_json(raw))
                if reply.scores and len(reply.scores) != len(calls[key].choices):
                    raise ValueError("it has scores of other choices")
            except ValueError as error:
                self._replies.unreadable[key] = str(error)
                continue
            if reply.is_answer:
                known[key] = reply
                self._count_known(key, reply, raw)
        self.usage.unreadable += len(self._replies.unreadable) - unreadable
        return known

    def _count_known(self, key: str, reply: Reply, raw: Mapping[str, Any]) -> None:
        """Counts a reply of the cache: as a call, if it was asked for this artifact by an attempt that was killed."""
        artifact = making.get()
        if not artifact or raw.get("asked_for") != artifact or (artifact, key) in self._counted:
            self.usage.count_cached(reply)
            return
        self._counted.add((artifact, key))
        engine = raw.get("engine")
        self.usage.count_earlier(reply, engine if isinstance(engine, str) else None)
        is_counted = reply.prompt_tokens is not None and reply.completion_tokens is not None
        cost = self._budget.price(self.model, reply) if is_counted else None
        if cost is not None:
            self.usage.add_cost(cost, self._budget.prices.currency)

    def _read(self, reply: Reply) -> Reply:
        """Returns a reply as stages read it: reasoning apart, and failed where it is no answer.

        All replies pass here, of every engine and of the cache, before anything is read from them.
        """
        if reply.stranger and reply.model in self._served_as:
            reply = replace(reply, finish=reply.stranger, stranger="", reason="")
        reply = reasoning.split_off(reply.checked())
        if self._is_server and reply.is_answer and not reply.scores and not reply.text.strip():
            return replace(reply, finish="failed", reason="the answer is empty")
        return reply

    def _answer(
        self,
        calls: Sequence[Call],
        keys: Sequence[str],
        missing: Sequence[int],
        known: dict[str, Reply],
        tell: Callable[[], None],
    ) -> None:
        """Adds the replies to the missing calls to those that are known, and tells of each as it comes."""
        while missing:
            part = missing[: self._budget.room(self.model, [at_most(calls[i]) for i in missing])]
            if self._engine is None:
                self._engine = self._load()
            tell()
            self._answer_part(self._engine, [calls[i] for i in part], [keys[i] for i in part], known, tell)
            missing = missing[len(part) :]

    def _answer_part(
        self,
        engine: Engine,
        calls: Sequence[Call],
        keys: Sequence[str],
        known: dict[str, Reply],
        tell: Callable[[], None],
    ) -> None:
        self.usage.engine = engine.name
        meter, start = Meter(), time.perf_counter()
        try:
            with closing(engine.answer(calls)) as groups:
                for group in groups:
                    fresh = {keys[position]: self._read(reply) for position, reply in group.items()}
                    prompts = {keys[position]: calls[position].prompt for position in group}
                    self._keep(fresh, prompts)
                    for key, reply in fresh.items() if log.isEnabledFor(DEBUG) else ():
                        log.debug(
                            "%s: %r -> %s %r", self.model.name, prompts[key][:200], reply.finish, reply.text[:200]
                        )
                    known.update(fresh)
                    tell()
        finally:
            self.usage.seconds += time.perf_counter() - start
            kwh = meter.kwh()
            self.usage.energy_kwh = kwh if self.usage.energy_kwh is None else self.usage.energy_kwh + (kwh or 0.0)

    def _keep(self, fresh: Mapping[str, Reply], prompts: Mapping[str, str]) -> None:
        """Keeps what was answered, and counts it. What was refused or failed may be answered another time."""
        about = {"asked_for": making.get(), "engine": self.usage.engine}
        answers = {key: asdict(reply) | about for key, reply in fresh.items() if reply.is_answer or reply.stranger}
        self._counted.update((about["asked_for"] or "", key) for key in answers)
        self._replies.put_many(answers)
        for key, reply in fresh.items():
            self.usage.count(reply)
            if reply.reasoning and not self.model.think and not self._is_switch_said:
                self._say(f"{self.model.name}: it reasons all the same; the model or the server has no such switch")
                self._is_switch_said = True
            cost = self._spend(reply, prompts[key])
            if cost is not None:
                self.usage.add_cost(cost, self._budget.prices.currency)
        if self._journal:  # one line per call that an engine answered: lets a test count what was asked twice
            with Path(self._journal).open("a", encoding="utf-8") as journal:
                journal.write("".join(json.dumps(key) + "\n" for key in answers))

    def _spend(self, reply: Reply, prompt: str) -> float | None:
        """Counts a reply against the limits, by its length where the server counts no tokens."""
        if reply.prompt_tokens is not None and reply.completion_tokens is not None:
            return self._budget.spend(self.model, reply)
        if self._budget.is_careful and not self._is_estimate_said:
            self._say(f"{self.model.name}: the server counts no tokens; the limits go by the length of texts")
            self._is_estimate_said = True
        self._budget.spend(self.model, estimated(reply, prompt))
        return None


def _sort_key(call: Call, index: int) -> tuple[bool, int, int]:
    return (bool(call.choices), len(call.prompt), index)
