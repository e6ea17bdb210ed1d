"""The statistics commands of `sdc report`: break-even, gap, failed, compare, variance. Flags, and what they print."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from sdc.cli import options, reported
from sdc.errors import DataError, UsageError
from sdc.pipelines.report import FOR_PROGRAMS
from sdc.pipelines.stage import Context
from sdc.pipelines.text import commas

ByOption = Annotated[
    str, typer.Option(metavar="PARTS", help="Parts of a cell to keep apart: task,lang,group; '' for none.")
]


def break_even(
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    by: ByOption = "group",
    fewer_cells: Annotated[
        bool, typer.Option("--fewer-cells", help="Go on over sizes that only some of the cells have.")
    ] = False,
    reference: reported.ReferenceOption = None,
    on: reported.SiteOption = None,
    output: reported.FormatOption = None,
    out: reported.OutOption = None,
    everything: options.AllOption = False,
    experiment: reported.ExperimentOption = None,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Show from how many rows on a student is as good as its generator: rows, with an interval, or not reached.

    even: rows from which the mean reaches it; sure: the lower end of the mean's interval does; strict: the mean less
    one standard deviation over runs does; never: not by the last size; the first size means at most. texts: after so
    many a student of that size has taken less than its generator.
    """
    from sdc.pipelines.report import break_even as stage
    from sdc.pipelines.run import sites

    output = reported.format_of(output, out, as_json=as_json)
    found = reported.find(store, lang, task, experiment, everything=everything, reference=reference)
    made = stage.run(
        found,
        commas.parts(by),
        with_fewer_cells=fewer_cells,
        store=options.store(store),
        price_per_hour=sites.load(on).price_per_hour,
    )
    with reported.into(out):
        _show(made, stage.TITLE, output, lacks="no student has rows and a generator to reach")


