from collections.abc import Callable
from typing import Any

import pytest

from sdc.cache import members
from sdc.cache.store import Artifact, Store

Make = Callable[..., Artifact]

_DRAW = {"lang": "te", "task": "topic", "strategy": "balanced", "size": "10", "repeat": 0, "num_rows": 2}
_ROW = {"lang": "te", "task": "topic", "text": "x", "status": "ok"}


@pytest.mark.parametrize("at_once", [1, 500])
def test_members_that_are_no_examples_are_found(
    store: Store, make: Make, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(members, "_DRAWS_AT_ONCE", at_once)
    human, synthetic, beside = make("data"), make("gen"), make("data", "sw")
    elsewhere = "f" * 64
    rows = [{**_ROW, "source": "human", "idx": idx} for idx in (0, 1, 5)]
    made: dict[str, list[tuple[str, list[int], str | None, list[int] | None]]] = {
        "good": [(human.key, [0, 5], None, None), (synthetic.key, [0], human.key, [1, 0]), (human.key, [], None, None)],
        "bad": [(human.key, [0, 2], None, None), (human.key, [7, -1], None, None), (human.key, [1], None, None)],
        "human": [(synthetic.key, [0], beside.key, [3])],
        "both": [(synthetic.key, [1], human.key, [3])],
        "elsewhere": [(elsewhere, [77], None, None), (elsewhere, [0], synthetic.key, [0, 1])],
    }
    items: list[tuple[Artifact, Any]] = [
        (human, {"examples": rows}),
        (synthetic, {"examples": rows[:1]}),
        (beside, {"examples": rows}),
    ]
    keys = {}
    for name, draws in made.items():
        sample = make("sample", config={"name": name})
        keys[name] = sample.key
        names = ("example_key", "members", "human_key", "human_members")
        items.append((sample, {"draws": [
            {**_DRAW, "source": "human", "draw": f"{name} {number}", **dict(zip(names, draw, strict=True))}
            for number, draw in enumerate(draws)
        ]}))  # fmt: skip
    store.put_many(items)
    with store.open() as con:
        found = dict(members.faults(con))
    assert found == {keys["bad"]: 2, keys["human"]: 1, keys["both"]: 1, keys["elsewhere"]: 1}
