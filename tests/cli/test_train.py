"""`sdc train`: flags that lead to a search or another try. What they do is tested with the stages."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from sdc.cache.store import Store
from sdc.pipelines.engines import models

Invoke = Callable[..., Any]
CELL = ("--lang", "te", "--task", "topic")
QUICK = ("--method", "finetune", "--epochs", "1", "--batch-size", "32")


@pytest.fixture
def sampled(invoke: Invoke) -> None:
    """Draws of two sizes from the bundled examples, and test data."""
    for split in ("train", "test"):
        file = models.POCKET / "examples" / f"topic-te-{split}.jsonl"
        assert invoke("data", "add", str(file), *CELL, "--split", split).exit_code == 0
    assert invoke("sample", *CELL, "--source", "human", "--sizes", "20,40", "--repeats", "1").exit_code == 0


@pytest.mark.slow
def test_hpo_searches_then_trains_with_the_choice_and_plans_it(invoke: Invoke, sampled: None, store: Store) -> None:
    search = ("train", *CELL, *QUICK, "--hpo", "2")
    planned = invoke(*search, "--dry-run", "--json")
    rows = [json.loads(line) for line in planned.stdout.splitlines()]
    assert [(row["stage"], row["trials"], row["draws"], row["cached"]) for row in rows] == [("tune", 2, 1, False)] * 2
    assert "4 fits at most in 2 searches, then 2 runs" in planned.stderr

    done = invoke(*search)
    assert done.exit_code == 0, done.stderr
    assert len(done.stdout.split()) == 2
    assert done.stderr.count("on held-out rows") == 2
    details = store.query("select details ->> '$.tuned_by', details ->> '$.learning_rate' from runs order by num_rows")
    choices = store.query("select key, summary -> '$.chosen' ->> '$.learning_rate' from artifacts "
                          "where stage = 'tune' and summary ->> '$.chosen' is not null")  # fmt: skip
    assert sorted(details) == sorted(choices)
    assert [row["key"] for row in rows] == [key[:12] for key, _ in details]

    known = invoke(*search, "--dry-run", "--json")
    assert [json.loads(line)["cached"] for line in known.stdout.splitlines()] == [True, True]
    by_hand = [invoke("train", *CELL, *QUICK, "--learning-rate", rate, "--sizes", size, "--dropout", dropout)
               for size, rate, dropout in _chosen(store)]  # fmt: skip
    assert "".join(one.stdout for one in by_hand) == done.stdout
    assert all("1 already there" in one.stderr for one in by_hand)


def _chosen(store: Store) -> list[tuple[str, str, str]]:
    found = store.query("select r.num_rows, summary -> '$.chosen' from runs r join artifacts a "
                        "on a.key = r.details ->> '$.tuned_by' order by r.num_rows")  # fmt: skip
    sizes = {14: "20", 35: "40"}
    chosen = [(sizes[rows], json.loads(values)) for rows, values in found]
    return [(size, str(values["learning_rate"]), str(values["dropout"])) for size, values in chosen]


def test_hpo_is_for_finetune_only(invoke: Invoke, sampled: None) -> None:
    refused = invoke("train", *CELL, "--hpo", "2")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--hpo: only finetune has settings that are searched, and this is linear" in refused.stderr


def test_retry_failed_has_nothing_to_do_without_failed_runs(invoke: Invoke, sampled: None) -> None:
    first = invoke("train", *CELL, *QUICK)
    again = invoke("train", *CELL, *QUICK, "--retry-failed")
    assert first.stdout == again.stdout
    assert "2 runs of finetune, 2 already there" in again.stderr
