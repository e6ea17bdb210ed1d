"""What a shell completes beside commands and flags: the values that a flag may have, and keys that are in the store.

Here: values by the name of a parameter, and which words have been typed. Not here: the shells (typer's part).
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from sdc.cache.key import SHORT
from sdc.cache.store import Store
from sdc.cli import options
from sdc.errors import SdcError
from sdc.pipelines.records import values

#: (value, what stands beside it) pairs of a parameter, given those that were typed before.
Completions = Callable[[Mapping[str, Any]], Iterable[tuple[str, str]]]
_KEYS = ("keys", "key", "run")
#: So many of the newest artifacts are named.
_MOST_KEYS = 50
#: Command -> the stages whose keys it takes.
_STAGES = {
    "gen": ("data", "judge"), "judge": ("gen",), "sample": ("judge", "gen", "data"), "train": ("sample",),
    "icl": ("sample",), "eval": ("train", "icl"), "report": ("eval",), "predict": ("train", "icl"),
    "export": ("train",), "data show": ("data", "gen"), "report data": ("gen", "judge"), "store show": (), "show": (),
}  # fmt: skip


#: What typer's script lacks: zsh reads its file at the first Tab only, and what the file does is the answer to it.
_FIRST_TAB = "\nif [[ ${funcstack[1]} == _%(prog_name)s ]]; then %(complete_func)s; fi\n"


def answer_first_tab() -> None:
    """Makes the script for zsh, which typer installs and shows, answer the first Tab of a shell as well."""
    from typer import _completion_shared as scripts

    scripts._completion_scripts["zsh"] += _FIRST_TAB


def words() -> list[str]:
    """Returns the words before the one that a shell wants completed, without the program."""
    if "COMP_WORDS" in os.environ:  # bash
        return os.environ["COMP_WORDS"].split()[1 : int(os.environ.get("COMP_CWORD", "1"))]
    typed = os.environ.get("_TYPER_COMPLETE_ARGS", "")
    found = typed.split()[1:]
    return found if typed.endswith((" ", "\t")) else found[:-1]


def prepare(program: Any) -> Any:
    """Gives the parameters of a program, and of its commands, the values that they may have; returns the program."""
    for name, command in program.commands.items():
        inner = getattr(command, "commands", {})
        for path, one in ((name, command), *((f"{name} {part}", of_group) for part, of_group in inner.items())):
            for parameter in one.params:
                values = _values(path, parameter.name, commands=inner if one is command else {})
                if values is not None:
                    parameter._custom_shell_complete = _completer(values)
    return program


def _values(path: str, name: str, *, commands: Mapping[str, Any]) -> Completions | None:
    if name in _KEYS and path in _STAGES:
        return _keys(_STAGES[path], commands)
    return _OF_COMMAND.get((path, name)) or _VALUES.get(name)


def _completer(values: Completions) -> Callable[[Any, Any, str], list[Any]]:
    def complete(context: Any, parameter: Any, typed: str) -> list[Any]:
        from typer._click.shell_completion import CompletionItem

        before, comma, last = typed.rpartition(",") if parameter.name in _LISTS else ("", "", typed)
        try:
            found = [(value, about) for value, about in values(context.params) if value.startswith(last)]
        except (SdcError, OSError):  # a store that cannot be read: its commands say why
            return []
        return [CompletionItem(f"{before}{comma}{value}", help=about or None) for value, about in found]

    return complete


# -- values ----------------------------------------------------------------------------------------------------------


def _fixed(*values: str) -> Completions:
    return lambda _: [(value, "") for value in values]


def _of(module: str, name: str) -> Completions:
    """Returns the values that a module names, or has a function for; it is imported when they are asked for."""

    def values(_: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        found = getattr(import_module(f"sdc.pipelines.{module}"), name)
        return [(value, "") for value in (found() if callable(found) else found)]

    return values


def _store(given: Mapping[str, Any]) -> Store | None:
    """Returns the store that is meant, if it is there: completing makes none."""
    path = options.store(Path(given["store"]) if given.get("store") else None).path
    return Store(path, lock_timeout_s=0.2) if path.exists() else None


def _in_store(given: Mapping[str, Any], position: int) -> list[str]:
    """Returns the languages (0) or tasks (1) of the store."""
    store = _store(given)
    sql = "select distinct lang, task from artifacts where lang is not null and task is not null order by all"
    return list(dict.fromkeys(row[position] for row in store.query(sql))) if store is not None else []


def _langs(given: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    from sdc.pipelines.tasks import languages

    tags = dict.fromkeys([*_in_store(given, 0), *languages.paper_tags()])
    return [*((tag, languages.kept(tag).name) for tag in tags), ("all", "every language")]


def _tasks(given: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    from sdc.pipelines import tasks

    return [(name, "") for name in dict.fromkeys([*tasks.builtin_names(), *_in_store(given, 1), "all"])]


def _column(given: Mapping[str, Any], values_of: Callable[[Store], list[str]]) -> list[str]:
    """Returns the values that there are in the store."""
    store = _store(given)
    return values_of(store) if store is not None else []


def _labels(given: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    return [(name, "") for name in _column(given, values.labels)]


def _statuses(given: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    from sdc.pipelines.show import answers, choice, texts

    others = (texts.ACCEPTED, texts.REJECTED, answers.RIGHT, answers.WRONG, answers.UNPARSED, choice.ALL)
    return [(name, "") for name in dict.fromkeys([*_column(given, values.statuses), *others])]


def _drawn_sizes(given: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    return [(size, "") for size in _column(given, values.sizes)]


def _sizes(given: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Returns the sizes that were drawn, then those that would be."""
    from sdc.pipelines import presets

    preset = str(given.get("preset") or presets.DEFAULT)
    usual = presets.load(preset, "sample").get("sizes", ())
    return [(size, "") for size in dict.fromkeys([*_column(given, values.sizes), *map(str, usual), "all"])]


