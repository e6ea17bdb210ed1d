"""The tasks of the paper as TOML, and the reader of a user's own task file.

Here: what a task is, how it is found and validated. Not here: prompts (`prompts/`), data (`data.py`).
"""

import dataclasses
import json
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sdc.errors import UsageError, one_of
from sdc.pipelines import files
from sdc.pipelines.tasks import languages

_FOLDER = Path(__file__).parent
_METRICS = ("accuracy", "macro_f1")
_NAME = re.compile(r"(?!\s)[^,/\\\x00-\x1f\x7f]+(?<!\s)")


#: A whole number as people and pandas write it; `01` is none, but a name.
_WHOLE = re.compile(r"(?a:[+-]?(0|[1-9]\d{0,14})(\.0+)?)")


def normalise(text: str) -> str:
    """Returns `text` as labels are compared: NFKC, case-folded, `_`, `-` and runs of white space as one space.

    A number keeps its sign, and loses the `.0` that a float has. What would be nothing, as `-`, stays.

    >>> normalise("  Audio_Volume-Down ")
    'audio volume down'
    >>> [normalise(text) for text in ("-1", "1.0", "+2", "-", "-0")]
    ['-1', '1', '2', '-', '0']
    """
    text = unicodedata.normalize("NFKC", text).casefold().strip()
    if _WHOLE.fullmatch(number := text.replace("\N{MINUS SIGN}", "-")):
        return str(int(number.split(".")[0]))
    return " ".join(text.replace("_", " ").replace("-", " ").split()) or text


def is_number(spelling: str) -> bool:
    """Returns whether a normalised spelling is a whole number.

    >>> [is_number(normalise(text)) for text in ("1", "-1", "1.0", "0.5", "01", "one")]
    [True, True, True, False, False, False]
    """
    return _WHOLE.fullmatch(spelling) is not None


@dataclass(frozen=True, kw_only=True)
class Label:
    """One label: a zero-based id, the name used in prompts, other spellings, and what it means."""

    id: int
    name: str
    aliases: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A label set and its prompts.

    Args:
        name: Short name, also the value of `--task`.
        text_type: What one text is, as the generation prompt calls it.
        instruction: The classification prompt; `{options}` becomes `1) first; 2) second`.
        metric: The headline metric, `accuracy` or `macro_f1`.
        quota: Synthetic rows per label that `gen` aims for, at least 1.
        sizes_up_to: The largest nominal size of the paper's grid for this task, in rows.
        labels: In the order of their ids, which are 0, 1, 2 ...
        langs: The only languages that there is data in, as tags; empty: any.
    """

    name: str
    text_type: str
    instruction: str
    labels: tuple[Label, ...]
    metric: str = "accuracy"
    quota: int = 200
    sizes_up_to: int = 2000
    langs: tuple[str, ...] = ()

    @property
    def label_names(self) -> tuple[str, ...]:
        """The label names in the order of their ids."""
        return tuple(label.name for label in self.labels)

    @property
    def options(self) -> str:
        """The options as the classification prompt lists them, numbered from 1."""
        return "; ".join(f"{label.id + 1}) {label.name}" for label in self.labels)

    def spellings(self) -> dict[str, int]:
        """Returns every normalised name and alias -> label id."""
        return {normalise(s): label.id for label in self.labels for s in (label.name, *label.aliases)}

    def label_id(self, value: object) -> int | None:
        """Returns the id that `value` (a name, an alias or an id) stands for, or None.

        Names win over ids, and where a name is a number, as in a task with the labels 1 to 5, no number is an id. Else
        0 is the first label. A float counts only if it is whole (`0.0`, as pandas writes it).
        """
        spelling = "" if value is None else normalise(str(value))
        known = self.spellings()
        if spelling in known:
            return known[spelling]
        if not is_number(spelling) or any(map(is_number, known)):
            return None
        number = int(spelling)
        return number if 0 <= number < len(self.labels) else None

    def definition(self) -> dict[str, Any]:
        """Returns all fields as JSON has them, without limits to languages where there are none."""
        fields: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return {name: value for name, value in fields.items() if name != "langs" or value}

    def identity(self) -> dict[str, Any]:
        """Returns what of the task decides a result, for keys: names and prompts in order, no quotas."""
        return {
            "name": self.name,
            "text_type": self.text_type,
            "instruction": self.instruction,
            "labels": [[label.name, label.description] for label in self.labels],
        }


def builtin_names() -> list[str]:
    """Returns the names of the tasks that come with sdc, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load(name: str) -> Task:
    """Returns the task called `name`, or the one in the TOML file at the path `name`.

    Raises:
        UsageError: Unknown task, or a task file with a missing, unknown or contradictory field.
        DataError: The file cannot be read.
    """
    if name in builtin_names():
        return _parse((_FOLDER / f"{name}.toml").read_text("utf-8"), where=name)
    path = Path(name)
    if path.suffix != ".toml" and not is_file(name):
        fix = one_of(name[:80], builtin_names(), "or the path of a TOML file")
        raise UsageError(f"unknown task {name[:80]!r}", "--task", fix)
    try:
        text = files.text(path, "the task file")
    except ValueError as error:  # a null byte
        raise UsageError(f"{name[:80]!r} is no path", "--task", "correct it") from error
    return _parse(text, where=str(path))