def gap(
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    by: ByOption = "group",
    reference: reported.ReferenceOption = None,
    output: reported.FormatOption = None,
    out: reported.OutOption = None,
    everything: options.AllOption = False,
    experiment: reported.ExperimentOption = None,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Show how much better human rows are than synthetic ones, by size, and what those are worth in human rows.

    closed: share of the gap between generator and human rows, in %, without ends where there may be no gap; gap closed:
    the same of the gap between plain synthetic rows of that size and human ones; worth: human rows that give the same
    score.
    """
    from sdc.pipelines.report import gap as stage

    output = reported.format_of(output, out, as_json=as_json)
    found = reported.find(store, lang, task, experiment, everything=everything, reference=reference)
    lacks = "no student has human and synthetic rows of one size"
    with reported.into(out):
        _show(stage.run(found, commas.parts(by)), stage.TITLE, output, lacks=lacks)


def failed(
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    by: ByOption = "group",
    output: reported.FormatOption = None,
    out: reported.OutOption = None,
    everything: options.AllOption = False,
    experiment: reported.ExperimentOption = None,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Show how many runs broke off, are below chance or collapsed, and whether synthetic rows make that more likely.

    collapsed: 95 % of the answers are one label; rate: runs with any of the three, with Wilson's interval; synthetic
    more: points above the rate on human rows, p after Barnard and Fisher; Holm corrects Barnard's for all rows.
    """
    from sdc.pipelines.report import failed as stage

    output = reported.format_of(output, out, as_json=as_json)
    found = reported.find(store, lang, task, experiment, everything=everything)
    with reported.into(out):
        _show(stage.run(found, commas.parts(by)), stage.TITLE, output, lacks="no run has rows")


def compare(
    a: Annotated[
        str | None,
        typer.Argument(help="Results by fields, as method=lora,model=gemma-3-4b; or an experiment, or a store."),
    ] = None,
    b: Annotated[
        str | None, typer.Argument(help="What is taken from it; what A and B do not say is the same on both sides.")
    ] = None,
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="PARTS",
            help="Parts of a cell to keep apart: task,lang,group; '' for none. Default: none, without A and B group.",
        ),
    ] = None,
    output: reported.FormatOption = None,
    out: reported.OutOption = None,
    everything: options.AllOption = False,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Compare two methods, sources, generators, experiments or stores on equal draws: difference, interval, tests.

    Without A and B: every two students that learnt from the same kind of rows, at their largest size.
    A store is the file of one, as DIR/store.duckdb; two of them are read and compared, whatever --store is.
    The interval speaks about new texts; p about this procedure on this test: sign-flip over repeats, McNemar where each
    is one run. Holm corrects for all rows, the family.

    Examples:
        sdc report compare
        sdc report compare source=synthetic source=human
        sdc report compare method=finetune method=linear --by lang
    """
    from sdc.pipelines.report import compare as stage
    from sdc.pipelines.report import every_two, stores

    output = reported.format_of(output, out, as_json=as_json)
    context = options.context(store)
    if a is None:
        found = reported.find(store, lang, task, None, everything=everything)
        made = every_two.run(context, found, commas.parts("group" if by is None else by))
        with reported.into(out):
            _show(made, every_two.TITLE, output, lacks="no two students learnt from the same rows")
        return
    if b is None:
        raise UsageError("there is only A", "sdc report compare", "name two, or none: then all students are compared")
    parts = commas.parts(by or "")
    files = [Path(name) for name in (a, b) if name.endswith(".duckdb")]
    if len(files) == 1:
        raise UsageError("a store is compared with a store", str(files[0]), "name two, or fields and --store")
    if files:
        with stores.as_one(files, say=context.say) as (whole, keys):
            made = _compared(replace(context, store=whole), (a, b), keys, (lang, task), parts, everything)
    else:
        keys = [reported.of_experiment(context, name) if reported.is_experiment(name) else [] for name in (a, b)]
        made = _compared(context, (a, b), keys, (lang, task), parts, everything)
    with reported.into(out):
        _show(made, stage.TITLE, output, lacks="no cell has results of both on equal draws")


def _compared(
    context: Context,
    names: Sequence[str],
    keys: Sequence[Sequence[str]],
    cell: tuple[Sequence[str] | None, Sequence[str] | None],
    by: Sequence[str],
    everything: bool,
) -> list[dict[str, Any]]:
    """Returns the comparison of two names; those of evaluations have their keys, the others are fields."""
    from sdc.pipelines import report
    from sdc.pipelines.report import compare as stage
    from sdc.pipelines.report import inputs

    first, second = (
        stage.Side(name=name, evals=frozenset(of_one)) if of_one else stage.side(name)
        for name, of_one in zip(names, keys, strict=True)
    )
    every = list(dict.fromkeys([*keys[0], *keys[1]])) if all(keys) else []
    evals = context.store.resolve_many(every, stages=("eval",)) if every else []
    wanted = inputs.cells_of(context, evals, *cell)
    if wanted is not None:
        evals = [e for e in evals if (e.lang, e.task) in wanted]
    found = report.find(context, report.ReportConfig(everything=everything), evals=evals, wanted=wanted)
    return stage.run(context, found, first, second, by)


def variance(
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    output: reported.FormatOption = None,
    out: reported.OutOption = None,
    everything: options.AllOption = False,
    experiment: reported.ExperimentOption = None,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Show how much of what runs differ by comes from the draw and how much from the initialisation.

    rest: what only a draw and an initialisation together bring, and noise; 0 where nothing could be told from noise.
    """
    from sdc.pipelines.report import variance as stage

    output = reported.format_of(output, out, as_json=as_json)
    found = reported.find(store, lang, task, experiment, everything=everything)
    made = stage.run(options.store(store), found)
    lacks = "no result has runs in which several draws meet the same initialisations"
    with reported.into(out):
        _show(
            made, stage.TITLE, output, lacks=lacks, fix="run `sdc run variance`, or `sdc train --init-seed 1`, 2, 3 ..."
        )


def _show(
    records: Sequence[Mapping[str, Any]], title: str, output: str, *, lacks: str, fix: str = "see `sdc report`"
) -> None:
    from sdc.pipelines.report import panels

    if not records:
        raise DataError(lacks, fix=fix)
    if output in FOR_PROGRAMS:
        reported.write(panels.for_programs(records), output)
    else:
        reported.show(panels.table(records, title=title), output)
