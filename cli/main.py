"""The `sdc` program: mounts the commands.

Here: nothing else. What `sdc X` does stands in `pipelines/X.py`, its flags in `cli/X.py`.
"""

import os
import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

import typer

from sdc.cli.boundary import Group

#: command -> module and attribute: a function, or the app of a group. Only the one that is called is imported.
COMMANDS = {
    "data": "data:app",
    "gen": "gen:gen",
    "judge": "judge:judge",
    "sample": "sample:sample",
    "train": "train:train",
    "icl": "icl:icl",
    "eval": "eval:evaluate",
    "report": "report:app",
    "predict": "predict:predict",
    "export": "export:export",
    "demo": "demo:demo",
    "doctor": "doctor:doctor",
    "store": "store:app",
}


def application(only: str | None = None) -> typer.Typer:
    """Returns the program with all its commands, or with one of them."""
    app = typer.Typer(
        name="sdc",
        cls=Group,
        help="Turn a large language model into a small text classifier for a language with almost no labelled data.",
        epilog="Start with `sdc demo`. The stages, in order: data, gen, judge, sample, train, icl, eval, report.",
        no_args_is_help=True,
        rich_markup_mode=None,  # drawing help with rich would cost a third of the 0.2 s that `sdc --help` may take
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_main)
    for name in [only] if only is not None and only in COMMANDS else COMMANDS:
        module, _, attribute = COMMANDS[name].partition(":")
        command = getattr(import_module(f"sdc.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        from sdc import __version__

        typer.echo(f"sdc {__version__}")
        raise typer.Exit


def _main(
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", callback=_version, is_eager=True
    ),
) -> None:
    pass


def main() -> None:
    """Runs the program."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller (`>&-`)
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 (until Python ends)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal of another encoding than UTF-8
    application(sys.argv[1] if len(sys.argv) > 1 else None)(prog_name="sdc")
