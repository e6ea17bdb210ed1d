"""The beginning that prompts have in common (instructions and shots), computed once and read by every row of a batch.

Here: how long it is, its keys and values, a cache with room behind them. Not here: what is computed behind it
(`decoding.py`, `choice_tree.py`).

Shape letters: B rows, P tokens of the beginning.
"""

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicLayer

#: A beginning is cut to whole blocks, so that batches whose texts happen to begin alike share the same one.
_BLOCK_TOKENS = 8
#: Room that a row of keys gets when it is full, so that not every token moves all that came before it.
_ROOM_TOKENS = 64
#: What layers may attend to, if the keys of one row are to be read by others and padding may stand between them.
_KINDS = {"full_attention", "sliding_attention"}
#: Layers that see exactly the mask that they are given.
_ATTENTIONS = ("sdpa", "eager")


def suits(config: Any) -> bool:
    """Returns whether a model tells positions by rotation, so that keys mean the same wherever they are kept."""
    kinds = set(getattr(config, "layer_types", None) or ())
    return bool(
        getattr(config, "rope_parameters", None)
        and kinds <= _KINDS
        and config._attn_implementation in _ATTENTIONS
        and not getattr(config, "alibi", False)
        and not getattr(config, "num_kv_shared_layers", 0)
    )


def window(config: Any) -> int | None:
    """Returns how many tokens a layer looks back at most, or None: beyond that, padding in between would count."""
    found = getattr(config, "sliding_window", None)
    return int(found) if found else None


def length(rows: Sequence[Sequence[int]]) -> int:
    """Returns how many tokens at the beginning of all rows are the same, in whole blocks; 0 for a single row.

    It depends on the rows alone and leaves each of them a token, so that the same batch is always computed alike.

    >>> length([[*range(20), 5], [*range(20), 6]]), length([list(range(16))] * 2), length([list(range(20))])
    (16, 8, 0)
    """
    if len(rows) < 2:
        return 0
    first, last = min(map(list, rows)), max(map(list, rows))  # what these two share, all share
    most = min(map(len, rows)) - 1
    same = next((i for i in range(most) if first[i] != last[i]), most)
    return same - same % _BLOCK_TOKENS


class Prefixes:
    """Keeps the keys and values of the beginning that was used last.

    Args:
        model: The network; whoever changes its weights must `forget`.
        device: Where it is.
    """

    def __init__(self, model: Any, *, device: str) -> None:
        self._model, self._device = model, device
        self.forget()

    def forget(self) -> None:
        """Drops what is kept."""
        self._ids: tuple[int, ...] = ()
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] = []

    def cache(self, ids: Sequence[int], *, num_rows: int, room: int) -> tuple[Cache, bool]:
        """Returns a cache of B rows that begin with these tokens, and whether their keys were there already.

        Args:
            ids: The beginning; may be empty.
            num_rows: B.
            room: Tokens that will follow for certain; more is possible.
        """
        if not ids:
            return Cache(layer_class_to_replicate=_RoomyLayer), False
        there = self._ids == tuple(ids)
        if not there:
            self.forget()
            begun = self._model(
                input_ids=torch.tensor([list(ids)], device=self._device), use_cache=True, logits_to_keep=1
            ).past_key_values
            self._kept = [(layer.keys, layer.values) for layer in begun.layers]
            self._ids = tuple(ids)
        # The beginning stays where it is from batch to batch; what follows is written over.
        most = len(ids) + room
        held = [self._widened(keys, num_rows, most) for keys, _ in self._kept]
        values = [self._widened(values, num_rows, most) for _, values in self._kept]
        self._kept = list(zip(held, values, strict=True))
        layers: list[Any] = [_RoomyLayer(k[:num_rows], v[:num_rows], len(ids)) for k, v in self._kept]
        return Cache(layers=layers), there

    def _widened(self, kept: torch.Tensor, num_rows: int, num_tokens: int) -> torch.Tensor:
        """Returns room for so many rows and tokens with the beginning in each row: the same memory, if it is enough."""
        rows, heads, tokens, width = kept.shape
        if rows >= num_rows and tokens >= num_tokens:
            return kept
        roomy = kept.new_empty(max(rows, num_rows), heads, max(tokens, num_tokens + _ROOM_TOKENS), width)
        roomy[:, :, : len(self._ids)] = kept[:1, :, : len(self._ids)]
        return roomy


class _RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values with room behind them, which new ones are written into."""

    def __init__(self, keys: torch.Tensor | None = None, values: torch.Tensor | None = None, used: int = 0) -> None:
        super().__init__()
        if keys is not None and values is not None:
            self.lazy_initialization(keys, values)
            self._all_keys, self._all_values = keys, values
            self.keys, self.values = keys[:, :, :used], values[:, :, :used]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns all keys and values, with the new ones at the end."""
        used = self.get_seq_length()
        total = used + key_states.shape[2]
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._all_keys, self._all_values = key_states, value_states
        else:
            if total > self._all_keys.shape[2]:
                self._all_keys = _with_room(self._all_keys[:, :, :used], total)
                self._all_values = _with_room(self._all_values[:, :, :used], total)
            self._all_keys[:, :, used:total] = key_states
            self._all_values[:, :, used:total] = value_states
        self.keys, self.values = self._all_keys[:, :, :total], self._all_values[:, :, :total]
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keeps these rows only, in memory of their own."""
        used = self.get_seq_length()
        self._all_keys = _with_room(self._all_keys[:, :, :used], used, rows=indices)
        self._all_values = _with_room(self._all_values[:, :, :used], used, rows=indices)
        self.keys, self.values = self._all_keys[:, :, :used], self._all_values[:, :, :used]


def _with_room(states: torch.Tensor, num_tokens: int, *, rows: torch.Tensor | None = None) -> torch.Tensor:
    """Returns a copy with room for more than so many tokens, of all rows or of some."""
    num_rows, heads, used, width = states.shape
    roomy = states.new_empty(num_rows if rows is None else len(rows), heads, num_tokens + _ROOM_TOKENS, width)
    if rows is None:
        roomy[:, :, :used] = states
    else:
        for place, row in enumerate(rows.tolist()):
            roomy[place, :, :used] = states[row]
    return roomy
