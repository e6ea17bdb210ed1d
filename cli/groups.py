"""Flags that belong together, declared once: a command takes the group, and the command line has its flags.

Here: how that is done, and the groups that several commands share. Not here: single flags (`options.py`).
"""

import inspect
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, get_args, get_type_hints

from sdc.cli import model_options, options
from sdc.pipelines.engines.budget import Budget, limits
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.stage import Context


@dataclass(frozen=True, kw_only=True)
class Running:
    """How models are run, and how much may be asked of them."""

    engine: model_options.EngineOption = "auto"
    server: model_options.ServerOption = None
    engine_arg: model_options.EngineArgOption = None
    batch_size: model_options.BatchSizeOption = None
    max_calls: model_options.MaxCallsOption = None
    max_tokens: model_options.MaxTokensOption = None
    max_cost: model_options.MaxCostOption = None
    prices: model_options.PricesOption = None

    @property
    def how(self) -> EngineOptions:
        """How models are run."""
        return model_options.how(self.engine, self.server, self.engine_arg, self.batch_size)

    @property
    def budget(self) -> Budget:
        """How much may be asked."""
        return limits(self.max_calls, self.max_tokens, self.max_cost, self.prices)


@dataclass(frozen=True, kw_only=True)
class Asking(Running):
    """How one model is asked."""

    no_think: model_options.NoThinkOption = False
    preview: options.PreviewOption = None


@dataclass(frozen=True, kw_only=True)
class Common:
    """Where results are kept, whether they are made, and how they are told."""

    store: options.StoreOption = None
    force: options.ForceOption = False
    dry_run: options.DryRunOption = False
    as_json: options.JsonOption = False

    def context(self, asking: Asking | None = None, *, track: str | None = None) -> Context:
        """Returns what stages run in."""
        if asking is None:
            return options.context(self.store, force=self.force, track=track)
        return options.context(self.store, force=self.force, engine=asking.how, budget=asking.budget)


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Returns a command whose flags are those of its parameters, and of the fields of parameters that are dataclasses.

    A field is declared as a parameter of a command is: its annotation holds the option, and it has a default. The help
    has the flags of a group under its `heading`, where it has one and a flag names none itself.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {}
    flags: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        kind = hints[parameter.name]
        if not is_dataclass(kind):
            flags.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        groups[parameter.name] = kind
        of_group, heading = get_type_hints(kind, include_extras=True), getattr(kind, "heading", None)
        flags += [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=_under(heading, of_group[field.name]),
            )
            for field in fields(kind)
        ]

    def run(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        command(**given)

    run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
    run.__signature__ = inspect.Signature(flags)  # type: ignore[attr-defined]
    run.__annotations__ = {flag.name: flag.annotation for flag in flags}
    return run


def _under(heading: str | None, annotation: Any) -> Any:
    kind, option = get_args(annotation)
    option = copy(option)
    option.rich_help_panel = option.rich_help_panel or heading
    return Annotated[kind, option]
