"""A name that is nearly right is answered with the right one."""

from pathlib import Path

import pytest
from program import sdc

from sdc.cache.store import Store

_CELL = ["--lang", "te", "--task", "topic"]


@pytest.mark.parametrize(
    ("command", "meant"),
    [
        (["ge", *_CELL], "did you mean 'gen'? see `sdc --help`"),
        (["train", *_CELL, "--methd", "lora"], "did you mean '--method'? see `sdc train --help`"),
        (["gen", "--lang", "te", "--task", "topc"], "did you mean 'topic'? use one of"),
        (["gen", "--lang", "Swahili", "--task", "topic"], "did you mean 'sw'? use a BCP-47 tag"),
        (["gen", "--lang", "swahilli", "--task", "topic"], "did you mean 'sw'? use a BCP-47 tag"),
        (["train", *_CELL, "--method", "lorra"], "did you mean 'lora'? use one of"),
        (["gen", *_CELL, "--preset", "papr"], "did you mean 'paper'? use one of"),
        (["gen", *_CELL, "--model", "pocket-techer"], "did you mean 'pocket-teacher'? use one of"),
        (["gen", *_CELL, "--engine", "vlm"], "did you mean 'vllm'? use one of"),
        (["sample", *_CELL, "--source", "sintetic"], "did you mean 'synthetic'? use one of"),
        (["sample", *_CELL, "--strategy", "balancd"], "did you mean 'balanced'? use one of"),
        (["eval", *_CELL, "--reader", "scors"], "did you mean 'scores'? use one of"),
        (["report", "--metric", "acuracy"], "did you mean 'accuracy'? use accuracy or macro_f1"),
        (["gen", "--lang", "zzzz", "--task", "topic"], "unknown language 'zzzz'; use a BCP-47 tag"),
    ],
)
def test_the_name_that_was_meant_is_named(command: list[str], meant: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "s.duckdb")
    with store.open(write=True):  # an empty one: that there is none would be said first
        pass
    result = sdc([*command, "--store", str(store.path)])
    assert result.exit_code == 2
    assert meant in result.stderr
    assert result.stderr.count("\n") == 1
