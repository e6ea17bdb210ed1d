"""`sdc export`: its flags."""

from pathlib import Path
from typing import Annotated

import typer

from sdc.cli import options, pushing, render
from sdc.cli.groups import grouped
from sdc.cli.help import INPUT, OUTPUT
from sdc.cli.pushing import Hub
from sdc.pipelines import export as stage
from sdc.pipelines.export import ExportConfig
from sdc.pipelines.records import run_record
from sdc.pipelines.text.visible import as_json as json_text


@grouped
def export(
    run: Annotated[
        str,
        typer.Option("--run", metavar="KEY", help="A run of `sdc train`, or its evaluation.", rich_help_panel=INPUT),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="The folder to make.", rich_help_panel=OUTPUT)],
    onnx: Annotated[
        bool,
        typer.Option(
            "--onnx",
            help="Also write ONNX in fp32 and int8 (finetune; needs the extra onnx).",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    licence: Annotated[
        str | None,
        typer.Option("--license", metavar="NAME", help="Of the classifier, for its card. Default: unknown."),
    ] = None,
    *,
    hub: Hub,
    base: options.BaseOption = None,
    keep_weights: options.KeepMadeWeightsOption = False,
    store: options.StoreOption = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Replace an earlier export in that folder, or on the hub.", rich_help_panel=OUTPUT
        ),
    ] = False,
    as_json: options.JsonOption = False,
) -> None:
    """Write a trained run as a folder for Hugging Face libraries, vLLM and `sdc predict --model`.

    It holds the weights, a model card with lineage, metrics and costs, and with --onnx measured ONNX forms.

    Examples:
        sdc export --run 1a2b3c4d5e6f --out classifier --license cc-by-4.0
        sdc export --run 1a2b3c4d5e6f --out classifier --push my-org/te-topic --dry-run
        sdc predict new.csv --model classifier
    """
    where = hub.where(update=force)
    context = options.context(store)
    config = ExportConfig(
        out=out, force=force, onnx=onnx, licence=licence, base=base, keep_weights=keep_weights
    )  # fmt: skip
    made = stage.run(context, config, run_record.find(context, run))
    for form in made.get("onnx", []):
        render.note(f"onnx {form['precision']}: the same label on {form['agreement']:.2%} of {form['rows']} test rows")
    state = ", already there" if made["hit"] else ""
    render.note(f"export {made['key'][:12]}: {made['method']}, {made['bytes'] / 1e6:.1f} MB in {out}{state}")
    if where is not None:
        made |= {"push": pushing.send(out, where, dry_run=hub.dry_run, message=f"sdc export of run {made['key'][:12]}")}
    render.data((json_text(made) if as_json else str(out)) + "\n")
