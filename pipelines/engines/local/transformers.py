"""The transformers engine: any Hugging Face causal language model, on a CPU or one GPU.

Here: which calls are computed together, padding, replies. Not here: which calls to make, caching (`ask.py`), what
prompts share (`shared_prefix.py`), writing (`decoding.py`), scoring (`choice_tree.py`), models of other kinds
(`plain.py`).

Shape letters: B calls in a batch, S tokens of the padded prompt without what is shared.
"""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sdc.errors import EngineError, first_line
from sdc.pipelines.engines import adapters, answers, networks, thinking, threads
from sdc.pipelines.engines.local import choice_tree
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.prompt_tokens import load_tokenizer, prompt_ids
from sdc.pipelines.engines.protocol import UNWRITTEN, Call, Reply

if TYPE_CHECKING:
    import torch

#: What models of unusual kinds raise where their own code does not go together with the library.
_ODD = (RuntimeError, ValueError, TypeError, AttributeError, LookupError, NotImplementedError)
_LARGE_BYTES = 2 * 2**30
#: On a CPU, short answers are computed by so many rows where that saves padding.
_PART_ROWS, _SHORT_TOKENS = 16, 32


def available() -> bool:
    """Returns whether the engine's libraries are installed."""
    from importlib.util import find_spec

    return find_spec("torch") is not None and find_spec("transformers") is not None


