"""One LoRA run among others: its order of rows, its schedule, its early stopping. It knows nothing of its neighbours.

Here: what the next step of a run is, and when it ends. Not here: forward and backward passes (`packed.py`).
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sdc.cache.key import derive_seed
from sdc.pipelines.students import schedule
from sdc.pipelines.students.lora.instruct import TokenRow
from sdc.pipelines.students.protocol import FitCurve, undrawn

if TYPE_CHECKING:
    import torch

    from sdc.pipelines.students.lora.settings import LoraSettings


class PackedRun:
    """What one run does next, and what it has learnt so far.

    Args:
        number: Its position among the runs that were asked for.
        rows: All rows of the draw.
        labels: Their label ids.
        config: How it is trained.
        init_seed: Decides the untrained adapter.
        order_seed: Decides the order of rows, which are held out, and dropout.
        curve: Hears of loss and learning rate of every step, and of the held-out loss.
    """

    def __init__(
        self,
        number: int,
        rows: Sequence[TokenRow],
        labels: Sequence[int],
        *,
        config: "LoraSettings",
        init_seed: int,
        order_seed: int,
        curve: FitCurve = undrawn,
    ) -> None:
        self.number, self._config, self._curve = number, config, curve
        self.init_seed, self._order_seed = derive_seed(init_seed, "adapter"), order_seed
        held: set[int] = set()
        if config.early_stopping:
            seed = derive_seed(order_seed, "dev")
            held = set(schedule.held_out(labels, fraction=config.dev_fraction, seed=seed))
        self.trained = [row for i, row in enumerate(rows) if i not in held]
        self.dev = sorted((replace(rows[i], weight=1.0) for i in sorted(held)), key=lambda row: len(row.ids))
        self.restart()

    def restart(self) -> None:
        """Forgets what was learnt; the run then goes the same way again."""
        self.step, self.seconds, self.tokens = 0, 0.0, 0
        self.losses: list[float] = []
        self.dev_losses: list[tuple[int, float]] = []
        self.best: torch.Tensor | None = None
        self._best_step = 0
        self._batches = self._endless()

    def next_batch(self) -> list[TokenRow]:
        """Returns the rows of the next step."""
        batch = next(self._batches)
        self.tokens += sum(len(row.ids) for row in batch)
        return batch

    def _endless(self) -> Iterator[list[TokenRow]]:
        """Yields the batches of one epoch after the other; the last one of an epoch may be smaller."""
        choice = random.Random(derive_seed(self._order_seed, "order"))
        size = self._config.batch_size
        while True:
            order = choice.sample(self.trained, len(self.trained))
            yield from (order[start : start + size] for start in range(0, len(order), size))

    @property
    def learning_rate(self) -> float:
        """The rate of the next step: rising linearly during warm-up, then falling linearly to 0."""
        config = self._config
        return config.learning_rate * rate_factor(self.step, steps=config.steps, warmup_steps=config.warmup_steps)

    @property
    def dropout_seed(self) -> int:
        """The seed of the next step's dropout."""
        return derive_seed(self._order_seed, "dropout", self.step)

    def stepped(self, loss: float) -> None:
        """Takes the loss of the next step, which is done now."""
        self._curve(self.step + 1, {"loss": loss, "learning_rate": self.learning_rate})
        self.losses.append(loss)
        self.step += 1

    @property
    def is_due(self) -> bool:
        """Whether the held-out rows are to be measured now."""
        at_end = self.step == self._config.steps
        return bool(self.dev) and self.step > 0 and (at_end or self.step % self._config.eval_steps == 0)

    def measured(self, dev_loss: float, values_P: "torch.Tensor") -> None:
        """Takes the held-out loss after the last step, and keeps the adapter if it is the best so far."""
        self._curve(self.step, {"dev_loss": dev_loss})
        self.dev_losses.append((self.step, dev_loss))
        if self.best is None or dev_loss < dict(self.dev_losses)[self._best_step]:
            self.best, self._best_step = values_P.cpu().clone(), self.step

    @property
    def is_over(self) -> bool:
        """Whether all steps are done, or the held-out loss has not fallen for too long."""
        if self.step >= self._config.steps:
            return True
        since = [step for step, _ in self.dev_losses if step > self._best_step]
        return len(since) >= self._config.patience

    def details(self) -> dict[str, Any]:
        """Returns what is worth knowing about the run so far, as JSON types."""
        window = max(1, min(self._config.eval_steps, len(self.losses) // 2))
        known: dict[str, Any] = {
            "rows": len(self.trained), "dev_rows": len(self.dev), "batch_size": self._config.batch_size,
            "steps": self.step, "epochs": round(self.step / math.ceil(len(self.trained) / self._config.batch_size), 2),
            "tokens": self.tokens, "learning_rate": self._config.learning_rate,
        }  # fmt: skip
        if self.losses:
            known |= {"first_loss": sum(self.losses[:window]) / window, "loss": sum(self.losses[-window:]) / window}
        if self.dev_losses:
            known |= {"dev_loss": dict(self.dev_losses)[self._best_step], "best_step": self._best_step}
            known["dev_losses"] = [[step, round(loss, 6)] for step, loss in self.dev_losses]
        return known


def rate_factor(step: int, *, steps: int, warmup_steps: int) -> float:
    """Returns the factor on the learning rate at a step, from 0 to steps - 1.

    >>> [rate_factor(step, steps=6, warmup_steps=2) for step in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    return (steps - step) / max(1, steps - warmup_steps)
