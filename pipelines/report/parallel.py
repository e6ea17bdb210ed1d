"""Which tests are translations of each other: their rows are resampled by sentence, since their scores correlate.

Here: families of tests, by the ids and labels of their sentences. Not here: where those come from
(`records/sentences.py`), how rows are drawn (`statistics/resampling.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sdc.cache.key import SHORT, digest
from sdc.pipelines.records.examples import GoldLabels

#: What two test sets share at least to be taken for translations of each other.
_LEAST_SHARED = 0.5


@dataclass(frozen=True, kw_only=True)
class ParallelTest:
    """A test set: gold labels, the ids of its sentences if it has them, and the name of its stream of chance."""

    gold: GoldLabels
    ids: tuple[str, ...] | None
    name: str = ""


def in_families(tests: Mapping[str, ParallelTest], of_task: Mapping[str, str]) -> dict[str, ParallelTest]:
    """Returns the tests with the names of their families; a test that is no translation of another has its own."""
    families: list[tuple[str, dict[str, int], list[str]]] = []  # task, label of each sentence, keys
    named = {}
    for key, test in tests.items():
        if test.ids is None:
            named[key] = ParallelTest(gold=test.gold, ids=None, name=key)
            continue
        labels = dict(zip(test.ids, test.gold.label_N.tolist(), strict=True))
        for task, known, keys in families:
            shared = labels.keys() & known.keys()
            # Files that number their rows share ids by chance; their labels do not agree as well.
            if (
                task == of_task[key]
                and len(shared) >= _LEAST_SHARED * min(len(labels), len(known))
                and all(labels[name] == known[name] for name in shared)
            ):
                known |= labels
                keys.append(key)
                break
        else:
            families.append((of_task[key], labels, [key]))
    for task, known, keys in families:
        name = f"{task} {digest(sorted(known))[:SHORT]}"
        named |= {key: ParallelTest(gold=tests[key].gold, ids=tests[key].ids, name=name) for key in keys}
    return named
