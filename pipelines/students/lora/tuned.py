"""A language model that is tuned with LoRA, and what it is after tuning: answers, and an adapter in PEFT format.

Here: loading the base (in 4 bits if asked), scoring and answering with one adapter, saving. Not here: training
(`packed.py`), how prompts are scored (`engines/local/transformers.py`: the same as for a model that was not tuned).
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from sdc.errors import EngineError, first_line
from sdc.pipelines.engines import adapters as adapters_of
from sdc.pipelines.engines import networks
from sdc.pipelines.engines.local.transformers import TransformersEngine
from sdc.pipelines.engines.models import Model
from sdc.pipelines.engines.prompt_tokens import load_tokenizer
from sdc.pipelines.engines.protocol import UNWRITTEN, Call, Reply
from sdc.pipelines.students.lora.instruct import ANSWER_TOKENS, Instructions
from sdc.pipelines.students.lora.layers import Adapters, Stack
from sdc.pipelines.students.lora.settings import LoraSettings
from sdc.pipelines.students.protocol import FitFailed
from sdc.pipelines.students.reproducible import reproducible

#: Test rows per forward pass.
_SCORING_ROWS = 32


class TunedEngine(TransformersEngine):
    """The transformers engine with places for adapters on its model.

    Raises:
        EngineError: The model cannot be loaded, has no layers of these names, or few bits are wanted where they cannot
            be had.
    """

    def __init__(self, model: Model, config: "LoraSettings") -> None:
        for wanted, flag in ((config.quantize, "--quantize"), (config.optimizer.endswith("8bit"), "--optimizer")):
            if wanted:
                _require_bitsandbytes(model, flag)
        if config.quantize:
            self.device, self.label = "cuda", model.name
            self._use(*_load_4bit(model))
        else:
            super().__init__(model)
        self.network = self._model
        self.adapters = Adapters(self.network, config.targets, rank=config.rank, alpha=config.alpha, model=model.name)
        self._ids: dict[str, list[int]] = {}

    @property
    def pad_id(self) -> int:
        """The token id that fills a batch."""
        return self._pad_id()

    @property
    def context_tokens(self) -> int:
        """How many tokens the model reads at most."""
        return int(getattr(self.network.config.get_text_config(), "max_position_embeddings", None) or 2**31)

    def prompt_ids(self, prompt: str) -> list[int]:
        """Returns the token ids of a user message; each prompt is tokenised once for all runs."""
        if prompt not in self._ids:
            self._ids[prompt] = super().prompt_ids(prompt)
        return self._ids[prompt]

    def forget_prompts(self) -> None:
        """Drops the token ids of all prompts."""
        self._ids.clear()


class FittedAdapter:
    """One trained adapter.

    Args:
        engine: Its model.
        instructions: Texts -> prompts.
        config: How it was trained, and how it is asked.
        labels: The label names.
        base: The model that it belongs to.
        values_P: Its numbers.
        details: What is worth knowing about the fit.
    """

    def __init__(
        self,
        engine: TunedEngine,
        instructions: Instructions,
        config: "LoraSettings",
        *,
        labels: tuple[str, ...],
        base: Model,
        values_P: torch.Tensor,
        details: Mapping[str, Any],
    ) -> None:
        self._engine, self._instructions, self._config = engine, instructions, config
        self._labels, self._base, self._values_P, self.details = labels, base, values_P, details

    def scores(self, texts: Sequence[str]) -> list[list[float]]:
        """Returns the log-likelihood of every label as the whole answer, in nats.

        Raises:
            FitFailed: A score is not finite.
            EngineError: Memory ran out.
        """
        scores = [list(reply.scores) for reply in self._ask(texts, choices=self._labels)]
        if not all(math.isfinite(score) for row in scores for score in row):
            raise FitFailed("a score is not finite", self.details)
        return scores

    def answers(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Returns what is kept of every text: its scores, or its reply where answers are generated."""
        if self._config.decoding == "scores":
            return [{"scores": row} for row in self.scores(texts)]
        return [{"reply": reply.text} for reply in self._ask(texts)]

    def forget(self) -> None:
        """Drops what is remembered of single texts, for callers that have no end of them."""
        self._engine.forget_prompts()
        self._instructions.forget()

    def save(self, folder: Path) -> None:
        """Writes `adapter_config.json` and `adapter_model.safetensors` as `peft` and vLLM read them."""
        import peft
        from safetensors.torch import save_file

        adapters = self._engine.adapters
        tensors = {}
        for layer, (a_RKH, b_ROK) in zip(adapters.layers, adapters.split(self._values_P[None]), strict=True):
            name = f"base_model.model.{layer.name}"
            tensors[f"{name}.lora_A.weight"] = a_RKH[0].contiguous()
            tensors[f"{name}.lora_B.weight"] = b_ROK[0].contiguous()
        save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
        config = peft.LoraConfig(
            task_type="CAUSAL_LM",
            r=self._config.rank,
            lora_alpha=self._config.alpha,
            lora_dropout=self._config.dropout,
            target_modules=adapters.target_modules,
            base_model_name_or_path=self._base.name if self._base.digest else self._base.source,
            revision=self._base.revision,
            inference_mode=True,
        )
        config.save_pretrained(str(folder))

    def _ask(self, texts: Sequence[str], *, choices: tuple[str, ...] = ()) -> list[Reply]:
        prompts = [self._instructions.prompt(text) for text in texts]
        order = sorted(range(len(prompts)), key=lambda i: (len(self._engine.prompt_ids(prompts[i])), i))
        calls = [Call(prompt=prompts[i], choices=choices, max_tokens=ANSWER_TOKENS) for i in order]
        values_RP = self._values_P.to(self._engine.device)[None]
        found: dict[int, Reply] = {}
        self._engine.forget()  # another adapter may have answered before
        with reproducible(self._engine.label), self._engine.adapters.using(Stack(self._engine.adapters, values_RP)):
            start, size = 0, _SCORING_ROWS
            while start < len(calls):
                chunk = calls[start : start + size]
                try:
                    for replies in self._engine.answer(chunk):
                        found.update({order[start + i]: reply for i, reply in replies.items()})
                except EngineError as error:
                    if not isinstance(error.__cause__, torch.OutOfMemoryError) or size == 1:
                        raise
                    size //= 2  # runs in training have the rest of the memory
                    continue
                start += len(chunk)
        self._engine.forget()
        lost = next((reply for reply in found.values() if not reply.is_answer), None)
        if lost is not None and lost.reason == UNWRITTEN:
            raise FitFailed(lost.reason, self.details)
        if lost is not None:
            raise EngineError(lost.reason, self._engine.label, "use a smaller --max-length")
        return [found[i] for i in range(len(texts))]


