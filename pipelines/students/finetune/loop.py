"""The fine-tuning loop: flat, from top to bottom.

Here: steps, early stopping, what is known at the end. Not here: models (`classifier.py`), schedules (`schedule.py`).

Shape letters: B rows of a batch, N rows held out, L labels, S steps of an epoch.
"""

import math
import random
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

from sdc.cache.key import derive_seed
from sdc.pipelines.students import schedule
from sdc.pipelines.students.finetune.classifier import Classifier
from sdc.pipelines.students.finetune.settings import FinetuneSettings
from sdc.pipelines.students.protocol import Count, FitCurve, FitFailed, uncounted, undrawn

_CLIP = 1.0


def train(
    model: Classifier,
    rows: Sequence[Sequence[int]],
    labels: Sequence[int],
    *,
    dev: Sequence[int],
    config: "FinetuneSettings",
    seed: int,
    weights: Sequence[float] | None = None,
    progress: Count = uncounted,
    curve: FitCurve = undrawn,
) -> dict[str, Any]:
    """Trains `model` in place and returns what happened.

    Args:
        model: With untrained head; left without gradients, with the best weights if rows are held out.
        rows: Token ids of the draw.
        labels: Label ids of the draw.
        dev: Positions that are held out for early stopping; none if empty.
        config: How to train.
        seed: Decides the order of rows and dropout.
        weights: What each row counts in the loss that is trained; None: all alike.
        progress: Hears of the steps.
        curve: Hears of loss and learning rate of every step, and of the held-out rows, once an epoch.

    Raises:
        FitFailed: A loss or gradient is not finite.
    """
    held = set(dev)
    trained = [i for i in range(len(rows)) if i not in held]
    lengths = [len(rows[i]) for i in trained]
    size = config.rows_per_step(len(rows))
    total_steps = config.epochs * math.ceil(len(trained) / size)
    optimiser = _optimiser(model.network, config)
    parameters = list(model.network.parameters())
    counts = None if weights is None else schedule.of_mean_one(weights)
    choice = random.Random(derive_seed(seed, "order"))
    torch.manual_seed(derive_seed(seed, "dropout"))
    details: dict[str, Any] = {
        "rows": len(trained), "dev_rows": len(dev), "batch_size": size, "epochs": 0, "steps": 0, "tokens": 0,
        "learning_rate": config.learning_rate, "device": model.device, "precision": model.precision,
        "warmup_steps": schedule.warmup_steps(total_steps, config.warmup),
        "parameters": sum(p.numel() for p in parameters),
    }  # fmt: skip
    best: tuple[float, int, dict[str, torch.Tensor]] | None = None

    for epoch in range(1, config.epochs + 1):
        model.network.train()
        seen: list[tuple[torch.Tensor, torch.Tensor]] = []
        rates: list[float] = []
        for batch in schedule.batches(lengths, size=size, choice=choice):
            picked = [trained[i] for i in batch]
            factor = schedule.rate_factor(details["steps"], total_steps=total_steps, warmup=config.warmup)
            rates.append(config.learning_rate * factor)
            for group in optimiser.param_groups:
                group["lr"] = rates[-1]
            targets_B = model.tensor([labels[i] for i in picked])
            logits_BL = model.logits([rows[i] for i in picked])
            if counts is None:
                loss = functional.cross_entropy(logits_BL, targets_B)
            else:
                counts_B = torch.tensor([counts[i] for i in picked], device=logits_BL.device)
                loss = (functional.cross_entropy(logits_BL, targets_B, reduction="none") * counts_B).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            seen.append((loss.detach(), torch.nn.utils.clip_grad_norm_(parameters, _CLIP)))
            optimiser.step()
            details["steps"] += 1
            progress(details["steps"], total_steps)
            details["tokens"] += sum(len(rows[i]) for i in picked)
        # Once an epoch, since to look at a number is to wait for the GPU.
        losses_S, norms_S = (torch.stack(values).cpu() for values in zip(*seen, strict=True))
        for step, (loss_of_step, rate) in enumerate(
            zip(losses_S.tolist(), rates, strict=True), start=details["steps"] - len(seen) + 1
        ):
            curve(step, {"loss": loss_of_step, "learning_rate": rate})
        finite_S = losses_S.isfinite() & norms_S.isfinite()
        if not bool(finite_S.all()):
            step = details["steps"] - len(seen) + int(finite_S.int().argmin()) + 1
            raise FitFailed(f"the loss or a gradient is not finite at step {step}", details)
        details |= {"epochs": epoch, "loss": float(losses_S.mean())}
        if not dev:
            continue
        dev_loss, dev_accuracy = _measure(model, [rows[i] for i in dev], [labels[i] for i in dev])
        curve(details["steps"], {"dev_loss": dev_loss, "dev_accuracy": dev_accuracy})
        if not math.isfinite(dev_loss):
            raise FitFailed(f"the held-out loss is not finite after epoch {epoch}", details)
        if best is None or dev_loss < best[0]:
            best = (dev_loss, epoch, {name: value.clone() for name, value in model.network.state_dict().items()})
            details |= {"dev_loss": dev_loss, "dev_accuracy": dev_accuracy, "best_epoch": epoch}
        elif epoch - best[1] >= config.patience:
            break

    if best is not None and best[1] < details["epochs"]:
        model.network.load_state_dict(best[2])
    optimiser.zero_grad(set_to_none=True)
    return details


def _optimiser(network: Any, config: "FinetuneSettings") -> torch.optim.AdamW:
    matrices = [p for p in network.parameters() if p.ndim > 1]
    vectors = [p for p in network.parameters() if p.ndim <= 1]  # biases and norms are not decayed
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)


def _measure(model: Classifier, rows: Sequence[Sequence[int]], labels: Sequence[int]) -> tuple[float, float]:
    """Returns mean loss and accuracy."""
    logp_NL, targets_N = model.log_probabilities(rows), torch.tensor(labels)
    accuracy = (logp_NL.argmax(-1) == targets_N).float().mean()
    return float(functional.nll_loss(logp_NL, targets_N)), float(accuracy)
