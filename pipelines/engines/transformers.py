"""The transformers engine: any Hugging Face causal language model, on a CPU or one GPU.

Here: chat templates, padding, sampling with a seed per call, likelihood of given answers. Not here: which calls to
make, caching (`ask.py`).

Shape letters: B calls in a batch, T tokens of the padded prompt, V vocabulary.
"""

import time
import warnings
from collections.abc import Generator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sdc.errors import EngineError
from sdc.pipelines.engines import answers, hub
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.prompt_tokens import load_tokenizer, prompt_ids
from sdc.pipelines.engines.protocol import Call, Reply

if TYPE_CHECKING:
    import torch

_LARGE_BYTES = 2 * 2**30


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
        self._model, self.tokenizer = _load(model, self.device)
        self.label = model.name

    def answer(self, calls: Sequence[Call]) -> Generator[Mapping[int, Reply]]:
        """Yields the replies in groups of calls with the same settings, each group computed as one batch.

        Raises:
            EngineError: The prompt is longer than the model's context, or memory ran out.
        """
        import torch

        kinds = [(*_settings(call), self._room(call)) for call in calls]
        for _, group in groupby(sorted(range(len(calls)), key=kinds.__getitem__), kinds.__getitem__):
            indices = list(group)
            answer = self._score if calls[indices[0]].choices else self._generate
            try:
                with torch.inference_mode():
                    replies = answer([calls[i] for i in indices])
            except torch.OutOfMemoryError as error:
                raise EngineError("the GPU ran out of memory", self.label, "use a smaller --batch-size") from error
            yield dict(zip(indices, replies, strict=True))

    # -- tokens ---------------------------------------------------------------------------------------------------

    def prompt_ids(self, prompt: str) -> list[int]:
        """Returns the token ids of a user message; see `prompt_tokens.py`."""
        return prompt_ids(self.tokenizer, prompt)

    def _batch(self, calls: Sequence[Call], *, room: int) -> tuple["torch.Tensor", "torch.Tensor"]:
        """Returns ids_BT and mask_BT, padded on the left, both int64."""
        import torch

        ids = [self.prompt_ids(call.prompt) for call in calls]
        longest = max(map(len, ids))
        limit = getattr(self._model.config, "max_position_embeddings", None)
        if limit is not None and longest + room > limit:
            raise answers.too_long(self.label, num_prompt=longest, room=room, limit=limit)
        pad = self._pad_id()
        ids_BT = torch.tensor([[pad] * (longest - len(row)) + row for row in ids], device=self.device)
        mask_BT = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in ids], device=self.device)
        return ids_BT, mask_BT

    def _pad_id(self) -> int:
        for token in (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id):
            if token is not None:
                return int(token)
        return 0

    # -- generation -------------------------------------------------------------------------------------------------

    def _generate(self, calls: Sequence[Call]) -> list[Reply]:
        from transformers import LogitsProcessorList
        from transformers.generation.logits_process import TemperatureLogitsWarper, TopPLogitsWarper

        start = time.perf_counter()
        first = calls[0]
        room = self._room(first)
        ids_BT, mask_BT = self._batch(calls, room=room)
        processors = LogitsProcessorList()
        if first.repetition_penalty != 1.0:
            processors.append(_repetition_penalty(first.repetition_penalty, ids_BT, mask_BT))
        if first.temperature > 0:
            processors.append(TemperatureLogitsWarper(first.temperature))
            if first.top_p < 1:
                processors.append(TopPLogitsWarper(first.top_p))
            processors.append(_seeded_sampling([call.seed for call in calls], self.device))
        # Greedy over logits plus Gumbel noise is sampling; transformers' own sampling has one seed for the whole batch.
        out_BT = self._model.generate(
            input_ids=ids_BT,
            attention_mask=mask_BT,
            max_new_tokens=room,
            do_sample=False,
            num_beams=1,
            temperature=None,
            top_p=None,
            top_k=None,
            repetition_penalty=1.0,
            logits_processor=processors,
            pad_token_id=self._pad_id(),
            use_cache=True,
            **({"stop_strings": list(first.stop), "tokenizer": self.tokenizer} if first.stop else {}),
        )
        seconds = (time.perf_counter() - start) / len(calls)
        ends = answers.end_ids(self.tokenizer, self._model.generation_config.eos_token_id)
        replies = []
        for call, row, mask in zip(calls, out_BT[:, ids_BT.shape[1] :].tolist(), mask_BT.sum(1).tolist(), strict=True):
            text, finish, end = answers.read(self.tokenizer, row, ends=ends, stop=call.stop, room=room)
            used = _num_used(row, self._pad_id()) if end is None else end + 1
            replies.append(Reply(text=text, finish=finish, prompt_tokens=mask, completion_tokens=used, seconds=seconds))
        return replies

    def _room(self, call: Call) -> int:
        """Returns how many tokens of an answer fit behind a prompt; see `answers.py`."""
        limit = getattr(self._model.config, "max_position_embeddings", None)
        num_prompt = 0 if call.choices else len(self.prompt_ids(call.prompt))
        return answers.room(call, num_prompt=num_prompt, limit=limit)

    # -- likelihood ---------------------------------------------------------------------------------------------------

    def _score(self, calls: Sequence[Call]) -> list[Reply]:
        """Scores each choice as the whole answer: its tokens and the end of the turn, given the prompt."""
        import torch

        start = time.perf_counter()
        choices = [answers.choice_ids(self.tokenizer, choice) for choice in calls[0].choices]
        ids_BT, mask_BT = self._batch(calls, room=max(map(len, choices)))
        positions_BT = (mask_BT.cumsum(1) - 1).clamp(min=0)
        prompt = self._model(
            input_ids=ids_BT, attention_mask=mask_BT, position_ids=positions_BT, use_cache=True, logits_to_keep=1
        )
        first_BV = prompt.logits[:, -1].float().log_softmax(-1)
        cache, columns = prompt.past_key_values, []
        for choice in choices:
            total_B = first_BV[:, choice[0]].clone()
            if len(choice) > 1:
                rest_BC = torch.tensor([choice[:-1]], device=self.device).expand(len(calls), -1)
                num_rest = rest_BC.shape[1]
                steps = torch.arange(1, num_rest + 1, device=self.device)
                logits_BCV = self._model(
                    input_ids=rest_BC,
                    attention_mask=torch.cat([mask_BT, mask_BT.new_ones(len(calls), num_rest)], 1),
                    position_ids=positions_BT[:, -1:] + steps,
                    past_key_values=cache,
                    use_cache=True,
                ).logits
                cache.crop(-num_rest)  # the next choice continues from the same prompt
                targets_C = torch.tensor(choice[1:], device=self.device)
                logp_BCV = logits_BCV.float().log_softmax(-1)
                total_B += logp_BCV[:, torch.arange(num_rest, device=self.device), targets_C].sum(1)
            columns.append(total_B)
        scores = torch.stack(columns, 1).tolist()
        seconds = (time.perf_counter() - start) / len(calls)
        num_scored = sum(map(len, choices))
        return [
            Reply(scores=tuple(row), finish="scored", prompt_tokens=used, completion_tokens=num_scored, seconds=seconds)
            for row, used in zip(scores, mask_BT.sum(1).tolist(), strict=True)
        ]


