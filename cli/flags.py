"""Flags that contradict each other, or would say nothing: refused, in one place, from one table.

Here: the table, and the check before a command runs. Not here: what one flag may be by itself (its type, the stages).
An explicit flag is used or refused; only flags of every stage, as `--seed`, may meet a run that makes no such choice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from typer.core import TyperCommand

from sdc.cli import plain, render
from sdc.cli.help import Helped
from sdc.errors import UsageError

Values = Mapping[str, Any]
_ASKS = ("engine", "server", "engine_arg", "batch_size", "max_calls", "max_tokens", "max_cost", "prices")
_JUDGING = ("model", "threshold", "label_threshold", "votes", "temperature", "judge_all", *_ASKS)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Flags (by the names of their parameters) that are refused.

    Args:
        flags: Each of them is refused if it is given.
        without: ... and none of these is.
        beside: ... and one of these is.
        when: ... and this holds of all values, those of the presets not among them.
        why: What `when` means, for the message.
    """

    flags: tuple[str, ...]
    without: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    when: Callable[[Values], bool] | None = None
    why: str = ""


def _preset(values: Values, stage: str, name: str, default: Any) -> Any:
    """Returns a value as it will be: the flag's, else the preset's."""
    from sdc.pipelines import presets

    given = values.get(name)
    return given if given is not None else presets.load(values["preset"], stage).get(name, default)


def _is_csv(values: Values) -> bool:
    """Returns whether CSV is written: --format says so, or the name of the file."""
    form, out = values.get("output", values.get("form")), values.get("out")
    return str(form) == "csv" or (form is None and out is not None and out.suffix.lower() == ".csv")


def _is_unseeded(method: str) -> bool:
    from sdc.pipelines.students import STUDENTS

    return method in STUDENTS and not STUDENTS[method].seeded


_DRY = Rule(flags=("force",), beside=("dry_run",))
_PREVIEW = Rule(flags=("preview",), beside=("dry_run", "force"))
_CSV = Rule(flags=("csv_safe",), when=lambda values: not _is_csv(values), why="only --format csv is CSV")
_SERVER = Rule(
    flags=("server",), when=lambda v: v["engine"] not in ("auto", "openai"), why="this engine runs models itself"
)
#: Of every command: --json is a format, too.
_JSON = Rule(flags=("as_json",), beside=("output", "form"))
_FILTERS = ("method", "model", "source", "size", "strategy", "generator")
_INSTEAD = ("init", "check", "dry_run", "status", "render", "collect", "cancel", "shard")
_REVIEW = ("review_sheet", "review_import")
#: What names artifacts or files, and with them languages and tasks.
_NAMING = ("keys", "paper", "review_import", "experiment")

