"""The review page: one HTML file that works from a mail attachment, without a server or the network.

Here: the sheet as data for the page's script, the policy that forbids the network, writing the file. Not here: what the
page does (`page.js`), how it looks (`page.css`).
"""

import errno
import os
from functools import cache
from pathlib import Path
from typing import Any

from sdc.cache import atomic
from sdc.errors import DataError, UsageError, system_reason
from sdc.pipelines.judge.review import FORMAT, MAX_NAME_CHARS, REASONS, VERSION
from sdc.pipelines.judge.review.sheet import Sheet, SheetRow, text_digest
from sdc.pipelines.text import pages

_FOLDER = Path(__file__).parent
#: Every page begins with it, and only a file that does is written over.
_MARK = "<!doctype html>\n<!-- sdc review sheet -->\n"


def render(sheet: Sheet, *, reviewer: str = "") -> str:
    """Returns the page of a sheet: the same text for the same sheet.

    Args:
        sheet: What is asked.
        reviewer: The name that already stands in the page; empty lets the person type it.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # 40 ms: only where it is used

    environment = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)
    style, script = _asset("page.css"), _script()
    text = environment.get_template("page.html.jinja").render(
        language=sheet.cell.language.name,
        lang=sheet.cell.lang,
        task=sheet.cell.task.name,
        policy=pages.policy(style=style, script=script),
        style=style,
        script=script,
        data=pages.as_json(_data(sheet, reviewer)),
        max_name_chars=MAX_NAME_CHARS,
        num_reasons=len(REASONS),
    )
    return _MARK + text


def write(path: Path, text: str, *, force: bool = False) -> None:
    """Writes a page, whole or not at all.

    Raises:
        UsageError: Something else than a review page stands there.
        DataError: The file cannot be written.
    """
    try:
        if path.is_dir():  # --force cannot help here
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not force and path.exists() and not _is_page(path):
            raise UsageError("the file exists and is no review sheet", str(path), "choose another name, or --force")
        with atomic.beside(path) as temporary:
            with temporary.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
            atomic.put(temporary, path)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: Exception) -> DataError:
    what = f"cannot write the sheet ({system_reason(error)})"
    return DataError(what, str(path), "check the path and its permissions")


def _is_page(path: Path) -> bool:
    if not path.is_file():  # a pipe would wait for somebody to write
        return False
    with path.open("rb") as file:
        return file.read(len(_MARK)) == _MARK.encode()


def _data(sheet: Sheet, reviewer: str) -> dict[str, Any]:
    language, task = sheet.cell.language, sheet.cell.task
    return {
        "format": FORMAT,
        "version": VERSION,
        "sheet": sheet.name,
        "generation": sheet.generation.key,
        "judgement": sheet.judgement.key if sheet.judgement else None,
        "lang": sheet.cell.lang,
        "task": task.name,
        "labels": [{"name": label.name, "description": label.description} for label in task.labels],
        "reasons": {name: text.format(language=language.name) for name, text in REASONS.items()},
        "reviewer": reviewer,
        "rows": [_row(row, task.label_names[row.label]) for row in sheet.rows],
    }


def _row(row: SheetRow, label: str) -> dict[str, Any]:
    verdict = None
    if row.accepted is not None:
        verdict = {"accepted": row.accepted, "by": row.judged_by, "reason": row.reason}
    return {"idx": row.idx, "text": row.text, "sha256": text_digest(row.text), "label": label, "verdict": verdict}


@cache
def _script() -> str:
    """Returns the scripts as one function: nothing of it is seen from outside."""
    parts = "\n".join(_asset(name) for name in ("page_state.js", "page_marks.js", "page_panels.js", "page.js"))
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


@cache
def _asset(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")
