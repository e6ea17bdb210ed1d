"""`sdc report --follow`: the report of an experiment, drawn again while `sdc run` goes on.

Here: when it is drawn. Not here: flags (`report.py`), its rows (`pipelines/report`).
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from sdc.cli import render, reported, terminal
from sdc.cli.boundary import ended_by_ctrl_c
from sdc.errors import UsageError
from sdc.pipelines import report as stage
from sdc.pipelines.report import ReportConfig, formats
from sdc.pipelines.report.points import Point
from sdc.pipelines.stage import Context

#: It is drawn again after so many seconds, or as many as drawing takes: who looks has the store meanwhile.
_EVERY_S = 5.0
_NOTHING = formats.Table(columns=(), rows=(), title="")


def show(
    context: Context,
    config: ReportConfig,
    experiment: str | None,
    langs: Sequence[str] | None,
    tasks: Sequence[str] | None,
) -> None:
    """Draws the report of an experiment again and again, until all its runs are evaluated or Ctrl-C ends it.

    Raises:
        UsageError: There is no experiment, or no terminal to draw on.
    """
    if experiment is None:
        raise UsageError("nothing to follow", "--follow", "name the experiment with --experiment FILE")
    if not terminal.can_redraw():
        raise UsageError("there is no terminal to draw on", "--follow", "without it the report is written once")
    quiet = replace(context, say=lambda line: None)  # the same lines would come with every frame
    with ended_by_ctrl_c():
        render.live(_frames(quiet, config, experiment, langs, tasks))


def _frames(
    context: Context,
    config: ReportConfig,
    experiment: str,
    langs: Sequence[str] | None,
    tasks: Sequence[str] | None,
) -> Iterator[render.TableFrame]:
    from sdc.pipelines import run as experiments
    from sdc.pipelines.run.file import load

    while True:
        begun = time.monotonic()
        plan = experiments.look(context, load(experiment))
        num = len(experiments.evaluations(context, plan))
        is_whole = plan.is_certain and num >= len(plan.runs)
        lines = [f"{num:,} of {len(plan.runs):,} runs are evaluated"]
        lines += [] if is_whole else ["Ctrl-C ends this view, and nothing else"]
        rows: list[Point] = []
        if num:
            evals, wanted = reported.asked(context, None, langs, tasks, experiment)
            rows = stage.run(context, config, evals=evals, wanted=wanted)
        table = (
            formats.for_people(rows, aggregated=bool(config.by))
            if rows
            else formats.Table(columns=(), rows=(), title="")
        )
        yield render.TableFrame(
            columns=table.columns,
            rows=table.rows,
            title=table.title,
            lines=lines,
            spare=table.spare,
            meanings=table.meanings,
        )
        if is_whole:
            return
        time.sleep(max(_EVERY_S, time.monotonic() - begun))
