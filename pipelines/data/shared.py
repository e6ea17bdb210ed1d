"""Examples of the store as a data set of the Hugging Face hub: JSON lines for each cell and split, and a card.

Here: which rows, the files, the card. Not here: sending them (`sharing.py`).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sdc import __version__
from sdc.cache.store import Artifact
from sdc.errors import DataError, UsageError
from sdc.pipelines.cells import Cell
from sdc.pipelines.records import lineage
from sdc.pipelines.records.examples import ExampleRow, accepted_rows, ok_rows
from sdc.pipelines.stage import Context
from sdc.pipelines.text.folding import one_line
from sdc.pipelines.text.visible import visible

STAGES = ("data", "gen", "judge")
#: Cell and split -> the artifact that it comes from.
Parts = Mapping[tuple[str, str], tuple[Cell, Artifact]]


def parts(context: Context, pairs: Sequence[tuple[Cell, Artifact | None]]) -> Parts:
    """Returns what is shared: the artifacts that are named, else the newest train and test data of each cell.

    Raises:
        UsageError: Two of the artifacts would be the same split of a cell.
        MissingInput: A cell has no data.
    """
    found: dict[tuple[str, str], tuple[Cell, Artifact]] = {}
    for cell, named in pairs:
        newest = [] if named else [lineage.newest_data(context, cell, split=split) for split in ("train", "test")]
        for artifact in [named] if named else newest:
            split = str(artifact.summary.get("split")) if artifact.stage == "data" else "synthetic"
            if (str(cell), split) in found:
                other = found[str(cell), split][1].short
                what = f"{other} and {artifact.short} are both {split} rows of {cell}"
                raise UsageError(what, "sdc data push", "push one of them")
            found[str(cell), split] = (cell, artifact)
    return found


def write(context: Context, folder: Path, shared: Parts, *, name: str, licence: str | None) -> None:
    """Writes a file of rows for each part, and README.md.

    Args:
        context: Where the store is.
        folder: An empty one.
        shared: What is written; of a judgement the accepted rows.
        name: Of the data set, for its card.
        licence: Of the data, as the hub calls it; None is unknown.

    Raises:
        DataError: A part has no usable row.
    """
    rows: dict[tuple[str, str], int] = {}
    for (cell_name, split), (cell, artifact) in shared.items():
        examples = _rows(context, artifact)
        if not examples:
            raise DataError(f"{artifact.short} has no usable row", "sdc data push", "see `sdc data show`")
        path = folder / _file(cell_name, split)
        path.parent.mkdir(exist_ok=True)
        lines = [
            json.dumps({"text": text, "label": label, "label_name": cell.task.label_names[label]}, ensure_ascii=False)
            for _, text, label in examples
        ]
        path.write_text("\n".join(lines) + "\n", "utf-8")
        rows[cell_name, split] = len(lines)
    (folder / "README.md").write_text(_card(shared, rows, name=name, licence=licence), "utf-8")


def _rows(context: Context, artifact: Artifact) -> list[ExampleRow]:
    if artifact.stage == "judge":
        return accepted_rows(context, artifact.key)
    return ok_rows(context, artifact.key, "human" if artifact.stage == "data" else "synthetic")


def _file(cell: str, split: str) -> str:
    return f"{_config(cell)}/{split}.jsonl"


def _config(cell: str) -> str:
    return cell.replace("/", "-")


def _card(shared: Parts, rows: Mapping[tuple[str, str], int], *, name: str, licence: str | None) -> str:
    from huggingface_hub import DatasetCardData  # 0.3 s: only where a card is written

    configs: dict[str, list[dict[str, str]]] = {}
    for cell, split in shared:
        configs.setdefault(_config(cell), []).append({"split": split, "path": _file(cell, split)})
    cells = {str(cell): cell for cell, _ in shared.values()}
    data: Any = DatasetCardData(
        language=sorted({cell.lang.partition("-")[0] for cell in cells.values()}),
        license=licence or "unknown",
        task_categories=["text-classification"],
        tags=["sdc", *(["synthetic"] if any(split == "synthetic" for _, split in shared) else [])],
        configs=[{"config_name": config, "data_files": files} for config, files in configs.items()],
    )
    table = [
        f"| {_cell(cell)} | {split} | {rows[cell, split]:,} | {_origin(artifact)} | `{artifact.key}` |"
        for (cell, split), (_, artifact) in shared.items()
    ]
    labels = [
        f"| {_cell(cell.task.name)} | {label.id} | {_cell(label.name)} | {_cell(label.description or '-')} |"
        for cell in {cell.task.name: cell for cell in cells.values()}.values()
        for label in cell.task.labels
    ]
    return "\n".join(
        [
            "---", data.to_yaml().strip(), "---", "", f"# {_cell(name)}", "",
            f"Labelled texts from a store of sdc {__version__}: `text`, `label` (an id) and `label_name`.",
            "Synthetic rows were written by a language model, and hold what it believes; of a judgement only accepted",
            "ones are here.", "",
            "| language and task | split | rows | from | key |", "|---|---|---:|---|---|", *table, "",
            "| task | id | label | meaning |", "|---|---:|---|---|", *labels, "",
        ]
    )  # fmt: skip


def _origin(artifact: Artifact) -> str:
    summary = artifact.summary
    who = summary.get("model") or summary.get("file") or artifact.stage
    what = {"data": "people", "gen": "generator", "judge": "accepted by"}[artifact.stage]
    return f"{what}: {_cell(str(who))}"


def _cell(text: str) -> str:
    """Returns a text as one cell of a Markdown table."""
    line = visible(one_line(text))
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>|#" else char for char in line)
