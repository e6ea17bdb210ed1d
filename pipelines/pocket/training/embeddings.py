"""The first embeddings of the pocket models: which tokens stand near each other, and which translate each other.

Here: co-occurrence counts and their factors. Not here: training (`trainer.py`). A model of this size sees few texts;
it learns faster when tokens of one language, one label and one meaning are neighbours from the start.

Source: positive pointwise mutual information, factored (Levy and Goldberg 2014, "Neural Word Embedding as Implicit
Matrix Factorization").
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy import sparse
from sklearn.utils.extmath import randomized_svd
from transformers import PreTrainedTokenizerBase

_WINDOW = 4
_SCALE = 0.04  # standard deviation of the entries, twice the usual one of random embeddings


def embeddings(
    documents: Sequence[Sequence[str]], tokenizer: PreTrainedTokenizerBase, *, width: int, seed: int = 0
) -> torch.Tensor:
    """Returns float32 embeddings of shape (vocabulary, width).

    Args:
        documents: Texts that mean the same (a sentence in every language, the name of its label).
        tokenizer: Splits them.
        width: Columns.
        seed: Of the factorisation and of the noise that keeps unseen tokens apart.
    """
    size = len(tokenizer)
    near = sparse.csr_matrix((size, size))
    rows: list[int] = []
    columns: list[int] = []
    members: list[np.ndarray] = []
    for texts in documents:
        tokens = [np.array(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]
        for line in tokens:
            for step in range(1, _WINDOW + 1):
                rows += line[:-step].tolist()
                columns += line[step:].tolist()
        members.append(np.unique(np.concatenate(tokens)))
    near = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(size, size))
    indices, lengths = np.concatenate(members), [len(m) for m in members]
    holds = sparse.csr_matrix((np.ones(len(indices)), indices, np.cumsum([0, *lengths])), shape=(len(members), size))
    matrix = _ppmi(near + near.T) + 0.5 * _ppmi((holds.T @ holds).tocsr())
    left, values, _ = randomized_svd(matrix, n_components=width, n_iter=3, random_state=seed)
    table = left * np.sqrt(values)
    table *= _SCALE / table.std()
    table += np.random.default_rng(seed).normal(0, _SCALE / 4, table.shape)
    # The factors concentrate in the first columns; a rotation spreads them over all heads.
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))
    return torch.tensor(table @ rotation, dtype=torch.float32)


def _ppmi(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Returns max(0, log(p(a, b) / (p(a) p(b)))) of a symmetric count matrix, with smoothed contexts."""
    pairs = counts.tocoo()
    total = np.asarray(counts.sum(0)).ravel()
    smooth = total**0.75 / (total**0.75).sum()
    values = np.log(pairs.data / total.sum() / (total[pairs.row] / total.sum() * smooth[pairs.col]))
    keep = values > 0
    return sparse.csr_matrix((values[keep], (pairs.row[keep], pairs.col[keep])), shape=counts.shape)
