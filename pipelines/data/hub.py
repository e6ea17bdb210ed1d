"""The paper's public data sets from the Hugging Face hub, or from a local copy, through `datasets`.

Here: which set belongs to a language and a task, and its rows as a frame. Not here: which part of a local copy is in a
language (`clone.py`), labels and statuses (`reading.py`), the store (`data.py`). `datasets` is imported in
`load` alone.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdc.cache import scratch
from sdc.errors import DataError, first_line
from sdc.pipelines.cells import Cell
from sdc.pipelines.data import clone, columns, parquet, select
from sdc.pipelines.data.frame import Frame

if TYPE_CHECKING:
    from datasets import Dataset

_TABLE = Path(__file__).with_name("sources.toml")
_PROBE_TIMEOUT_S = 5.0
_OTHERWISE = "use `sdc data add` with files of your own, or --from a folder that holds a copy"


@dataclass(frozen=True, kw_only=True)
class HubSource:
    """One data set for one cell.

    Args:
        repo: Hub id.
        config: Name of the configuration, or None.
        text: Text column.
        label: Label column.
        splits: Our split (train, test) -> the split of the set.
        subset: Leave out rows whose label is not one of the task's.
    """

    repo: str
    config: str | None
    text: str
    label: str
    splits: Mapping[str, str]
    subset: bool = False

    def __str__(self) -> str:
        return f"{self.repo} ({self.config})" if self.config else self.repo


def source_for(cell: Cell) -> HubSource:
    """Returns where the public set of a cell stands.

    Raises:
        DataError: The task has none.
    """
    table = tomllib.loads(_TABLE.read_text("utf-8")).get(cell.task.name)
    if table is None:
        raise DataError(
            f"no public set is known for task {cell.task.name}", fix="use `sdc data add` with your own files"
        )
    if "repo" not in table:
        raise DataError(f"the {cell.task.name} set is not on the hub", fix=str(table["advice"]))
    names = {
        "tag": cell.lang,
        "name": cell.language.name.split(" (")[0].lower().replace(" ", "_"),
        "flores": table.get("codes", {}).get(cell.lang) or flores_code(cell.lang, cell.language.script),
    }
    return HubSource(
        repo=table["repo"].format_map(names),
        config=table["config"].format_map(names) if "config" in table else None,
        text=table["text"],
        label=table["label"],
        splits=table["splits"],
        subset=table.get("subset", False),
    )


def flores_code(tag: str, script: str) -> str:
    """Returns the FLORES-200 code of a language: ISO 639-3 of the individual language, and the script.

    >>> flores_code("te", "Telu"), flores_code("sw", "Latn")
    ('tel_Telu', 'swh_Latn')
    """
    import langcodes
    from langcodes.data_dicts import NORMALIZED_MACROLANGUAGES

    language = langcodes.Language.get(tag)
    # BCP-47 says `sw` where FLORES names the individual language behind it, `swh`.
    individual = {macro: code for code, macro in NORMALIZED_MACROLANGUAGES.items() if len(code) == 3}
    return f"{individual.get(language.language or '') or language.to_alpha3()}_{script}"


def load(source: HubSource, split: str, *, lang: str, folder: Path | None = None) -> Frame:
    """Returns one split of a set as a frame.

    Args:
        source: The set.
        split: `train` or `test`.
        lang: Tag of the language: a local copy may hold many.
        folder: A local copy to read instead of the hub: of the repository, or a folder with such copies by name.

    Raises:
        DataError: No network, no such set, configuration, split or folder.
    """
    where = str(folder) if folder is not None else f"hub set {source}"
    if folder is not None and not folder.is_dir():
        raise DataError("there is no such folder", where, "--from takes a folder with a local copy of the data set")
    if folder is None:
        _check_network(source)
    import datasets

    with _quiet(datasets), scratch.folder("data") as cache:
        try:
            # A hub set is kept in the cache of `datasets`; a local one is read anew, for its files may have changed.
            arguments: dict[str, Any] = {"path": source.repo, "name": source.config}
            if folder is not None:
                arguments = _local(folder, source, split=source.splits[split], lang=lang)
                arguments["cache_dir"] = str(cache)
            if hasattr(datasets.load_dataset_builder(**arguments).config, "keep_default_na"):
                arguments["keep_default_na"] = False  # else a text such as "None" or "NA" is lost
            dataset = datasets.load_dataset(**arguments, split=source.splits[split])
        except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
            what = f"cannot get the {split} split ({first_line(error, most=200)})"
            raise DataError(what, where, _OTHERWISE) from error
        return _frame(dataset, source, where=where)


def _check_network(source: HubSource) -> None:
    """Fails at once where `datasets` would try again and again for half a minute."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return  # the user wants what is in the cache
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    try:
        urlopen(Request(endpoint, method="HEAD"), timeout=_PROBE_TIMEOUT_S).close()  # noqa: S310 (the user's own endpoint)
    except HTTPError:
        return  # it answers
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot reach {endpoint} for {source}",
            fix=f"check the network, set HF_HUB_OFFLINE=1 to use a set fetched before, or {_OTHERWISE}",
        ) from error


def _local(folder: Path, source: HubSource, *, split: str, lang: str) -> dict[str, Any]:
    """Returns what load_dataset takes for a local copy: of the language that is asked for, and no other."""
    name = source.repo.split("/")[-1]
    root = next((path for path in (folder / source.repo, folder / name) if path.is_dir()), folder)
    files = clone.locate(root, lang=lang, split=split, config=source.config)
    return dict(clone.load_arguments(files, split=split))


def _frame(dataset: "Dataset", source: HubSource, *, where: str) -> Frame:
    names = dataset.column_names
    wanted = columns.candidates(names, text=source.text, label=source.label)
    wanted += [name for name in names if name.casefold() in select.LANGUAGE_NAMES]
    features = dataset.features
    # Ids of a hub set count in its own order of labels; its names mean the same everywhere.
    labels = {name: inner.names for name in wanted if (inner := _class_label(features[name])) is not None}
    rows = dataset.select_columns(wanted).to_list() if wanted else []
    if not len(dataset):
        raise DataError("the set has no rows", where, _OTHERWISE)
    values = {name: [parquet.plain(row[name], labels.get(name)) for row in rows] for name in wanted}
    return Frame(where=where, columns=tuple(names), values=values, lines=range(1, len(dataset) + 1))


def _class_label(feature: Any) -> Any:
    """Returns the feature that knows names of labels, also of a list of them; None if there is none."""
    for found in (feature, getattr(feature, "feature", None)):
        if hasattr(found, "names"):
            return found
    return None


@contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """Keeps the progress bars and log lines of `datasets` from the terminal."""
    level = datasets.utils.logging.get_verbosity()
    bars = datasets.are_progress_bars_disabled()
    datasets.utils.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.utils.logging.set_verbosity(level)
        if not bars:
            datasets.enable_progress_bars()