#: Command -> what it refuses.
RULES: Mapping[str, tuple[Rule, ...]] = {
    "gen": (
        _DRY,
        _PREVIEW,
        _SERVER,
        Rule(flags=("preview",), beside=("until_accepted",)),
        Rule(flags=("rounds", "judge_model"), without=("until_accepted",)),
        Rule(flags=("top_p",), when=lambda v: v["temperature"] == 0, why="--temperature 0 is greedy"),
    ),
    "judge": (
        _DRY,
        _PREVIEW,
        _SERVER,
        Rule(flags=("review_sheet",), beside=("review_import",)),
        Rule(flags=("sample_size",), without=("review_sheet",)),
        Rule(flags=("reviewer",), without=_REVIEW),
        Rule(flags=("gates", "gates_only", "preset", "preview", *_JUDGING), beside=_REVIEW),
        Rule(flags=("seed",), beside=("review_import",)),
        Rule(flags=("gates_only", "judge_all"), when=lambda v: v["gates"] is False, why="--no-gates runs none"),
        Rule(flags=_JUDGING, beside=("gates_only",)),
        Rule(
            flags=("temperature",), when=lambda v: _preset(v, "judge", "votes", 1) == 1,
            why="one vote is greedy; --votes asks for several",
        ),
    ),
    "sample": (_DRY,),
    "train": (
        _DRY,
        Rule(flags=("hpo_scope",), without=("hpo",)),
        Rule(
            flags=("init_seed", "order_seed"), when=lambda v: _is_unseeded(v["method"]),
            why="methods like linear and probe have no untrained weights and no order",
        ),
        Rule(
            flags=("patience", "eval_steps"), when=lambda v: v["early_stopping"] is False,
            why="--no-early-stopping holds no rows out",
        ),
    ),
    "icl": (
        _DRY,
        _PREVIEW,
        _SERVER,
        Rule(flags=("select",), beside=("shots",)),
        Rule(flags=("dev_rows",), without=("select",)),
        Rule(
            flags=("shot_strategy", "source", "sizes"), when=lambda v: v["shots"] == 0,
            why="--shots 0 puts no examples into the prompt",
        ),
        Rule(
            flags=("reply_tokens",), when=lambda v: _preset(v, "icl", "decoding", "scores") == "scores",
            why="with scores nothing is generated; --decoding generate does",
        ),
    ),
    "eval": (_DRY, Rule(flags=("everything",), beside=("keys",))),
    "report": (
        _CSV,
        Rule(flags=("everything", "experiment"), beside=("keys",)),
        Rule(flags=("everything",), beside=("experiment",)),
        Rule(flags=("by", "metric", "reference", "reader", *_FILTERS), beside=("audit",)),
        Rule(flags=("out",), beside=("follow",)),
    ),
    "run": (
        _SERVER,
        *(Rule(flags=(name,), beside=tuple(other for other in _INSTEAD if other != name)) for name in _INSTEAD),
        Rule(flags=("retry_failed",), beside=tuple(name for name in _INSTEAD if name not in ("render", "shard"))),
        Rule(flags=("detach",), beside=_INSTEAD),
        Rule(flags=("changes", "only", "site"), beside=("init",)),
        Rule(flags=("site",), beside=("shard",)),
        Rule(flags=("shard",), without=("store",)),
    ),
    "predict": (
        _CSV,
        Rule(flags=("onnx",), without=("model",)),
        Rule(flags=("keep_weights", "engine", "server", "engine_arg"), without=("run",)),
    ),
    "show": (Rule(flags=("seed",), without=("is_random",)),),
    "store sql": (_CSV,),
}  # fmt: skip


class Command(Helped, TyperCommand):
    """A command that runs only with flags that can all be used."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parses the command line."""
        plain.take(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        check(ctx)
        return super().invoke(ctx)


def check(context: Any) -> None:
    """Refuses flags of a command line that contradict each other, or would say nothing; takes those of the environment.

    Raises:
        UsageError: There are such flags.
    """
    _take_environment(context)
    path = " ".join(context.command_path.split()[1:])
    given = [p.name for p in context.command.params if _is_given(context, p.name)]
    for rule in (*RULES.get(path, ()), _JSON):
        for name in rule.flags:
            if name in given:
                _refuse(context, rule, name, given)


def _take_environment(context: Any) -> None:
    """Says which flags the environment gives; those of the cell give way where the command line names work itself."""
    given = [p for p in context.command.params if _source(context, p.name) == "ENVIRONMENT"]
    if any(_is_given(context, name) for name in _NAMING):
        context.params |= {p.name: None for p in given if p.name in ("lang", "task")}
    used = [f"{_flag(context, p.name)} from ${p.envvar}" for p in given if context.params[p.name] is not None]
    if used:
        render.note(f"{context.command_path}: {', '.join(used)}")


def _refuse(context: Any, rule: Rule, name: str, given: list[str]) -> None:
    flag = _flag(context, name)
    if rule.without and not set(rule.without) & set(given):
        others = " or ".join(_flag(context, other) for other in rule.without)
        raise UsageError(f"{flag} says nothing without {others}", context.command_path, "add that, or drop this flag")
    beside = [other for other in rule.beside if other in given and other != name]
    if beside:
        others = " and ".join(_flag(context, other) for other in beside)
        raise UsageError(f"{flag} and {others} exclude each other", context.command_path, "drop one of them")
    if rule.when is not None and rule.when(context.params):
        raise UsageError(
            f"{flag} says nothing here: {rule.why}", context.command_path, f"drop {flag}, or the other flag"
        )


def _is_given(context: Any, name: str) -> bool:
    return _source(context, name) == "COMMANDLINE"


def _source(context: Any, name: str) -> str | None:
    source = context.get_parameter_source(name)
    return None if source is None else str(source.name)


def _flag(context: Any, name: str) -> str:
    """Returns a parameter as a person writes it: its long flag, or the other one of a pair."""
    parameter = next(p for p in context.command.params if p.name == name)
    if parameter.secondary_opts and context.params.get(name) is False:
        return str(parameter.secondary_opts[0])
    if parameter.param_type_name == "argument":
        return "KEY"
    return str(max(parameter.opts, key=len))
