"""A figure as SVG, PNG, PDF and as a page of its own, offline and with its own fonts.

Here: what vl-convert makes of a chart. Not here: charts, files (`written.py`).
"""

import re
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from sdc.pipelines.report.figures import marks, vega
from sdc.pipelines.report.figures.plot import Plot
from sdc.pipelines.text.visible import in_all, visible

#: Pixels of a PNG to those of the chart.
_SCALE = 2
#: Characters of a description: readers read it out whole.
_MOST_SAID = 4000


def svg(plot: Plot, *, bare: bool = False) -> str:
    """Returns a figure as SVG that says in words what it shows; a bare one shows no title and caption."""
    import vl_convert

    marks.register_fonts()
    spec = in_all(plot.spec(bare=bare), keep="\n")  # XML has no control characters: vl-convert aborts at one
    text = vl_convert.vegalite_to_svg(spec, vl_version=vega.VERSION, allowed_base_urls=[])
    # Vega gives every group of marks a role, without a name: the whole is one image, which has one.
    text = re.sub(r' (?:role="graphics-[a-z]+"|aria-(?:roledescription|label)="[^"]*")', "", text)
    said = escape(visible(plot.says[:_MOST_SAID]))
    text = text.replace("<svg ", f'<svg role="img" aria-label="{said}" ', 1)
    # Several may stand in one page, so that ids get a prefix of their own.
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{plot.name}-", text)
    title = f"<title>{escape(visible(plot.title))}</title>"
    return re.sub(r"<svg [^>]*>", lambda found: found[0] + title, text, count=1)


def png(plot: Plot, drawn: str) -> bytes:
    """Returns the SVG of a figure as PNG, twice as large."""
    import vl_convert

    return vl_convert.svg_to_png(drawn, scale=_SCALE)


def pdf(plot: Plot, drawn: str) -> bytes:
    """Returns the SVG of a figure as PDF with its fonts in it."""
    import vl_convert

    return vl_convert.svg_to_pdf(drawn)


def page(plot: Plot, drawn: str) -> bytes:
    """Returns the SVG of a figure in an HTML page with its numbers, which needs no other file and runs no script."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(Path(__file__).with_name("page.jinja").read_text("utf-8"))
    columns = list(plot.records[0]) if plot.records else []
    rows = [[_cell(record[name]) for name in columns] for record in plot.records]
    drawn_safely = Markup(drawn)  # noqa: S704 (drawn by vl-convert, which escapes texts)
    return (template.render(plot=plot, svg=drawn_safely, columns=columns, rows=rows) + "\n").encode()


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


#: Format -> what makes it of a figure and its SVG.
FORMATS: Mapping[str, Callable[[Plot, str], bytes]] = {
    "svg": lambda _, drawn: drawn.encode(),
    "png": png,
    "pdf": pdf,
    "html": page,
}
