"""How a report is written: cells of a table for people, and md, csv and json.

Here: text. Not here: what stands in it (`points.py`), LaTeX (`latex.py`), the terminal (`cli/render.py`).

Our own although tabulate and pandas write tables: neither escapes names of models and tasks for both Markdown and
LaTeX, and what is left without that is joining cells.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from sdc.cache.key import SHORT
from sdc.pipelines.report.points import GENERATOR, MAJORITY, Point
from sdc.pipelines.report.result import telling
from sdc.pipelines.text import visible
from sdc.pipelines.text.folding import one_line

_MINUS = "-"
#: Model and task names may hold anything.
_MARKDOWN = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]<>#|~$"})


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table as people read it.

    Args:
        columns: Their names.
        rows: Text of each cell.
        title: One line that says what the numbers are.
        spare: Columns that a narrow terminal leaves out, the first first.
        meanings: Column -> what it says, where its name does not; said where the column stands.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str
    spare: tuple[str, ...] = ()
    meanings: Mapping[str, str] = field(default_factory=dict)

    @property
    def whole_title(self) -> str:
        """The title, with what its columns say."""
        return "; ".join([self.title, *(says for name, says in self.meanings.items() if name in self.columns)])


#: Columns for people that stand there if more than one thing occurs in them.
_IF_SEVERAL = ("strategy", "seeds", "seed_weight", "generator", "judge", "decoding", "reader")
#: Which chance an interval covers -> the column of such intervals: no column has two kinds.
_INTERVALS = {"runs and test rows": "95 %", "test rows": "95 % of one run", "runs": "95 % over runs"}
INTERVALS = tuple(_INTERVALS.values())
DIFFERENCES = tuple(f"vs generator {name}" for name in INTERVALS)
HUMAN_MINUS = "human minus synthetic"
_MEANINGS = {
    "vs generator": "vs generator in points",
    **{name: f"{name} covers {chance}" for chance, name in _INTERVALS.items()},
}
_FEWER = {"cells": "N of M cells: other rows are over more"}
#: Columns that a narrow terminal leaves out, the first first: what other rows say, how many, what a line above says of
#: all, what others beside say nearly, where each method of a task has one of them; last what sdc is for.
_SPARE = ("linear", "majority", "n", *DIFFERENCES, "failed", "below chance", "collapsed", "rows", "group", "metric",
          "reader", *INTERVALS[1:], HUMAN_MINUS, "model", "shots", "test leaked", *_IF_SEVERAL, INTERVALS[0],
          "vs generator")  # fmt: skip
_SPARE_IF_ONE = ("metric", "reader", "model", "shots")
#: Digests and keys, which stand there only if two rows would look the same without; the first that help.
_IF_NEEDED = ("test", "generation", "judgement", "data", "draw", "model_version", "generator_version", "setting",
              "definition", "generator_setting", "judge_setting", "recipe", "version")  # fmt: skip


def for_people(rows: Sequence[Point], *, aggregated: bool) -> Table:
    """Returns the table that a terminal, Markdown and LaTeX show: scores in %, differences in points.

    Columns that no row needs are left out; what makes a result another one stands there where it tells rows apart.
    """
    columns: dict[str, Callable[[Point], str]] = {
        "task": lambda r: r.task or _MINUS,
        "lang": lambda r: r.lang or _MINUS,
        "group": lambda r: r.group or _MINUS,
        "method": lambda r: f"{r.method} (generator)" if r.role == GENERATOR else r.method or _MINUS,
        "model": lambda r: r.model or _MINUS,
        "source": lambda r: r.source or _MINUS,
        "size": lambda r: r.size or _MINUS,
        "rows": lambda r: _MINUS if r.rows is None else str(r.rows),
        "shots": lambda r: _MINUS if r.shots is None else str(r.shots),
        **{name: _plain(name) for name in (*_IF_SEVERAL, *_IF_NEEDED)},
        "mixed": lambda r: r.mixed or _MINUS,
        "cells": _cells,
        "n": lambda r: str(r.n) if r.n else _MINUS,
        "metric": lambda r: r.metric,
        "mean ± std": lambda r: f"{_percent(r.mean)} ± {_percent(r.std)}" if r.std is not None else _percent(r.mean),
        **{name: _interval(covers) for covers, name in _INTERVALS.items()},
        "vs generator": lambda r: _MINUS if r.difference is None else f"{100 * r.difference:+.1f}",
        **{f"vs generator {name}": _difference_interval(covers) for covers, name in _INTERVALS.items()},
        HUMAN_MINUS: lambda r: _MINUS if r.human_minus is None else f"{100 * r.human_minus:+.1f}",
        "majority": lambda r: _percent(r.majority),
        "linear": lambda r: _percent(r.linear),
        "failed": lambda r: str(r.failed),
        "below chance": lambda r: str(r.below_chance),
        "collapsed": lambda r: str(r.collapsed),
        "test leaked": lambda r: _percent(r.leaked),
    }
    hidden = _hidden(rows, aggregated=aggregated)
    cells = {name: [text(row) for row in rows] for name, text in columns.items() if name not in hidden}
    shown = {name: of_column for name, of_column in cells.items() if any(text != _MINUS for text in of_column)}
    return Table(
        columns=tuple(shown),
        rows=tuple(zip(*shown.values(), strict=True)),
        title=_title(rows, aggregated=aggregated),
        spare=_spare(rows),
        meanings=_MEANINGS | (_FEWER if any(row.cells < row.of_cells for row in rows) else {}),
    )


def _spare(rows: Sequence[Point]) -> tuple[str, ...]:
    methods = {(row.task, row.role, row.method) for row in rows}
    several = {
        name
        for name in _SPARE_IF_ONE
        if len({(row.task, row.role, row.method, getattr(row, name)) for row in rows}) > len(methods)
    }
    others = ("task", "lang", "group", "role", "method", "model", "source", "size", "rows", "shots", "metric")
    several |= set(telling([vars(row) for row in rows], _IF_SEVERAL, known=others))
    if any(row.lang is None for row in rows):
        several.add("group")  # else the language says it
    return tuple(name for name in _SPARE if name not in several)


def narrow(table: Table, columns: Sequence[str]) -> Table:
    """Returns the table with only these of its columns, in its order."""
    at = [i for i, name in enumerate(table.columns) if name in columns]
    rows = tuple(tuple(row[i] for i in at) for row in table.rows)
    return replace(table, columns=tuple(table.columns[i] for i in at), rows=rows)


def _cells(row: Point) -> str:
    """Returns over how many cells a mean is, and of how many where rows beside it are over more."""
    return str(row.cells) if row.cells == row.of_cells else f"{row.cells} of {row.of_cells}"


def _interval(covers: str) -> Callable[[Point], str]:
    return lambda row: (
        f"{_percent(row.low)}..{_percent(row.high)}" if row.covers == covers and row.low is not None else _MINUS
    )


def _difference_interval(covers: str) -> Callable[[Point], str]:
    def text(row: Point) -> str:
        if row.covers != covers or row.difference_low is None or row.difference_high is None:
            return _MINUS
        return f"{100 * row.difference_low:+.1f}..{100 * row.difference_high:+.1f}"

    return text


def _plain(name: str) -> Callable[[Point], str]:
    def text(row: Point) -> str:
        value = getattr(row, name)
        return _MINUS if value is None else str(value)

    return text


def _hidden(rows: Sequence[Point], *, aggregated: bool) -> set[str]:
    hidden = set() if aggregated else {"cells", "group"}
    if len({row.metric for row in rows}) == 1:
        hidden.add("metric")  # the title says it
    if all(row.linear is None or row.method == "linear" for row in rows):
        hidden.add("linear")  # it would repeat their own means
    if not any(row.failed for row in rows):
        hidden.add("failed")
    if not any(row.below_chance for row in rows):
        hidden.add("below chance")
    if not any(row.collapsed for row in rows):
        hidden.add("collapsed")
    if not any(row.leaked for row in rows):
        hidden.add("test leaked")
    if all(row.shots is None or row.method != "icl" for row in rows):
        hidden.add("shots")
    if {_panel(row) for row in rows if row.majority is not None} <= {
        _panel(row) for row in rows if row.role == MAJORITY
    }:
        hidden.add("majority")  # it has rows of its own
    hidden |= {name for name in _IF_SEVERAL if len({getattr(row, name) for row in rows} - {None}) < 2}
    base = ("task", "lang", "group", "role", "method", "model", "source", "size", "rows", "shots")
    known = [*base, *(name for name in _IF_SEVERAL if name not in hidden)]
    return hidden | set(_IF_NEEDED).difference(telling([vars(row) for row in rows], _IF_NEEDED, known=known))


def _panel(row: Point) -> tuple[str | None, ...]:
    return (row.task, row.lang, row.group, row.test)


def _title(rows: Sequence[Point], *, aggregated: bool) -> str:
    metrics = {row.metric for row in rows}
    what = f"{next(iter(metrics))} in %" if len(metrics) == 1 else "scores in %"
    over = "mean and std over cells" if aggregated else "mean ± std over n runs"
    return f"{what}, {over}"


def _percent(share: float | None) -> str:
    return _MINUS if share is None else f"{100 * share:.1f}"


#: The first columns for programs, in this order; the others follow.
_FIRST = ("task", "lang", "group", "role", "method", "model", "source", "size", "rows", "shots", "decoding", "setting",
          "reader", "metric", "n", "cells", "mean", "std", "low", "high", "reference", "majority", "linear", "failed",
          "below_chance")  # fmt: skip


def records(rows: Sequence[Point]) -> list[dict[str, object]]:
    """Returns the rows for programs, with every column: scores are shares from 0 to 1, the difference is in points."""
    found = []
    for row in rows:
        record: dict[str, object] = {
            field.name: getattr(row, field.name) for field in fields(row) if field.name not in ("members", "against")
        }
        first = {name: record.pop(name) for name in _FIRST}
        for end in ("", "_low", "_high"):
            points = record.pop(f"difference{end}")
            first[f"difference_points{end}"] = _points(points)
        first["human_minus_points"] = _points(record.pop("human_minus"))
        record["runs"] = " ".join(member.run[:SHORT] for member in row.members)
        found.append({n: round(v, 6) if isinstance(v, float) else v for n, v in (first | record).items()})
    return found


def _points(share: object) -> float | None:
    return None if share is None else round(100 * float(str(share)), 4)


def markdown(table: Table) -> str:
    """Returns a Markdown table, numbers to the right, under its title."""

    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(map(escape_markdown, cells))} |"

    rule = "|".join("---:" if right else "---" for right in numeric(table))
    return (
        "\n".join([f"{printed(table.whole_title)}\n", line(table.columns), f"|{rule}|", *map(line, table.rows)]) + "\n"
    )


def escape_markdown(text: str) -> str:
    r"""Returns a text as one line of Markdown that shows it as it is.

    >>> escape_markdown("a|b *c*")
    'a\\|b \\*c\\*'
    """
    return printed(text).translate(_MARKDOWN)


def as_csv(rows: Sequence[Mapping[str, object]], *, safe: bool = False) -> str:
    """Returns records as CSV with a header; `safe` is that of `text.visible.as_csv`."""
    names = list(rows[0])
    return visible.as_csv([names, *([row[name] for name in names] for row in rows)], safe=safe)


def as_json(rows: Sequence[Mapping[str, object]]) -> str:
    """Returns records as a JSON list."""
    return visible.as_json([dict(row) for row in rows], indent=1) + "\n"


def printed(text: str) -> str:
    """Returns a text as one line in which everything can be seen."""
    return visible.visible(one_line(text))


def numeric(table: Table) -> list[bool]:
    """Returns which columns have nothing but numbers, with or without their intervals."""
    return [
        all(row[i] == _MINUS or row[i].lstrip("+-≤>")[:1].isdigit() for row in table.rows)
        for i in range(len(table.columns))
    ]
