"""What a page is made of, read from the store: what was run, and the parts between the choice and all results.

Here: which parts there are. Not here: their markup (`page.html.jinja`), how their numbers are made (the rooms beside).
"""

from collections import Counter

from sdc.cache.counted import counted
from sdc.pipelines.records import runs
from sdc.pipelines.report import Found
from sdc.pipelines.report.page import Page
from sdc.pipelines.report.points import MAJORITY
from sdc.pipelines.stage import Context


def page(context: Context, found: Found, *, title: str) -> Page:
    """Returns the page of some points."""
    members = [member for point in found.points for member in point.members]
    return Page(
        title=title,
        found=found,
        seconds=runs.seconds_of(context.store, [member.run for member in members]),
        about=_about(found),
    )


def _about(found: Found) -> dict[str, str]:
    """Returns what was run, as name -> value."""
    points = [point for point in found.points if point.role != MAJORITY]
    members = {member.run: member for point in points for member in point.members}
    failed = sum(member.value is None for member in members.values())
    by_method = Counter(f"{member.method} {member.model}" for member in members.values())
    cells = sorted({f"{point.lang}/{point.task}" for point in points})
    generators = sorted({point.generator for point in points if point.generator})
    covers = sorted({point.covers for point in points if point.covers})
    return {
        "runs": f"{counted(len(members), 'run', commas=True)}, of which {failed} broke off",
        "students": ", ".join(f"{name} ({number:,})" for name, number in sorted(by_method.items())),
        "cells": f"{len(cells)}: {', '.join(cells)}",
        "generators": ", ".join(generators) or "the rows do not say who wrote them",
        "scores": ", ".join(sorted({f"{point.metric} ({point.task})" for point in points})),
        "95 % intervals cover": "; ".join(covers) or "nothing",
    }
