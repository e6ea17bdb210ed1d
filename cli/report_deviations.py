"""`sdc report deviations`: its flags, and what it prints."""

from sdc.cli import defaults, options, reported


def deviations(
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    output: reported.FormatOption = "table",
    everything: options.AllOption = False,
    experiment: reported.ExperimentOption = None,
    store: options.StoreOption = None,
) -> None:
    """Show which settings of the results are not the paper's, and what its text leaves open: the deviation register."""
    from sdc.pipelines.report import deviations as stage
    from sdc.pipelines.report import panels

    reported.check_format(output)
    found = reported.find(store, lang, task, experiment, everything=everything)
    records = stage.run(options.store(store), found, defaults.of_all())
    if output in ("csv", "json"):
        reported.write(records, output)
    else:
        reported.show(panels.table(records, title=stage.TITLE), output)
