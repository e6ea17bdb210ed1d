"""The passes of packed training: from the rows of every run in a step to its loss, and to its gradients.

Here: batches, padding, the loss, checkpointing. Not here: what is done with gradients (`packed.py`).

Shape letters: R runs, B rows per run, T tokens of a padded row, A answer tokens of the batch, V vocabulary.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional

from sdc.errors import EngineError
from sdc.pipelines.students.lora.instruct import TokenRow
from sdc.pipelines.students.lora.layers import Adapters, Dropout, Stack

#: Tensor cores like multiples of this many tokens.
_GPU_MULTIPLE = 8


class Passes:
    """Forward and backward passes over the rows of several runs.

    Args:
        network: A causal language model with `adapters` on it.
        adapters: Its adapters.
        dropout: On what adapters see in training, in [0, 1).
        checkpointing: Compute activations again in the backward pass.
        pad_id: Token id that fills a batch.
        device: `cpu` or `cuda`.
        model: Name for errors.

    Raises:
        EngineError: Checkpointing is wanted, and the network has none.
    """

    def __init__(
        self,
        network: Any,
        adapters: Adapters,
        *,
        dropout: float,
        checkpointing: bool,
        pad_id: int,
        device: str,
        model: str,
    ) -> None:
        self.network, self.adapters, self.device, self.model = network, adapters, device, model
        self._dropout, self._checkpointing, self._pad_id = dropout, checkpointing, pad_id
        if checkpointing:
            if not network.supports_gradient_checkpointing:
                raise EngineError("the model has no checkpointing", model, "drop --checkpointing")
            network.activation_checkpointing_enable()
            network.disable_input_require_grads()  # only another kind of checkpointing needs these

    def gradients(self, stack: Stack, batches: Sequence[Sequence[TokenRow]], seeds: Sequence[int]) -> torch.Tensor:
        """Returns losses_R of a step, and leaves the gradients in the stack.

        Args:
            stack: The adapters, trained.
            batches: The rows of each run.
            seeds: The seed of each run's dropout in this step.
        """
        dropout = None
        if self._dropout:
            shapes = [(len(batch), max(len(row.ids) for row in batch)) for batch in batches]
            dropout = Dropout(rate=self._dropout, seeds=seeds, shapes=shapes, num_rows=max(rows for rows, _ in shapes))
        with self.adapters.using(stack, dropout), _checkpointing(self.network, self._checkpointing):
            losses_R, _ = self.losses(batches)
            stack.backward(losses_R.sum())  # a run's loss depends on its own adapter only: the sum mixes nothing
        return losses_R.detach()

    def losses(self, batches: Sequence[Sequence[TokenRow]]) -> tuple[torch.Tensor, list[int]]:
        """Returns the mean loss over answer tokens of each run's batch, losses_R in float32, and how many these are.

        A row that counts more or less than 1 does so with all tokens of its answer.

        Rows are padded on the right: no token sees what comes after it, so padding needs no mask and changes nothing.
        Only the positions that answer reach the vocabulary.
        """
        num_rows = max(map(len, batches))
        longest = max(len(row.ids) for batch in batches for row in batch)
        if self.device == "cuda":
            longest = math.ceil(longest / _GPU_MULTIPLE) * _GPU_MULTIPLE
        ids = [[self._pad_id] * longest for _ in range(len(batches) * num_rows)]
        answering = [[False] * longest for _ in ids]
        targets: list[int] = []
        weights: list[float] = []
        counts = [0] * len(batches)
        for run, batch in enumerate(batches):
            for number, row in enumerate(batch, start=run * num_rows):
                length, first = len(row.ids), row.num_prompt - 1
                ids[number][:length] = row.ids
                answering[number][first : length - 1] = [True] * (length - 1 - first)
                targets += row.ids[row.num_prompt :]
                weights += [row.weight] * (length - row.num_prompt)
                counts[run] += length - row.num_prompt
        logits_AV = self.network(
            input_ids=torch.tensor(ids, device=self.device),
            use_cache=False,
            logits_to_keep=torch.tensor(answering, device=self.device),
        ).logits
        logits_AV = logits_AV.reshape(len(targets), -1)
        losses_A = functional.cross_entropy(
            logits_AV.to(self.adapters.dtype), torch.tensor(targets, device=self.device), reduction="none"
        )
        if any(weight != 1 for weight in weights):
            losses_A = losses_A * torch.tensor(weights, dtype=losses_A.dtype, device=self.device)
        parts = torch.split(losses_A, counts)
        return torch.stack([part.mean() if len(part) else part.sum() for part in parts]), counts


@contextmanager
def _checkpointing(network: Any, wanted: bool) -> Iterator[None]:
    """Makes the layers compute their activations again in the backward pass.

    Transformers does so for layers that are in training. Their parts are not: the base has no dropout of its own.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer

    layers = [m for m in network.modules() if isinstance(m, GradientCheckpointingLayer)] if wanted else []
    for layer in layers:
        layer.training = True
    try:
        yield
    finally:
        for layer in layers:
            layer.training = False
