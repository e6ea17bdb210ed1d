"""Servers that misbehave, in every kind that the tests know: `python benchmarks/faults.py --seed 1 --count 0`.

For each kind of fault, `gen`, `judge` and `icl` ask a server half of whose answers are so, and then the same command
asks one that works. Every row must be accounted for: it has its answer, or is counted as unanswered; no call that was
answered is asked again; the command ends with 0, or with 4 and one line; it takes less than 1 GB; and the key, which
many kinds repeat, is in no output, table or file. Prints a table and exits with 1 if something is not so.

`--slice I/N` takes every Nth kind, so that several can run beside each other.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import fault_leaks
import forked
from forked import Ended

KEY = "sk-Proj/9+aB7cD3eF5gH1iJ&kLmN"
STAGES = {
    "gen": "gen --quota 6 --num-texts 2 --num-seeds 2 --no-gates --label-style name",
    "judge": "judge --no-gates",
    "icl": "icl --shots 0 --decoding generate",
}
_CELL = "--lang en --task sentiment"
_MOST_MB = 1000
_ROWS = 12
_SHARE = 0.5
#: Kinds in which a request counts as answered. Those of leaks may be or not.
_ANSWERED = ("ok", "right: ")


@dataclass(kw_only=True)
class Result:
    """What came of one kind in one stage."""

    kind: str
    stage: str
    codes: tuple[int | None, int | None]
    peak_mb: float
    calls: int
    faults: list[str] = field(default_factory=list)


class Campaign:
    """One server, and a store with data from which every command starts."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        self._folder, self._seed = folder, seed
        command = [sys.executable, str(Path(__file__).with_name("faults_server.py"))]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._url = self._read()
        self._base = folder / "base"
        self._prepare()

    def close(self) -> None:
        """Ends the server."""
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()

    def attempt(self, kind: str, stage: str) -> Result:
        """Returns what becomes of one kind in one stage."""
        place = Path(tempfile.mkdtemp(dir=self._folder))
        shutil.copytree(self._base, place, dirs_exist_ok=True)
        self._tell({"fault": kind, "share": _SHARE, "seed": self._seed})
        first = self._sdc(stage, place)
        asked = self._tell({})
        state = forked.call(lambda: _state(place, stage))
        self._tell({"fault": "ok", "share": 0.0, "seed": 0})
        second = self._sdc(stage, place)
        again = self._tell({})
        after = forked.call(lambda: _state(place, stage))
        result = Result(
            kind=kind, stage=stage, codes=(first.code, second.code), peak_mb=max(first.peak_mb, second.peak_mb),
            calls=len(asked),
        )  # fmt: skip
        result.faults += _ending(kind, first) + [f"then: {fault}" for fault in _ending("ok", second)]
        result.faults += _rows(stage, first, state, asked, is_leak=kind.startswith("leak")) if first.code == 0 else []
        result.faults += _complete(stage, after) if second.code == 0 else []
        result.faults += _twice(asked, again, is_leak=kind.startswith("leak"))
        if result.peak_mb > _MOST_MB:
            result.faults.append(f"it took {result.peak_mb:.0f} MB")
        if any(KEY in text for text in (first.stdout, first.stderr, second.stdout, second.stderr, after["all"])):
            result.faults.append("the key came out")
        shutil.rmtree(place)
        return result

    def _prepare(self) -> None:
        self._base.mkdir()
        draw = random.Random(self._seed)
        for name, number in (("train", 8), ("test", _ROWS), ("import", _ROWS)):
            lines = [
                json.dumps({"text": f"{name} {i} {draw.random()}", "label": ("negative", "positive")[i % 2]})
                for i in range(number)
            ]
            (self._base / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")
        for words in (
            f"data add train.jsonl {_CELL} --split train",
            f"data add test.jsonl {_CELL} --split test",
            f"data add import.jsonl {_CELL} --split train --source synthetic",
        ):
            ended = forked.sdc(*words.split(), "--store", "s/store.duckdb", folder=self._base)
            if ended.code != 0:
                raise SystemExit(f"sdc {words} ends with {ended.code}: {ended.stderr}")

    def _sdc(self, stage: str, place: Path) -> Ended:
        words = f"{STAGES[stage]} {_CELL} --model api:tiny --store s/store.duckdb --server {self._url} --json"
        how = ("retries=2", "timeout_s=5", "concurrency=24")
        more = [word for setting in how for word in ("--engine-arg", setting)]
        return forked.sdc(*words.split(), *more, folder=place, env={"SDC_API_KEY": KEY})

    def _tell(self, order: dict[str, Any]) -> Any:
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return json.loads(self._read())

    def _read(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline().strip()


def _state(place: Path, stage: str) -> dict[str, Any]:
    """Returns what the store holds of a stage, and all that stands in it."""
    from sdc.cache.replies import replies
    from sdc.cache.store import Store

    store = Store(place / "s" / "store.duckdb")
    made = store.query("select key, summary from artifacts where stage = ? and config not like '%import%'", [stage])
    tables = [name for (name,) in store.query("select table_name from information_schema.tables", [])]
    everything = [repr(store.query(f'select * from "{name}"', [])) for name in tables]
    if store.replies_folder.is_dir():
        with replies(store.replies_folder) as cache:
            everything.append(repr(cache.get_many(list(cache))))
    table = {"gen": "examples", "judge": "verdicts", "icl": "outputs"}[stage]
    rows = [store.query(f"select count(*) from {table} where key = ?", [key])[0][0] for key, _ in made]
    statuses = [
        dict(store.query("select status, count(*) from examples where key = ? group by 1", [key])) for key, _ in made
    ]
    summaries = [json.loads(summary) if isinstance(summary, str) else summary for _, summary in made]
    return {"summaries": summaries, "rows": rows, "statuses": statuses, "all": "\n".join(everything)}


def _ending(kind: str, ended: Ended) -> list[str]:
    """Returns what is wrong with how a command ended."""
    last = ended.stderr.strip().splitlines()[-1:] or [""]
    if ended.code == 0 and "Traceback" not in ended.stderr:
        return []
    if ended.code == 4 and last[0].startswith("sdc: ") and "; " in last[0] and "Traceback" not in ended.stderr:
        return [] if kind != "ok" else [f"it ends with 4 ({last[0][:200]})"]
    return [f"it ends with {ended.code}: {ended.stderr.strip()[-300:]!r}"]


def _is_answer(fault: str) -> bool:
    return fault.startswith(_ANSWERED)


def _rows(stage: str, ended: Ended, state: dict[str, Any], asked: list[Any], *, is_leak: bool) -> list[str]:
    """Returns which rows are not accounted for."""
    (summary,), (rows,), (statuses,) = state["summaries"][-1:], state["rows"][-1:], state["statuses"][-1:]
    if stage == "gen":
        usage, failed = summary["usage"], statuses.get("failed", 0) + statuses.get("refused", 0)
        found = [] if rows == summary["rows"] == sum(statuses.values()) else ["rows are missing from the counts"]
        calls = usage["failed"] + usage["refused"]
        return found + ([] if failed == calls else [f"{failed} rows of {calls} calls that failed"])
    if rows != _ROWS:
        return [f"{rows} rows of {_ROWS}"]
    answered = {(prompt, seed) for prompt, seed, fault in asked if _is_answer(fault)}
    unanswered = len({(prompt, seed) for prompt, seed, _ in asked} - answered)
    if not is_leak and summary["unanswered"] != unanswered:
        return [f"{summary['unanswered']} unanswered rows in the summary, {unanswered} at the server"]
    return []


def _complete(stage: str, state: dict[str, Any]) -> list[str]:
    unanswered = [summary["unanswered"] for summary in state["summaries"][-1:] if "unanswered" in summary]
    return [f"{unanswered[0]} rows have no answer of a server that works"] if any(unanswered) else []


def _twice(asked: list[Any], again: list[Any], *, is_leak: bool) -> list[str]:
    """Returns how many answered calls were asked again."""
    if is_leak:
        return []
    counts = Counter((prompt, seed) for prompt, seed, fault in [*asked, *again] if _is_answer(fault))
    several = sum(count > 1 for count in counts.values())
    return [f"{several} answered calls were asked twice"] if several else []


def main() -> None:
    """Runs the campaign."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=0, help="kinds that are drawn; 0: all of them")
    parser.add_argument("--slice", default="0/1", help="I/N: every Nth kind from the Ith on")
    parser.add_argument("--only", default="", help="kinds with this in their names")
    arguments = parser.parse_args()
    forked.load()
    kinds = [kind for kind in fault_leaks.KINDS if arguments.only in kind]
    random.Random(arguments.seed).shuffle(kinds)
    first, step = map(int, arguments.slice.split("/"))
    kinds = kinds[: arguments.count or None][first::step]
    results: list[Result] = []
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(Path(folder), seed=arguments.seed)
        try:
            for number, kind in enumerate(kinds, start=1):
                for stage in STAGES:
                    results.append(campaign.attempt(kind, stage))
                    for fault in results[-1].faults:
                        print(f"{kind} ({stage}): {fault}", flush=True)
                wrong = sum(bool(result.faults) for result in results)
                print(f"{number} of {len(kinds)} kinds, {wrong} commands with faults", file=sys.stderr, flush=True)
        finally:
            campaign.close()
    rows = [
        (group, len({r.kind for r in mine}), len(mine), sum(r.calls for r in mine), sum(r.codes[0] == 4 for r in mine),
         f"{max(r.peak_mb for r in mine):.0f}", sum(bool(r.faults) for r in mine))
        for group in ("right", "again", "row", "stop", "leak")
        if (mine := [r for r in results if r.kind.startswith(group)])
    ]  # fmt: skip
    print(forked.summary(("group", "kinds", "commands", "calls", "ended with 4", "most MB", "faults"), rows))
    sys.exit(any(result.faults for result in results))


if __name__ == "__main__":
    main()
