"""Saved reviews as the page writes them, for tests that need no browser, and what they are about."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scripted import World, add_import

from sdc.cache.store import Artifact
from sdc.pipelines import stage
from sdc.pipelines.judge.review import FORMAT, VERSION, form, sheet
from sdc.pipelines.judge.review.sheet import Sheet

#: idx -> what a person says of that text; what is not given is as the page leaves it.
Said = Mapping[int, Mapping[str, Any]]

ACCEPT: Mapping[str, Any] = {"decision": "accept"}
REJECT: Mapping[str, Any] = {"decision": "reject", "reason": "unnatural"}


def add_judgement(world: World, generation: Artifact, verdicts: Sequence[tuple[bool, str]]) -> Artifact:
    """Keeps a judgement of the rows 0, 1, 2 ... of a generation: (accepted, judged_by) each."""
    cell = world.cell
    planned = stage.plan(
        stage="judge",
        version=1,
        config={"said": [list(verdict) for verdict in verdicts]},
        inputs=[generation.key],
        lang=cell.lang,
        task=cell.task.name,
    )
    rows = [
        {"idx": idx, "example_key": generation.key, "accepted": accepted, "judged_by": by,
         "reason": None if accepted else f"refused by {by}", "probability": 0.75 if by == "llm" else None}
        for idx, (accepted, by) in enumerate(verdicts)
    ]  # fmt: skip
    world.store.put(replace(planned, summary={"rows": len(rows)}), {"verdicts": rows})
    return planned


def six(world: World) -> tuple[Artifact, Artifact, Sheet]:
    """Makes a generation of six texts (labels 0, 1, 0, 1, 0, 1), its judgement, and the sheet of all of them."""
    generation = add_import(
        world.store, world.cell, [(f"Text number {i}, written by a machine.", i % 2) for i in range(6)]
    )
    judgement = add_judgement(
        world,
        generation,
        [(True, "llm"), (True, "llm"), (True, "llm"), (False, "llm"), (False, "gate:script"), (False, "gate:copy")],
    )
    return generation, judgement, sheet.choose(world.context, world.cell, judgement)


def raw(of: Sheet, said: Said, *, reviewer: str = "Ana", **changed: Any) -> dict[str, Any]:
    """Returns what the page saves."""
    digests = {row.idx: sheet.text_digest(row.text) for row in of.rows}
    blank = dict.fromkeys(("decision", "reason", "label", "text", "comment")) | {"blind": True}
    rows = [
        {**blank, "idx": idx, "sha256": digests.get(idx, "0" * 64), "decided_at": "2030-01-02T03:04:05.678Z", **answer}
        for idx, answer in said.items()
    ]
    value: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "sheet": of.name,
        "generation": of.generation.key,
        "judgement": of.judgement.key if of.judgement else None,
        "lang": of.cell.lang,
        "task": of.cell.task.name,
        "labels": list(of.cell.task.label_names),
        "reviewer": reviewer,
        "started_at": "2030-01-02T03:00:00.000Z",
        "saved_at": "2030-01-02T03:05:00.000Z",
        "num_shown": len(of.rows),
        "rows": rows,
        **changed,
    }
    return {**value, "check": form.check_sum(value)}


def save(path: Path, of: Sheet, said: Said, *, reviewer: str = "Ana", **changed: Any) -> Path:
    """Writes what the page saves, and returns the path."""
    path.write_text(json.dumps(raw(of, said, reviewer=reviewer, **changed), ensure_ascii=False, indent=1), "utf-8")
    return path
