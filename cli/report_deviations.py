"""`sdc report deviations`: its flags, and what it prints."""

from sdc.cli import defaults, options, reported
from sdc.pipelines.report import FOR_PROGRAMS


def deviations(
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    output: reported.FormatOption = None,
    out: reported.OutOption = None,
    everything: options.AllOption = False,
    experiment: reported.ExperimentOption = None,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Show which settings of the results are not the paper's, and what its text leaves open: the deviation register."""
    from sdc.pipelines.report import deviations as stage
    from sdc.pipelines.report import panels

    output = reported.format_of(output, out, as_json=as_json)
    found = reported.find(store, lang, task, experiment, everything=everything)
    records = stage.run(options.store(store), found, defaults.of_all())
    with reported.into(out):
        if output in FOR_PROGRAMS:
            reported.write(records, output)
        else:
            reported.show(panels.table(records, title=stage.TITLE), output)
