"""A LoRA run trained alone, with plain `peft`, transformers and torch: what every packed run has to equal.

It shares with the product the plan of a run (which rows in which step, rates, seeds), the first adapter, and what says
which inputs dropout keeps; the forward pass, the loss, gradients, clipping, the optimiser and early stopping are those
of the libraries, written here a second time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import peft
import torch
import transformers
from torch.nn import functional

from sdc.pipelines.students.lora import LoraConfig
from sdc.pipelines.students.lora.instruct import TokenRow
from sdc.pipelines.students.lora.layers import Adapters, kept_inputs
from sdc.pipelines.students.lora.run import PackedRun


@dataclass(kw_only=True)
class Alone:
    """What a run alone came to: losses by step, (step, held-out loss), and the best adapter by layer name."""

    losses: list[float]
    dev_losses: list[tuple[int, float]]
    weights: dict[str, tuple[torch.Tensor, torch.Tensor]]


class _Kept(torch.nn.Module):
    """Dropout whose mask is given by seed, place and shape."""

    def __init__(self, rate: float, place: int) -> None:
        super().__init__()
        self.rate, self.place, self.seed = rate, place, 0

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return inputs
        kept = kept_inputs(self.seed, self.place, inputs.shape, rate=self.rate, device=inputs.device)
        return inputs * kept / (1 - self.rate)


def train_alone(
    folder: str, run: PackedRun, adapters: Adapters, config: LoraConfig, *, dtype: torch.dtype = torch.float32
) -> Alone:
    """Trains one run with peft; `adapters` says what the first adapter is and where its numbers belong."""
    base: Any = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    how = peft.LoraConfig(
        r=adapters.rank, lora_alpha=config.alpha, lora_dropout=config.dropout, target_modules=list(config.targets),
        task_type="CAUSAL_LM",
    )  # fmt: skip
    model: Any = peft.get_peft_model(base, how)
    layers = [model.get_submodule(f"base_model.model.{adapted.name}") for adapted in adapters.layers]
    first = adapters.split(adapters.initial(run.init_seed)[None])
    for number, (layer, (a_RKH, b_ROK)) in enumerate(zip(layers, first, strict=True)):
        layer.lora_A["default"].weight.data.copy_(a_RKH[0])
        layer.lora_B["default"].weight.data.copy_(b_ROK[0])
        if config.dropout:
            layer.lora_dropout["default"] = _Kept(config.dropout, number)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=0.0, weight_decay=config.weight_decay)
    found = Alone(losses=[], dev_losses=[], weights={})
    best = float("inf")
    worse = 0
    for step in range(config.steps):
        for layer in layers:
            if config.dropout:
                layer.lora_dropout["default"].seed = run.dropout_seed
        for group in optimiser.param_groups:
            group["lr"] = run.learning_rate
        model.train()
        loss = _loss(model, run.next_batch())
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        found.losses.append(loss.item())
        run.step = step + 1  # the plan's own clock: rates and dropout seeds
        if run.dev and (run.step % config.eval_steps == 0 or run.step == config.steps):
            model.eval()
            with torch.no_grad():
                dev_loss = _loss(model, run.dev).item()
            found.dev_losses.append((run.step, dev_loss))
            if dev_loss < best:
                best, worse, found.weights = dev_loss, 0, _weights(adapters, layers)
            else:
                worse += 1
                if worse >= config.patience:
                    return found
    if not run.dev:
        found.weights = _weights(adapters, layers)
    return found


def _loss(model: Any, rows: Sequence[TokenRow]) -> Any:
    """Returns the model's own loss, which it computes in fp32, or the same in fp64."""
    batch = _batch(rows)
    if model.dtype != torch.float64:
        return model(**batch).loss
    logits_BTV = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    return functional.cross_entropy(logits_BTV[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten())


def _batch(rows: Sequence[TokenRow]) -> dict[str, torch.Tensor]:
    longest = max(len(row.ids) for row in rows)
    ids, mask, labels = [], [], []
    for row in rows:
        padding = longest - len(row.ids)
        ids.append([*row.ids, *[0] * padding])
        mask.append([1] * len(row.ids) + [0] * padding)
        labels.append([-100] * row.num_prompt + [*row.ids[row.num_prompt :], *[-100] * padding])
    return {
        "input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask), "labels": torch.tensor(labels)
    }  # fmt: skip


def _weights(adapters: Adapters, layers: Sequence[Any]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    return {
        adapted.name: (
            layer.lora_A["default"].weight.detach().clone(),
            layer.lora_B["default"].weight.detach().clone(),
        )
        for adapted, layer in zip(adapters.layers, layers, strict=True)
    }
