"""Commands that are killed at random moments: `python benchmarks/kills.py --seed 1 --count 300`.

Every command that writes (data add, gen, judge, sample, train in all its forms, icl, eval, run, predict, export,
report data, store merge, store gc) is run once without disturbance. Then, from the folder as it was before, it is
started, killed (at a moment drawn from as long as it takes), perhaps killed again, and run to its end. What came out
must equal the undisturbed run: stdout, all rows of the store, the kept weights, the files that it wrote. No answered
call is asked again, `store verify` finds no fault, and after `store gc` nothing is left over. Prints a table and exits
with 1 if something differs; the folders of what differs are kept.

`--signal INT` sends Ctrl-C instead: then a command that was stopped exits with 130 and says one line.
`--signal KILL,INT` sends one and the other in turn.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forked
import kills_state
from forked import NOT_BEGUN, Ended
from kills_state import STORE

from sdc.pipelines.engines.models import POCKET

_CELL = "--lang te --task intent"
_TUNED = "--model pocket-student --sizes 10"
#: An experiment of 3 draws and 4 students.
_EXPERIMENT = """
[cells]
task = "intent"
lang = "te"
[sample]
source = "human"
sizes = ["10", "50"]
repeats = 2
[[students]]
method = "linear"
[[students]]
method = "finetune"
model = "pocket-student"
epochs = 1
[[students]]
method = "lora"
model = "pocket-student"
steps = 3
eval_steps = 2
[[baselines]]
method = "icl"
model = "pocket-student"
shots = 0
"""
_MOST_KILLS = 3  # of one try


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command of the chain, which starts from what the steps before it left.

    Args:
        stage: Its name in the table.
        command: The words; `{run}` is the first line that the step `train finetune` wrote.
        stdin: The name of a file that is piped in.
        out: A file or folder that it writes beside the store.
    """

    stage: str
    command: str
    stdin: str = ""
    out: str = ""


