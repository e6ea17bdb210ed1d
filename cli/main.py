"""The `sdc` program: mounts the commands.

Here: nothing else. What `sdc X` does stands in `pipelines/X.py`, its flags in `cli/X.py`.
"""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

import typer

from sdc.cli.boundary import ErrorBoundary, on_ctrl_c
from sdc.cli.flags import Command
from sdc.cli.help import WIDTH
from sdc.cli.render import bug
from sdc.cli.verbosity import with_flag
from sdc.pipelines import cores

#: In the order of the chain, then what works with all of it. command -> module and attribute (a function, or the app of
#: a group), and what `sdc --help` says of it. Only the one that is called is imported, none for `sdc --help`: all of
#: them would take longer than the 0.2 s that it may take.
COMMANDS = {
    "data": ("data:app", "Take in labelled examples, and see what is in them."),
    "gen": ("gen:gen", "Write synthetic examples with an LLM, from a few human ones."),
    "judge": ("judge:judge", "Accept or reject synthetic examples, with reasons."),
    "sample": ("sample:sample", "Draw training sets of several sizes."),
    "train": ("train:train", "Fit a small model on every draw, and test it."),
    "icl": ("icl:icl", "Let an LLM classify, with examples in the prompt or none."),
    "eval": ("eval:evaluate", "Read the answers of runs, and compute metrics."),
    "report": ("report:app", "Show what the evaluated runs say; draw the data card."),
    "predict": ("predict:predict", "Classify texts with a run."),
    "export": ("export:export", "Write a trained run as a folder for other libraries."),
    "run": ("run:run", "Run a whole experiment from a TOML file, on one machine or many."),
    "show": ("show:show", "Show what an artifact holds: texts, verdicts, draws, errors."),
    "store": ("store:app", "Look into the store, check it, shrink it, join stores."),
    "demo": ("demo:demo", "Run the whole chain on a small example."),
    "doctor": ("doctor:doctor", "Show versions, devices and models, and what is missing."),
}
_HELP: tuple[list[str], ...] = ([], ["-h"], ["--help"])


def application(words: Sequence[str] | None = None) -> typer.Typer:
    """Returns the program with what it needs of its commands for these arguments; with all of them by default."""
    app = typer.Typer(
        name="sdc",
        cls=ErrorBoundary,
        help="Turn a large language model into a small text classifier for a language with almost no labelled data.",
        epilog="Start with `sdc demo`. The stages, in order: data, gen, judge, sample, train, icl, eval, report.",
        no_args_is_help=True,
        rich_markup_mode=None,  # drawing help with rich would cost a third of the 0.2 s that `sdc --help` may take
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH},
    )
    app.callback()(_main)
    for name in words[:1] if words and words[0] in COMMANDS else COMMANDS:
        path, summary = COMMANDS[name]
        module, _, attribute = path.partition(":")
        command = _name_only if words in _HELP else getattr(import_module(f"sdc.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            for part in command.registered_commands:
                part.cls = Command
                if part.callback is not None:
                    part.callback = with_flag(part.callback)
            app.add_typer(command, name=name, short_help=summary)
        else:
            app.command(name, short_help=summary, cls=Command)(with_flag(command))
    return app


def _name_only() -> None:
    """Stands for a command in the list of them."""


def _version(wanted: bool) -> None:
    if wanted:
        from sdc import __version__

        typer.echo(f"sdc {__version__}")
        raise typer.Exit


def _main(
    version: bool = typer.Option(
        False, "--version", "-V", help="Show the version and exit.", callback=_version, is_eager=True
    ),
) -> None:
    pass


def main() -> None:
    """Runs the program."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else whoever starts us ignores Ctrl-C
        signal.signal(signal.SIGINT, on_ctrl_c)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller (`>&-`)
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 (until Python ends)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal of another encoding than UTF-8
    sys.excepthook = bug
    cores.settle()
    if "_SDC_COMPLETE" in os.environ:  # a shell asks what may come next
        from sdc.cli import completion

        completion.prepare(typer.main.get_command(application(completion.words())))(prog_name="sdc")
    else:
        if {"--install-completion", "--show-completion"} & set(sys.argv):
            from sdc.cli import completion

            completion.answer_first_tab()
        application(sys.argv[1:])(prog_name="sdc")
