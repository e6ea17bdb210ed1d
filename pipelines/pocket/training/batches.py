"""Conversations as tensors: tree rows, their attention masks, and batches of a bounded size.

Here: token ids, positions, masks, loss weights. Not here: what is said (`corpus.py`), optimisation (`trainer.py`).

Shapes: B rows, T tokens.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from sdc.pipelines.pocket.training.corpus import Conversation, Corpus, Piece


@dataclass(frozen=True, kw_only=True)
class TreeRow:
    """A tree as one sequence: token ids, positions, branch numbers (0 for the prefix), weights, the skill, the blur.

    `weights[i]` is what predicting `ids[i]` counts in the loss, and `parents[i]` is the index that predicts it.
    """

    ids: list[int]
    positions: list[int]
    branch: list[int]
    parents: list[int]
    weights: list[float]
    skill: str
    blur: float


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Rows padded to one length; `parents`, `targets`, `weights` and `skills` list the learnt tokens of all rows."""

    ids_BT: torch.Tensor
    positions_BT: torch.Tensor
    mask_B1TT: torch.Tensor
    parents: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    skills: list[str]


def encode(conversation: Conversation, tokenizer: PreTrainedTokenizerBase) -> TreeRow:
    """Returns the conversation as one row; a branch goes on at the position where the prefix ends."""
    row = TreeRow(
        ids=[], positions=[], branch=[], parents=[], weights=[], skill=conversation.skill, blur=conversation.blur
    )
    _append(row, conversation.prefix, number=0, start=0, tokenizer=tokenizer)
    length = len(row.ids)
    for number, branch in enumerate(conversation.branches, 1):
        _append(row, branch, number=number, start=length, tokenizer=tokenizer)
    return row


def _append(
    row: TreeRow, pieces: Sequence[Piece], *, number: int, start: int, tokenizer: PreTrainedTokenizerBase
) -> None:
    previous, position = start - 1, start
    for text, weight in pieces:
        for token in tokenizer(text, add_special_tokens=False)["input_ids"]:
            row.ids.append(token)
            row.positions.append(position)
            row.branch.append(number)
            row.parents.append(previous)
            row.weights.append(weight)
            previous, position = len(row.ids) - 1, position + 1


def collate(rows: Sequence[TreeRow], *, pad: int, vocabulary: int = 0, rng: random.Random | None = None) -> Batch:
    """Returns `rows` as one batch; with `rng`, learnt input tokens are at times replaced by random ones."""
    size = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), size), pad)
    positions = torch.zeros((len(rows), size), dtype=torch.long)
    branch = torch.full((len(rows), size), -1)
    parents, targets, weights, skills = [], [], [], []
    for number, row in enumerate(rows):
        length = len(row.ids)
        shown = list(row.ids)
        for index, weight in enumerate(row.weights):
            if weight > 0:
                parents.append(number * size + row.parents[index])
                targets.append(row.ids[index])
                weights.append(weight)
                skills.append(row.skill)
                if rng is not None and rng.random() < row.blur:
                    shown[index] = rng.randrange(vocabulary)
        ids[number, :length] = torch.tensor(shown)
        positions[number, :length] = torch.tensor(row.positions)
        branch[number, :length] = torch.tensor(row.branch)
    causal = torch.ones(size, size, dtype=torch.bool).tril()
    visible = (branch[:, None, :] == 0) | (branch[:, None, :] == branch[:, :, None])
    return Batch(
        ids_BT=ids,
        positions_BT=positions,
        mask_B1TT=(causal & visible)[:, None],
        parents=torch.tensor(parents),
        targets=torch.tensor(targets),
        weights=torch.tensor(weights),
        skills=skills,
    )


def stream(
    corpus: Corpus, tokenizer: PreTrainedTokenizerBase, *, seed: int, progress: float, tokens: int, pool: int = 160
) -> Iterator[Batch]:
    """Yields the batches of one pool of conversations, rows of like length together, in random order.

    Args:
        corpus: Where conversations come from.
        tokenizer: Turns them into tokens.
        seed: Decides the pool.
        progress: How far the training is, in [0, 1].
        tokens: The most tokens of a batch, padding included; a longer row makes a batch of its own.
        pool: Conversations per pool.
    """
    rng = random.Random(seed)
    rows = [encode(corpus.conversation(rng, progress=progress), tokenizer) for _ in range(pool)]
    rows = sorted((row for row in rows if len(row.ids) <= tokens), key=lambda row: len(row.ids))
    groups: list[list[TreeRow]] = [[]]
    for row in rows:
        if len(row.ids) * (len(groups[-1]) + 1) > tokens:
            groups.append([])
        groups[-1].append(row)
    rng.shuffle(groups)
    for group in groups:
        yield collate(group, pad=tokenizer.pad_token_id, vocabulary=len(tokenizer), rng=rng)
