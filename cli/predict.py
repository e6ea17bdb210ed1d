"""`sdc predict`: its flags."""

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from sdc.cache.counted import counted
from sdc.cli import model_options, options, render
from sdc.cli.groups import grouped
from sdc.cli.help import INPUT, MODEL, OUTPUT
from sdc.errors import DataError, UsageError, system_reason
from sdc.pipelines import files
from sdc.pipelines import predict as stage
from sdc.pipelines.predict import Prediction, chosen, formats, input
from sdc.pipelines.progress import Step

_LINE_NUMBER = re.compile(r"^line \d+: ")


@dataclass(frozen=True, kw_only=True)
class Who:
    """What classifies, and how it is run."""

    run: Annotated[
        str | None,
        typer.Option("--run", metavar="KEY", help="A run (train, icl) or its evaluation.", rich_help_panel=MODEL),
    ] = None
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            metavar="FOLDER",
            help="A folder that `sdc export` wrote, instead of --run.",
            rich_help_panel=MODEL,
        ),
    ] = None
    onnx: Annotated[
        str | None,
        typer.Option(
            "--onnx",
            metavar="FORM",
            help="--model: run its ONNX form, fp32 or int8 (needs the extra onnx).",
            rich_help_panel=MODEL,
        ),
    ] = None
    base: options.BaseOption = None
    keep_weights: options.KeepMadeWeightsOption = False
    engine: model_options.EngineOption = "auto"
    server: model_options.ServerOption = None
    engine_arg: model_options.EngineArgOption = None


@dataclass(frozen=True, kw_only=True)
class RowsIn:
    """How texts are read."""

    input_format: Annotated[
        str | None,
        typer.Option(
            "--input-format",
            metavar="FORM",
            help="csv, tsv, jsonl or lines. Default: by the suffix; stdin has lines.",
            rich_help_panel=INPUT,
        ),
    ] = None
    text_column: Annotated[
        str | None,
        typer.Option(
            "--text-column",
            metavar="NAME",
            help="Column or field of the text. Default: by its usual names.",
            rich_help_panel=INPUT,
        ),
    ] = None


@grouped
def predict(
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="Texts to classify; `-`, or nothing, reads them from stdin.")
    ] = None,
    *,
    who: Who,
    rows_in: RowsIn,
    output: Annotated[
        str,
        typer.Option(
            "--format", metavar="FORM", help="jsonl, csv, or lines (the label alone).", rich_help_panel=OUTPUT
        ),
    ] = "jsonl",
    csv_safe: options.CsvSafeOption = False,
    batch_rows: Annotated[
        int,
        typer.Option("--batch-rows", min=1, max=100_000, help="Rows that are read, classified and written at once."),
    ] = stage.BATCH_ROWS,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Classify texts with a run, one row out for every row in, written as soon as its batch is read.

    A pipe of any length takes no more memory. A row without a usable text has no label, and the reason.

    Examples:
        sdc predict new.csv --run 1a2b3c4d5e6f > labels.jsonl
        sdc predict new.csv --model classifier/ --format csv
        cat texts.txt | sdc predict --run 1a2b3c4d5e6f --format lines
    """
    output = "jsonl" if as_json else output
    formats.check(output)
    chosen.check(who.run, who.model)
    context = options.context(store, engine=model_options.how(who.engine, who.server, who.engine_arg, None))
    where = "stdin" if file in (None, "-") else str(file)
    kind = input.kind(None if where == "stdin" else where, rows_in.input_format)
    with ExitStack() as stack:
        stream = stack.enter_context(_opened(file))
        rows = input.rows(stream, kind=kind, where=where, text_column=rows_in.text_column)
        first = list(islice(rows, 1))  # a wrong column or a binary file is told before weights are made
        predictor = stack.enter_context(
            chosen.predictor(
                context, run=who.run, folder=who.model, precision=who.onnx, base=who.base, keep_weights=who.keep_weights
            )
        )
        seen: Counter[str | None] = Counter()
        what = f"predict {predictor.name}"
        batches = _counted(
            stage.run(predictor, chain(first, rows), batch_rows=batch_rows),
            seen,
            told=lambda done: context.progress(Step(what=what, done=done, total=_expected(stream, done), unit="row")),
        )
        for text in formats.write(batches, predictor.task, output, csv_safe=csv_safe):
            render.data(text)
            sys.stdout.flush()
    lost = seen.total() - seen[None]
    reasons = ", ".join(f"{reason} {count}" for reason, count in seen.most_common(4) if reason is not None)
    without = f", {lost} without a label ({reasons})" if lost else ""
    render.note(f"predict {predictor.name}: {counted(seen.total(), 'row')}{without}")


def _opened(file: str | None) -> AbstractContextManager[BinaryIO]:
    """Returns the input as bytes.

    Raises:
        UsageError: There is no input.
        DataError: The file cannot be opened.
    """
    if file is None or file == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("nothing to classify", fix="name a file, or pipe texts into this command")
        return _NotClosed(sys.stdin.buffer)
    path = Path(file)
    try:
        if path.is_dir():
            raise DataError("this is a folder, not a file", file, "name one file")
        if files.waits(path):
            raise DataError("this is a pipe with a name", file, "pipe it into this command instead")
        stream = path.open("rb")
    except (OSError, ValueError) as error:
        what = f"cannot read the file ({system_reason(error)})"
        raise DataError(what, file[:200], "check the path and its permissions") from error
    return stream


class _NotClosed(AbstractContextManager[BinaryIO]):
    """Leaves stdin open: it is not ours."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def __enter__(self) -> BinaryIO:
        return self._stream

    def __exit__(self, *error: object) -> None:
        pass


def _expected(stream: BinaryIO, done: int) -> int:
    """Returns how many rows a file should have, by how far it was read for those that are done; 0 of a pipe."""
    try:
        size, place = os.fstat(stream.fileno()).st_size, stream.tell()
    except OSError:  # no file, or one that cannot be sought in
        return 0
    return max(done, round(size / place * done)) if place and size else 0


def _counted(
    batches: Iterable[list[Prediction]], seen: Counter[str | None], *, told: Callable[[int], None]
) -> Iterator[Sequence[Prediction]]:
    """Passes the batches on, counts the reasons (one with a line number without it), and tells of rows done."""
    for batch in batches:
        seen.update(row.reason and _LINE_NUMBER.sub("", row.reason)[:60] for row in batch)
        yield batch
        told(seen.total())
