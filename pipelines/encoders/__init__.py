"""Encoders: frozen models that turn a text into a vector, which is the same whatever else is encoded beside it.

Here: which encoder a model is, vectors kept by content. Not here: what its files say of its use (`settings.py`), what
is made of vectors (`students/probe.py`).
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sdc.cache.embeddings import Embeddings
from sdc.pipelines.engines.models import Model

#: Texts that are encoded before they are kept, at first and at most: what a killed command loses. The next are twice as
#: many where they took less than so many seconds.
_FIRST_STRIDE, _STRIDE, _QUICK_S = 64, 1024, 1.0


class Encoder(Protocol):
    """A loaded encoder."""

    #: Numbers of a vector.
    dim: int

    @property
    def longest(self) -> int | None:
        """Tokens that are read of a text with its prefix; None: all."""
        ...

    def encode(self, texts: Sequence[str]) -> Any:
        """Returns vectors_NE, float32, each of length 1 (but for rounding)."""
        ...


def load(model: Model, *, prefix: str, pooling: str, max_length: int) -> Encoder:
    """Returns the loaded encoder.

    Args:
        model: Which one.
        prefix: Stands before every text.
        pooling: `mean` of the tokens, or `cls`: the first one.
        max_length: Tokens that text and prefix are cut to.

    Raises:
        EngineError: It is not on this machine, or cannot be loaded; or it is asked for what it cannot do.
    """
    if model.package:
        from sdc.pipelines.encoders.packaged import PackagedEncoder

        return PackagedEncoder(model, prefix=prefix, pooling=pooling)
    from sdc.pipelines.encoders.transformer import TransformerEncoder

    return TransformerEncoder(model, prefix=prefix, pooling=pooling, max_length=max_length)


class Remembering:
    """The vectors of an encoder that computes each text once: for this process, and for all that share a store.

    Args:
        kept: Those of the store.
        load: Returns the encoder; called when the first vector is missing.
    """

    def __init__(self, kept: Embeddings, load: Callable[[], Encoder]) -> None:
        self._kept, self._load = kept, load
        self._encoder: Encoder | None = None
        self._vectors: dict[str, Any] = {}
        #: How many texts had to be encoded, and how long that took.
        self.num_encoded, self.seconds = 0, 0.0

    @property
    def encoder(self) -> Encoder:
        """The encoder itself, which remembers nothing."""
        if self._encoder is None:
            self._encoder = self._load()
        return self._encoder

    def prepare(self, texts: Sequence[str], *, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Encodes the texts that nobody has encoded yet; what is encoded is kept as it comes.

        Args:
            texts: In any order.
            progress: Hears how many of those that are to be encoded are done.
        """
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        self._vectors |= self._kept.get(new)
        new = sorted((text for text in new if text not in self._vectors), key=len)
        start = time.perf_counter()
        first, stride = 0, _FIRST_STRIDE
        while first < len(new):
            begun, part = time.perf_counter(), new[first : first + stride]
            vectors_NE = self.encoder.encode(part)
            self._kept.put(part, vectors_NE)
            self._vectors.update(zip(part, vectors_NE, strict=True))
            first += len(part)
            progress(first, len(new))
            if time.perf_counter() - begun < _QUICK_S:
                stride = min(2 * stride, _STRIDE)
        if new:  # not the time to see that there is nothing to do: runs of a command say the same
            self.num_encoded += len(new)
            self.seconds += time.perf_counter() - start

    def vectors(self, texts: Sequence[str]) -> Any:
        """Returns vectors_NE, float32, of the texts in their order; at least one."""
        import numpy as np

        self.prepare(texts)
        return np.stack([self._vectors[text] for text in texts])