def is_file(name: str) -> bool:
    """Returns whether there is a file of that name; a name that no file can have is none."""
    try:
        return Path(name).is_file()
    except OSError:  # too long
        return False


def _parse(text: str, *, where: str) -> Task:
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"not valid TOML: {error}", where, "see docs/guide.md, 'Your own task'") from error
    return from_mapping(raw, where=where)


def from_mapping(raw: Mapping[str, Any], *, where: str) -> Task:
    """Returns the task that a mapping (parsed TOML, or `dataclasses.asdict` of a task) describes.

    Raises:
        UsageError: A field is missing, unknown, of the wrong type or contradicts another.
    """
    fields = _fields(raw, required=("name", "instruction", "labels"), known=tuple(Task.__annotations__), where=where)
    labels_raw = fields.pop("labels")
    if not isinstance(labels_raw, list | tuple) or not all(isinstance(item, dict) for item in labels_raw):
        raise UsageError("labels must be [[labels]] tables", where, "see docs/guide.md, 'Your own task'")
    labels = []
    for position, item in enumerate(labels_raw):
        item = _fields(item, required=("name",), known=tuple(Label.__annotations__), where=f"{where}: label {position}")
        item.setdefault("id", position)
        aliases = item.get("aliases", [])
        if not isinstance(aliases, list | tuple) or not all(isinstance(alias, str) for alias in aliases):
            raise UsageError("aliases must be a list of strings", f"{where}: label {position}", "write aliases = [...]")
        item["aliases"] = tuple(aliases)
        labels.append(Label(**item))
    fields.setdefault("text_type", "texts")
    fields["langs"] = _langs(fields.get("langs", ()), where=where)
    return _validated(Task(labels=tuple(labels), **fields), where=where)


def _langs(tags: object, *, where: str) -> tuple[str, ...]:
    if not isinstance(tags, list | tuple) or not all(isinstance(tag, str) for tag in tags):
        raise UsageError("langs must be a list of language tags", where, 'write langs = ["en"]')
    try:
        return tuple(languages.load(tag).tag for tag in tags)
    except UsageError as error:
        raise UsageError(f"langs: {error.what}", where, error.fix) from error


_TYPES: Mapping[str, type] = {
    "name": str, "text_type": str, "instruction": str, "metric": str, "description": str,
    "quota": int, "sizes_up_to": int, "id": int,
}  # fmt: skip


def _fields(raw: Mapping[str, Any], *, required: tuple[str, ...], known: tuple[str, ...], where: str) -> dict[str, Any]:
    for name in required:
        if name not in raw:
            raise UsageError(f"{name!r} is missing", where, "see docs/guide.md, 'Your own task'")
    for name, value in raw.items():
        if name not in known:
            raise UsageError(f"unknown field {name!r}", where, f"known fields are {', '.join(known)}")
        expected = _TYPES.get(name)
        if expected is not None and (not isinstance(value, expected) or isinstance(value, bool)):
            raise UsageError(f"{name!r} must be {expected.__name__}, not {type(value).__name__}", where, "correct it")
    return dict(raw)


def _validated(task: Task, *, where: str) -> Task:
    def fail(what: str, fix: str) -> None:
        raise UsageError(what, where, fix)

    if len(task.labels) < 2:
        fail("a task needs at least two labels", "add [[labels]]")
    if [label.id for label in task.labels] != list(range(len(task.labels))):
        fail("label ids must be 0, 1, 2 ... in order", "leave `id` out to number them by position")
    if "{options}" not in task.instruction:
        fail("the instruction lacks {options}", "write {options} where the numbered labels go")
    if task.metric not in _METRICS:
        fail(f"unknown metric {task.metric!r}", one_of(str(task.metric), _METRICS))
    if task.quota < 1 or task.sizes_up_to < 1:
        fail("quota and sizes_up_to must be at least 1", "correct it")
    if not task.name.strip() or not all(label.name.strip() for label in task.labels):
        fail("names must not be empty", "correct it")
    if task.name == "all" or task.name.endswith(".toml") or not _NAME.fullmatch(task.name):
        fail(f"the name {task.name[:80]!r} cannot be given to --task", "use one without commas, slashes or line breaks")
    # An alias may differ from its own label's name in case or punctuation only.
    spellings = [s for label in task.labels for s in {normalise(s) for s in (label.name, *label.aliases)}]
    twice = sorted({s for s in spellings if spellings.count(s) > 1})
    if twice:
        fail(f"two labels answer to {twice[0]!r}", "rename one, or drop the alias")
    return task
