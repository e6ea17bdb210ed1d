"""Keys: the same inputs give the same key on every machine.

Here: canonical JSON and sha256 over it. Not here: what goes into a key, which each stage's Config decides.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import lru_cache
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any

from sdc.errors import UsageError

#: How many hex digits of a key people see and type.
SHORT = 12


#: Made once: that takes longer than most of what it encodes.
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def canonical_json(value: Any) -> str:
    """Returns `value` as JSON with sorted keys, no white space and no NaN; text stays as it is.

    One word in two Unicode forms (NFC and NFD) is two inputs: models read other tokens in it.

    >>> canonical_json({"b": 1, "a": ("x", None)})
    '{"a":["x",null],"b":1}'

    Raises:
        ValueError: NaN, infinity, or a type that JSON does not have.
    """
    return _ENCODER.encode(_canonical(value))


def _canonical(value: Any) -> Any:
    if isinstance(value, str | int):  # most, quickly; True is a whole number, too
        return value
    if isinstance(value, Mapping):
        return {str(name): _canonical(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)  # 1.0 typed on one command line and 1 on another are the same setting
    if value is None or isinstance(value, float):
        return value
    raise ValueError(f"{type(value).__name__} has no canonical JSON")


def digest(value: Any) -> str:
    """Returns the sha256 (64 hex digits) of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def artifact_key(stage: str, version: int, config: Mapping[str, Any], inputs: Iterable[str]) -> str:
    """Returns the key of an artifact: sha256 over stage, VERSION, config and input keys."""
    return digest({"stage": stage, "version": version, "config": config, "inputs": list(inputs)})


def recipe_key(
    stage: str,
    version: int,
    config: Mapping[str, Any],
    inputs: Iterable[str],
    *,
    lang: str | None,
    task: str | None,
) -> str:
    """Returns the key of an artifact that belongs to a language and a task: both are part of what is hashed.

    Raises:
        ValueError: The config has a `lang` or `task` of its own, which would be lost.
    """
    if {"lang", "task"} & set(config):
        raise ValueError("a config may not call a field `lang` or `task`")
    return artifact_key(stage, version, {**config, "lang": lang, "task": task}, inputs)


class RecipeKeys:
    """The keys of artifacts that differ in a few settings: what they share is made canonical once.

    Args:
        stage: Their stage.
        version: Its version.
        shared: Settings that all of them have.
        inputs: Their inputs.
        lang: Their language.
        task: Their task.
    """

    def __init__(
        self,
        stage: str,
        version: int,
        shared: Mapping[str, Any],
        inputs: Iterable[str],
        *,
        lang: str | None,
        task: str | None,
    ) -> None:
        self._shared = {name: canonical_json(value) for name, value in {**shared, "lang": lang, "task": task}.items()}
        self._forms: dict[tuple[str, ...], str] = {}
        self._end = f',"inputs":{canonical_json(list(inputs))},"stage":{canonical_json(stage)},"version":{version}}}'

    def key(self, own: Mapping[str, Any]) -> str:
        """Returns what `recipe_key` makes of the shared settings and these.

        >>> keys = RecipeKeys("train", 1, {"method": "linear"}, ["a"], lang="te", task="topic")
        >>> keys.key({"draw": "d"}) == recipe_key(
        ...     "train", 1, {"method": "linear", "draw": "d"}, ["a"], lang="te", task="topic")
        True

        Raises:
            ValueError: One of them is called `lang` or `task`.
        """
        names = tuple(own)
        if names not in self._forms:
            self._forms[names] = self._form(names)
        text = self._forms[names] % tuple(_plain_json(own[name]) for name in sorted(names))
        return hashlib.sha256(text.encode()).hexdigest()

    def _form(self, own: Sequence[str]) -> str:
        """Returns the canonical JSON of a recipe with a `%s` in the place of each of its own settings."""
        if {"lang", "task"} & set(own):
            raise ValueError("a config may not call a field `lang` or `task`")
        parts = {name: text.replace("%", "%%") for name, text in self._shared.items()} | dict.fromkeys(own, "%s")
        named = (f"{canonical_json(name).replace('%', '%%')}:{parts[name]}" for name in sorted(parts))
        return f'{{"config":{{{",".join(named)}}}{self._end.replace("%", "%%")}'


def _plain_json(value: Any) -> str:
    """Returns the canonical JSON of a value, at once where it is a text or a whole number."""
    if type(value) is str:
        return encode_basestring(value)
    return str(value) if type(value) is int else canonical_json(value)


def identity(config: Any) -> dict[str, Any]:
    """Returns the part of a config dataclass that belongs into a key.

    Left out are fields marked `metadata={"key": False}` (they do not change a result) and fields at their default, so
    that a new field with a default never changes old keys. A changed default must therefore come with a new VERSION.
    """
    kept = {}
    for field in fields(config):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        value = getattr(config, field.name)
        if field.metadata.get("key", True) and (default is MISSING or value != default):
            kept[field.name] = value
    return kept


@lru_cache(maxsize=4096)
def derive_seed(root: int, *parts: str | int) -> int:
    """Returns a seed in 0..2**31-1 for one purpose, independent of every other purpose of the same root seed.

    >>> derive_seed(1337, "data", 0) == derive_seed(1337, "init", 0)
    False
    """
    return int(digest([root, *parts])[:8], 16) % 2**31


def file_digest(path: Path) -> str:
    """Returns the sha256 of a file's bytes, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_prefix(text: str) -> str:
    """Returns a key or key prefix, lower case.

    Raises:
        UsageError: It is no hexadecimal text of 4 to 64 digits.
    """
    prefix = text.strip().lower()
    if not 4 <= len(prefix) <= 64 or any(c not in "0123456789abcdef" for c in prefix):
        raise UsageError(f"{text[:80]!r} is not a key", fix="a key is 4 to 64 hexadecimal digits; see `sdc store ls`")
    return prefix
