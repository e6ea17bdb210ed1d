"""`sdc doctor`: flags and output. What is looked at stands in `pipelines/doctor/`."""

from sdc.cli import options, render
from sdc.pipelines.text.visible import as_json as json_text


def doctor(store: options.StoreOption = None, as_json: options.JsonOption = False) -> None:
    """Show versions, devices, store and models, what is missing and how to get it."""
    from sdc.pipelines import doctor as examination

    findings = examination.examine(options.store(store))
    if as_json:
        render.data(json_text(examination.as_json(findings)) + "\n")
    else:
        rows = [(item.group, item.name, item.value, item.fix) for item in findings]
        render.table(("group", "name", "found", "how to get what is missing"), rows)
    examination.raise_broken(findings)
