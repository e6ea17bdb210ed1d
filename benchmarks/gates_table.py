"""The table that `gates.py` prints.

Here: how figures are shown. Not here: measuring.
"""

from collections.abc import Iterator, Sequence
from typing import Any


def table(results: Sequence[dict[str, Any]], names: Sequence[str], alone: Sequence[str]) -> Iterator[str]:
    """Yields the lines of the table: one per cell and kind, rows flagged per gate.

    Args:
        results: The figures of each cell.
        names: The gates, in their order.
        alone: Those that look at a text alone.
    """
    yield f"{'cell':<14}{'rows of':<11}{'rows':>6}" + "".join(f"{n[:9]:>10}" for n in names) + f"{'any':>7}{'%':>7}"
    for found in results:
        for kind in ("synthetic", "human", "test"):
            row = found[kind]
            shown = names if kind == "synthetic" else alone
            cells = "".join(f"{row['gates'].get(n, 0) or '.' if n in shown else '':>10}" for n in names)
            share = f"{100 * row['any'] / max(1, row['rows']):>7.2f}"
            yield f"{found['cell']:<14}{kind:<11}{row['rows']:>6}{cells}{row['any']:>7}{share}"
    yield ""
    yield (
        f"{'cell':<14}{'broken: read, flagged':>22}{'README':>8}{'more':>8}{'copies':>10}"
        f"{'human, %':>10}{'held out':>9}{'test, %':>9}{'ten per label, %: mean, worst':>31}"
        f"{'build, s':>10}{'ms a row':>10}"
    )
    for found in results:
        made, ten = found["synthetic"], found["ten_per_label"]
        read_rows = f"{made['counted']}, {made['counted_found']}" if "counted" in made else f"-, {made['broken_form']}"
        more = f"{made['more_found']}/{made['more']}" if made.get("more") else ""
        rates = "".join(
            f"{100 * found[kind]['any'] / max(1, found[kind]['rows']):>{width}.2f}" if found[kind] else " " * width
            for kind, width in (("human", 10), ("held_out", 9), ("test", 9))
        )
        drawn = f"{100 * ten['mean']:.2f}, {100 * ten['worst']:.2f}" if ten else ""
        readme = "" if found["readme_broken"] is None else found["readme_broken"]
        yield (
            f"{found['cell']:<14}{read_rows:>22}{readme:>8}{more:>8}"
            f"{str(made['copies_found']) + '/' + str(made['copies']):>10}{rates}{drawn:>31}"
            f"{made['build_cpu_s']:>10.1f}{made['ms_per_row']:>10.2f}"
        )
    if any(found["related"] for found in results):
        yield "\nclose languages refused, %: with all human rows, ten per label"
    for found in results:
        ten = (found["ten_per_label"] or {}).get("related", {})
        shares = (
            f"{name} {100 * share:.0f}" + (f", {100 * ten[name]:.0f}" if ten else "")
            for name, share in found["related"].items()
        )
        if found["related"]:
            yield f"{found['cell']:<14}" + "".join(f"{text:<16}" for text in shares)
