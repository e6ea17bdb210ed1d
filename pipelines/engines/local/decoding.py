"""Writing answers token by token: greedy, or sampled with a seed per row, and rows leave the batch when they are done.

Here: the loop, and what is done to logits before a token is chosen. Not here: prompts and batches (`transformers.py`).

Shape letters: B rows in the batch, P tokens that are cached, S tokens of the prompts, V vocabulary.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch

from sdc.pipelines.engines.protocol import Call


class Choosing:
    """Chooses the next token of every row, with its own seed, and whatever stands beside it in the batch.

    `unfit` says of each row of the last choice whether there was nothing to choose by: NaN or infinity.

    Args:
        calls: One per row, all with the same settings.
        prompts: The whole prompt of each, as token ids.
        device: Where logits are.
    """

    def __init__(self, calls: Sequence[Call], prompts: Sequence[Sequence[int]], *, device: str) -> None:
        from transformers.generation.logits_process import TemperatureLogitsWarper, TopPLogitsWarper

        first = calls[0]
        self._penalty = first.repetition_penalty
        self._prompts = prompts
        self._said_BV: torch.Tensor | None = None  # known when the first logits are there
        self._warpers: list[Any] = []
        self._generators: list[torch.Generator] = []
        self.unfit: list[bool] = []
        # Greedy over logits plus Gumbel noise is sampling, with a seed for every row.
        if first.temperature > 0:
            self._warpers.append(TemperatureLogitsWarper(first.temperature))
            if first.top_p < 1:
                self._warpers.append(TopPLogitsWarper(first.top_p))
            self._generators = [torch.Generator(device=device).manual_seed(call.seed) for call in calls]

    def __call__(self, logits_BV: torch.Tensor) -> torch.Tensor:
        """Returns the next token of each row, int64."""
        scores_BV = logits_BV.float()
        # Single tokens may be ruled out by -inf; the largest one is finite unless the model has broken down.
        self.unfit = (~scores_BV.amax(-1).isfinite()).tolist()
        if self._penalty != 1.0:
            if self._said_BV is None:
                self._said_BV = _said(self._prompts, scores_BV)
            penalised_BV = torch.where(scores_BV < 0, scores_BV * self._penalty, scores_BV / self._penalty)
            scores_BV = torch.where(self._said_BV, penalised_BV, scores_BV)
        for warper in self._warpers:
            scores_BV = warper(None, scores_BV)
        if self._generators:
            scores_BV = scores_BV + gumbel(scores_BV, self._generators)
        next_B = scores_BV.argmax(-1)
        if self._said_BV is not None:
            self._said_BV[torch.arange(len(next_B), device=next_B.device), next_B] = True
        return next_B

    def keep(self, rows: Sequence[int]) -> None:
        """Forgets all rows but these."""
        if self._said_BV is not None:
            self._said_BV = self._said_BV[list(rows)]
        if self._generators:
            self._generators = [self._generators[row] for row in rows]


def _said(prompts: Sequence[Sequence[int]], logits_BV: torch.Tensor) -> torch.Tensor:
    """Returns which tokens each prompt has (bool): its own, not the padding of its batch."""
    said_BV = torch.zeros(logits_BV.shape, dtype=torch.bool, device=logits_BV.device)
    for said_V, ids in zip(said_BV, prompts, strict=True):
        said_V[[token for token in set(ids) if token < len(said_V)]] = True
    return said_BV


def gumbel(like_BV: torch.Tensor, generators: Sequence[torch.Generator]) -> torch.Tensor:
    """Returns noise of the Gumbel distribution, one generator per row."""
    noise_BV = torch.empty_like(like_BV, dtype=torch.float32)
    for row, generator in zip(noise_BV, generators, strict=True):
        row.exponential_(generator=generator)
    return -noise_BV.log()  # -log(Exp(1)) is Gumbel(0, 1)


def write(
    model: Any,
    choose: Choosing,
    *,
    ids_BS: torch.Tensor,
    mask_BS: torch.Tensor,
    num_cached: int,
    cache: Any,
    room: int,
    ends: Collection[int],
    is_stopped: Callable[[Sequence[int]], bool] = lambda tokens: False,
) -> list[list[int] | None]:
    """Returns the tokens of each answer, up to and with the one that ends it; None where there was none to choose.

    Args:
        model: A causal language model.
        choose: Logits -> the next tokens.
        ids_BS: The prompts without what is cached, padded on the left, int64.
        mask_BS: 1 for their tokens, 0 for padding.
        num_cached: P.
        cache: What holds the P tokens.
        room: The most tokens of an answer.
        ends: Tokens that end one.
        is_stopped: Says of the tokens so far whether the answer ends with them.
    """
    mask_BT = torch.cat([mask_BS.new_ones(len(mask_BS), num_cached), mask_BS], 1)
    positions_BT = (mask_BT.cumsum(1) - 1).clamp(min=0)[:, num_cached:]
    tokens: list[list[int]] = [[] for _ in range(len(ids_BS))]
    rows, broken = list(range(len(tokens))), set[int]()
    fed_BT = ids_BS
    for left in range(room, 0, -1):
        logits_BV = model(
            input_ids=fed_BT,
            attention_mask=mask_BT,
            position_ids=positions_BT,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        next_B = choose(logits_BV)
        for row, token in zip(rows, next_B.tolist(), strict=True):
            tokens[row].append(token)
        broken |= {row for row, unfit in zip(rows, choose.unfit, strict=True) if unfit}
        done = {row for row in rows if row in broken or tokens[row][-1] in ends or is_stopped(tokens[row])}
        going = [i for i, row in enumerate(rows) if row not in done]
        if not going or left == 1:
            break
        if len(going) < len(rows):
            rows = [rows[i] for i in going]
            kept = torch.tensor(going, device=next_B.device)
            cache.batch_select_indices(kept)
            choose.keep(going)
            next_B, mask_BT, positions_BT = next_B[kept], mask_BT[kept], positions_BT[kept]
        fed_BT = next_B[:, None]
        mask_BT = torch.cat([mask_BT, mask_BT.new_ones(len(rows), 1)], 1)
        positions_BT = positions_BT[:, -1:] + 1
    return [None if row in broken else written for row, written in enumerate(tokens)]
