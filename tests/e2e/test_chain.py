"""Both forms of the chain (keys through a pipe, or the newest artifact) make the same artifacts, and make them once."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from sdc.cache.store import Store
from sdc.pipelines.engines import models

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not (models.POCKET / "teacher").is_dir(), reason="the pocket models are not bundled"),
]
_CELL = "--lang en --task intent"
_GEN = f"sdc gen {_CELL} --quota 4"
_PIPE = (
    f"{_GEN} | sdc judge - --gates-only | sdc sample - --sizes 20,all --repeats 2"
    f" | sdc train - | sdc eval - && sdc report {_CELL} --format csv"
)
_AND = " && ".join(
    [
        _GEN,
        f"sdc judge {_CELL} --gates-only",
        f"sdc sample {_CELL} --sizes 20,all --repeats 2",
        f"sdc train {_CELL}",
        f"sdc eval {_CELL}",
        f"sdc report {_CELL} --format csv",
    ]
)


def _run(command: str, store: Path, programs: Path) -> str:
    environment = {**os.environ, "SDC_STORE": str(store), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _report(output: str) -> str:
    """The report at the end of what a chain wrote; before it stand keys."""
    return output[output.index("task,lang") :]


def _prepared(folder: Path, programs: Path) -> Path:
    store = folder / "store.duckdb"
    for split in ("train", "test"):
        path = shlex.quote(str(models.POCKET / "examples" / f"intent-en-{split}.jsonl"))
        _run(f"sdc data add {path} {_CELL} --split {split}", store, programs)
    return store


def _keys(store: Path) -> set[str]:
    return {row[0] for row in Store(store).query("select key from artifacts")}


def test_both_forms_make_the_same_artifacts_and_find_them_again(tmp_path: Path, warm: Path) -> None:
    piped, chained = _prepared(tmp_path / "pipe", warm), _prepared(tmp_path / "and", warm)
    report = _report(_run(_PIPE, piped, warm))
    assert report.count("\n") > 3
    # The same is asked in both, so the answers serve both.
    shutil.copytree(Store(piped).place.home / "replies", Store(chained).place.home / "replies", dirs_exist_ok=True)
    assert _report(_run(_AND, chained, warm)) == report
    assert _keys(piped) == _keys(chained)
    made = Store(piped).query("select key, created_at from artifacts order by key")
    assert _report(_run(_AND, piped, warm)) == report
    assert _report(_run(_PIPE, piped, warm)) == report
    assert Store(piped).query("select key, created_at from artifacts order by key") == made
