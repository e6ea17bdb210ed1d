"""An encoder of Hugging Face: any transformer with its tokens' last states pooled.

A vector must not depend on which texts are encoded beside it: sums come out otherwise in other shapes. So texts are
padded to one of few lengths, and every pass has as many rows, the last one filled up. Not here: keeping vectors.

Shape letters: B rows of a pass, T tokens of them, E numbers of a vector.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sdc.errors import EngineError
from sdc.pipelines.engines import networks, tokenizers
from sdc.pipelines.engines.models import Model

#: Texts are padded to a multiple of this.
_STEP = 16
#: Tokens of a pass, padding included.
_PASS_TOKENS = {"cpu": 512, "cuda": 32768}


class TransformerEncoder:
    """A frozen transformer.

    Args:
        model: Which one.
        prefix: Stands before every text.
        pooling: `mean` or `cls`.
        max_length: Tokens that text and prefix are cut to; the model's own limit applies too.

    Raises:
        EngineError: It cannot be loaded.
    """

    def __init__(self, model: Model, *, prefix: str, pooling: str, max_length: int) -> None:
        import torch

        self._name, self._prefix, self._pooling = model.name, prefix, pooling
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._tokenizer = tokenizers.load(model)
        self.longest = tokenizers.length_limit(model, self._tokenizer, max_length)
        network = networks.load(model, "encoder", dtype=torch.float32)
        self._network = network.to(self._device).eval()
        config = network.config.get_text_config()
        self.dim = int(config.hidden_size)
        pad = self._tokenizer.pad_token_id
        self._pad_id = int(pad if pad is not None else config.pad_token_id or 0)

    def encode(self, texts: Sequence[str]) -> Any:
        """Returns vectors_NE, float32, each of length 1.

        Raises:
            EngineError: A vector is not finite, or memory ran out.
        """
        import numpy as np

        rows = tokenizers.encode(self._tokenizer, [self._prefix + text for text in texts], self.longest)
        vectors_NE = np.empty((len(rows), self.dim), dtype=np.float32)

        def padded(i: int) -> int:
            return min(-(-len(rows[i]) // _STEP) * _STEP, max(self.longest, len(rows[i])))

        for length, group in groupby(sorted(range(len(rows)), key=padded), key=padded):
            members = list(group)
            size = max(1, _PASS_TOKENS[self._device] // length)
            for start in range(0, len(members), size):
                part = members[start : start + size]
                filled = [rows[i] for i in part] + [rows[part[0]]] * (size - len(part))
                vectors_NE[part] = self._pass(filled, length)[: len(part)]
        if not np.isfinite(vectors_NE).all():
            raise EngineError("an embedding is not finite", self._name, "name another model")
        return vectors_NE

    def _pass(self, rows: Sequence[Sequence[int]], length: int) -> Any:
        """Returns vectors_BE of rows of token ids, padded on the right."""
        import torch

        ids_BT = torch.tensor([[*row, *[self._pad_id] * (length - len(row))] for row in rows], device=self._device)
        mask_BT = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows], device=self._device)
        try:
            with torch.inference_mode():
                states_BTE = self._network(input_ids=ids_BT, attention_mask=mask_BT).last_hidden_state.float()
                if self._pooling == "cls":
                    pooled_BE = states_BTE[:, 0]
                else:
                    pooled_BE = (states_BTE * mask_BT[..., None]).sum(1) / mask_BT.sum(1, keepdim=True)
                return torch.nn.functional.normalize(pooled_BE, dim=-1).cpu().numpy()
        except torch.OutOfMemoryError as error:
            raise EngineError("the GPU ran out of memory", self._name, "use a smaller --max-length") from error
