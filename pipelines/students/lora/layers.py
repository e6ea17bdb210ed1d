"""Many LoRA adapters on one frozen network: each run's rows of a batch see its own adapter, in the same products.

Here: where adapters sit, their numbers as one row per run, dropout with a stream per run. Not here: training
(`packed.py`), what becomes of an adapter (`lora_fitted.py`).

Shape letters: R runs, B rows per run, T tokens of a padded row, N = B x T, H inputs and O outputs of a layer, K rank,
P numbers of one adapter.
"""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sdc.errors import EngineError

_MASK_64 = 2**64 - 1


@dataclass(frozen=True, kw_only=True)
class AdaptedLayer:
    """A layer with adapters: its name in the network, its size, and where its numbers begin in a row of P."""

    name: str
    inputs: int
    outputs: int
    start: int


@dataclass(frozen=True, kw_only=True)
class Dropout:
    """The dropout of one training step: what is dropped depends on the run's own seed and rows, not on its neighbours.

    Args:
        rate: Share of inputs that are dropped, in [0, 1).
        seeds: One per run, another one in every step.
        shapes: (rows, tokens of the longest) of each run's own batch; the rest of the padded batch counts nothing.
        num_rows: Rows per run of the padded batch.
    """

    rate: float
    seeds: Sequence[int]
    shapes: Sequence[tuple[int, int]]
    num_rows: int

    def __call__(self, inputs_RNH: torch.Tensor, place: int) -> torch.Tensor:
        """Returns the inputs with a share of them zero; the layer makes up for it in its scaling, which rounds less."""
        num_runs, _, num_inputs = inputs_RNH.shape
        kept_RNH = torch.zeros(inputs_RNH.shape, dtype=torch.bool, device=inputs_RNH.device)
        kept_RBTH = kept_RNH.view(num_runs, self.num_rows, -1, num_inputs)
        for run, (seed, (rows, tokens)) in enumerate(zip(self.seeds, self.shapes, strict=True)):
            shape = (rows, tokens, num_inputs)
            kept_RBTH[run, :rows, :tokens] = kept_inputs(seed, place, shape, rate=self.rate, device=inputs_RNH.device)
        return inputs_RNH * kept_RNH


def kept_inputs(
    seed: int, place: int, shape: Sequence[int], *, rate: float, device: torch.device | str
) -> torch.Tensor:
    """Returns a mask (bool, True is kept) that seed, place and shape decide: the same alone and in a pack.

    It has no state, so that a forward pass that is computed again (checkpointing) drops the same inputs.
    """
    generator = torch.Generator(device=device).manual_seed(_mix(seed, place))
    return torch.empty(tuple(shape), dtype=torch.bool, device=device).bernoulli_(1 - rate, generator=generator)


