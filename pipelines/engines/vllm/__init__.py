"""The vLLM engine: one model in this process, many calls at once, shared beginnings of prompts computed once.

Here: vLLM's scheduler, replies as they finish, the end of an engine. Not here: loading (`load.py`), what is asked
and understood (`calls.py`).
"""

import gc
import itertools
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sdc.errors import EngineError, first_line
from sdc.pipelines.engines import answers, hub
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.engines.prompt_tokens import load_tokenizer
from sdc.pipelines.engines.protocol import Call, Reply
from sdc.pipelines.engines.vllm import calls as vllm_calls
from sdc.pipelines.engines.vllm import load
from sdc.pipelines.engines.vllm.calls import PendingCall, Request


class VllmEngine:
    """Runs one causal language model with vLLM: on the GPUs if there are any, else on the CPU.

    Args:
        model: Which model; weights are safetensors, and code from the hub is never run.
        options: How it is run.

    Raises:
        EngineError: vLLM is not installed, the model is not here, or it does not fit.
    """

    name = "vllm"

    def __init__(self, model: Model, *, options: EngineOptions) -> None:
        self.label = model.name
        held = [load.load(model, options)]
        self._held: list[Any] = held  # vLLM's engine, and nothing after `close`
        settings = held[0].vllm_config
        tokenizer = load_tokenizer(model)
        ends = answers.end_ids(tokenizer, settings.model_config.try_get_generation_config().get("eos_token_id"))
        limit = int(settings.model_config.max_model_len)
        self._builder = vllm_calls.RequestBuilder(tokenizer, label=self.label, limit=limit, ends=ends)
        self._lora = load.lora_request(model)
        self._num_threads = load.num_threads(Path(hub.folder(model)))
        self._most_open = 2 * int(settings.scheduler_config.max_num_seqs)
        self._numbers = itertools.count()
        _ALIVE.add(self)
        #: Ends vLLM's engine and frees its memory; at the latest when this process ends.
        self.close = weakref.finalize(self, _end, held)

    def answer(self, calls: Sequence[Call]) -> Generator[Mapping[int, Reply]]:
        """Yields the replies that finished in the same step of vLLM's scheduler, as soon as they did.

        A prompt that is longer than the model's context is a failed reply.

        Raises:
            EngineError: Memory ran out, or vLLM refuses a setting.
        """
        return self._run(self._builder.answer, calls)

    def choose(self, calls: Sequence[Call]) -> Generator[Mapping[int, Reply]]:
        """Yields a reply with one of the call's choices as its text, written under that constraint.

        `answer` scores choices, which says more. This is for models whose likelihoods mean nothing, as some that think
        before they answer. A text that is no choice in spite of the constraint makes a failed reply.

        Raises:
            EngineError: As for `answer`.
            ValueError: A call has no choices.
        """
        if not all(call.choices for call in calls):
            raise ValueError("only calls with choices can be held to them")
        return self._run(self._builder.choose, calls)

    def _run(self, make: Callable[[int, Call], PendingCall], calls: Sequence[Call]) -> Generator[Mapping[int, Reply]]:
        """Yields the replies to the calls; keeps as many requests open as vLLM can batch, and a reserve."""
        if not self._held:
            raise EngineError("the engine is closed", self.label)
        ready, unfit = [], {}
        for i, call in enumerate(calls):
            try:
                ready.append(make(i, call))
            except vllm_calls.Unfit as error:
                unfit[i] = error.reply
        if unfit:
            yield unfit
        waiting = deque(ready)
        opened: dict[str, tuple[PendingCall, int]] = {}
        last = time.perf_counter()
        try:
            while waiting or opened:
                while waiting and len(opened) < self._most_open:
                    pending = waiting.popleft()
                    for number, request in enumerate(pending.requests):
                        opened[self._open(request)] = (pending, number)
                done = []
                for output in self._step():
                    pending, number = opened.pop(output.request_id)
                    pending.outputs[number] = output
                    if pending.is_done:
                        done.append(pending)
                if done:
                    seconds = (time.perf_counter() - last) / len(done)
                    yield {pending.position: replace(pending.reply(), seconds=seconds) for pending in done}
                    last = time.perf_counter()
        finally:
            if opened and self._held:
                self._held[0].abort_request(list(opened))

    def _open(self, request: Request) -> str:
        from vllm.inputs import tokens_input

        name = str(next(self._numbers))
        try:
            self._held[0].add_request(name, tokens_input(request.ids), request.params, lora_request=self._lora)
        except vllm_calls.refusals() as error:
            raise vllm_calls.refused(self.label, error) from error
        return name

    def _step(self) -> list[Any]:
        """Returns the outputs that the next step of the scheduler finishes."""
        import torch

        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(self._num_threads or threads)
            return [output for output in self._held[0].step() if output.finished]
        except torch.OutOfMemoryError as error:
            fix = "use a smaller --engine-arg gpu_memory or max_model_len"
            raise EngineError("the GPU ran out of memory", self.label, fix) from error
        except RuntimeError as error:  # a kernel, or a worker that died
            what, fix = f"vllm stopped ({first_line(error)})", "VLLM_LOGGING_LEVEL=INFO says more"
            raise EngineError(what, self.label, fix) from error
        finally:
            torch.set_num_threads(threads)


_ALIVE: "weakref.WeakSet[VllmEngine]" = weakref.WeakSet()


def _end(held: list[Any]) -> None:
    """Ends an engine. All in this process share vLLM's process groups: only the last one may end these too."""
    engine = held.pop()
    if any(other.close.alive for other in _ALIVE):
        del engine
        gc.unfreeze()  # vLLM has the collector overlook what there is when an engine is ready
        gc.collect()
        return
    engine.engine_core.shutdown()
    del engine
    from vllm.distributed.parallel_state import cleanup_dist_env_and_memory

    cleanup_dist_env_and_memory()
