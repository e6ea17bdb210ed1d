"""How likely each choice is as the whole answer: all choices behind all prompts in one pass.

Beginnings that choices share are fed once: the tokens of all choices form a tree, and each sees its prompt and its own
branch only.

Here: the tree, its mask, scores. Not here: which tokens a choice is (`answers.py`).

Shape letters: B rows, P tokens that are cached, S tokens of the prompts, N nodes of the tree, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sdc.pipelines.engines.forks import forks

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class ChoiceTree:
    """The tokens of choices, each beginning once. The last token of a choice is asked for and never fed.

    Args:
        tokens: N token ids, parents before their children.
        depths: N numbers: 1 for the first token of a choice.
        parents: N nodes, -1 for the prompt.
        steps: For each choice, (node that is asked, -1 for the prompt; token that follows).
    """

    tokens: tuple[int, ...]
    depths: tuple[int, ...]
    parents: tuple[int, ...]
    steps: tuple[tuple[tuple[int, int], ...], ...]


def build(choices: Sequence[Sequence[int]]) -> ChoiceTree:
    """Returns the tree of choices, given as token ids.

    >>> tree = build([[5, 9], [5, 6, 9], [7, 9]])
    >>> tree.tokens, tree.depths, tree.parents
    ((5, 6, 7), (1, 2, 1), (-1, 0, -1))
    >>> tree.steps[1]
    ((-1, 5), (0, 6), (1, 9))
    """
    nodes = {start: number for number, start in enumerate(forks(choices), start=-1)}  # the prompt is the first
    starts = [start for start in nodes if start]
    return ChoiceTree(
        tokens=tuple(start[-1] for start in starts),
        depths=tuple(len(start) for start in starts),
        parents=tuple(nodes[start[:-1]] for start in starts),
        steps=tuple(tuple((nodes[tuple(choice[:i])], token) for i, token in enumerate(choice)) for choice in choices),
    )


def score(
    model: Any, tree: ChoiceTree, *, ids_BS: "torch.Tensor", mask_BS: "torch.Tensor", num_cached: int, cache: Any
) -> list[list[float]]:
    """Returns the log-likelihood of each choice for each prompt, in nats.

    Args:
        model: A causal language model.
        tree: The choices.
        ids_BS: The prompts without what is cached, padded on the left, int64.
        mask_BS: 1 for their tokens, 0 for padding.
        num_cached: P.
        cache: What holds the P tokens.
    """
    import torch

    num_rows, num_prompt = ids_BS.shape
    num_nodes = len(tree.tokens)
    device = ids_BS.device
    nodes_BN = torch.tensor(tree.tokens, dtype=torch.int64, device=device).expand(num_rows, -1)
    depths_N = torch.tensor(tree.depths, dtype=torch.int64, device=device)
    positions_BS = (num_cached + mask_BS.cumsum(1) - 1).clamp(min=0)
    seen = torch.zeros(num_rows, num_prompt + num_nodes, num_cached + num_prompt + num_nodes, dtype=torch.bool)
    seen[:, :, :num_cached] = True
    behind = slice(num_cached, num_cached + num_prompt)
    seen[:, :, behind] = mask_BS.bool().cpu()[:, None]
    seen[:, :num_prompt, behind] &= torch.ones(num_prompt, num_prompt, dtype=torch.bool).tril()
    for node, parent in enumerate(tree.parents):
        if parent >= 0:
            seen[:, num_prompt + node, behind.stop :] = seen[:, num_prompt + parent, behind.stop :]
        seen[:, num_prompt + node, behind.stop + node] = True
    hidden = torch.finfo(model.dtype).min  # added to what attention computes: every kind of it understands that
    mask_B1QK = torch.zeros(seen.shape, dtype=model.dtype).masked_fill(~seen, hidden)[:, None].to(device)
    logits_BNV = model(
        input_ids=torch.cat([ids_BS, nodes_BN], 1),
        attention_mask=mask_B1QK,
        position_ids=torch.cat([positions_BS, positions_BS[:, -1:] + depths_N], 1),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1 + num_nodes,
    ).logits
    asked: dict[int, dict[int, torch.Tensor]] = {}
    for node in range(-1, num_nodes):
        tokens = sorted({token for steps in tree.steps for at, token in steps if at == node})
        logits_BV = logits_BNV[:, node + 1].float()  # one node at a time: a large vocabulary takes much memory
        found_BK = logits_BV[:, tokens] - logits_BV.logsumexp(-1, keepdim=True)
        asked[node] = dict(zip(tokens, found_BK.unbind(1), strict=True))
    columns = [torch.stack([asked[node][token] for node, token in steps]).sum(0) for steps in tree.steps]
    return torch.stack(columns, 1).tolist()
