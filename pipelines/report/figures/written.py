"""The files of figures and tables: whole or not there, each figure with its numbers beside it.

Here: names, formats, the way to the disk. Not here: what stands in them (`render.py`, `formats.py`).
"""

from collections.abc import Sequence
from pathlib import Path

from sdc.cache import atomic
from sdc.errors import UsageError, system_reason
from sdc.pipelines.report import formats
from sdc.pipelines.report.figures import render
from sdc.pipelines.report.figures.plot import Plot
from sdc.pipelines.report.figures.tables import NamedTable
from sdc.pipelines.report.latex import as_latex


def plot(drawn: Plot, folder: Path, wanted: Sequence[str], *, csv_safe: bool = False) -> list[Path]:
    """Writes a figure in some formats, and its numbers as CSV; returns the files."""
    svg = render.svg(drawn)
    files = [_put(folder / f"{drawn.name}.{form}", render.FORMATS[form](drawn, svg)) for form in wanted]
    return [*files, _put(folder / f"{drawn.name}.csv", formats.as_csv(drawn.records, safe=csv_safe).encode())]


def table(made: NamedTable, folder: Path, *, csv_safe: bool = False) -> list[Path]:
    """Writes a table as Markdown, CSV and LaTeX; returns the files."""
    records = [dict(zip(made.table.columns, row, strict=True)) for row in made.table.rows]
    texts = {
        "md": formats.markdown(made.table),
        "csv": formats.as_csv(records, safe=csv_safe),
        "tex": as_latex(made.table),
    }
    return [_put(folder / f"{made.name}.{ending}", text.encode()) for ending, text in texts.items()]


def folder(path: Path) -> Path:
    """Returns a folder that is there, made if need be.

    Raises:
        UsageError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"cannot be made: {system_reason(error)}", str(path), "name another folder with --out"
        ) from error
    return path


def _put(place: Path, content: bytes) -> Path:
    try:
        with atomic.beside(place) as temporary:
            temporary.write_bytes(content)
            atomic.put(temporary, place)
    except OSError as error:
        what = f"cannot be written: {system_reason(error)}"
        raise UsageError(what, str(place), "name another folder with --out") from error
    return place
