"""Cells: one language and one task, the unit that every stage works on.

Here: what `--lang` and `--task` mean together with what the store already knows. Not here: the definitions themselves.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sdc.cache.store import Artifact, Store
from sdc.errors import UsageError
from sdc.pipelines import tasks
from sdc.pipelines.tasks import Task, languages
from sdc.pipelines.tasks.languages import Language
from sdc.pipelines.text import commas


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One language and one task."""

    language: Language
    task: Task

    @property
    def lang(self) -> str:
        """The BCP-47 tag."""
        return self.language.tag

    def __str__(self) -> str:
        return f"{self.language.tag}/{self.task.name}"


def load_task(store: Store, name: str) -> Task:
    """Returns a built-in task, the one in a TOML file, or a user's task that the store has seen with its data."""
    if name not in tasks.builtin_names() and not name.endswith(".toml") and not tasks.is_file(name):
        found = store.query(
            """select summary -> '$.task' from artifacts where stage in ('data', 'gen') and task = ?
            and (summary -> '$.task') is not null order by used_at desc limit 1""",
            [name],
        )
        if found and found[0][0]:
            return tasks.from_mapping(json.loads(found[0][0]), where=f"task {name} in {store.path}")
    return tasks.load(name)


def expand(store: Store, langs: Sequence[str], task_names: Sequence[str]) -> list[Cell]:
    """Returns the cells of `--lang` and `--task` (repeated, comma-separated, `all`), in the order given.

    Raises:
        UsageError: Nothing given, or an unknown language or task.
    """
    tags = [tag for item in commas.parts(langs) for tag in (languages.paper_tags() if item == "all" else [item])]
    names = [name for item in commas.parts(task_names) for name in (tasks.builtin_names() if item == "all" else [item])]
    if not tags or not names:
        raise UsageError(
            "say what to work on", fix="give --lang and --task, or artifact keys (`-` reads them from stdin)"
        )
    there = _tags(store) if {*tags} - {*languages.paper_tags()} else set()
    of_tags = {tag: languages.kept(tag) if tag in there else languages.load(tag) for tag in tags}
    loaded_languages = {language.tag: language for language in of_tags.values()}
    loaded_tasks = {task.name: task for task in (load_task(store, name) for name in names)}
    cells = [Cell(language=lang, task=task) for task in loaded_tasks.values() for lang in loaded_languages.values()]
    # `all` must not ask for what cannot exist; who names a language may have data of their own.
    asked = {of_tags[item].tag for item in commas.parts(langs) if item != "all"}
    return [cell for cell in cells if not cell.task.langs or cell.lang in {*cell.task.langs, *asked}]


def _tags(store: Store) -> set[str]:
    """Returns the tags of the languages that the store has something in; they were looked up when that came in."""
    return {tag for (tag,) in store.query("select distinct lang from artifacts where lang is not null")}


def of_artifact(store: Store, artifact: Artifact) -> Cell:
    """Returns the cell an artifact belongs to."""
    if artifact.lang is None or artifact.task is None:
        raise UsageError(f"artifact {artifact.short} belongs to no language and task", fix="see `sdc store show`")
    return Cell(language=languages.kept(artifact.lang), task=load_task(store, artifact.task))
