"""The training loop of a pocket model: a flat loop over time, with checkpoints that can be continued.

Here: model, optimiser, schedule, checkpoints, dev measurements. Not here: data (`corpus.py`), files (`build.py`).
"""

import json
import logging
import math
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import distributed
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

from sdc.pipelines.pocket.training.batches import Batch, stream
from sdc.pipelines.pocket.training.corpus import Corpus
from sdc.pipelines.pocket.training.tokenizer import MAX_TOKENS

log = logging.getLogger(__name__)

HEAD_DIM = 64
#: A process that was stopped for a while has not trained meanwhile.
_LONGEST_STEP_S = 5.0


@dataclass(frozen=True, kw_only=True)
class PocketConfig:
    """The shape of a model and how it is trained.

    Args:
        width: Hidden size, a multiple of 64.
        layers: Decoder layers.
        inner: Width of the feed-forward part.
        minutes: Training time; the schedule follows the clock, so that a slow machine trains less, not longer.
        rate: Peak learning rate of AdamW.
        decay: Weight decay of the matrices.
        dropout: Dropout on the embeddings and on both outputs of each layer.
        tokens: Most tokens of a micro-batch.
        micro: Micro-batches per step.
        seed: Of weights and data.
        shares: Skill -> how often it is drawn.
    """

    width: int
    layers: int
    inner: int
    minutes: float
    shares: dict[str, float]
    rate: float = 3e-3
    decay: float = 0.2
    dropout: float = 0.05
    tokens: int = 1408
    micro: int = 1
    seed: int = 0


