"""sdc: turn a large language model into a small, cheap text classifier.

    import sdc

    store = sdc.open("store.duckdb")
    store.report(lang="te", task="topic")

`docs/python.md` has the whole interface. Nothing is imported before it is asked for, so that `import sdc` is instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdc.errors import (
        BudgetError,
        ClaimError,
        DataError,
        EngineError,
        MissingInput,
        SdcError,
        StoreError,
        UsageError,
    )
    from sdc.pipelines.notebook import OpenStore
    from sdc.pipelines.notebook import open_store as open
    from sdc.pipelines.stage import Outcome

__version__ = "0.1.0"
__all__ = [
    "BudgetError",
    "ClaimError",
    "DataError",
    "EngineError",
    "MissingInput",
    "OpenStore",
    "Outcome",
    "SdcError",
    "StoreError",
    "UsageError",
    "__version__",
    "open",
]

#: Name -> where it is defined, and as what; every other name of `__all__` is an error's.
_ELSEWHERE = {
    "open": ("sdc.pipelines.notebook", "open_store"),
    "OpenStore": ("sdc.pipelines.notebook", "OpenStore"),
    "Outcome": ("sdc.pipelines.stage", "Outcome"),
}


def __getattr__(name: str) -> Any:
    """Returns a name of the interface, imported now."""
    if name not in __all__:
        raise AttributeError(f"module 'sdc' has no attribute {name!r}")
    module, attribute = _ELSEWHERE.get(name, ("sdc.errors", name))
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
