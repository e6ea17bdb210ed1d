"""The two forms of the chain: `python benchmarks/chain.py`.

Runs the pipe form and the `&&` form on the bundled examples in two fresh stores and compares all keys; then runs every
command of both again, with torch made impossible to import, and times it as a hit. Prints a table, and the same as one
line of JSON.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from sdc.pipelines.engines.models import POCKET

LANG, TASK = "te", "intent"
CELL = ["--lang", LANG, "--task", TASK]
#: The chain of the architecture, at a size for a laptop. The one after `gen` reads what the one before made.
STEPS: tuple[list[str], ...] = (
    ["gen", "--quota", "10"],
    ["judge"],
    ["sample", "--sizes", "20,all", "--repeats", "2"],
    ["train", "--method", "linear"],
    ["eval"],
)
#: Keys on stdout, and wall-clock seconds.
Result = tuple[list[str], float]
#: Runs the program with a finder in front that refuses torch: a hit that imported it would fail.
_WITHOUT_TORCH = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers"):
            raise RuntimeError(f"{name} was imported")
sys.meta_path.insert(0, Refuse())
from sdc.cli.main import main
main()
"""


def sdc(*, torch: bool = True) -> list[str]:
    """Returns the beginning of a command line that runs sdc, or sdc in a Python that has no torch."""
    return [sys.executable, "-m", "sdc"] if torch else [sys.executable, "-c", _WITHOUT_TORCH]


def add_examples(env: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Adds the bundled train and test examples of the cell to a store; returns the two commands."""
    commands = []
    for split in ("train", "test"):
        path = POCKET / "examples" / f"{TASK}-{LANG}-{split}.jsonl"
        commands.append(["data", "add", str(path), *CELL, "--split", split])
        run(commands[-1], env)
    return commands[0], commands[1]


def run(arguments: list[str], env: Mapping[str, str], *, stdin: str = "", torch: bool = True) -> Result:
    """Runs a command."""
    start = time.perf_counter()
    done = subprocess.run(
        [*sdc(torch=torch), *arguments], env=env, input=stdin, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"sdc {' '.join(arguments)} failed: {done.stderr}")
    return done.stdout.split(), seconds


def and_form(env: Mapping[str, str], *, torch: bool = True) -> dict[str, Result]:
    """Runs `sdc gen --lang L --task T && sdc judge --lang L --task T && ...`; returns keys and seconds by stage."""
    return {step[0]: run([*step, *CELL], env, torch=torch) for step in STEPS}


def pipe_form(env: Mapping[str, str], *, torch: bool = True) -> dict[str, Result]:
    """Runs `sdc gen --lang L --task T | sdc judge - | ...`, one command at a time to see the keys of each."""
    results: dict[str, Result] = {}
    keys: list[str] = []
    for step in STEPS:
        where = [*step[:1], *(["-"] if keys else CELL), *step[1:]]
        results[step[0]] = run(where, env, stdin="\n".join(keys), torch=torch)
        keys = results[step[0]][0]
    return results


def piped_in_one_go(env: Mapping[str, str]) -> list[str]:
    """Runs the real pipe, all processes at once; returns the keys at its end."""
    parts = [shlex.join([*sdc(), *step[:1], *(["-"] if i else CELL), *step[1:]]) for i, step in enumerate(STEPS)]
    done = subprocess.run(["bash", "-o", "pipefail", "-c", " | ".join(parts)], env=env, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the pipe failed: {done.stderr}")
    return done.stdout.split()


def main() -> None:
    """Compares the two forms, then times both as hits."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stores = {}
        for name in ("and", "pipe"):
            (Path(folder) / name).mkdir()
            stores[name] = {**os.environ, "SDC_STORE": str(Path(folder) / name / "store.duckdb")}
            add_examples(stores[name])
        first = {"and": and_form(stores["and"]), "pipe": pipe_form(stores["pipe"])}
        again = {"and": and_form(stores["and"], torch=False), "pipe": pipe_form(stores["pipe"], torch=False)}
        whole_pipe = piped_in_one_go(stores["pipe"])
    rows = []
    for step in STEPS:
        stage = step[0]
        keys = {tuple(sorted(result[name][stage][0])) for result in (first, again) for name in result}
        rows.append(
            {
                "stage": stage,
                "keys": len(first["and"][stage][0]),
                "same_keys": len(keys) == 1,
                "first_s": round(first["and"][stage][1], 2),
                "hit_and_s": round(again["and"][stage][1], 3),
                "hit_pipe_s": round(again["pipe"][stage][1], 3),
            }
        )
    print(f"{'stage':<8}{'keys':>6}{'same keys':>11}{'first, s':>10}{'hit (&&), s':>13}{'hit (pipe), s':>15}")
    for row in rows:
        print(f"{row['stage']:<8}{row['keys']:>6}{'yes' if row['same_keys'] else 'NO':>11}"
              f"{row['first_s']:>10.2f}{row['hit_and_s']:>13.3f}{row['hit_pipe_s']:>15.3f}")  # fmt: skip
    same_end = sorted(whole_pipe) == sorted(first["and"]["eval"][0])
    print(f"real pipe ends in the same keys: {'yes' if same_end else 'NO'}; no hit imported torch or transformers")
    print(json.dumps({"benchmark": "chain", "cell": f"{LANG}/{TASK}", "same_end": same_end, "stages": rows}))
    sys.exit(not (same_end and all(row["same_keys"] for row in rows)))


if __name__ == "__main__":
    main()
