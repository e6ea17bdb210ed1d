"""A store that an earlier version of the code made: every command that made it finds all of it again.

Whatever is moved or renamed in the code, what people have in their stores stays theirs. Where a VERSION is raised,
because a result was wrong, `tests/golden/make.py` makes store and keys anew.
"""

import json
import lzma
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sdc.cache.store import Store

_GOLDEN = Path(__file__).parent.parent / "golden"
_CHAIN = json.loads((_GOLDEN / "chain.json").read_text("utf-8"))


def test_all_that_an_earlier_version_made_is_found_again(
    invoke: Callable[..., Any], store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.path.parent.mkdir(parents=True)
    store.path.write_bytes(lzma.decompress((_GOLDEN / "store.duckdb.xz").read_bytes()))
    runpy.run_path(str(_GOLDEN / "make.py"))["write_inputs"](tmp_path)
    monkeypatch.chdir(tmp_path)
    # Readings are newer than this store: an evaluation is made again for them, without a model, to the same figures.
    made = "select key, stage, if(stage = 'eval', null, created_at) from artifacts order by key"
    figures = "select * from metrics order by all"
    before, metrics = store.query(made), store.query(figures)
    assert {stage for _, stage, _ in before} >= {"data", "gen", "judge", "sample", "train", "tune", "icl", "eval"}
    for step in _CHAIN:
        done = invoke(*step["command"].split())
        assert done.exit_code == 0, done.stderr
        assert done.stdout.split() == step["keys"], step["command"]
    assert store.query(made) == before
    assert store.query(figures) == metrics
    assert not (store.path.parent / "store.duckdb.d").exists()  # no reply, no weights: nothing was computed
