"""The pocket models, and the 200 calls of `benchmarks/engines.py`, for tests that compare engines."""

import runpy
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from scripted import answers

from sdc.pipelines.engines import load
from sdc.pipelines.engines.models import POCKET, Model
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.engines.protocol import Call, Engine, Reply
from sdc.pipelines.engines.vllm import load as load_vllm

_BENCHMARK = Path(__file__).parent.parent.parent / "benchmarks" / "engines.py"
#: Larger than what rounding in float32 does to a logit of a pocket model, smaller than what a mistake does.
NOISE = 1e-3
_BATCH = 16
#: For tests that need vLLM, which has an environment of its own.
NEEDS_VLLM = [
    pytest.mark.vllm,
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed: run `just test-vllm`"),
]


def needs_vllm(test: Any) -> Any:
    """Marks one test so."""
    for mark in NEEDS_VLLM:
        test = mark(test)
    return test


def pocket(name: str, *, adapter: Path | None = None) -> Model:
    """Returns the bundled teacher or student, with an adapter put on it if there is one."""
    model = Model(name=f"pocket-{name}", source=str(POCKET / name), digest="d")
    if adapter is None:
        return model
    return replace(model, name=f"{model.name}+{adapter.name}", adapter=str(adapter), adapter_digest="a")


#: For programs with vLLM, in GiB: less for keys and values than by default, as all of it is zeroed first.
LITTLE_MEMORY = {"VLLM_CPU_KVCACHE_SPACE": "1"}


def take_little_memory(patch: pytest.MonkeyPatch) -> None:
    """Has vLLM in this process take still less: enough for twenty calls of the longest context."""
    patch.setattr(load_vllm, "_CPU_CACHE_BYTES", 2**28)


@contextmanager
def in_vllm(model: Model) -> Iterator[Any]:
    """Loads a model into vLLM."""
    with pytest.MonkeyPatch.context() as patch:
        take_little_memory(patch)
        engine: Any = load("vllm", model, EngineOptions())
    yield engine
    engine.close()


def save_adapter(base: Model, folder: Path) -> Path:
    """Writes a LoRA adapter with random weights, none of them zero, in PEFT's format; returns the folder."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    modules = ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"]
    config = LoraConfig(r=4, lora_alpha=8, target_modules=modules, task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft still asks transformers by an old name
        model: Any = get_peft_model(AutoModelForCausalLM.from_pretrained(base.source, dtype=torch.float32), config)
    noise = torch.Generator().manual_seed(0)
    for name, weights in model.named_parameters():
        if "lora_" in name:
            weights.data = torch.randn(weights.shape, generator=noise) * 0.3
    model.save_pretrained(folder)
    return folder


@cache
def mixed_calls() -> list[Call]:
    """Returns the calls of the benchmark: sampled texts, and scored labels and judgements."""
    made: list[Call] = runpy.run_path(str(_BENCHMARK))["calls"]()
    return made


def greedy_calls() -> list[Call]:
    """Returns the prompts of the benchmark, every one answered by a text at temperature 0."""
    return [
        replace(call, choices=(), temperature=0.0, top_p=1.0, max_tokens=8 if call.choices else call.max_tokens)
        for call in mixed_calls()
    ]


def in_batches(engine: Engine, calls: Sequence[Call]) -> list[Reply]:
    """Returns the replies of the transformers engine, asked as `ask.py` does: calls of one length together."""
    order = sorted(range(len(calls)), key=lambda i: len(calls[i].prompt))
    found: dict[int, Reply] = {}
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        found.update(zip(batch, answers(engine, [calls[i] for i in batch]), strict=True))
    return [found[i] for i in range(len(calls))]


def smallest_margin_before(engine: Any, call: Call, other: str) -> float:
    """Returns how far apart the two best tokens were where the greedy reply of a transformers engine leaves `other`.

    Where that is below `NOISE`, rounding decides which of them is taken.
    """
    import torch

    ids = engine.prompt_ids(call.prompt)
    start = len(ids)
    margins: list[float] = []
    with torch.inference_mode():
        for _ in range(call.max_tokens):
            best = engine._model(torch.tensor([ids])).logits[0, -1].float().topk(2)
            margins.append(float(best.values[0] - best.values[1]))
            ids.append(int(best.indices[0]))
            text = engine.tokenizer.decode(ids[start:], skip_special_tokens=True).rstrip("\ufffd")
            if ids[-1] == engine.tokenizer.eos_token_id or not other.startswith(text):
                break
    return min(margins[-3:])  # a character may be made of several tokens
