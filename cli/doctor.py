"""`sdc doctor`: flags and output. What is looked at stands in `pipelines/doctor/`."""

from itertools import groupby

from sdc.cli import options, render
from sdc.pipelines.text.visible import as_json as json_text


def doctor(store: options.StoreOption = None, as_json: options.JsonOption = False) -> None:
    """Show versions, devices, store and models, what is missing and how to get it."""
    from sdc.pipelines import doctor as examination

    findings = examination.examine(options.store(store))
    if as_json:
        render.data(json_text(examination.as_json(findings)) + "\n")
    else:
        for group, items in groupby(findings, key=lambda item: item.group):
            rows = [(item.name, item.value, item.fix) for item in items]
            columns = ("name", "found", "how to get what is missing")
            num = 3 if any(fix for *_, fix in rows) else 2
            render.table(columns[:num], [row[:num] for row in rows], title=group)
    examination.raise_broken(findings)