def _models(_: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    from sdc.pipelines.engines import models

    return [(name, str(about.get("hub") or "")) for name, about in models.aliases().items()]


def _experiments(_: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    from sdc.pipelines.run.file import bundled

    files = [str(path) for path in sorted(Path().glob("*.toml"))]
    return [*((name, "bundled") for name in bundled()), *((file, "") for file in files)]


def _keys(stages: Sequence[str], commands: Mapping[str, Any]) -> Completions:
    """Returns the newest keys of some stages, after the commands that may stand in their place."""
    named = [(name, command.get_short_help_str()) for name, command in commands.items()]

    def values(given: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        store = _store(given)
        if store is None:
            return named
        of_stages = [one for stage in stages for one in store.find(stage, limit=_MOST_KEYS)]
        found = of_stages if stages else store.everything()
        about = [(one.key[:SHORT], f"{one.stage} {one.lang or '-'}/{one.task or '-'}") for one in found[:_MOST_KEYS]]
        return [*named, *about]

    return values


_LISTS = ("lang", "task", "source", "formats", "label", "status", "size", "sizes", "strategy")
_VALUES: Mapping[str, Completions] = {
    "lang": _langs,
    "task": _tasks,
    **dict.fromkeys(("model", "judge_model", "student", "generator", "reference", "base"), _models),
    "method": _of("students", "STUDENTS"),
    "preset": _of("presets", "names"),
    "reader": _of("readers", "NAMES"),
    "engine": _of("engines.options", "NAMES"),
    "source": _of("records.draws", "SOURCES"),
    "output": _of("report", "FORMATS"),
    "label": _labels,
    "status": _statuses,
    "size": _drawn_sizes,
    "sizes": _sizes,
    "strategy": _of("sample.strategies", "STRATEGIES"),
    "shot_strategy": _of("icl.shots", "STRATEGIES"),
    "decoding": _of("icl.config", "DECODINGS"),
    "experiment": _experiments,
    "metric": _of("metrics", "HEADLINES"),
    "hpo_scope": _of("train.tune", "SCOPES"),
    "stage": _fixed("data", "gen", "judge", "sample", "train", "icl", "eval"),
}
#: Where a parameter of the same name means something else.
_OF_COMMAND: Mapping[tuple[str, str], Completions] = {
    ("run", "file"): _experiments,
    ("predict", "output"): _of("predict.formats", "FORMATS"),
    ("report data", "output"): _of("report.data", "FORMATS"),
    ("report figures", "output"): _fixed("svg", "png", "pdf", "html"),
    ("data add", "source"): _of("data.config", "SOURCES"),
    ("data add", "split"): _of("data.config", "SPLITS"),
}
