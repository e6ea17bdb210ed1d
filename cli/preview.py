"""`--preview N` of the stages that ask an LLM: what they ask, and what came of N calls."""

from sdc.cli import render
from sdc.pipelines.cells import Cell
from sdc.pipelines.text.visible import as_json as json_text
from sdc.pipelines.view import Preview


def show(cell: Cell, found: Preview, *, as_json: bool) -> None:
    """Writes a preview to stdout; no key is among it, for nothing was made."""
    if as_json:
        record = {"cell": str(cell), "prompts": dict(found.prompts), "results": [dict(r) for r in found.results.rows]}
        render.data(json_text(record) + "\n")
        return
    for what, prompt in found.prompts.items():
        render.shown(f"{cell}: {what}", *(f"  | {line}" for line in prompt.splitlines()), "")
    render.part(found.results)
