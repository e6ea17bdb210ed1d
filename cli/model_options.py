"""The flags of commands that ask models: which, how they are run, and how much may be asked of them.

Here: option types, and what they become. Not here: which commands have them (`groups.py`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sdc.cli.help import LIMITS, MODEL
from sdc.errors import UsageError
from sdc.pipelines.engines.options import EngineOptions

EngineOption = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="How models are run: auto, transformers, vllm or openai.",
        rich_help_panel=MODEL,
    ),
]
ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="An OpenAI-compatible server, with /v1. Default: $SDC_SERVER.",
        rich_help_panel=MODEL,
    ),
]
EngineArgOption = Annotated[
    list[str] | None,
    typer.Option(
        "--engine-arg",
        metavar="NAME=VALUE",
        help="A setting of the engine, as concurrency=32.",
        rich_help_panel=MODEL,
    ),
]
AskedModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        envvar="SDC_MODEL",
        metavar="MODEL",
        help="Alias, hub id, folder or api:NAME.",
        rich_help_panel=MODEL,
    ),
]
NoThinkOption = Annotated[
    bool,
    typer.Option(
        "--no-think",
        help="Ask it not to reason first, where its template or server can.",
        rich_help_panel=MODEL,
    ),
]
BatchSizeOption = Annotated[
    int | None, typer.Option("--batch-size", min=1, help="Calls per batch. Default: by stage.", rich_help_panel=MODEL)
]
MaxCallsOption = Annotated[
    int | None,
    typer.Option("--max-calls", min=0, help="Stop after so many new LLM calls; all is kept.", rich_help_panel=LIMITS),
]
MaxTokensOption = Annotated[
    int | None,
    typer.Option(
        "--max-tokens", min=0, help="Stop when new calls took so many tokens; all is kept.", rich_help_panel=LIMITS
    ),
]
MaxCostOption = Annotated[
    float | None,
    typer.Option("--max-cost", min=0, help="Stop when new calls cost so much; needs --prices.", rich_help_panel=LIMITS),
]
PricesOption = Annotated[
    Path | None,
    typer.Option("--prices", help="TOML file with the prices of models. Default: $SDC_PRICES.", rich_help_panel=LIMITS),
]


def how(engine: str, server: str | None, arguments: Sequence[str] | None, batch_size: int | None) -> EngineOptions:
    """Returns how models are run.

    Raises:
        UsageError: There is no such engine or setting, or a value does not fit.
    """
    settings: dict[str, str] = {}
    for argument in arguments or []:
        name, equals, value = argument.partition("=")
        if not equals or not value:
            raise UsageError(f"{argument[:80]!r} is not NAME=VALUE", "--engine-arg", "write it as concurrency=32")
        settings[name.strip().replace("-", "_")] = value.strip()
    return EngineOptions.parse(settings, engine=engine, server=server, batch_size=batch_size)
