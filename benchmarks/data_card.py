"""Measures how long a data card takes: `python benchmarks/data_card.py DATA`, DATA in the layout of the paper's data.

One process per cell reads the cell and makes its card, in turn and alone; what it takes to start Python, to load the
libraries and the language identifier's tables is not counted. `--beside FOLDER` does the same with the code of another
checkout, in turn, and tells how many times as long that takes, and which figures of both cards differ.

Exits with 1 if a card takes more than 5 s of a core.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MOST_S = 5.0
CELLS = ("az/sentiment", "te/intent", "en/topic")
HERE = Path(__file__).resolve().parents[1]


def child(store: Path, data: Path | None, name: str) -> None:
    """Prints, as JSON, the seconds of each measure of a card and its figures; with `data` it only fills the store."""
    from sdc.cache.store import Store
    from sdc.pipelines import data as data_stage
    from sdc.pipelines.report import card
    from sdc.pipelines.report import data as report_data
    from sdc.pipelines.report.card.formats import as_json
    from sdc.pipelines.stage import Context

    import_libraries()
    context = Context(store=Store(store))
    if data is not None:
        data_stage.add_paper(context, data)
        return
    lang, task = name.split("/")
    (cell,) = report_data.cells_of(context, [lang], [task])
    times = [(time.perf_counter(), time.process_time())]
    sides, about = report_data.gather(
        context, report_data.CardConfig(), cell, artifact=report_data.newest(context, cell)
    )
    times.append((time.perf_counter(), time.process_time()))
    made = card.build(sides, about=about, done=lambda _: times.append((time.perf_counter(), time.process_time())))
    cpu_s = {
        part: round(after[1] - before[1], 2)
        for part, before, after in zip(("rows", *card.MEASURES), times, times[1:], strict=False)
    }
    found = {"wall_s": times[-1][0] - times[0][0], "cpu_s": times[-1][1] - times[0][1], "parts": cpu_s}
    figures = json.loads(as_json([made]))[0]["figures"]
    print(json.dumps(found | {"figures": figures}))


def import_libraries() -> None:
    """Loads what the measures load, and reads the identifier's file, which is then in the memory of the machine."""
    import numpy
    import regex
    import scipy.sparse
    import sklearn.feature_extraction.text
    import sklearn.linear_model
    import threadpoolctl

    assert all((numpy, regex, scipy, sklearn, threadpoolctl))
    with contextlib.suppress(ImportError):  # an older checkout reads it twice, and that counts
        from sdc.pipelines.text.identifier import model

        model()


def run(checkout: Path, *arguments: str) -> str:
    """Returns what this program prints in a process that imports `sdc` from a checkout."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--child", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def measured(checkouts: list[Path], store: Path, name: str, times: int) -> list[dict[str, Any]]:
    """Returns the quickest of some runs with each checkout, in turn, so that other work meets all alike."""
    runs = [[json.loads(run(checkout, str(store), name)) for checkout in checkouts] for _ in range(times)]
    return [min((turn[i] for turn in runs), key=lambda found: float(found["cpu_s"])) for i in range(len(checkouts))]


def main() -> None:
    """Measures the cells."""
    if sys.argv[1:2] == ["--child"]:
        store, second = sys.argv[2:4]
        child(Path(store), Path(second) if Path(second).is_dir() else None, second)
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder in the layout of the paper's data")
    parser.add_argument("--only", action="append", default=[], metavar="LANG/TASK", help="only this cell; repeatable")
    parser.add_argument("--beside", type=Path, metavar="FOLDER", help="another checkout")
    parser.add_argument("--runs", type=int, default=3, help="runs of each; the quickest counts")
    options = parser.parse_args()
    checkouts = [HERE, *([options.beside.resolve()] if options.beside else [])]
    slow = False
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store.duckdb"
        run(checkouts[-1], str(store), str(options.data.resolve()))
        for name in options.only or CELLS:
            ours, *others = measured(checkouts, store, name, options.runs)
            line = f"{name:<14}{ours['cpu_s']:>7.2f} s of a core, {ours['wall_s']:.2f} s"
            result = {"benchmark": "data_card", "cell": name, "cpu_s": ours["cpu_s"], "parts": ours["parts"]}
            for theirs in others:
                differ = [name for name, figure in ours["figures"].items() if theirs["figures"].get(name) != figure]
                line += f"; beside it {theirs['cpu_s']:.2f} s, {theirs['cpu_s'] / ours['cpu_s']:.2f} times as long"
                line += f"; other figures: {', '.join(differ) or 'none'}"
                result |= {"beside_cpu_s": theirs["cpu_s"], "beside_parts": theirs["parts"], "differ": differ}
            print(line, flush=True)
            print(json.dumps(result), flush=True)
            slow |= ours["cpu_s"] > MOST_S
    sys.exit(slow)


if __name__ == "__main__":
    main()
