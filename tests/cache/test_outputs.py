from collections.abc import Callable
from typing import Any

import pytest

from sdc.cache import outputs
from sdc.cache.store import Artifact, Store

Make = Callable[..., Artifact]

_RUN = {"lang": "te", "task": "topic", "method": "icl", "model": "m", "num_rows": 0, "setting": "s", "status": "ok"}


@pytest.fixture
def shelf(store: Store, make: Make) -> dict[str, str]:
    """Seven runs on two tests, of which one is in another store; name -> key."""
    test = make("data")
    row = {"lang": "te", "task": "topic", "text": "x", "source": "human", "status": "ok"}
    items: list[tuple[Artifact, Any]] = [(test, {"examples": [{**row, "idx": idx} for idx in (0, 2, 4)]})]
    answered: dict[str, list[int]] = {
        "good": [0, 2, 4], "twice": [0, 2, 2, 2, 4, 4], "alien": [0, 1, 2, 7, 7], "none": [], "negative": [-1, 0, -1],
        "elsewhere": [0, 77], "failed": [],
    }  # fmt: skip
    keys = {}
    for name, idxs in answered.items():
        run = make("icl", config={"name": name})
        keys[name] = run.key
        about = {**_RUN, "test_key": "f" * 64 if name == "elsewhere" else test.key}
        about["status"] = "failed" if name == "failed" else "ok"
        items.append((run, {"runs": [about], "outputs": [{"idx": idx, "reply": "x"} for idx in idxs]}))
    store.put_many(items)
    with store.open(write=True) as con:  # an output of no run, in the midst of others
        con.execute("update runs set no = no + 1 where no > 3; update run_outputs set run = run + 1 where run > 3")
        con.execute("insert into run_outputs values (4, 0, null, 'x'), (4, 0, null, 'x'), (99, 9, null, 'x')")
    return keys


@pytest.mark.parametrize("most", [1, 3, 6, 1_000_000])
def test_every_fault_is_found_however_many_outputs_are_looked_at_together(
    store: Store, shelf: dict[str, str], monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(outputs, "_MOST_OUTPUTS", most)
    with store.open() as con:
        names = {key: name for name, key in shelf.items()}
        found = {text.format(key=names[key], n=number) for text, key, number in outputs.faults(con)}
    assert found == {
        "the finished run none has no outputs",
        "2 outputs of twice share their idx with another",
        "1 outputs of alien share their idx with another",
        "3 outputs of alien are for rows that the test examples do not have",
        "1 outputs of negative share their idx with another",
        "2 outputs of negative are for rows that the test examples do not have",
    }


def test_a_store_without_runs_has_no_such_fault(store: Store, make: Make) -> None:
    store.put(make("gen"), {})
    with store.open() as con:
        assert outputs.faults(con) == []
