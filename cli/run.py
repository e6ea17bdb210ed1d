"""`sdc run`: its flags."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from sdc.cache.counted import counted
from sdc.cache.key import SHORT
from sdc.cli import options, render, run_array, run_status, run_tables
from sdc.cli.groups import Running, grouped
from sdc.cli.help import INPUT
from sdc.cli.run_array import AsArray
from sdc.errors import UsageError
from sdc.pipelines import run as experiments
from sdc.pipelines.run import file as files
from sdc.pipelines.run import sites
from sdc.pipelines.run.array.submitting import ArrayExperiment
from sdc.pipelines.run.experiment import Experiment
from sdc.pipelines.stage import Context

#: Not all of an experiment is there yet: scripts may call again.
INCOMPLETE = 6
_INSTEAD = "Instead of running"


@dataclass(frozen=True, kw_only=True)
class Which:
    """What of an experiment is run, and where."""

    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Another value, as sample.repeats=3.", rich_help_panel=INPUT),
    ] = None
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="PATH=VALUES", help="Leave the rest out, as students.method=lora.", rich_help_panel=INPUT
        ),
    ] = None
    site: Annotated[
        str | None,
        typer.Option("--on", metavar="SITE", help="A site of sites.toml. Default: local.", rich_help_panel=INPUT),
    ] = None

    def experiment(self, file: str) -> Experiment:
        """Returns the experiment of a file."""
        return files.load(file, changes=self.changes or (), only=self.only or ())

    @property
    def flags(self) -> list[str]:
        """The words that say what of the file is run, for others to run the same."""
        changes = [word for change in self.changes or () for word in ("--set", change)]
        return [*changes, *(word for part in self.only or () for word in ("--only", part))]


@dataclass(frozen=True, kw_only=True)
class Instead:
    """What is done instead of running it."""

    init: Annotated[
        Path | None,
        typer.Option("--init", metavar="PATH", help="Write a file to start from.", rich_help_panel=_INSTEAD),
    ] = None
    check: Annotated[bool, typer.Option("--check", help="Only check the file.", rich_help_panel=_INSTEAD)] = False
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show what it takes: calls, runs, hours, money, bytes; run nothing.",
            rich_help_panel=_INSTEAD,
        ),
    ] = False
    status: Annotated[
        bool,
        typer.Option(
            "--status",
            help="Show what is there and what is missing; on a terminal until all is there.",
            rich_help_panel=_INSTEAD,
        ),
    ] = False


@grouped
def run(
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="A TOML file, or laptop, paper-small or paper.")
    ] = None,
    *,
    which: Which,
    instead: Instead,
    as_array: AsArray,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed runs again, too.")] = False,
    track: options.TrackOption = None,
    running: Running,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Run a whole experiment: data, texts, draws, students, evaluations; again, what is missing.

    Exit code 6 says that not all of it is there yet.

    Examples:
        sdc run laptop --dry-run
        sdc run --init my.toml
        sdc run my.toml --only students.method=linear --set sample.repeats=3
    """
    if instead.init is not None:
        _init(instead.init, file)
        return
    if file is None:
        fix = f"name a TOML file, or one of {', '.join(files.bundled())}; `sdc run --init my.toml` writes one"
        raise UsageError("no experiment is named", "sdc run", fix)
    experiment = which.experiment(file)
    context = options.context(store, engine=running.how, budget=running.budget, track=track)
    site = sites.load(which.site)
    if instead.check:
        _say_what_it_is(context, experiment)
    elif instead.dry_run or instead.status:
        _look(context, experiment, site, instead, as_json=as_json)
    elif as_array.shard is not None:
        if not run_array.element(context, experiment, as_array.shard, retry_failed=retry_failed):
            raise typer.Exit(INCOMPLETE)
    elif as_array.cancel:
        run_array.cancel(context, experiment)
    elif as_array.collect:
        _tell(context, run_array.collect(context, experiment), as_json=as_json)
    elif site.executor == "slurm":
        array = ArrayExperiment(
            context=context, experiment=experiment, site=site, flags=which.flags, retry_failed=retry_failed
        )
        ended = run_array.submit(array, as_array)
        if ended is not None:
            _tell(context, ended, as_json=as_json)
    elif as_array.detach or as_array.render:
        flag = "--detach" if as_array.detach else "--render"
        raise UsageError(f"{site.name} is no site with SLURM", flag, "drop it, or name one with --on")
    else:
        _tell(context, experiments.run(context, experiment, site, retry_failed=retry_failed), as_json=as_json)


def _look(context: Context, experiment: Experiment, site: sites.Site, instead: Instead, *, as_json: bool) -> None:
    plan = experiments.look(context, experiment)
    if instead.dry_run:
        run_tables.show_expected(context, plan, site, as_json=as_json)
        if site.executor == "slurm":
            run_array.say_expected(context, plan, site)
        return
    if not run_status.show(context, plan, site, as_json=as_json):
        raise typer.Exit(INCOMPLETE)


def _tell(context: Context, ended: experiments.ExperimentEnded, *, as_json: bool) -> None:
    experiment = ended.plan.experiment
    doing, missing = ended.doing, ended.num_missing
    failed = f", {counted(doing.failed, 'failed run')}" if doing.failed else ""
    render.note(
        f"run {experiment.name}: {counted(doing.runs, 'run')}, {doing.there} were there,"
        f" {doing.num_made} made{failed}, {missing} missing"
    )
    if doing.num_spared:
        render.note(
            f"run {experiment.name}: {counted(doing.num_spared, 'repeat')} left out, of points whose 95 % interval is"
            f" within {experiment.stop.half_width:g} points of their mean: estimates, no tests between them"
        )
    if doing.stopped:
        render.note(f"run {experiment.name}: stopped, {doing.stopped}; the same command goes on")
    if as_json:
        run_tables.emit_summary(ended)
    elif not sys.stdout.isatty():
        render.data("".join(f"{key[:SHORT]}\n" for key in experiments.evaluations(context, ended.plan)))
    if not missing:
        path = context.store.path
        where = "" if path == options.store(None).path else f" --store {shlex.quote(str(path))}"
        render.note(f"see `sdc report --experiment {experiment.where}{where}`")
        return
    codes = [error.exit_code for _, error in doing.errors]
    raise typer.Exit(max(codes, default=INCOMPLETE) if codes and not doing.stopped else INCOMPLETE)


def _say_what_it_is(context: Context, experiment: Experiment) -> None:
    cells = experiment.cells(context.store)
    lines: Sequence[str] = [str(line) for line in experiment.lines]
    render.note(
        f"{experiment.where}: {counted(len(cells), 'cell')}, {counted(len(lines), 'line')} of students"
        f" ({'; '.join(lines)}), draws of {', '.join(experiment.sources)}"
    )


def _init(path: Path, name: str | None) -> None:
    """Writes a bundled experiment to a file of the user's."""
    text, _ = files.text_of(name or "laptop")
    if path.suffix != ".toml":
        raise UsageError(f"{str(path)[:80]!r} does not end in .toml", "--init", "call it my.toml")
    run_tables.write_new(path, text)
    render.note(f"{path}: written; `sdc run {path} --dry-run` says what it takes")
