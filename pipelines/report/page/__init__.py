"""The report as one HTML page that needs no other file and no network: `sdc report page`.

First what an engineer asks (which student), then what a reviewer asks (what was run, how sure it is, every number with
the query behind it). Here: what stands on the page, in which order. Not here: which student (`choice.py`), its markup,
style and script (`page.html.jinja`, `page.css`, `page.js`), the numbers (`points.py` and the rooms beside it).
"""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import compress
from pathlib import Path
from typing import Any

from sdc.cache import atomic
from sdc.errors import DataError, system_reason
from sdc.pipelines.report import Found, formats
from sdc.pipelines.report.formats import Table
from sdc.pipelines.report.page.choice import RULE, Choice
from sdc.pipelines.report.points import MAJORITY, Point
from sdc.pipelines.text import pages

#: A page that would be larger has its rows in a file beside it, in bytes.
MOST_BYTES = 5_000_000
#: Rows of a table that is open when the page is; printed are all.
_MOST_OPEN = 60
_FOLDER = Path(__file__).parent
#: The columns of the table of all points, with what stands above them.
_COLUMNS = {
    "task": "task", "lang": "lang", "group": "group", "method": "method", "model": "model", "source": "source",
    "generator": "generator", "strategy": "strategy", "seed_weight": "seed weight",
    "rows": "rows", "shots": "shots", "decoding": "decoding",
    "reader": "reader", "metric": "metric", "n": "runs", "mean": "mean %", "low": "from", "high": "to",
    "difference_points": "vs generator", "difference_points_low": "from", "difference_points_high": "to",
    "failed": "broke off", "below_chance": "below chance", "collapsed": "collapsed", "covers": "interval covers",
}  # fmt: skip
#: The columns of the choice, and of them those that may not be measured, with what they are called.
_CHOICE = ("cell", "take", "score %", "vs generator, points", "rows", "of", "s a run", "s a fit", "ms a text", "MB",
           "pays off after texts", "by money", "human rows give %", "best mean")  # fmt: skip
_MEASURED = {
    "s a run": "time of a run", "s a fit": "time of a fit", "ms a text": "time of a text",
    "MB": "size of the weights (sdc train --keep-weights)", "pays off after texts": "pay-off by time",
    "by money": "pay-off by money (a price)",
}  # fmt: skip
_SHARES = ("mean", "low", "high")
_DECIMAL = (*_SHARES, "difference_points", "difference_points_low", "difference_points_high")
BIBTEX = """@inproceedings{pecher-etal-2026-better,
  title = {Better as Generators Than Classifiers: Leveraging {LLMs} and Synthetic Data
           for Low-Resource Multilingual Classification},
  author = {Pecher, Branislav and Cegin, Jan and Belanec, Robert and Srba, Ivan and
            Simko, Jakub and Bielikova, Maria},
  booktitle = {Findings of the Association for Computational Linguistics: {EACL} 2026},
  year = {2026}
}"""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure: its name, what it shows and how its numbers were made, the SVG without both, and those numbers."""

    name: str
    title: str
    caption: str
    svg: str
    numbers: Table | None = None


@dataclass(frozen=True, kw_only=True)
class Link:
    """A file beside the page: what it is called, and its address from there."""

    text: str
    address: str


@dataclass(frozen=True, kw_only=True)
class SampleText:
    """A text of a cell with its label, as it is; `lang` is its language's tag."""

    cell: str
    lang: str
    label: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the page below the first screen: what must be known to read it, tables, texts, figures, links."""

    title: str
    words: str = ""
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()
    code: str = ""
    links: Sequence[Link] = ()
    texts: Sequence[SampleText] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """What stands on a page.

    Args:
        title: Its heading.
        found: The points.
        chosen: The student to take in each cell.
        about: What was run, as name -> value.
        sections: Parts between the choice and the table of all points.
        command: The command that made it.
    """

    title: str
    found: Found
    chosen: Sequence[Choice] = ()
    about: Mapping[str, str] = field(default_factory=dict)
    sections: Sequence[Section] = ()
    command: str = "sdc report page"


def write(page: Page, path: Path) -> list[Path]:
    """Writes the page, whole or not at all, and returns what was written: also a CSV of all points if it is too large.

    Raises:
        DataError: The file cannot be written.
    """
    beside = path.with_suffix(".csv")
    html = as_html(page, beside=None)
    written = [path]
    texts = {path: html}
    if len(html.encode()) > MOST_BYTES:
        texts = {path: as_html(page, beside=beside.name), beside: formats.as_csv(formats.records(page.found.points))}
        written.append(beside)
    for where, text in texts.items():
        try:
            with atomic.beside(where) as temporary:
                temporary.write_text(text, "utf-8", newline="\n")
                atomic.put(temporary, where)
        except OSError as error:
            what = f"cannot write the page ({system_reason(error)})"
            raise DataError(what, os.fspath(where), "check the path and its permissions") from error
    return written


def as_html(page: Page, *, beside: str | None) -> str:
    """Returns the page; every text, label and name is escaped.

    Args:
        page: What stands on it.
        beside: The file that has the table of all points where the page has not.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["numeric"] = formats.numeric
    template = environment.from_string(_asset("page.html.jinja"))
    points = [point for point in page.found.points if point.role != MAJORITY]
    script = _asset("page.js")
    return template.render(
        page=page,
        policy=pages.policy(style="'unsafe-inline'", script=script),
        style=Markup(_asset("page.css")),  # noqa: S704 (ours)
        script=Markup(script),  # noqa: S704 (ours)
        data=Markup(pages.as_json(_data(points) if beside is None else {})),  # noqa: S704
        beside=beside,
        most_mb=MOST_BYTES // 1_000_000,
        num_points=len(points),
        chosen=page.chosen,
        choice_table=(choice_table := _choice_table(page.chosen)),
        unmeasured=_unmeasured(choice_table),
        rule=RULE,
        folded=_MOST_OPEN,
        sections=[_section(section) for section in page.sections],
        bibtex=BIBTEX,
    )


