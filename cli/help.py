"""The help of a command: its flags in groups, what each is where it is not given, and examples.

Here: how help is laid out. Not here: what it says (docstrings and flags), what defaults are (`defaults.py`).
"""

import inspect
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

#: Headings that commands share, in their order; a command's own stand behind the first.
INPUT, MODEL, SAMPLING, SETTINGS, LIMITS, OUTPUT = (
    "Input",
    "Model",
    "Sampling",
    "Settings",
    "Limits",
    "Store and output",
)
#: So wide help gets where a terminal is wider.
WIDTH = 100
_EXAMPLES = "\n\nExamples:\n"
#: In place of a hyphen, at which a line would be broken.
_HYPHEN = "\u2011"
_ORDER = {INPUT: 0, MODEL: 2, SAMPLING: 3, SETTINGS: 4, LIMITS: 5, OUTPUT: 6}
_KINDS = {int: "N", float: "X", Path: "PATH"}


class Helped:
    """A command, or a group of them, that writes its help so."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Returns the words of the usage line."""
        arguments = [_name(one) for one in self.get_params(ctx) if one.param_type_name == "argument"]  # type: ignore[attr-defined]
        return ["[OPTIONS]", *arguments, *([self.subcommand_metavar] if hasattr(self, "subcommand_metavar") else [])]

    def get_help(self, ctx: Any) -> str:
        """Returns the help; no line of it ends within a flag."""
        return str(super().get_help(ctx)).replace(_HYPHEN, "-")  # type: ignore[misc]

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Writes what the command does."""
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(text(self).replace("-", _HYPHEN))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes arguments and options, those of a group below its heading, then the commands of a group."""
        formatter.write_paragraph()
        for heading, records in groups(ctx, self.get_params(ctx)):  # type: ignore[attr-defined]
            formatter.write_heading(heading)  # no empty lines between groups: 60 lines have room for all flags of gen
            with formatter.indentation():
                formatter.write_dl([(flag, says.replace("-", _HYPHEN)) for flag, says in records], col_max=32)
        if hasattr(self, "format_commands"):
            self.format_commands(ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Writes examples, and what else comes last."""
        lines = examples(self)
        if lines:
            with formatter.section("Examples"):
                for line in lines:
                    formatter.write(f"  {line}\n")
        super().format_epilog(ctx, formatter)  # type: ignore[misc]


def text(command: Any) -> str:
    """Returns what the help of a command says, without its examples."""
    return inspect.cleandoc(command.help or "").partition(_EXAMPLES)[0]


def examples(command: Any) -> list[str]:
    """Returns the examples of a command's help, one line each."""
    return inspect.cleandoc(inspect.cleandoc(command.help or "").partition(_EXAMPLES)[2]).splitlines()


def groups(ctx: Any, parameters: Iterable[Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Returns heading -> what stands below it: (flag, what it means), in order."""
    found: dict[str, list[tuple[str, str]]] = {}
    shown = _of_method(ctx, [parameter for parameter in parameters if not parameter.hidden])
    is_grouped = any(parameter.rich_help_panel for parameter in shown)
    for parameter in shown:
        heading = _heading(parameter) if is_grouped else "Options"
        found.setdefault(heading, []).append(record(ctx, parameter))
        if parameter.name == "method" and _has_settings(ctx) and not _is_chosen(ctx):
            found[heading] += _methods(ctx)
    widest = min(max((len(name) for records in found.values() for name, _ in records), default=0), 32)
    return [
        (heading, [(name.ljust(widest), words) for name, words in found[heading]])
        for heading in sorted(found, key=lambda heading: _ORDER.get(heading, 1))
    ]


def _is_chosen(ctx: Any) -> bool:
    source = ctx.get_parameter_source("method")
    return source is not None and source.name == "COMMANDLINE"


def _has_settings(ctx: Any) -> bool:
    """Returns whether a command takes the settings of the method that it is given: some only ask for its results."""
    names = {parameter.name for parameter in ctx.command.params}
    if "method" not in names:
        return False
    from sdc.cli import train_settings

    return all(names.issuperset(settings) for settings in train_settings.of_methods().values())


def _of_method(ctx: Any, found: list[Any]) -> list[Any]:
    """Returns the parameters, those that are settings of students only as far as the method that is named has them."""
    if not _has_settings(ctx):
        return found
    from sdc.cli import train_settings

    methods = train_settings.of_methods()
    settings = {name for names in methods.values() for name in names}
    wanted = methods.get(ctx.params.get("method"), []) if _is_chosen(ctx) else []
    return [parameter for parameter in found if parameter.name not in settings or parameter.name in wanted]


def _methods(ctx: Any) -> list[tuple[str, str]]:
    """Returns which settings every method has, and where they are explained."""
    from sdc.cli import train_settings

    flags = {parameter.name: _flags(parameter.opts, parameter.secondary_opts) for parameter in ctx.command.params}
    methods = {name: names for name, names in train_settings.of_methods().items() if names}
    return [
        *((f"  {name} has", " ".join(flags[setting] for setting in names)) for name, names in methods.items()),
        ("", f"`{ctx.command_path} --method {next(reversed(methods))} --help` says what they are."),
    ]


def record(ctx: Any, parameter: Any) -> tuple[str, str]:
    """Returns a flag as a person types it, and what it means, with what it is where it is not given."""
    from sdc.cli import defaults

    about = [f"${parameter.envvar}"] if parameter.envvar else []
    if parameter.rich_help_panel != LIMITS:  # they are no settings of a stage
        about += [words] if (words := defaults.of(ctx, parameter)) else []
    about += ["required"] if parameter.required and parameter.param_type_name == "option" else []
    brackets = f" [{', else '.join(about)}]" if about else ""
    return _name(parameter), f"{parameter.help or ''}{brackets}".strip()


def _heading(parameter: Any) -> str:
    if parameter.rich_help_panel:
        return str(parameter.rich_help_panel)
    if parameter.name == "help":
        return OUTPUT
    return INPUT if parameter.param_type_name == "argument" else SETTINGS


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
        name = name if parameter.required else f"[{name}]"
        return name if parameter.nargs == 1 else f"{name}..."
    flags = _flags(parameter.opts, parameter.secondary_opts)
    return flags if parameter.is_flag else f"{flags} {_value(parameter)}"


def _flags(options: Sequence[str], off: Sequence[str]) -> str:
    short_first = ", ".join(sorted(options, key=lambda flag: flag.startswith("--")))
    if all(flag.startswith("--no-") for flag in off):
        return short_first.replace("--", "--[no-]", 1) if off else short_first
    return " / ".join([short_first, *off])


def _value(parameter: Any) -> str:
    if parameter.metavar:
        return str(parameter.metavar)
    kind = parameter.type_descriptor
    if kind.is_choice:
        return "|".join(str(getattr(choice, "value", choice)) for choice in kind.choices)
    (item, *_) = get_args(kind.annotation) or (kind.annotation,)
    return _KINDS.get(item, "TEXT")
