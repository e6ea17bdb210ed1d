"""What a flag is where it is not given: the preset's value, else the stage's own default, in words for the help.

Here: which settings class and which section of a preset a command has. Not here: how flags and presets are merged
(each stage's `configured`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any

from sdc.pipelines import presets

#: Flags whose setting has another name.
_SETTINGS = {"reply_tokens": "max_tokens"}
#: So many values of a list are named, half of them at each end.
_MOST = 6
_Values = Mapping[str, Any]


def configs() -> dict[str, Any]:
    """Returns stage or method -> the class of its settings."""
    from sdc.pipelines.gen.config import GenConfig
    from sdc.pipelines.icl.config import IclConfig
    from sdc.pipelines.judge.config import JudgeConfig
    from sdc.pipelines.sample.config import SampleConfig
    from sdc.pipelines.students import STUDENTS

    return {"gen": GenConfig, "judge": JudgeConfig, "sample": SampleConfig, "icl": IclConfig, **STUDENTS}


def of_settings(name: str) -> dict[str, Any]:
    """Returns setting -> default of a stage or method."""
    return {field.name: field.default for field in fields(configs()[name]) if field.default is not MISSING}


def of_all() -> dict[str, dict[str, Any]]:
    """Returns stage or method -> setting -> default."""
    return {name: of_settings(name) for name in configs()}


def of(ctx: Any, parameter: Any) -> str:
    """Returns what a flag is where it is not given, as `0.7, preset sdc`; empty for nothing, or if its text says it.

    Args:
        ctx: The command, with --preset and --method if they stand before --help.
        parameter: The flag.
    """
    own = parameter.default
    if own is not None and not callable(own):
        return "" if own is False or getattr(parameter, "show_default", True) is False else _words(own)
    if "Default" in (parameter.help or ""):
        return ""
    preset = ctx.params.get("preset") or presets.DEFAULT
    command = ctx.command_path.split()[-1]
    name = _SETTINGS.get(parameter.name, parameter.name)
    found = [
        (variant, of_preset.get(name, usual.get(name)), name in of_preset)
        for variant, of_preset, usual in _variants(command, preset, ctx.params.get("method"))
        if name in of_preset or name in usual
    ]
    words = {variant: _words(value) for variant, value, _ in found}
    words = {variant: value for variant, value in words.items() if value}
    if not words:
        return ""
    told = next(iter(words.values())) if len({*words.values()}) == 1 else ", ".join(
        f"{variant} {value}".strip() for variant, value in words.items()
    )  # fmt: skip
    return f"{told}, preset {preset}" if any(from_preset for *_, from_preset in found) else told


def _variants(command: str, preset: str, method: str | None) -> Iterator[tuple[str, _Values, _Values]]:
    """Yields the cases in which a setting may differ: their name, what the preset has, what the stage has."""
    if command == "train":
        from sdc.pipelines.students import STUDENTS

        yield "", presets.load(preset, "train"), {}
        for name in [method] if method and method in STUDENTS else STUDENTS:
            yield name, presets.load(preset, "train", name), of_settings(name)
    elif command == "sample":
        settings, usual = presets.load(preset, "sample"), of_settings("sample")
        sources = settings.pop("sources", {})
        yield "", settings, usual
        for source, values in sources.items():
            yield source, values, {}
    elif command in ("gen", "judge", "icl"):
        yield "", presets.load(preset, command), of_settings(command)


def _words(value: Any) -> str:
    if value is None or value == () or isinstance(value, Mapping):
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, list | tuple):
        some = [*value[: _MOST // 2], "...", *value[-_MOST // 2 :]] if len(value) > _MOST else value
        return ",".join(map(str, some))
    return f"{value:g}" if isinstance(value, float) else str(value)
