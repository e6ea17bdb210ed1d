"""`sdc run --status`: how far an experiment is, once or, on a terminal, again and again.

Here: when it is looked, and what is shown. Not here: flags (`run.py`), counts (`pipelines/run/status.py`).
"""

import time
from collections.abc import Iterator
from itertools import count

from sdc.cli import render, terminal
from sdc.cli.boundary import ended_by_ctrl_c
from sdc.cli.run_tables import number
from sdc.errors import EngineError
from sdc.pipelines import run as experiments
from sdc.pipelines.run import status
from sdc.pipelines.run.array import slurm
from sdc.pipelines.run.estimate import Measured, model_names
from sdc.pipelines.run.folder import PlanFolder
from sdc.pipelines.run.plan import ExperimentPlan
from sdc.pipelines.run.sites import Site
from sdc.pipelines.run.status import LineStatus
from sdc.pipelines.stage import Context
from sdc.pipelines.text.visible import as_json as json_text

#: It is looked again after so many seconds, or as many as a look takes: who looks has the store meanwhile.
_EVERY_S = 2.0
#: Looks between two questions to the cluster, which many ask.
_ASK_EVERY = 15
_COLUMNS = ("students", "runs", "there", "missing", "failed", "hours", "cost", "hours left")


def show(context: Context, plan: ExperimentPlan, site: Site, *, as_json: bool) -> bool:
    """Shows how far each line is; returns whether all of it is there."""
    rows = _rows(context, plan, site)
    if as_json:
        render.data("".join(json_text(row.as_json()) + "\n" for row in rows))
        for line in _elements(context, plan):
            render.note(line)
    elif not terminal.can_redraw():
        frame = _frame(context, plan, rows)
        render.table(frame.columns, frame.rows, title=frame.title)
        for line in (*frame.lines, *_elements(context, plan)):
            render.note(line)
    else:
        looks = _Looks(context, plan, site)
        with ended_by_ctrl_c():
            render.live(looks)
        return looks.is_whole
    return _is_whole(plan, rows)


class _Looks:
    """Frames, one a look, until all is there."""

    def __init__(self, context: Context, plan: ExperimentPlan, site: Site) -> None:
        self._context, self._plan, self._site = context, plan, site
        self.is_whole = False

    def __iter__(self) -> Iterator[render.TableFrame]:
        elements: list[str] = []
        for turn in count():
            begun = time.monotonic()
            if turn and not self._plan.is_certain:
                self._plan = experiments.look(self._context, self._plan.experiment)
            rows = _rows(self._context, self._plan, self._site)
            if turn % _ASK_EVERY == 0:
                elements = self._elements()
            self.is_whole = _is_whole(self._plan, rows)
            hint = [] if self.is_whole else ["Ctrl-C ends this view, and nothing else"]
            yield _frame(self._context, self._plan, rows, *elements, *hint)
            if self.is_whole:
                return
            time.sleep(max(_EVERY_S, time.monotonic() - begun))

    def _elements(self) -> list[str]:
        try:
            return _elements(self._context, self._plan)
        except EngineError as error:  # a cluster that does not answer for a moment ends no view
            return [str(error)]


def _rows(context: Context, plan: ExperimentPlan, site: Site) -> list[LineStatus]:
    return status.of_plan(context.store, plan, Measured(context.store, model_names(context, plan)), site)


def _is_whole(plan: ExperimentPlan, rows: list[LineStatus]) -> bool:
    return rows[-1].missing == 0 and plan.is_certain


def _frame(context: Context, plan: ExperimentPlan, rows: list[LineStatus], *lines: str) -> render.TableFrame:
    cells = [
        [row.line, f"{row.runs:,}", f"{row.there:,}", f"{row.missing:,}", f"{row.failed:,}",
         number(row.hours, ",.2f"), number(row.cost, ",.2f"), number(row.hours_left, ",.2f")]
        for row in rows
    ]  # fmt: skip
    lost = status.lost(PlanFolder(context.store, plan.digest)).most_common(5)
    title = f"{plan.experiment.name}, {plan.digest[:12]}"
    return render.TableFrame(
        columns=_COLUMNS, rows=cells, title=title, lines=[*(f"{times} x {how}" for how, times in lost), *lines]
    )


def _elements(context: Context, plan: ExperimentPlan) -> list[str]:
    """Returns where the elements of a plan are, in words, if it was submitted as a job array."""
    states = slurm.live(PlanFolder(context.store, plan.digest))
    return [f"{slurm.in_words(states)}; --collect takes over what they have made"] if states else []
