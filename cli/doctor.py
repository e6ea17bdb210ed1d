"""`sdc doctor`: flags and output. What is looked at stands in `pipelines/doctor.py`."""

import json
import sys

from sdc.cli import options, render


def doctor(store: options.StoreOption = None, as_json: options.JsonOption = False) -> None:
    """Show versions, devices, store and models, what is missing and how to get it."""
    from sdc.pipelines import doctor as examination

    findings = examination.examine(options.store(store))
    if as_json:
        sys.stdout.write(json.dumps(examination.as_json(findings), ensure_ascii=False) + "\n")
    else:
        rows = [(item.group, item.name, item.value, item.fix) for item in findings]
        render.table(("group", "name", "found", "how to get what is missing"), rows)
    examination.raise_broken(findings)