def _settings(call: Call) -> tuple[Any, ...]:
    return (call.choices, call.temperature, call.top_p, call.repetition_penalty, call.max_tokens, call.stop)


def _num_used(row: Sequence[int], pad: int) -> int:
    """Returns how many tokens were generated before a stop string ended the row and padding followed."""
    used = len(row)
    while used > 1 and row[used - 1] == pad:
        used -= 1
    return used


def _repetition_penalty(penalty: float, ids_BT: "torch.Tensor", mask_BT: "torch.Tensor") -> Any:
    """Returns the usual repetition penalty, blind to padding.

    Many models pad with the end-of-turn token: penalising it would make a reply longer the shorter its prompt is beside
    its neighbours in the batch.
    """
    import torch
    from transformers import LogitsProcessor, RepetitionPenaltyLogitsProcessor

    usual = RepetitionPenaltyLogitsProcessor(penalty)
    last_B1 = ids_BT[:, -1:]  # padding is on the left: the last column is always text
    text_BT = ids_BT.where(mask_BT.bool(), last_B1.expand_as(ids_BT))

    class _Penalty(LogitsProcessor):
        def __call__(self, input_ids: "torch.Tensor", scores: "torch.Tensor") -> "torch.Tensor":
            generated = input_ids[:, text_BT.shape[1] :]
            penalised_BV: torch.Tensor = usual(torch.cat([text_BT, generated], 1), scores)
            return penalised_BV

    return _Penalty()


def _seeded_sampling(seeds: Sequence[int], device: str) -> Any:
    """Returns a logits processor that adds Gumbel noise from one generator per row."""
    import torch
    from transformers import LogitsProcessor

    generators = [torch.Generator(device=device).manual_seed(seed) for seed in seeds]

    class _Gumbel(LogitsProcessor):
        def __call__(self, input_ids: "torch.Tensor", scores: "torch.Tensor") -> "torch.Tensor":
            noise_BV = torch.empty_like(scores, dtype=torch.float32)
            for row, generator in zip(noise_BV, generators, strict=True):
                row.exponential_(generator=generator)
            return scores.float() - noise_BV.log()  # -log(Exp(1)) is Gumbel(0, 1)

    return _Gumbel()


def _load(model: Model, device: str) -> tuple[Any, Any]:
    import torch
    import transformers

    hf_logging: Any = transformers.logging
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    folder = hub.folder(model)
    tokenizer = load_tokenizer(model)
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        loaded: Any = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.bfloat16 if device == "cuda" else "auto", use_safetensors=True, **options
        )
        num_bytes = sum(p.numel() * p.element_size() for p in loaded.parameters())
        if device == "cpu" and num_bytes < _LARGE_BYTES:
            loaded = (
                loaded.float()
            )  # bf16 on a CPU pays off for large models only, and rounds differently in each batch
        if model.adapter:
            from peft import PeftModel

            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # peft still asks transformers by an old name
                loaded = PeftModel.from_pretrained(loaded, model.adapter, is_trainable=False).merge_and_unload()
    except Exception as error:  # a broken folder raises what it likes; tokenizers even a bare Exception
        raise hub.unloadable(model, error) from error
    return loaded.to(device).eval(), tokenizer
