"""The artifact that rows of examples become: its key and its summary.

Here: what of the rows and the task goes into the key. Not here: where the rows come from (`data.py`).
"""

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from itertools import compress
from typing import Any

from sdc.cache import key
from sdc.cache.store import Artifact
from sdc.errors import UsageError
from sdc.pipelines import tasks
from sdc.pipelines.cells import Cell
from sdc.pipelines.data.rows import ExampleColumns
from sdc.pipelines.stage import plan
from sdc.pipelines.tasks import Task
from sdc.pipelines.text.similarity import num_equal


def check_name(task: Task) -> None:
    """Fails if a user's task has the name of a built-in one: later commands find a task by its name.

    Raises:
        UsageError: The names are equal and the tasks are not.
    """
    if task.name in tasks.builtin_names() and task != tasks.load(task.name):
        raise UsageError(
            f"the task file is called {task.name!r} like a built-in task, and differs from it",
            "--task",
            "give it another name in the file",
        )


def planned(
    rows: ExampleColumns, cell: Cell, *, version: int, source: str, split: str, inputs: Sequence[str] = ()
) -> Artifact:
    """Returns the artifact of rows with its key and summary: stage `data` for human rows, `gen` for synthetic ones.

    Args:
        rows: As the table `examples` has them.
        cell: Their language and task.
        version: Of the stage.
        source: `human` or `synthetic`.
        split: What they are for.
        inputs: Keys of the data that they were made of, if any.
    """
    human = source == "human"
    artifact = plan(
        stage="data" if human else "gen",
        version=version,
        config=({"split": split} if human else {"origin": "import"}) | _content(rows, cell.task),
        inputs=inputs,
        lang=cell.lang,
        task=cell.task.name,
    )
    return dataclasses.replace(artifact, summary=_summary(rows, cell.task, source=source, split=split))


def _content(rows: ExampleColumns, task: Task) -> dict[str, str]:
    """Returns what of the content goes into the key.

    Canonical JSON would make NFC of the texts, and two files that differ in nothing else are still two files.
    """
    texts = json.dumps(rows["text"], ensure_ascii=False, separators=("\n", ":"))
    others = list(zip(*(rows[name] for name in ("label", "label_name", "status", "reason")), strict=True))
    written = {each: json.dumps(each, ensure_ascii=False)[1:] for each in set(others)}  # few: each is written once
    # No JSON of a text has a line break in it.
    lines = [f"[{text}, {written[each]}\n" for text, each in zip(texts[1:-1].split("\n"), others, strict=True)]
    content = {"digest": hashlib.sha256("".join(lines).encode()).hexdigest()}
    if task.name not in tasks.builtin_names():
        # The artifact carries the user's task: an edited task file must not be a hit that goes unseen.
        content["definition"] = key.digest(task.definition())
    return content


def _summary(rows: ExampleColumns, task: Task, *, source: str, split: str) -> dict[str, Any]:
    is_ok = [status == "ok" for status in rows["status"]]
    counts = Counter(compress(rows["label"], is_ok))
    num_ok = counts.total()
    summary: dict[str, Any] = {
        "source": source,
        "split": split,
        "rows": len(is_ok),
        "ok": num_ok,
        "statuses": dict(Counter(rows["status"])),
        "majority_rate": round(max(counts.values()) / num_ok, 4),
        "task": task.definition(),
    }
    # They stay, and are counted.
    summary["duplicates"] = num_equal(compress(rows["text"], is_ok))
    if source == "human":
        return summary | {"labels": {label.name: counts[label.id] for label in task.labels}}
    made = {
        label.name: {"quota": task.quota, "accepted": counts[label.id], "stopped": "imported"} for label in task.labels
    }
    return summary | {"model": None, "labels": made}
