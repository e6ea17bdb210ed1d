"""The flags that all commands share, and what they become.

Here: option types, keys from arguments and stdin, the stage context. Not here: flags of one command alone.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sdc.cache.key import check_prefix
from sdc.cache.store import Artifact, Store
from sdc.cli import progress
from sdc.cli.help import INPUT, MODEL, OUTPUT, SETTINGS
from sdc.cli.render import note
from sdc.errors import UsageError
from sdc.pipelines import context as contexts
from sdc.pipelines.cells import Cell
from sdc.pipelines.engines.budget import Budget
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.records import inputs as records
from sdc.pipelines.stage import Context
from sdc.pipelines.tracking import Tracker

LangOption = Annotated[
    list[str] | None,
    typer.Option(
        "--lang",
        "-l",
        envvar="SDC_LANG",
        metavar="TAG",
        help="BCP-47 tags, by commas or repeated; `all` in the store.",
        rich_help_panel=INPUT,
    ),
]
TaskOption = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        "-t",
        envvar="SDC_TASK",
        metavar="TASK",
        help="topic, intent, sentiment, sarcasm or a TOML file.",
        rich_help_panel=INPUT,
    ),
]
StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store", help="The store file. Default: $SDC_STORE, else .sdc/store.duckdb.", rich_help_panel=OUTPUT
    ),
]
PresetOption = Annotated[
    str,
    typer.Option(
        "--preset",
        is_eager=True,  # so that --help knows whose values are the defaults
        metavar="PRESET",
        help="Where other defaults come from: paper, code or sdc.",
        rich_help_panel=SETTINGS,
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Root of all random choices.", min=0, rich_help_panel=SETTINGS)]
PreviewOption = Annotated[
    int | None,
    typer.Option(
        "--preview",
        metavar="N",
        min=1,
        help="Show the prompt and N live results; nothing is kept but the replies.",
        rich_help_panel=OUTPUT,
    ),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Compute again, even if the artifact is there.", rich_help_panel=OUTPUT)
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show what would run and what is cached; run nothing.", rich_help_panel=OUTPUT)
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout, one object a line.", rich_help_panel=OUTPUT)]
AllOption = Annotated[
    bool,
    typer.Option(
        "--all", help="Also runs on older samples, on other tests and of older versions of sdc.", rich_help_panel=INPUT
    ),
]
CsvSafeOption = Annotated[
    bool,
    typer.Option(
        "--csv-safe",
        help="csv: an apostrophe before texts that a spreadsheet would read as formulas.",
        rich_help_panel=OUTPUT,
    ),
]
KeysArgument = Annotated[
    list[str] | None, typer.Argument(metavar="KEY", help="Keys of artifacts, see above; `-` reads them from stdin.")
]
BaseOption = Annotated[
    str | None,
    typer.Option(
        "--base",
        metavar="MODEL",
        help="What the run started from, where it is not found by itself.",
        rich_help_panel=MODEL,
    ),
]
KeepMadeWeightsOption = Annotated[
    bool,
    typer.Option(
        "--keep-weights", help="Keep weights that had to be made again, for the next time.", rich_help_panel=OUTPUT
    ),
]
TrackOption = Annotated[
    str | None,
    typer.Option("--track", metavar="TRACKER", help="Curves go to wandb, mlflow or trackio.", rich_help_panel=OUTPUT),
]
SizesOption = Annotated[
    str | None,
    typer.Option(
        "--sizes", metavar="SIZES", help="Only draws of these nominal sizes: 10,100,all.", rich_help_panel=INPUT
    ),
]
TestOption = Annotated[
    str | None,
    typer.Option(
        "--test", metavar="KEY", help="The test data. Default: the newest of the cell.", rich_help_panel=INPUT
    ),
]


def store(path: Path | None) -> Store:
    """Returns the store that `--store`, `$SDC_STORE` or the default names."""
    return contexts.store(path)


def context(
    path: Path | None,
    *,
    force: bool = False,
    engine: EngineOptions | None = None,
    budget: Budget | None = None,
    track: str | None = None,
) -> Context:
    """Returns the context that stages run in, with progress and notes on stderr."""
    budget = budget or Budget()
    return Context(
        store=store(path),
        force=force,
        progress=progress.begin(budget),
        say=note,
        engine=engine or EngineOptions(),
        budget=budget,
        track=Tracker(track) if track is not None else None,
    )


def keys(arguments: Sequence[str] | None) -> list[str]:
    """Returns the keys of the command line, with `-` replaced by what stdin has (keys, or JSON objects with a key).

    Raises:
        UsageError: Something else stands there, or stdin is empty.
    """
    found: list[str] = []
    for argument in arguments or []:
        found += _from_stdin() if argument == "-" else [check_prefix(argument)]
    return list(dict.fromkeys(found))


def _from_stdin() -> list[str]:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("`-` reads keys from a pipe, and there is none", fix="pipe another command into this one")
    found = []
    try:
        for line in sys.stdin.buffer.read().decode("utf-8").splitlines():
            text = line.strip()
            if text:
                found.append(check_prefix(json.loads(text)["key"] if text.startswith("{") else text))
    except (ValueError, LookupError, AttributeError, RecursionError) as error:
        fix = "pipe the output of another sdc command into it"
        raise UsageError("stdin holds something else than artifact keys", "-", fix) from error
    if not found:
        raise UsageError("no keys on stdin", fix="the command before the pipe made no artifact; see its message")
    return found


def inputs(
    context: Context,
    arguments: Sequence[str] | None,
    langs: Sequence[str] | None,
    tasks: Sequence[str] | None,
    *,
    stages: Sequence[str],
    otherwise_all: bool = False,
) -> list[tuple[Cell, Artifact | None]]:
    """Returns what a command works on: the artifacts of keys as they were typed, or cells; see `records.inputs.of`."""
    found = keys(arguments) if arguments else []
    return records.of(context, found, langs or [], tasks or [], stages=stages, otherwise_all=otherwise_all)
