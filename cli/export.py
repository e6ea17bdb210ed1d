"""`sdc export`: its flags."""

from pathlib import Path
from typing import Annotated

import typer

from sdc.cli import options, render
from sdc.pipelines import export as stage
from sdc.pipelines.export import ExportConfig
from sdc.pipelines.records import run_record
from sdc.pipelines.text.visible import as_json as json_text


def export(
    run: Annotated[str, typer.Option("--run", help="Key of the run of `sdc train`, or of its evaluation.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to make.")],
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Also write ONNX in fp32 and int8 (finetune; needs sdc[onnx]).")
    ] = False,
    licence: Annotated[
        str | None, typer.Option("--license", help="Licence of the classifier, for its card. Default: unknown.")
    ] = None,
    base: Annotated[
        str | None, typer.Option("--base", help="Model that the run started from, where it is not found by itself.")
    ] = None,
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Keep weights that had to be made again, for the next time.")
    ] = False,
    store: options.StoreOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export in that folder.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, not just the folder.")] = False,
) -> None:
    """Write a trained run as a folder for Hugging Face libraries, vLLM and `sdc predict --model`.

    It holds the weights, a model card with lineage, metrics and costs, and with --onnx measured ONNX forms.
    """
    context = options.context(store)
    config = ExportConfig(
        out=out, force=force, onnx=onnx, licence=licence, base=base, keep_weights=keep_weights
    )  # fmt: skip
    made = stage.run(context, config, run_record.find(context, run))
    for form in made.get("onnx", []):
        render.note(f"onnx {form['precision']}: the same label on {form['agreement']:.2%} of {form['rows']} test rows")
    state = ", already there" if made["hit"] else ""
    render.note(f"export {made['key'][:12]}: {made['method']}, {made['bytes'] / 1e6:.1f} MB in {out}{state}")
    render.data((json_text(made) if as_json else str(out)) + "\n")
