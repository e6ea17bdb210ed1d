"""`sdc store sql`: its flags, and how values of the store are written."""

import math
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import typer

from sdc.cli import options, render
from sdc.cli.help import OUTPUT
from sdc.pipelines.text.visible import as_csv
from sdc.pipelines.text.visible import as_json as json_text


class SqlFormat(StrEnum):
    """How `sdc store sql` writes its rows."""

    table = "table"
    csv = "csv"
    json = "json"


def sql(
    statement: Annotated[str, typer.Argument(metavar="SELECT", help="One select; docs/store.md lists the tables.")],
    form: Annotated[
        SqlFormat, typer.Option("--format", help="How the rows are written.", rich_help_panel=OUTPUT)
    ] = SqlFormat.table,
    csv_safe: options.CsvSafeOption = False,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Query the store; nothing can be written.

    Examples:
        sdc store sql "select lang, task, count(*) from examples group by all"
        sdc store sql "select * from metrics" --format csv > metrics.csv
    """
    names, rows = options.store(store).query_with_names(statement)
    if as_json or form is SqlFormat.json:
        records = [{name: _plain(value) for name, value in zip(names, row, strict=True)} for row in rows]
        if as_json:
            render.records(records)
        else:
            render.data(json_text(records) + "\n")
    elif form is SqlFormat.csv:
        render.data(as_csv([names, *([_cell(value) for value in row] for row in rows)], safe=csv_safe))
    else:
        render.table(names, [["NULL" if value is None else _cell(value) for value in row] for row in rows])


def _cell(value: Any) -> Any:
    """Returns lists and structs as JSON, as a CSV cell or a terminal takes them, and bytes in hexadecimal digits."""
    if isinstance(value, bytes):
        return value.hex()
    return json_text(_plain(value)) if isinstance(value, list | dict) else value


def _plain(value: Any) -> Any:
    """Returns what JSON can hold: decimals as numbers, no NaN (null), bytes as digits, times and the rest as text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