STEPS = (
    Step(stage="data add", command=f"data add train.jsonl {_CELL} --split train"),
    Step(stage="data add", command=f"data add test.jsonl {_CELL} --split test"),
    Step(stage="gen", command=f"gen {_CELL} --quota 5 --num-texts 3"),
    Step(stage="judge", command=f"judge {_CELL} --votes 1"),
    Step(stage="gen top-up", command=f"gen {_CELL} --quota 5 --until-accepted --rounds 2 --num-texts 3"),
    Step(stage="sample", command=f"sample {_CELL} --source human --sizes 10,20 --repeats 2"),
    Step(stage="train linear", command=f"train {_CELL} --keep-weights"),
    Step(stage="train finetune",
         command=f"train {_CELL} {_TUNED} --method finetune --epochs 2 --keep-weights"),
    Step(stage="train lora", command=f"train {_CELL} {_TUNED} --method lora --steps 4 --eval-steps 2"),
    Step(stage="train packed",
         command=f"train {_CELL} --model pocket-student --method lora --steps 6 --eval-steps 2 --pack 2"),
    Step(stage="tune", command=f"train {_CELL} {_TUNED} --method finetune --hpo 2 --epochs 1 --repeats 1"),
    Step(stage="icl", command=f"icl {_CELL} --model pocket-student --shots 1 --source human --sizes 10"),
    Step(stage="eval", command=f"eval {_CELL}"),
    Step(stage="run", command="run small.toml"),
    Step(stage="predict", command="predict --run {run} --batch-rows 8", stdin="texts.txt"),
    Step(stage="export", command="export --run {run} --out exported", out="exported"),
    Step(stage="report data", command=f"report data {_CELL} --out card.json", out="card.json"),
    Step(stage="store merge", command="store merge other/store.duckdb"),
    Step(stage="store gc", command="store gc --older-than 0"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Whole:
    """An undisturbed step: where it started, what it gave, how long it took."""

    before: Path
    words: list[str]
    ended: Ended
    state: dict[str, Any]


class Campaign:
    """A folder with one undisturbed chain, and tries from every step of it."""

    def __init__(
        self, folder: Path, rng: random.Random, *, signals: Sequence[signal.Signals], cold_share: float
    ) -> None:
        self._folder, self._rng, self._signals, self._cold_share = folder, rng, signals, cold_share
        self._wholes: list[Whole] = []
        self.kills: Counter[str] = Counter()
        self.tries: Counter[str] = Counter()
        self.faults: list[str] = []

    def prepare(self, steps: Sequence[Step]) -> None:
        """Runs the chain once, and keeps the folder as it was before each step."""
        place = self._folder / "chain"
        _inputs(place)
        run = ""
        for number, step in enumerate(steps):
            before = self._folder / f"before-{number}"
            shutil.copytree(place, before)
            words = step.command.replace("{run}", run).split()
            ended = _sdc(place, words, step)
            if ended.code != 0:
                raise SystemExit(f"undisturbed, sdc {' '.join(words)} ends with {ended.code}: {ended.stderr}")
            if step.stage == "train finetune":
                run = ended.stdout.split()[0]
            whole = Whole(before=before, words=words, ended=ended, state=kills_state.read(place, out=step.out))
            self._wholes.append(whole)

    def attempt(self, number: int, step: Step, name: str) -> None:
        """Kills one step, once or more, lets it come to its end and compares."""
        whole = self._wholes[number]
        place = self._folder / name
        shutil.copytree(whole.before, place)
        self.tries[step.stage] += 1
        faults = []
        for _ in range(self._rng.randint(1, _MOST_KILLS)):
            cold = self._rng.random() < self._cold_share
            after = self._rng.uniform(0.0, 1.05 * whole.ended.seconds + (2.5 if cold else 0.0))
            sent = self._signals[self.kills.total() % len(self._signals)]
            broken = _sdc(place, whole.words, step, signal_after=(sent, after), cold=cold)
            if broken.code == 0:
                break
            self.kills[step.stage] += 1
            faults += _stopped(broken, sent)
        ended = _sdc(place, whole.words, step)
        if ended.code != 0:
            faults.append(f"run again it ends with {ended.code}: {ended.stderr.strip()[-300:]}")
        else:
            faults += kills_state.differences(whole.ended, whole.state, ended, kills_state.read(place, out=step.out))
        self.faults += [f"{name} ({step.stage}): {fault}" for fault in faults]
        if not faults:
            shutil.rmtree(place)


def _stopped(broken: Ended, sent: signal.Signals) -> list[str]:
    """Returns what is wrong with how a signal ended a command."""
    lines = [line for line in broken.stderr.splitlines() if line.startswith("sdc: ")]
    if sent == signal.SIGKILL:
        return [] if broken.code == -sent else [f"killed, it ends with {broken.code}: {broken.stderr}"]
    if "Fatal Python error: init" in broken.stderr or (broken.code == -sent and "sdc" not in broken.stderr):
        return []  # Python itself had not come to us yet
    if broken.code == NOT_BEGUN and not broken.stderr:
        return []  # nor had the fork
    if broken.code != 130 or len(lines) != 1 or "Traceback" in broken.stderr:
        return [f"stopped, it ends with {broken.code}: {broken.stderr.strip()[-1500:]}"]
    return []


def _inputs(place: Path) -> None:
    """Writes what the commands read, and another store to merge."""
    (place / "other-data").mkdir(parents=True)
    for split in ("train", "test"):
        lines = (POCKET / "examples" / f"intent-te-{split}.jsonl").read_text("utf-8").splitlines(keepends=True)
        (place / f"{split}.jsonl").write_text("".join(lines[: 100 if split == "train" else 40]), "utf-8")
        if split == "test":
            texts = [str(json.loads(line)["text"]).replace("\n", " ") for line in lines[:40]]
            (place / "texts.txt").write_text("".join(text + "\n" for text in texts), "utf-8")
    (place / "small.toml").write_text(_EXPERIMENT, "utf-8")
    shutil.copyfile(POCKET / "examples" / "topic-sw-train.jsonl", place / "other-data" / "train.jsonl")
    other = ["--store", "other/store.duckdb"]
    for words in (
        ["data", "add", "other-data/train.jsonl", "--lang", "sw", "--task", "topic", "--split", "train", *other],
        ["data", "add", "other-data/train.jsonl", "--lang", "sw", "--task", "topic", "--split", "test", *other],
        ["sample", "--lang", "sw", "--task", "topic", "--source", "human", "--sizes", "14", "--repeats", "1", *other],
        ["train", "--lang", "sw", "--task", "topic", "--keep-weights", *other],
    ):
        ended = forked.sdc(*words, folder=place)
        if ended.code != 0:
            raise SystemExit(f"sdc {' '.join(words)}: {ended.stderr}")


def _sdc(place: Path, words: Sequence[str], step: Step, **more: Any) -> Ended:
    env = {"SDC_STORE": STORE, "SDC_CALL_JOURNAL": str(place / "journal.txt"), "HF_HUB_OFFLINE": "1"}
    stdin = (place / step.stdin).read_bytes() if step.stdin else b""
    return forked.sdc(*words, folder=place, env=env, stdin=stdin, timeout_s=300, **more)


def campaign(
    folder: Path, *, seed: int, count: int, signals: Sequence[signal.Signals], cold_share: float, stages: Sequence[str]
) -> Campaign:
    """Returns a campaign that has killed so often, step after step in turn."""
    made = Campaign(folder, random.Random(seed), signals=signals, cold_share=cold_share)
    steps = [(i, step) for i, step in enumerate(STEPS) if not stages or step.stage in stages]
    made.prepare(STEPS[: steps[-1][0] + 1])
    tries = 0
    while sum(made.kills.values()) < count and tries < 5 * count:
        made.attempt(*steps[tries % len(steps)], name=f"try-{tries}")
        tries += 1
        print(f"{tries} tries, {made.kills.total()} kills, {len(made.faults)} faults", file=sys.stderr, flush=True)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300, help="kills")
    parser.add_argument("--signal", choices=("KILL", "INT", "KILL,INT"), default="KILL")
    parser.add_argument("--cold", type=float, default=0.1, help="share of the kills that hit a Python of its own")
    parser.add_argument("--stages", default="", help="only these, with those before them undisturbed: gen,train lora")
    parser.add_argument("--folder", type=Path, default=None, help="where to work; default: a temporary folder")
    options = parser.parse_args()
    start = time.perf_counter()
    forked.load()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="sdc-kills-"))
    stages = [name.strip() for name in options.stages.split(",") if name.strip()]
    signals = [signal.Signals[f"SIG{name}"] for name in options.signal.split(",")]
    made = campaign(
        folder, seed=options.seed, count=options.count, signals=signals, cold_share=options.cold, stages=stages
    )
    names = dict.fromkeys(step.stage for step in STEPS)
    rows = [(name, made.tries[name], made.kills[name]) for name in names]
    rows.append(("all", made.tries.total(), made.kills.total()))
    print(forked.summary(("command", "tries", "kills"), rows))
    print(f"{len(made.faults)} faults in {time.perf_counter() - start:.0f} s, seed {options.seed}")
    for fault in made.faults:
        print(f"- {fault}")
    if made.faults:
        print(f"see {folder}")
        sys.exit(1)
    if options.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    os.umask(0o022)
    main()
