"""How files of examples are read: what `sdc data add` takes as flags.

Here: the settings and their check. Not here: what is done with them (`data.py`).
"""

from dataclasses import dataclass, field

from sdc.errors import UsageError, one_of
from sdc.pipelines.data.files import FileFormat

SPLITS = ("train", "test", "dev")
SOURCES = ("human", "synthetic")
#: Other words for a split.
_SPLIT_WORDS = {"training": "train", "testing": "test", **dict.fromkeys(("validation", "valid", "val"), "dev")}


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """How files are read. None of it is part of the key: the rows that come out are.

    Args:
        split: `train`, `test`, or `dev`, which no stage takes unless it is named; synthetic rows are always `train`.
            Default train.
        source: `human`, or `synthetic` for examples that another generator made. Default human.
        text_column: Name of the text column; found by its name if None.
        label_column: Name of the label column; found by its name and content if None.
        label_map: What values mean, as `1=positive,0=skip`. Default: names, aliases and ids of the task.
        first_label: Of several labels in a cell the first counts. Default: none does.
        where: Only rows in which a column has a value, as `partition=train`; of several values of one column any, of
            several columns all. Default: every row.
        subset: Leave out rows whose label is not one of the task's. Default: they are kept, and unlabelled.
        form: Delimiter, quotes, header, encoding and the like.
        most_unusable: The share of rows without a usable label above which a file is refused, 0 to 1. Default 0.2.
    """

    split: str = "train"
    source: str = "human"
    text_column: str | None = None
    label_column: str | None = None
    label_map: tuple[str, ...] = ()
    first_label: bool = False
    where: tuple[str, ...] = ()
    subset: bool = False
    form: FileFormat = field(default_factory=FileFormat)
    most_unusable: float = 0.2

    def __post_init__(self) -> None:
        object.__setattr__(self, "split", _SPLIT_WORDS.get(self.split.casefold(), self.split))
        if self.split not in SPLITS:
            raise UsageError(f"unknown split {self.split[:80]!r}", "--split", one_of(self.split[:80], SPLITS))
        if self.source not in SOURCES:
            raise UsageError(f"unknown source {self.source[:80]!r}", "--source", one_of(self.source[:80], SOURCES))
        if self.source == "synthetic" and self.split != "train":
            raise UsageError(f"synthetic examples are no {self.split} data", "--split", "use --split train")
        for condition in self.where:
            if not condition.partition("=")[0].strip() or "=" not in condition:
                raise UsageError(f"{condition[:80]!r} is not COLUMN=VALUE", "--where", "write it as partition=train")
        if not 0 <= self.most_unusable <= 1:
            raise ValueError("most_unusable is a share between 0 and 1")

    @property
    def conditions(self) -> dict[str, list[str]]:
        """The values of `where` by column, as it was called first: case does not count."""
        names: dict[str, str] = {}
        found: dict[str, list[str]] = {}
        for condition in self.where:
            name, _, value = (part.strip() for part in condition.partition("="))
            found.setdefault(names.setdefault(name.casefold(), name), []).append(value)
        return found
