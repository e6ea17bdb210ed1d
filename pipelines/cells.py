"""Cells: one language and one task, the unit that every stage works on.

Here: what `--lang` and `--task` mean together with what the store already knows. Not here: the definitions themselves.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from sdc.cache.store import Artifact, Store
from sdc.errors import DataError, UsageError
from sdc.pipelines import tasks
from sdc.pipelines.tasks import Task, languages
from sdc.pipelines.tasks.languages import Language
from sdc.pipelines.text import commas

#: What stands for every language, or every task, that there is.
ALL = "all"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One language and one task.

    Args:
        language, task: What it is of.
        of_all: Nobody named it, it is one of `all`: a command that finds nothing to work on in it passes over it.
    """

    language: Language
    task: Task
    of_all: bool = field(default=False, compare=False)

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


def expand(store: Store, langs: Sequence[str], task_names: Sequence[str], *, of_paper: bool = False) -> list[Cell]:
    """Returns the cells of `--lang` and `--task` (repeated, comma-separated, `all`), by task, in the order given.

    Args:
        store: What `all` stands for: the cells that it has something of. What is named need not be there.
        langs: Tags, and `all`.
        task_names: Names and files of tasks, and `all`.
        of_paper: `all` stands for the paper's languages and the built-in tasks, of which nothing need be there.

    Raises:
        UsageError: Nothing given, or an unknown language or task.
        DataError: The store has nothing of what `all` stands for.
        StoreError: There is no store.
    """
    tags, names = commas.parts(langs), commas.parts(task_names)
    if not tags or not names:
        raise UsageError(
            "say what to work on", fix="give --lang and --task, or artifact keys (`-` reads them from stdin)"
        )
    pairs = [] if of_paper or ALL not in (*tags, *names) else _pairs(store)
    all_tags = languages.paper_tags() if of_paper else [lang for lang, _ in pairs]
    all_names = tasks.builtin_names() if of_paper else [name for _, name in pairs]
    there = _tags(store) if {*tags} - {ALL, *languages.paper_tags()} else {*all_tags}
    of_tags = {tag: languages.kept(tag) if tag in there else languages.load(tag) for tag in _meant(tags, all_tags)}
    of_names = {name: load_task(store, name) for name in _meant(names, all_names)}
    asked_tags = {of_tags[tag].tag for tag in tags if tag != ALL}
    asked_names = {of_names[name].name for name in names if name != ALL}

    def is_one_of_all(lang: Language, task: Task) -> bool:
        """Whether `all` has it: it must not ask for what cannot exist, and who names a language may have data of it."""
        if of_paper:
            return not task.langs or lang.tag in {*task.langs, *asked_tags}
        return (lang.tag, task.name) in pairs

    found = []
    for task in {task.name: task for task in of_names.values()}.values():
        for lang in {lang.tag: lang for lang in of_tags.values()}.values():
            is_named = lang.tag in asked_tags and task.name in asked_names
            if is_named or is_one_of_all(lang, task):
                found.append(Cell(language=lang, task=task, of_all=not is_named))
    if not found:
        store.must_exist()
        other = [tag for asked in asked_tags for tag in languages.others(asked, all_tags)]
        fix = f"it has {' and '.join(other)}" if other else "`sdc data add` takes data in; see `sdc data ls`"
        raise DataError(f"nothing of --lang {','.join(tags)} --task {','.join(names)} is there", str(store.path), fix)
    return found


def absent(cells: Sequence[Cell]) -> list[str]:
    """Returns what `all` could stand for beside some cells, and the store has nothing of: their names.

    Only what can exist is named, and nothing unless one of the cells is of `all`.
    """
    if not any(cell.of_all for cell in cells):
        return []
    there = {str(cell) for cell in cells}
    tasks_ = {cell.task.name: cell.task for cell in cells}.values()
    could = [
        f"{lang}/{task.name}"
        for task in tasks_
        for lang in dict.fromkeys(cell.lang for cell in cells)
        if not task.langs or lang in task.langs
    ]
    return [name for name in could if name not in there]


def _meant(items: Sequence[str], every: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name for item in items for name in (every if item == ALL else [item])))


def _pairs(store: Store) -> list[tuple[str, str]]:
    """Returns the (lang, task) pairs that the store has something of: as the paper lists them, then others by name."""
    found = store.query("select distinct lang, task from artifacts where lang is not null and task is not null")
    first = [*languages.paper_tags(), *tasks.builtin_names()]
    place = {name: number for number, name in enumerate(first)}
    return sorted(found, key=lambda pair: [(place.get(name, len(first)), name) for name in (pair[1], pair[0])])


def _tags(store: Store) -> set[str]:
    """Returns the tags of the languages that the store has something in; they were looked up when that came in."""
    return {tag for (tag,) in store.query("select distinct lang from artifacts where lang is not null")}


def of_artifact(store: Store, artifact: Artifact) -> Cell:
    """Returns the cell an artifact belongs to."""
    if artifact.lang is None or artifact.task is None:
        raise UsageError(f"artifact {artifact.short} belongs to no language and task", fix="see `sdc store show`")
    return Cell(language=languages.kept(artifact.lang), task=load_task(store, artifact.task))
