"""Packed training: many LoRA runs over one frozen network, a step of each in every forward and backward pass.

Rows of a run see its own adapter only, gradients of runs never mix, and each run has its own rows, rate, clipping,
optimiser and end: so its result is the one it has alone, up to rounding. A pack is trained to its end before the next
one begins: rounding goes by who is in it.

Here: the loop over steps, and who is in the pack. Not here: the plan of a run (`run.py`), forward and backward
(`passes.py`), layers (`layers.py`).

Shape letters: R runs, P numbers of one adapter.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, groupby

import torch

from sdc.pipelines.students.lora.layers import Stack
from sdc.pipelines.students.lora.passes import Passes
from sdc.pipelines.students.lora.run import PackedRun
from sdc.pipelines.students.lora.settings import LoraSettings
from sdc.pipelines.students.protocol import FitFailed
from sdc.pipelines.students.reproducible import reproducible

_CLIP = 1.0
#: Rows of a run per forward pass where nothing is trained.
_DEV_ROWS = 16
#: Steps between two reports of progress.
_STEPS = 10

#: A run that has ended, with its adapter on the CPU, or why it has none.
Ended = tuple[PackedRun, "torch.Tensor | FitFailed"]


@dataclass(kw_only=True)
class _Slot:
    """A run in the pack; `row` is a view of its adapter in the stack, and of its gradient."""

    run: PackedRun
    row: torch.nn.Parameter
    optimiser: torch.optim.Optimizer


class Pack:
    """Trains runs together.

    Args:
        passes: Over the base of the runs.
        config: How runs are trained.
        size: The most runs at once.
    """

    def __init__(self, passes: Passes, config: "LoraSettings", *, size: int) -> None:
        self._passes, self._config = passes, config
        self._adapters, self._device = passes.adapters, passes.device
        self.size = size
        self._slots: list[_Slot] = []
        self._stack: Stack | None = None
        self._make_optimiser = optimisers(config.optimizer, device=passes.device, weight_decay=config.weight_decay)

    def train(self, runs: Sequence[PackedRun], progress: Callable[[int, int], None]) -> Iterator[list[Ended]]:
        """Yields packs as they end, each whole; the network stands still, and may be used, while one is handed out.

        Which runs are in one pack is decided by their numbers and by the size, so what a killed command left trains as
        it would have. After memory ran out packs are halved, which splits them and mixes none.

        Raises:
            EngineError: There is no memory for a single run.
        """
        waiting = deque(packs(runs, self.size))
        num_steps = len(runs) * self._config.steps

        def report(steps: int) -> None:
            progress(num_steps - sum(map(len, waiting)) * self._config.steps + steps, num_steps)

        while waiting:
            ended = self._together(waiting[0], report)
            if ended is None:
                halves = list(waiting)
                while len(halves) == len(waiting):
                    self.size //= 2
                    halves = [part for pack in waiting for part in packs(pack, self.size)]
                waiting = deque(halves)
                continue
            waiting.popleft()
            yield ended

    # -- who is in the pack ---------------------------------------------------------------------------------------

    def _together(self, runs: Sequence[PackedRun], progress: Callable[[int], None]) -> list[Ended] | None:
        """Trains a pack to its end, or returns None if there is no memory for it: its runs then start again."""
        with reproducible(self._passes.model):
            try:
                return self._all_steps(runs, progress)
            except torch.OutOfMemoryError:
                if len(runs) == 1:
                    raise
            finally:
                self._slots, self._stack = [], None
        for run in runs:
            run.restart()
        return None

    def _all_steps(self, runs: Sequence[PackedRun], progress: Callable[[int], None]) -> list[Ended]:
        self._slots = [self._slot(run) for run in runs]
        self._restack()
        ended: list[Ended] = []
        for step in count(1):
            start = time.perf_counter()
            due, done = self._step()
            if due:
                done += self._measure(due)
            share = (time.perf_counter() - start) / len(self._slots)
            for slot in self._slots:
                slot.run.seconds += share
            done += self._over(done)
            if done:
                ended += done
                gone = {run.number for run, _ in done}
                self._slots = [slot for slot in self._slots if slot.run.number not in gone]
                self._restack()
            if step % _STEPS == 0 or done:
                progress(len(ended) * self._config.steps + sum(slot.run.step for slot in self._slots))
            if not self._slots:
                break
        return ended

    def _slot(self, run: PackedRun) -> _Slot:
        row = torch.nn.Parameter(self._adapters.initial(run.init_seed).to(self._device))
        return _Slot(run=run, row=row, optimiser=self._make_optimiser(row))

    def _restack(self) -> None:
        """Puts the adapters of all slots into one matrix; optimisers keep their state, and work on its rows."""
        if not self._slots:
            self._stack = None
            return
        self._stack = Stack(self._adapters, torch.stack([slot.row.data for slot in self._slots]), trained=True)
        for slot, values_P, grads_P in zip(self._slots, self._stack.values_RP, self._stack.grads_RP, strict=True):
            slot.row.data, slot.row.grad = values_P, grads_P

    def _over(self, done: Sequence[Ended]) -> list[Ended]:
        """Returns the runs that have come to their end, each with its best adapter."""
        gone = {run.number for run, _ in done}
        found: list[Ended] = []
        for slot in self._slots:
            if slot.run.number in gone or not slot.run.is_over:
                continue
            values_P = slot.run.best if slot.run.best is not None else slot.row.detach().cpu().clone()
            bad = not bool(values_P.isfinite().all())
            found.append((slot.run, _failed(slot.run, "the adapter is not finite") if bad else values_P))
        return found

    # -- a step ---------------------------------------------------------------------------------------------------

    def _step(self) -> tuple[list[_Slot], list[Ended]]:
        """Trains one step of every run; returns those that are due for measuring, and those that went wrong."""
        stack = self._stack
        assert stack is not None
        seeds = [slot.run.dropout_seed for slot in self._slots]
        losses_R = self._passes.gradients(stack, [slot.run.next_batch() for slot in self._slots], seeds)
        norms_R = stack.grads_RP.norm(dim=1)
        stack.grads_RP.mul_((_CLIP / (norms_R + 1e-6)).clamp(max=1.0)[:, None])
        due: list[_Slot] = []
        failed: list[Ended] = []
        for slot, loss, norm in zip(self._slots, *torch.stack([losses_R, norms_R]).tolist(), strict=True):
            if not (math.isfinite(loss) and math.isfinite(norm)):
                reason = f"the loss or a gradient is not finite at step {slot.run.step + 1}"
                failed.append((slot.run, _failed(slot.run, reason)))
                continue
            slot.optimiser.param_groups[0]["lr"] = slot.run.learning_rate
            slot.optimiser.step()
            slot.run.stepped(loss)
            if slot.run.is_due:
                due.append(slot)
        return due, failed

    def _measure(self, due: Sequence[_Slot]) -> list[Ended]:
        """Measures the held-out loss of runs together; returns those where it is not finite."""
        stack = Stack(self._adapters, torch.stack([slot.row.detach() for slot in due]))
        sums, counts = [0.0] * len(due), [0] * len(due)
        with torch.inference_mode(), self._adapters.using(stack):
            for start in range(0, max(len(slot.run.dev) for slot in due), _DEV_ROWS):
                batches = [slot.run.dev[start : start + _DEV_ROWS] for slot in due]
                losses_R, counts_R = self._passes.losses(batches)
                for i, (loss, count) in enumerate(zip(losses_R.tolist(), counts_R, strict=True)):
                    if count:
                        sums[i] += loss * count
                        counts[i] += count
        failed: list[Ended] = []
        for slot, total, count in zip(due, sums, counts, strict=True):
            if math.isfinite(total):
                slot.run.measured(total / count, slot.row.detach())
            else:
                reason = f"the held-out loss is not finite at step {slot.run.step}"
                failed.append((slot.run, _failed(slot.run, reason)))
        return failed


def packs(runs: Sequence[PackedRun], size: int) -> list[list[PackedRun]]:
    """Returns runs in packs of at most `size`: those whose numbers have the same quotient by it, wherever others are.

    Args:
        runs: In the order of their numbers.
        size: Most runs of a pack, at least 1.
    """
    return [list(together) for _, together in groupby(runs, key=lambda run: run.number // size)]


def optimisers(name: str, *, device: str, weight_decay: float) -> Callable[[torch.nn.Parameter], torch.optim.Optimizer]:
    """Returns what makes an optimiser for one adapter; its rate is set before every step.

    `paged_adamw_8bit` keeps its moments in 8 bits, as the released script does, in blocks along the adapter.
    """
    if name == "paged_adamw_8bit":
        import bitsandbytes  # type: ignore[import-not-found]

        return lambda row: bitsandbytes.optim.PagedAdamW8bit([row], lr=0.0, weight_decay=weight_decay)
    return lambda row: torch.optim.AdamW([row], lr=0.0, weight_decay=weight_decay, fused=device == "cuda")


def _failed(run: PackedRun, reason: str) -> FitFailed:
    return FitFailed(reason, run.details())
