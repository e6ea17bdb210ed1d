"""What Python gives a stage: keys, names and settings, checked before anything is done.

Here: their forms. Not here: what they mean (`inputs.py` and the config of each stage).
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from sdc.cache.key import check_prefix
from sdc.errors import UsageError, one_of
from sdc.pipelines.stage import Outcome
from sdc.pipelines.text import commas

#: Keys of artifacts, whole or their beginnings, or what a stage returned.
Given = str | Outcome | Sequence[str | Outcome] | None
#: Names as a flag takes them: one, several with commas, or a list.
Named = str | Sequence[str] | None


def keys(given: Given) -> list[str]:
    """Returns keys in order, each once.

    >>> keys("0123ABCD"), keys(None), keys([Outcome(key="4567", hit=True, summary={}), "4567"])
    (['0123abcd'], [], ['4567'])

    Raises:
        UsageError: Something is no key, or an empty list is given: nothing was made that could be worked on.
    """
    if given is None:
        return []
    items = [given] if isinstance(given, str | Outcome) else list(given)
    if not items:
        raise UsageError("an empty list of keys", fix="the stage before made nothing; see what it said")
    return list(dict.fromkeys(item.key if isinstance(item, Outcome) else check_prefix(item) for item in items))


def key(given: str | Outcome | None) -> str | None:
    """Returns the key of what may be named alone."""
    return next(iter(keys(given)), None)


def sizes(given: object) -> list[str]:
    """Returns nominal sizes as text.

    >>> sizes([10, "all"]), sizes("10,all"), sizes(10), sizes(None)
    (['10', 'all'], ['10', 'all'], ['10'], [])
    """
    if given is None:
        return []
    items = given if isinstance(given, list | tuple) else [given]
    return commas.parts(map(str, items))


def makes(settings: Mapping[str, Any]) -> None:
    """Raises a UsageError if settings are of a command that only looks: Python has methods of their own for that."""
    for name in ("dry_run", "preview"):
        if name in settings:
            raise UsageError(f"{name} is a method", fix=f"write store.{name}(STAGE, ...), such as of 'gen'")


def checked(settings: Mapping[str, Any], config: type) -> dict[str, Any]:
    """Returns the settings if the config has such fields.

    Args:
        settings: By name.
        config: The dataclass of a stage.

    Raises:
        UsageError: It has no such field.
    """
    makes(settings)
    known = [field.name for field in fields(config)]
    for name in settings:
        if name not in known:
            raise UsageError(f"unknown setting {name!r}", config.__name__, one_of(name, known))
    return dict(settings)
