"""Parquet files: the columns that are wanted, with the names of their labels where the file knows them.

Here: what `datasets` and pandas write into the metadata. pyarrow is imported in `read` alone.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdc.cache.counted import counted
from sdc.errors import DataError, first_line

if TYPE_CHECKING:
    import pyarrow as pa

#: Which of the columns of a file are read.
Wanted = Callable[[Sequence[str]], Sequence[str]]


def read(path: Path, *, max_rows: int, wanted: Wanted) -> tuple[tuple[str, ...], dict[str, list[Any]], int]:
    """Returns the names of all columns, the values of those that are wanted, and the number of rows.

    Label ids of `datasets` become their names, which mean the same everywhere; its -1 and a NaN are missing values.

    Raises:
        DataError: The file or a wanted column cannot be read, or there are too many rows.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows > max_rows:
                raise DataError(
                    f"the file has more than {counted(max_rows, 'row', commas=True)}", str(path), "take a sample of it"
                )
            schema = file.schema_arrow
            names = tuple(schema.names)
            chosen = [name for name in dict.fromkeys(wanted(names)) if names.count(name) == 1]
            columns = {name: _values(file, name) for name in chosen}
            num_rows = file.metadata.num_rows
    except (pa.ArrowException, OSError, ValueError, OverflowError, KeyError) as error:  # a broken footer is an OSError
        what = f"not a readable Parquet file ({first_line(error, most=120)})"
        raise DataError(what, str(path), "write it again") from error
    labels = class_labels(_features(schema))
    for name, values in columns.items():
        columns[name] = [plain(value, labels.get(name)) for value in values]
    return names, columns, num_rows


def _values(file: Any, name: str) -> list[Any]:
    values: list[Any] = file.read(columns=[name]).column(name).to_pylist()
    return values


def _features(schema: "pa.Schema") -> Mapping[str, Any]:
    """Returns the features that `datasets` wrote into the file, by column; none if it did not."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def class_labels(features: Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns the names of the label ids by column, from features as `datasets` writes them down.

    >>> class_labels({"label": {"names": ["no", "yes"], "_type": "ClassLabel"}, "text": {"dtype": "string"}})
    {'label': ['no', 'yes']}
    >>> class_labels({"labels": {"feature": {"names": ["a"], "_type": "ClassLabel"}, "_type": "Sequence"}})
    {'labels': ['a']}
    """
    found = {}
    for name, feature in features.items():
        for inner in (feature, feature.get("feature") if isinstance(feature, dict) else None):
            names = inner.get("names") if isinstance(inner, dict) else None
            if isinstance(names, list) and all(isinstance(item, str) for item in names):
                found[name] = names
                break
    return found


def named(value: Any, names: Sequence[str]) -> Any:
    """Returns the label name of an id, or the names of several; None for -1, as `datasets` writes a missing label.

    >>> named(1, ["no", "yes"]), named(-1, ["no", "yes"]), named([0, 1], ["no", "yes"]), named(7, ["no", "yes"])
    ('yes', None, ['no', 'yes'], 7)
    """
    if isinstance(value, list):
        return [named(item, names) for item in value]
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if value == -1:
        return None
    return names[value] if 0 <= value < len(names) else value


def plain(value: Any, names: Sequence[str] | None) -> Any:
    """Returns a value as other files have it: a label by its name, None for a NaN."""
    if isinstance(value, float) and math.isnan(value):
        return None
    return named(value, names) if names is not None else value