class TransformersEngine:
    """Runs one causal language model in this process.

    Args:
        model: Which model; weights are safetensors, and code from the hub is never run.

    Raises:
        EngineError: The model is not here, does not fit, or is no causal language model.
    """

    name = "transformers"

    def __init__(self, model: Model) -> None:
        import torch

        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.label = model.name
        self._use(*_load(model, self.device))

    def _use(self, network: Any, tokenizer: Any) -> None:
        from sdc.pipelines.engines.local import plain, shared_prefix

        self._model, self.tokenizer = network, tokenizer
        self._num_bytes = networks.num_bytes(network)
        config = network.config.get_text_config()
        self._num_known = int(network.get_input_embeddings().weight.shape[0])
        self._limit: int | None = getattr(config, "max_position_embeddings", None)
        self._window = shared_prefix.window(config)
        self._is_plain = not shared_prefix.suits(config) or plain.has_rules_of_its_own(network.generation_config)
        self._prefixes = shared_prefix.Prefixes(network, device=self.device)
        self._ends = answers.end_ids(tokenizer, network.generation_config.eos_token_id)

    def forget(self) -> None:
        """Drops what was computed of earlier prompts: for whoever changes the model's weights."""
        self._prefixes.forget()

    def answer(self, calls: Sequence[Call]) -> Generator[Mapping[int, Reply]]:
        """Yields the replies in groups of calls with the same settings; what their prompts share is computed once.

        A prompt that is longer than the model's context is a failed reply.

        Raises:
            EngineError: Memory ran out, or the tokenizer is another model's.
        """
        import torch

        close = thinking.before_answer(self.tokenizer)
        ids = [[*self.prompt_ids(call.prompt), *(close if call.choices else ())] for call in calls]
        kinds = [(*_settings(call), self._room(call, len(row))) for call, row in zip(calls, ids, strict=True)]
        unfit = self._unfit(calls, ids, [kind[-1] for kind in kinds])
        if unfit:
            yield unfit
        fitting = sorted(set(range(len(calls))) - set(unfit), key=kinds.__getitem__)
        for kind, group in groupby(fitting, kinds.__getitem__):
            indices = list(group)
            try:
                with torch.inference_mode(), threads.suited(self._num_bytes):
                    replies = self._answer([calls[i] for i in indices], [ids[i] for i in indices], room=kind[-1])
            except torch.OutOfMemoryError as error:
                self.forget()
                raise EngineError("the GPU ran out of memory", self.label, "use a smaller --batch-size") from error
            except _ODD as error:
                if not self._is_plain:
                    raise
                what = f"the model cannot compute this ({first_line(error)})"
                raise EngineError(what, self.label, "try --engine vllm, or another model") from error
            yield dict(zip(indices, replies, strict=True))

    def _unfit(self, calls: Sequence[Call], ids: Sequence[Sequence[int]], rooms: Sequence[int]) -> dict[int, Reply]:
        """Returns the failed replies to prompts that leave no room, by position."""
        found: dict[int, Reply] = {}
        of_choices: dict[tuple[str, ...], int] = {}
        for i, (call, row, room) in enumerate(zip(calls, ids, rooms, strict=True)):
            if call.choices and call.choices not in of_choices:
                choices = [answers.choice_ids(self.tokenizer, choice) for choice in call.choices]
                answers.require_known([token for choice in choices for token in choice],
                                      num_known=self._num_known, label=self.label)  # fmt: skip
                of_choices[call.choices] = max(map(len, choices))
            needed = of_choices.get(call.choices, room)
            answers.require_known(row, num_known=self._num_known, label=self.label)
            if self._limit is not None and len(row) + needed > self._limit:
                found[i] = answers.too_long(num_prompt=len(row), room=needed, limit=self._limit)
        return found

    def _answer(self, calls: Sequence[Call], ids: Sequence[Sequence[int]], *, room: int) -> list[Reply]:
        """Returns the replies to calls of one kind; `room` is what their answers may take."""
        from sdc.pipelines.engines.local import shared_prefix

        start = time.perf_counter()
        choices = [answers.choice_ids(self.tokenizer, choice) for choice in calls[0].choices]
        room = max(map(len, choices)) if choices else room
        longest = max(map(len, ids))
        found: dict[int, Reply] = {}
        behind_it = sum(map(len, choices)) or room  # at most
        looks_back = self._window is None or longest + behind_it <= self._window
        if self._is_plain or not looks_back:
            found.update(enumerate(self._answer_plainly(calls, ids, choices, room=room)))
        else:
            num_shared = shared_prefix.length(ids)
            behind = [list(row[num_shared:]) for row in ids]
            work = self._scores(choices) if choices else self._texts(calls, ids, room=room)
            for part in self._parts(behind, room=room):
                inputs = self._padded([behind[i] for i in part])
                cache, is_there = self._prefixes.cache(
                    ids[0][:num_shared], num_rows=len(part), room=inputs[0].shape[1] + min(behind_it, _SHORT_TOKENS)
                )
                for i, reply in zip(part, work(part, *inputs, num_shared, cache), strict=True):
                    served = num_shared if is_there else 0
                    found[i] = replace(reply, prompt_tokens=len(ids[i]), cached_tokens=served)
                    is_there = True  # the first row has paid for it
        seconds = (time.perf_counter() - start) / len(calls)
        return [replace(found[i], seconds=seconds) for i in range(len(calls))]

    def _parts(self, rows: Sequence[Sequence[int]], *, room: int) -> list[list[int]]:
        """Returns which rows go through the model together, those of similar length where that saves padding."""
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        parts = [order[i : i + _PART_ROWS] for i in range(0, len(order), _PART_ROWS)]
        padded = sum(len(part) * len(rows[part[-1]]) for part in parts)
        saves = padded < 0.9 * len(rows) * len(rows[order[-1]])
        return parts if self.device == "cpu" and room <= _SHORT_TOKENS and saves else [list(range(len(rows)))]

    # -- tokens ---------------------------------------------------------------------------------------------------

    def prompt_ids(self, prompt: str) -> list[int]:
        """Returns the token ids of a user message; see `prompt_tokens.py`."""
        return prompt_ids(self.tokenizer, prompt)

    def _padded(self, rows: Sequence[Sequence[int]]) -> "tuple[torch.Tensor, torch.Tensor]":
        """Returns ids_BS and mask_BS, padded on the left, both int64."""
        import torch

        longest, pad = max(map(len, rows)), self._pad_id()
        ids_BS = torch.tensor([[pad] * (longest - len(row)) + list(row) for row in rows], device=self.device)
        mask_BS = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=self.device)
        return ids_BS, mask_BS

    def _pad_id(self) -> int:
        for token in (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id):
            if token is not None and int(token) < self._num_known:
                return int(token)
        return 0

    def _room(self, call: Call, num_prompt: int) -> int:
        """Returns how many tokens of an answer fit behind a prompt; see `answers.py`."""
        return answers.room(call, num_prompt=0 if call.choices else num_prompt, limit=self._limit)

    # -- answers ----------------------------------------------------------------------------------------------------

    def _texts(self, calls: Sequence[Call], ids: Sequence[Sequence[int]], *, room: int) -> Callable[..., list[Reply]]:
        from sdc.pipelines.engines.local import decoding

        first = calls[0]

        def work(
            part: Sequence[int], ids_BS: "torch.Tensor", mask_BS: "torch.Tensor", num_cached: int, cache: Any
        ) -> list[Reply]:
            choose = decoding.Choosing([calls[i] for i in part], [ids[i] for i in part], device=self.device)
            written = decoding.write(
                self._model, choose, ids_BS=ids_BS, mask_BS=mask_BS, num_cached=num_cached, cache=cache,
                room=room, ends=self._ends, is_stopped=answers.stopper(self.tokenizer, first.stop),
            )  # fmt: skip
            return [self._reply(first, row, room=room, num_used=len(row or ())) for row in written]

        return work

    def _scores(self, choices: Sequence[Sequence[int]]) -> Callable[..., list[Reply]]:
        tree = choice_tree.build(choices)

        def work(
            part: Sequence[int], ids_BS: "torch.Tensor", mask_BS: "torch.Tensor", num_cached: int, cache: Any
        ) -> list[Reply]:
            rows = choice_tree.score(
                self._model, tree, ids_BS=ids_BS, mask_BS=mask_BS, num_cached=num_cached, cache=cache
            )
            return [_scored(row, choices) for row in rows]

        return work

    def _answer_plainly(
        self, calls: Sequence[Call], ids: Sequence[Sequence[int]], choices: Sequence[Sequence[int]], *, room: int
    ) -> list[Reply]:
        from sdc.pipelines.engines.local import plain

        if plain.needs_rows_alone(self._model):
            if choices:
                scored = [_scored(row, choices) for row in plain.score_alone(self._model, choices, ids)]
                return [replace(reply, prompt_tokens=len(row)) for reply, row in zip(scored, ids, strict=True)]
            if len(calls) > 1:
                alone = zip(calls, ids, strict=True)
                return [self._answer_plainly([call], [row], (), room=room)[0] for call, row in alone]
        inputs = self._padded(ids)
        if choices:
            replies = [_scored(row, choices) for row in plain.score(self._model, choices, *inputs)]
        else:
            written = plain.write(
                self._model, self.tokenizer, calls, ids, *inputs, room=room, pad_id=self._pad_id(), ends=self._ends
            )
            replies = [self._reply(calls[0], row, room=room, num_used=used) for row, used in written]
        return [replace(reply, prompt_tokens=len(row)) for reply, row in zip(replies, ids, strict=True)]

    def _reply(self, call: Call, tokens: Sequence[int] | None, *, room: int, num_used: int) -> Reply:
        if tokens is None:
            return Reply(finish="failed", reason=UNWRITTEN)
        text, finish, end = answers.read(self.tokenizer, tokens, ends=self._ends, stop=call.stop, room=room)
        return Reply(text=text, finish=finish, completion_tokens=num_used if end is None else end + 1)


def _scored(row: Sequence[float], choices: Sequence[Sequence[int]]) -> Reply:
    return Reply(scores=tuple(row), finish="scored", completion_tokens=sum(map(len, choices)))


def _settings(call: Call) -> tuple[Any, ...]:
    return (call.choices, call.temperature, call.top_p, call.repetition_penalty, call.max_tokens, call.stop)


def _load(model: Model, device: str) -> tuple[Any, Any]:
    import torch
    import transformers

    hf_logging: Any = transformers.logging
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    tokenizer = load_tokenizer(model)
    loaded = networks.load(model, "language model", dtype=torch.bfloat16 if device == "cuda" else "auto")
    if device == "cpu" and networks.num_bytes(loaded) < _LARGE_BYTES:
        loaded = loaded.float()  # bf16 on a CPU pays off for large models only, and rounds differently in each batch
    if model.adapter:
        loaded = adapters.merged(model, loaded)
    return loaded.to(device).eval(), tokenizer