def new_model(config: PocketConfig, tokenizer: PreTrainedTokenizerBase) -> LlamaForCausalLM:
    """Returns an untrained model with dropout hooks."""
    torch.manual_seed(config.seed)
    heads = config.width // HEAD_DIM
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.width,
            intermediate_size=config.inner,
            num_hidden_layers=config.layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            head_dim=HEAD_DIM,
            max_position_embeddings=MAX_TOKENS,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )

    def drop(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
        return functional.dropout(output, config.dropout, module.training)

    # Llama knows only dropout of attention weights, which keeps the CPU from its fast attention.
    model.model.embed_tokens.register_forward_hook(drop)
    for layer in model.model.layers:
        layer.self_attn.o_proj.register_forward_hook(drop)
        layer.mlp.down_proj.register_forward_hook(drop)
    return model


def train(
    model: LlamaForCausalLM,
    corpus: Corpus,
    dev: Sequence[Batch],
    *,
    tokenizer: PreTrainedTokenizerBase,
    config: PocketConfig,
    folder: Path,
) -> dict[str, float]:
    """Trains `model` in place for the configured time and returns the last dev figures.

    Args:
        model: From `new_model`; overwritten by the checkpoint in `folder` if there is one.
        corpus: The training conversations.
        dev: Batches of held-out conversations.
        tokenizer: Of the model.
        config: How to train.
        folder: For `model.safetensors`, `optimiser.safetensors` and `state.json`.
    """
    optimiser = _optimiser(model, config)
    state = _restore(model, optimiser, folder)
    rank, workers = (distributed.get_rank(), distributed.get_world_size()) if distributed.is_initialized() else (0, 1)
    for parameter in model.parameters() if workers > 1 else ():
        distributed.broadcast(parameter.data, 0)  # equal seeds need not give equal bits
    torch.manual_seed(config.seed + 7919 * rank + int(state["steps"]))
    total_s, last = config.minutes * 60, time.monotonic()
    saved = measured = state["elapsed_s"]
    batches: list[Batch] = []
    running: dict[str, list[float]] = defaultdict(list)
    model.train()
    while state["elapsed_s"] < total_s:
        progress = state["elapsed_s"] / total_s
        while len(batches) < config.micro:
            seed = (config.seed * 1_000_003 + int(state["pools"])) * workers + rank
            batches += stream(corpus, tokenizer, seed=seed, progress=progress, tokens=config.tokens)
            state["pools"] += 1
        for group in optimiser.param_groups:
            group["lr"] = config.rate * _schedule(progress, step=int(state["steps"]))
        micro = [batches.pop() for _ in range(config.micro)]
        for batch in micro:
            losses = _losses(model, batch)
            # A fixed divisor: a mean per batch would let the few answers of a judge batch outweigh whole generations.
            (losses @ batch.weights / (config.tokens * config.micro / 3)).backward()  # type: ignore[no-untyped-call]
            state["tokens"] += batch.ids_BT.numel()
            for skill, loss in zip(batch.skills, losses.tolist(), strict=True):
                running[skill].append(loss)
        now = time.monotonic()
        spent_s = min(now - last, _LONGEST_STEP_S)
        state["elapsed_s"] = _share_gradients(model, elapsed_s=state["elapsed_s"] + spent_s)
        last = now
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if not math.isfinite(float(norm)):
            raise RuntimeError(f"the gradient is not finite at step {state['steps']:.0f}; lower --rate")
        optimiser.step()
        optimiser.zero_grad()
        state["steps"] += 1
        if rank:
            continue
        if int(state["steps"]) % 100 == 0:
            means = {skill: round(sum(values) / len(values), 3) for skill, values in sorted(running.items())}
            running.clear()
            speed = workers * state["tokens"] / state["elapsed_s"]
            log.info("step %d %.0f s, %.0f tokens/s, loss %s", state["steps"], state["elapsed_s"], speed, means)
        if state["elapsed_s"] - measured > 240:
            measured = state["elapsed_s"]
            log.info("dev at %.0f s: %s", measured, evaluate(model, dev))
        if state["elapsed_s"] - saved > 180:
            saved = state["elapsed_s"]
            _save(model, optimiser, folder, state)
    if rank:
        return {}
    _save(model, optimiser, folder, state)
    figures = evaluate(model, dev)
    log.info("end: %s %s", state, figures)
    return figures | {"tokens": workers * state["tokens"], "steps": state["steps"]}


def _share_gradients(model: LlamaForCausalLM, *, elapsed_s: float) -> float:
    """Averages the gradients over the workers and returns the clock of the first, so that all stop at one step."""
    if not distributed.is_initialized():
        return elapsed_s
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    clock = torch.tensor([elapsed_s * distributed.get_world_size() * (distributed.get_rank() == 0)])
    flat = torch.cat([*(gradient.flatten() for gradient in gradients), clock])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()
    return float(flat[-1])


@torch.no_grad()
def evaluate(model: LlamaForCausalLM, dev: Sequence[Batch]) -> dict[str, float]:
    """Returns, by skill, the mean loss of the answer tokens and the share that is predicted exactly."""
    model.eval()
    losses: dict[str, list[float]] = defaultdict(list)
    hits: dict[str, list[float]] = defaultdict(list)
    for batch in dev:
        logits = _logits(model, batch)
        values = functional.cross_entropy(logits, batch.targets, reduction="none").tolist()
        right = (logits.argmax(-1) == batch.targets).float().tolist()
        for skill, value, hit in zip(batch.skills, values, right, strict=True):
            losses[skill].append(value)
            hits[skill].append(hit)
    model.train()
    out = {f"{skill}_loss": round(sum(v) / len(v), 4) for skill, v in sorted(losses.items())}
    return out | {f"{skill}_hits": round(sum(v) / len(v), 4) for skill, v in sorted(hits.items())}


def _logits(model: LlamaForCausalLM, batch: Batch) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model.model(
            input_ids=batch.ids_BT,
            attention_mask=batch.mask_B1TT,
            position_ids=batch.positions_BT,
            use_cache=False,
        ).last_hidden_state
        # Prompt tokens are not learnt, so the widest matrix is applied to the answers only.
        logits: torch.Tensor = model.lm_head(hidden.flatten(0, 1)[batch.parents])
    return logits.float()


def _losses(model: LlamaForCausalLM, batch: Batch) -> torch.Tensor:
    return functional.cross_entropy(_logits(model, batch), batch.targets, reduction="none")


def _schedule(progress: float, *, step: int) -> float:
    """Returns the factor of the learning rate: 60 steps of warm-up, flat, and down over the last 45 %."""
    return min(1.0, (step + 1) / 60) * min(1.0, max(0.02, (1 - progress) / 0.45))


def _optimiser(model: LlamaForCausalLM, config: PocketConfig) -> torch.optim.AdamW:
    matrices = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": config.decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.rate, betas=(0.9, 0.98), fused=True)


def _save(model: LlamaForCausalLM, optimiser: torch.optim.AdamW, folder: Path, state: dict[str, float]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, parameter in model.named_parameters():
        for key, value in optimiser.state.get(parameter, {}).items():
            tensors[f"{name}:{key}"] = value.contiguous()
    save_file({name: p.detach() for name, p in model.named_parameters()}, folder / "model.safetensors")
    save_file(tensors, folder / "optimiser.safetensors")
    (folder / "state.json").write_text(json.dumps(state), "utf-8")


def _restore(model: LlamaForCausalLM, optimiser: torch.optim.AdamW, folder: Path) -> dict[str, float]:
    if not (folder / "state.json").is_file():
        return {"steps": 0.0, "pools": 0.0, "tokens": 0.0, "elapsed_s": 0.0}
    weights, tensors = load_file(folder / "model.safetensors"), load_file(folder / "optimiser.safetensors")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])
            values = {key.rpartition(":")[2]: tensors[key] for key in tensors if key.rpartition(":")[0] == name}
            optimiser.state[parameter] = values
    state: dict[str, float] = json.loads((folder / "state.json").read_text("utf-8"))
    return state


def describe(config: PocketConfig) -> str:
    """Returns the configuration as one line of JSON, for logs and model cards."""
    return json.dumps(asdict(config))
