"""Tables as LaTeX, for papers.

Here: a `tabular` or `longtable` and what LaTeX makes of signs. Not here: the cells (`formats.py`).
"""

import math
import re
from collections.abc import Sequence

from sdc.pipelines.report.formats import Table, numeric, printed

_SIGNS = str.maketrans(
    {
        "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$",
        "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
        "±": r"$\pm$", "≤": r"$\leq$", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    }
)  # fmt: skip
_ROWS_OF_A_PAGE = 50
#: Characters of a text that is broken into lines, and which part of a line such columns have together.
_LONG_CELL, _SHARE_OF_LONG = 40, 0.5


def as_latex(table: Table) -> str:
    """Returns a LaTeX `tabular` with booktabs rules, its title as a comment; a `longtable` where a page has no room.

    Columns of long texts break their lines: a column that does not would leave the page.
    """

    def line(cells: Sequence[str]) -> str:
        return " & ".join(map(_escaped, cells)) + r" \\"

    align = "".join(_columns(table))
    kind, repeated = ("longtable", [r"\endhead"]) if len(table.rows) > _ROWS_OF_A_PAGE else ("tabular", [])
    head = [f"% {printed(table.whole_title)}", rf"\begin{{{kind}}}{{{align}}}", r"\toprule", line(table.columns)]
    body = [r"\midrule", *repeated, *map(line, table.rows), r"\bottomrule", rf"\end{{{kind}}}"]
    return "\n".join([*head, *body]) + "\n"


def _escaped(text: str) -> str:
    r"""Returns a text as one line of LaTeX that shows it as it is; two signs that are one to LaTeX are kept apart.

    >>> _escaped("5 % -- ok")
    '5 \\% -{}- ok'
    """
    return re.sub(r"([-`',<>])(?=\1)", r"\1{}", printed(text).translate(_SIGNS))


def _columns(table: Table) -> list[str]:
    """Returns how LaTeX sets each column: those of long texts share half of the line, a longer text has more of it."""
    longest = [max(map(len, cells)) for cells in zip(table.columns, *table.rows, strict=True)]
    parts = [math.sqrt(chars) if chars > _LONG_CELL else 0.0 for chars in longest]
    return [
        rf"p{{{_SHARE_OF_LONG * part / sum(parts):.2f}\linewidth}}" if part else "r" if right else "l"
        for part, right in zip(parts, numeric(table), strict=True)
    ]