def _section(section: Section) -> dict[str, Any]:
    from markupsafe import Markup

    return {
        "section": section,
        "id": "".join(c if c.isalnum() else "-" for c in section.title.lower()),
        "pictures": [
            {"picture": picture, "svg": Markup(picture.svg)}  # noqa: S704 (drawn by vl-convert, which escapes texts)
            for picture in section.pictures
        ],
    }


def _choice_table(chosen: Sequence[Choice]) -> Table:
    rows = []
    for choice in chosen:
        point, human, use = choice.point, choice.human, choice.practice
        pay_off = use.pay_off if use else None
        rows.append(
            (
                f"{point.lang}/{point.task}", _take(choice),
                f"{_percent(point.mean)} ({_percent(point.low)}..{_percent(point.high)})",
                _points(point), str(point.rows), point.source or "-",
                _seconds(choice.seconds), _seconds(use.fit_s if use else None),
                _milliseconds(use.text_s if use else None), _megabytes(use.num_bytes if use else None),
                _texts(pay_off.by_time if pay_off else None), _texts(pay_off.by_money if pay_off else None),
                "-" if human is None else f"{_percent(human.mean)} ({human.rows})",
                f"{choice.best.method} {choice.best.model} {_percent(choice.best.mean)}",
            )
        )  # fmt: skip
    measured = [name not in _MEASURED or any(row[at] != "-" for row in rows) for at, name in enumerate(_CHOICE)]
    return Table(
        columns=tuple(compress(_CHOICE, measured)), rows=tuple(tuple(compress(row, measured)) for row in rows),
        title=RULE,
    )  # fmt: skip


def _take(choice: Choice) -> str:
    student = f"{choice.point.method} {choice.point.model}"
    return f"the generator, or {student}" if choice.beats is False else student


def _unmeasured(shown: Table) -> str:
    """Returns which columns of the choice nobody measured, in words."""
    lacking = [said for name, said in _MEASURED.items() if name not in shown.columns]
    return f" Not measured here: {', '.join(lacking)}." if lacking and shown.rows else ""


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:,.0f}" if seconds >= 10 else f"{seconds:.2g}"


def _milliseconds(seconds: float | None) -> str:
    return _seconds(None if seconds is None else 1000 * seconds)


def _megabytes(num_bytes: float | None) -> str:
    return "-" if num_bytes is None else f"{num_bytes / 1e6:,.1f}"


def _texts(texts: float | None) -> str:
    return "-" if texts is None else "never" if texts == math.inf else f"{texts:,.0f}"


def _points(point: Point) -> str:
    if point.difference is None:
        return "-"
    said = f"{100 * point.difference:+.1f}"
    if point.difference_low is None or point.difference_high is None:
        return said
    return f"{said} ({100 * point.difference_low:+.1f}..{100 * point.difference_high:+.1f})"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _data(points: Sequence[Point]) -> dict[str, Any]:
    """Returns the table of all points as the page's script reads it: columns, rows, and the runs behind each row."""
    records = formats.records(points) if points else []
    used = [name for name in _COLUMNS if any(record[name] is not None for record in records)]
    return {
        "columns": [_COLUMNS[name] for name in used],
        "decimals": [1 if name in _DECIMAL else 0 for name in used],
        "rows": [[_value(name, record[name]) for name in used] for record in records],
        "runs": [record["runs"] for record in records],
    }


def _value(name: str, value: object) -> object:
    if value is None or name not in _DECIMAL:
        return value
    return round(float(str(value)) * (100 if name in _SHARES else 1), 1)


@cache
def _asset(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")
