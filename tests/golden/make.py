"""Makes the golden store anew: `python tests/golden/make.py`, where a VERSION was raised on purpose, and only then.

The commands of `chain.json` run in an empty folder; beside them stand the keys that they print. `store.duckdb.xz` is
the store that they leave, without its replies. `tests/e2e/test_golden.py` says what both are for.
"""

import json
import lzma
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
_EXAMPLES = HERE.parent.parent / "pipelines" / "pocket" / "examples"


def write_inputs(folder: Path) -> None:
    """Writes the files that the commands read."""
    for split, number in (("train", 100), ("test", 40)):
        lines = (_EXAMPLES / f"intent-te-{split}.jsonl").read_text("utf-8").splitlines(keepends=True)
        (folder / f"{split}.jsonl").write_text("".join(lines[:number]), "utf-8")


def main() -> None:
    """Runs the chain and writes both files."""
    chain = json.loads((HERE / "chain.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder)
        env = {**os.environ, "SDC_STORE": str(folder / "store.duckdb"), "HF_HUB_OFFLINE": "1"}
        for step in chain:
            command = [sys.executable, "-m", "sdc", *step["command"].split()]
            done = subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.PIPE, text=True)
            step["keys"] = done.stdout.split()
        stored = (folder / "store.duckdb").read_bytes()
    (HERE / "chain.json").write_text(json.dumps(chain, indent=1) + "\n", "utf-8")
    (HERE / "store.duckdb.xz").write_bytes(lzma.compress(stored, preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main()