def _mix(seed: int, place: int) -> int:
    """Returns 32 well-mixed bits (splitmix64): the CPU's generator looks at no more."""
    value = (seed * 0x9E3779B97F4A7C15 + place * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & _MASK_64
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK_64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK_64
    return (value ^ (value >> 31)) >> 32


class Stack:
    """The adapters of R runs as the rows of one matrix, and the views of it that the layers multiply with.

    Args:
        adapters: Where the numbers belong.
        values_RP: One row per run; used as it is, not copied.
        trained: Whether gradients are wanted; `grads_RP` has them after `backward`.
    """

    def __init__(self, adapters: "Adapters", values_RP: torch.Tensor, *, trained: bool = False) -> None:
        self._adapters, self.values_RP = adapters, values_RP
        self.grads_RP = torch.zeros_like(values_RP) if trained else values_RP.new_empty(0)
        self._leaves = [part.detach().requires_grad_(trained) for pair in adapters.split(values_RP) for part in pair]

    def backward(self, loss: torch.Tensor) -> None:
        """Puts the gradient of a loss into `grads_RP`, in the place of what was there."""
        grads = torch.autograd.grad(loss, self._leaves, allow_unused=True)  # layers that share keys use one of them
        views = [part for pair in self._adapters.split(self.grads_RP) for part in pair]
        for view, grad in zip(views, grads, strict=True):
            if grad is None:
                view.zero_()
            else:
                view.copy_(grad)

    def pair(self, place: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns A_RKH and B_ROK of a place in the type that the layer computes in."""
        a_RKH, b_ROK = self._leaves[2 * place], self._leaves[2 * place + 1]
        return a_RKH.to(dtype), b_ROK.to(dtype)


class Adapters:
    """The layers of a network that have adapters, and the stack that is in use.

    Args:
        network: Its linear layers of these names are replaced; everything is frozen.
        targets: Last parts of the layers' names.
        rank: K, at least 1.
        alpha: The adapters' output is multiplied with alpha / rank.
        model: Name for errors.

    Raises:
        EngineError: The network has no such layers.
    """

    def __init__(self, network: Any, targets: Sequence[str], *, rank: int, alpha: float, model: str) -> None:
        self.rank, self.scaling = rank, alpha / rank
        self.current: Stack | None = None
        self.dropout: Dropout | None = None
        network.requires_grad_(False)
        inside = _decoder_prefix(network)
        found = [
            (name, layer)
            for name, layer in network.named_modules()
            if name.startswith(inside) and name.rpartition(".")[2] in targets and hasattr(layer, "in_features")
        ]
        missing = [target for target in targets if not any(name.endswith(f".{target}") for name, _ in found)]
        if missing:
            fix = "use a model of the Llama, Qwen, Gemma or Mistral kind"
            raise EngineError(f"the model has no layers {', '.join(missing)} to put LoRA on", model, fix)
        self.layers: list[AdaptedLayer] = []
        start = 0
        for name, layer in found:
            adapted = AdaptedLayer(name=name, inputs=layer.in_features, outputs=layer.out_features, start=start)
            parent, _, last = name.rpartition(".")
            setattr(network.get_submodule(parent), last, PackedLinear(layer, self, len(self.layers)))
            self.layers.append(adapted)
            start += rank * (adapted.inputs + adapted.outputs)
        self.num_parameters = start
        # Masters in fp32 whatever the base is in: steps of 3e-5 are lost in bf16.
        kind = next(p.dtype for p in network.parameters() if p.dtype.is_floating_point)
        self.dtype = torch.promote_types(torch.float32, kind)
        # PEFT takes last parts too; where another part of the model (a vision tower) has the same ones, a pattern.
        outside = any(name.rpartition(".")[2] in targets for name, _ in network.named_modules() if
                      not name.startswith(inside))  # fmt: skip
        parts = "|".join(targets)
        self.target_modules = rf"{re.escape(inside)}.*\.({parts})" if outside else list(targets)

    def split(self, values_RP: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Returns (A_RKH, B_ROK) of every layer, as views."""
        num_runs, found = len(values_RP), []
        for adapted in self.layers:
            middle = adapted.start + self.rank * adapted.inputs
            end = middle + self.rank * adapted.outputs
            a_RKH = values_RP[:, adapted.start : middle].view(num_runs, self.rank, adapted.inputs)
            b_ROK = values_RP[:, middle:end].view(num_runs, adapted.outputs, self.rank)
            found.append((a_RKH, b_ROK))
        return found

    def initial(self, seed: int) -> torch.Tensor:
        """Returns a new adapter of P numbers as PEFT makes them: A uniform in +-1 / sqrt(H), B zero.

        The numbers are drawn on the CPU, so that they are the same on every device.
        """
        generator = torch.Generator().manual_seed(seed)
        values_P = torch.zeros(self.num_parameters)
        for adapted, (a_RKH, _) in zip(self.layers, self.split(values_P[None]), strict=True):
            bound = 1 / math.sqrt(adapted.inputs)
            a_RKH.uniform_(-bound, bound, generator=generator)
        return values_P.to(self.dtype)

    @contextmanager
    def using(self, stack: Stack | None, dropout: Dropout | None = None) -> Iterator[None]:
        """Puts a stack on the network: a batch then holds the rows of its runs one after another, as many of each."""
        before = self.current, self.dropout
        self.current, self.dropout = stack, dropout
        try:
            yield
        finally:
            self.current, self.dropout = before


class PackedLinear(nn.Module):
    """A frozen linear layer plus the adapters of the stack in use."""

    def __init__(self, base: nn.Module, adapters: Adapters, place: int) -> None:
        super().__init__()
        self.base, self._adapters, self._place = base, adapters, place

    @property
    def weight(self) -> torch.Tensor:
        """The frozen weights; some models look at their type."""
        weight: torch.Tensor = self.base.weight  # type: ignore[assignment]
        return weight

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Returns the layer's output for inputs of shape (R x B, T, H)."""
        frozen: torch.Tensor = self.base(inputs)
        stack = self._adapters.current
        if stack is None:
            return frozen
        a_RKH, b_ROK = stack.pair(self._place, inputs.dtype)
        num_runs = len(a_RKH)
        inputs_RNH = inputs.reshape(num_runs, -1, inputs.shape[-1])
        scaling, dropout = self._adapters.scaling, self._adapters.dropout
        if dropout is not None:
            inputs_RNH = dropout(inputs_RNH, self._place)
            scaling /= 1 - dropout.rate
        low_RNK = torch.bmm(inputs_RNH, a_RKH.mT)
        frozen_RNO = frozen.reshape(num_runs, -1, frozen.shape[-1])
        summed_RNO = torch.baddbmm(frozen_RNO, low_RNK, b_ROK.mT, alpha=scaling)
        return summed_RNO.view_as(frozen)


def _decoder_prefix(network: Any) -> str:
    """Returns how the names of the text decoder's modules begin: a vision tower has layers of the same names."""
    decoder = network.get_decoder()
    return next((f"{name}." for name, module in network.named_modules() if name and module is decoder), "")
