"""Files that are nearly right, for every command that reads one: `python benchmarks/fuzz.py --seed 1 --count 1000`.

A store with a whole chain is made once; each try gets a copy of it, one file in it is changed (or what is piped in),
and a command that reads that file is run. It must end within its time with 0, 2, 3, 4 or 5, without a traceback; an
error is one line with a next step; nothing that acts on a terminal is written, and nothing outside the folder. Prints
a table and exits with 1 if something is otherwise; the folders of those tries are kept. `--only NUMBER` runs one
try again.
"""

import argparse
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import forked
from forked import Ended
from fuzz_base import prepare
from fuzz_kinds import KINDS, Kind, changed

from sdc.pipelines.text.visible import visible

_CODES = (0, 2, 3, 4, 5)
_LINE = re.compile(r"sdc: \S[^\n]*[^;\s]; [^;\n]*\w[^\n]*")
#: The note after the errors of a command over many cells, of which each has one line.
_SEE_ABOVE = "are incomplete, see above"
_MEMORY_BYTES = 12 * 2**30


def attempt(base: Path, place: Path, kind: Kind, rng: random.Random, *, timeout_s: float) -> list[str]:
    """Runs one try in a new folder and returns what is wrong with how it ended."""
    outer = place / "outer"
    inner = outer / "inner"
    inner.mkdir(parents=True)
    copied(base, inner)
    path = kind.choose(inner, rng)
    content = b"" if path is None else path.read_bytes()
    fuzzed = changed(kind, content, path, rng)
    stdin = b""
    if path is not None and kind.piped:
        stdin = fuzzed
    elif path is not None:
        path.unlink()  # it may be a link to the one of the base
        path.write_bytes(fuzzed)
    words = kind.words(inner, rng)
    ended = forked.sdc(
        *words, folder=inner, env={"SDC_STORE": "store/store.duckdb", "SDC_LOCK_TIMEOUT_S": "5"}, stdin=stdin,
        timeout_s=timeout_s, memory_bytes=_MEMORY_BYTES,
    )  # fmt: skip
    faults = judged(ended, as_data=kind.as_data)
    faults += [f"it wrote {path.name} outside" for path in outer.iterdir() if path != inner]
    shown = f"sdc {' '.join(words)}" + (f" with a changed {path.relative_to(inner)}" if path else "")
    if not faults:
        return []
    tail = "\n  ".join(ended.stderr.strip().splitlines()[-7:])[-900:]
    return [f"{shown}: {', '.join(faults)} (exit {ended.code}, {ended.seconds:.1f} s)\n  {visible(tail, keep=chr(10))}"]


def judged(ended: Ended, *, as_data: bool) -> list[str]:
    """Returns what is wrong with how a command ended.

    Args:
        ended: Its end.
        as_data: Whether stdout is JSON or CSV, which may hold what people should not be shown.
    """
    if ended.code is None:
        return ["it hangs"]
    faults = [] if ended.code in _CODES else [f"exit code {ended.code}"]
    if "Traceback" in ended.stderr:
        faults.append("a traceback")
    lines = ended.stderr.splitlines()
    errors = [line for line in lines if line.startswith("sdc: ")]
    last = lines[:-1] if lines and lines[-1].endswith(_SEE_ABOVE) else lines
    is_said = errors and last[-1:] == errors[-1:] and len({line.rpartition(": ")[2] for line in errors}) == len(errors)
    if ended.code and not faults and not (is_said and all(map(_LINE.fullmatch, errors))):
        faults.append("an error is one line with a next step, and the last")
    if not ended.code and errors:
        faults.append("an error, and the exit code is 0")
    if any(text != visible(text, keep="\n") for text in (ended.stderr, "" if as_data else ended.stdout)):
        faults.append("it writes what acts on a terminal")
    return faults


def copied(base: Path, place: Path) -> None:
    """Copies a folder; what commands never write in place is linked."""
    for path in base.rglob("*"):
        target = place / path.relative_to(base)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        elif path.suffix in (".duckdb", ".db", ".wal") or path.stat().st_size < 4096:
            shutil.copy(path, target)
        else:
            target.hardlink_to(path)


def campaign(
    folder: Path, *, seed: int, count: int, kinds: Sequence[Kind], timeout_s: float, only: int | None
) -> tuple[Counter[str], dict[str, list[str]]]:
    """Returns tries by kind, and what was wrong by kind."""
    base = folder / "base"
    base.mkdir(parents=True)
    prepare(base)
    tries: Counter[str] = Counter()
    wrong: dict[str, list[str]] = {}
    for number in [only] if only is not None else range(count):
        kind = kinds[number % len(kinds)]
        place = folder / f"try-{number}"
        faults = attempt(base, place, kind, random.Random(f"{seed}-{number}"), timeout_s=timeout_s)
        if not faults:
            shutil.rmtree(place, ignore_errors=True)
        tries[kind.name] += 1
        wrong.setdefault(kind.name, []).extend(f"try {number}: {fault}" for fault in faults)
        if tries.total() % 50 == 0:
            print(f"{tries.total()} files, {sum(map(len, wrong.values()))} faults", file=sys.stderr, flush=True)
    return tries, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000, help="files")
    parser.add_argument("--kinds", default="", help="only these, separated by commas")
    parser.add_argument("--only", type=int, default=None, help="only the try of this number")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds, after which a command hangs")
    parser.add_argument("--folder", type=Path, default=None, help="where to work; default: a temporary folder")
    options = parser.parse_args()
    start = time.perf_counter()
    forked.load()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="sdc-fuzz-"))
    wanted = [name.strip() for name in options.kinds.split(",") if name.strip()]
    kinds = [kind for kind in KINDS if not wanted or kind.name in wanted]
    tries, wrong = campaign(
        folder, seed=options.seed, count=options.count, kinds=kinds, timeout_s=options.timeout, only=options.only
    )
    rows = [(kind.name, tries[kind.name], len(wrong.get(kind.name, []))) for kind in kinds]
    rows.append(("all", tries.total(), sum(map(len, wrong.values()))))
    print(forked.summary(("what is changed", "files", "faults"), rows))
    print(f"{time.perf_counter() - start:.0f} s, seed {options.seed}")
    for faults in wrong.values():
        for fault in faults:
            print(f"- {fault}\n")
    if any(wrong.values()):
        print(f"see {folder}")
        sys.exit(1)
    if options.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
