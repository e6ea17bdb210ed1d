"""Presets: named sets of defaults. `paper` is the text, `code` the released script, `sdc` our best.

Here: reading one. Not here: what a setting means, which stands at the stage's Config.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sdc.errors import UsageError, one_of

DEFAULT = "sdc"
_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Returns the names of the presets, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load(name: str, *section: str, task: str | None = None) -> dict[str, Any]:
    """Returns the settings of one section of a preset, e.g. `load("paper", "train", "finetune")`.

    Args:
        name: Of the preset.
        section: Stage, and method if it has several.
        task: Its own settings in `tasks.NAME` of the section, if any, replace the others.

    Raises:
        UsageError: There is no such preset.
    """
    if name not in names():
        raise UsageError(f"unknown preset {name!r}", "--preset", one_of(name, names()))
    settings: Any = tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8"))
    for part in section:
        settings = settings.get(part, {})
    own = settings.get("tasks", {}).get(task, {})
    return {**{key: value for key, value in settings.items() if key != "tasks"}, **own}


def merged(preset: Mapping[str, Any], **flags: Any) -> dict[str, Any]:
    """Returns the preset's settings with the flags that were given (not None) on top."""
    return {**preset, **{name: value for name, value in flags.items() if value is not None}}