def read_adapter(folder: Path, engine: TunedEngine) -> torch.Tensor:
    """Returns the numbers of the adapter that `FittedAdapter.save` wrote.

    Raises:
        EngineError: It is no adapter of this model, rank and layers.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    adapters = engine.adapters
    values_P = torch.zeros(adapters.num_parameters, dtype=adapters.dtype)
    try:
        tensors = load_file(folder / adapters_of.WEIGHTS)
        networks.check_finite(engine.label, tensors)
        for layer, (a_RKH, b_ROK) in zip(adapters.layers, adapters.split(values_P[None]), strict=True):
            for part, half in ((a_RKH[0], "lora_A"), (b_ROK[0], "lora_B")):
                name = f"base_model.model.{layer.name}.{half}.weight"
                found = tensors.pop(name)
                if found.shape != part.shape:  # one that is broadcast would fit
                    raise ValueError(f"{name} is of another shape")
                part.copy_(found)
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        what = f"cannot read the adapter ({first_line(error)})"
        raise EngineError(what, engine.label, "check its folder, and --base") from error
    if tensors:
        raise EngineError(
            f"the adapter has other layers than {engine.label}", str(folder), "name its model with --base"
        )
    return values_P


def _require_bitsandbytes(model: Model, flag: str) -> None:
    from importlib.util import find_spec

    if find_spec("bitsandbytes") is None:
        raise EngineError(
            f"{flag} needs bitsandbytes, which is not installed", model.name, f"install it, or change {flag}"
        )
    if not torch.cuda.is_available():
        raise EngineError(f"{flag} needs a GPU", model.name, f"change {flag}")


def _load_4bit(model: Model) -> tuple[Any, Any]:
    import transformers

    tokenizer = load_tokenizer(model)
    how = transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    network = networks.load(model, "language model", quantization_config=how, device_map={"": 0}, dtype=torch.bfloat16)
    if model.adapter:
        network = adapters_of.merged(model, network)
    return network.eval(), tokenizer
