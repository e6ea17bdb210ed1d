"""What is in the data: counts, duplicates, rows of one split found in another, odd characters, lengths.

Here: the listing and the profile of what `data` has taken in. Not here: gates that reject rows (`judge`).
"""

import re
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from sdc.cache.store import Artifact, Store
from sdc.errors import MissingInput
from sdc.pipelines.cells import Cell
from sdc.pipelines.records import leaks, lineage
from sdc.pipelines.records.examples import texts_and_statuses
from sdc.pipelines.stage import Context
from sdc.pipelines.text.similarity import num_equal, num_near

#: The kinds of examples of a cell, in the order they are shown in.
KINDS = ("train", "test", "dev", "synthetic")

#: What is odd -> whether a text has it.
ODD: Mapping[str, Callable[[str], object]] = {
    "replacement character (U+FFFD)": lambda text: "\N{REPLACEMENT CHARACTER}" in text,
    "control character": re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]").search,
    "carriage return": lambda text: "\r" in text,
    "spreadsheet escape (_x000D_)": re.compile("_x[0-9A-Fa-f]{4}_").search,
    "HTML entity (&amp;)": re.compile("&(?:[A-Za-z][A-Za-z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});").search,
}


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The profile of one artifact. All but `rows` and `statuses` are about rows with a text that can be read.

    Args:
        key: The artifact.
        kind: `train`, `test` or `synthetic`.
        file: Where it came from.
        rows: All rows.
        statuses: Rows by status.
        labels: Rows with status `ok` by label name, in the order of the ids.
        majority_rate: Share of the most frequent label, 0 to 1.
        duplicates: Rows whose text occurred before, but for case, white space and the spelling of accents.
        near_duplicates: Rows that are one before them, or nearly, as the gate `duplicate` rejects them.
        found_in: Kind -> how many of these rows occur there, word for word as `duplicates`.
        nearly_in: Kind -> how many of these rows occur there or nearly, as the gates `copy` and `test` reject them.
        odd: Rows with an odd character, by what is odd.
        chars_median: Median length of a text in characters.
        chars_max: Greatest length in characters.
    """

    key: str
    kind: str
    lang: str
    task: str
    file: str
    rows: int
    statuses: Mapping[str, int]
    labels: Mapping[str, int]
    majority_rate: float
    duplicates: int
    near_duplicates: int
    found_in: Mapping[str, int] = field(default_factory=dict)
    nearly_in: Mapping[str, int] = field(default_factory=dict)
    odd: Mapping[str, int]
    chars_median: float
    chars_max: int


def listing(store: Store, *, lang: Sequence[str] = (), task: Sequence[str] = ()) -> list[Artifact]:
    """Returns the data artifacts and the generations made elsewhere, by task, language and kind.

    Args:
        store: Where they are.
        lang: Only these languages; all if empty.
        task: Only these tasks; all if empty.
    """
    found = store.find("data") + [a for a in store.find("gen") if a.config.get("origin") == "import"]
    kept = [a for a in found if (not lang or a.lang in lang) and (not task or a.task in task)]
    return sorted(kept, key=lambda a: (a.task or "", a.lang or "", KINDS.index(kind_of(a)), a.key))


def kind_of(artifact: Artifact) -> str:
    """Returns `train`, `test` or `synthetic`."""
    return "synthetic" if artifact.stage == "gen" else str(artifact.summary.get("split", "train"))


def newest(context: Context, cell: Cell) -> dict[str, Artifact]:
    """Returns the artifacts of a cell that were made or used last, by kind.

    Raises:
        MissingInput: There is none.
    """
    found: dict[str, Artifact] = {}
    for stage in ("data", "gen"):
        for artifact in context.store.find(stage, lang=cell.lang, task=cell.task.name):
            found.setdefault(kind_of(artifact), artifact)
    if not found:
        fix = lineage.other_tag(context, cell, "data", "gen") or "take some in with `sdc data add` or `sdc data fetch`"
        raise MissingInput("no data", cell, str(context.store.path), fix)
    return {kind: found[kind] for kind in KINDS if kind in found}


def profile(store: Store, artifacts: Mapping[str, Artifact]) -> list[Profile]:
    """Returns one profile per artifact of a cell, each with its overlap with the others.

    Args:
        store: Where they are.
        artifacts: By kind.
    """
    rows = {kind: _rows(store, artifact) for kind, artifact in artifacts.items()}
    texts = {kind: list(enumerate(_texts(found))) for kind, found in rows.items()}
    exact: dict[str, dict[str, int]] = {kind: {} for kind in artifacts}
    near: dict[str, dict[str, int]] = {kind: {} for kind in artifacts}
    for one, other in combinations([kind for kind in KINDS if kind in artifacts], 2):
        found = leaks.find(texts[one], texts[other])
        near[one][other], near[other][one] = found.rows, found.leaked
        exact[one][other], exact[other][one] = found.exact_rows, found.exact
    return [
        _profile(artifact, kind, rows[kind], found_in=exact[kind], nearly_in=near[kind])
        for kind, artifact in artifacts.items()
    ]


def _rows(store: Store, artifact: Artifact) -> list[tuple[str, str | None, str]]:
    # The seed examples that a generation was shown are rows of it too.
    source = "synthetic" if artifact.stage == "gen" else "human"
    return texts_and_statuses(store, artifact.key, source=source)


def _texts(rows: Sequence[tuple[str, str | None, str]]) -> list[str]:
    return [text for text, _, status in rows if status in ("ok", "unlabelled")]


def _profile(
    artifact: Artifact,
    kind: str,
    rows: Sequence[tuple[str, str | None, str]],
    *,
    found_in: Mapping[str, int],
    nearly_in: Mapping[str, int],
) -> Profile:
    texts = _texts(rows)
    counts = Counter(label for _, label, status in rows if status == "ok")
    names = [label["name"] for label in artifact.summary.get("task", {}).get("labels", [])] or sorted(counts)
    odd = {name: sum(bool(test(text)) for text in texts) for name, test in ODD.items()}
    return Profile(
        key=artifact.key,
        kind=kind,
        lang=str(artifact.lang),
        task=str(artifact.task),
        file=str(artifact.summary.get("file") or artifact.summary.get("model") or ""),
        rows=len(rows),
        statuses=dict(Counter(status for _, _, status in rows).most_common()),
        labels={name: counts[name] for name in names},
        majority_rate=max(counts.values(), default=0) / max(counts.total(), 1),
        duplicates=num_equal(texts),
        near_duplicates=num_near(texts),
        found_in=found_in,
        nearly_in=nearly_in,
        odd={name: count for name, count in odd.items() if count},
        chars_median=statistics.median(map(len, texts)) if texts else 0,
        chars_max=max(map(len, texts), default=0),
    )
