"""Many processes that keep results in one store: how long does each wait for its turn, and does any give up?

    python benchmarks/store_lock.py [--processes 16] [--puts 10] [--rows 2000] [--load 8] [--timeout 60]

Every process keeps `puts` artifacts of `rows` outputs, one after the other, as `sdc train` does; `load` more processes
do nothing but use the CPU. The first put of a process includes what it imports.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_WRITER = """
import json, sys, time
from pathlib import Path
from sdc.cache.key import recipe_key
from sdc.cache.store import Artifact, Store
from sdc.errors import StoreError
path, who, puts, rows, timeout = sys.argv[1], int(sys.argv[2]), *map(int, sys.argv[3:])
store, times, gave_up = Store(Path(path), lock_timeout_s=timeout), [], 0
for i in range(puts):
    config = {"who": who, "i": i}
    key = recipe_key("train", 1, config, [], lang="te", task="topic")
    artifact = Artifact(key=key, stage="train", version=1, lang="te", task="topic", config=config, inputs=[])
    run = {"lang": "te", "task": "topic", "method": "linear", "model": "m", "num_rows": 1, "setting": "s"}
    run |= {"test_key": "t", "status": "ok"}
    outputs = [{"idx": j, "scores": [0.1, 0.2, 0.7]} for j in range(rows)]
    start = time.perf_counter()
    try:
        store.put(artifact, {"runs": [run], "outputs": outputs})
    except StoreError as error:
        gave_up += 1
        print(error, file=sys.stderr)
    times.append(time.perf_counter() - start)
print(json.dumps({"times": times, "gave_up": gave_up}))
"""


def main() -> None:
    """Runs them all at once and prints one line of JSON."""
    parser = argparse.ArgumentParser()
    for name, value in (("processes", 16), ("puts", 10), ("rows", 2000), ("load", 8), ("timeout", 60)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(given.load)]
    try:
        with tempfile.TemporaryDirectory() as folder:
            sizes = [str(given.puts), str(given.rows), str(given.timeout)]
            start = time.perf_counter()
            children = [
                subprocess.Popen(
                    [sys.executable, "-c", _WRITER, str(Path(folder) / "store.duckdb"), str(who), *sizes],
                    stdout=subprocess.PIPE,
                    text=True,
                )
                for who in range(given.processes)
            ]
            found = [json.loads(child.communicate()[0]) for child in children]
            wall_s = time.perf_counter() - start
    finally:
        for burner in burners:
            burner.kill()
    times = sorted(second for child in found for second in child["times"])
    per_process = sorted(sum(child["times"]) for child in found)
    print(json.dumps({
        "processes": given.processes, "puts": given.puts, "load": given.load, "wall_s": round(wall_s, 1),
        "median_s": round(times[len(times) // 2], 2), "p95_s": round(times[int(len(times) * 0.95)], 2),
        "longest_s": round(times[-1], 2), "gave_up": sum(child["gave_up"] for child in found),
        "fastest_process_s": round(per_process[0], 1), "slowest_process_s": round(per_process[-1], 1),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
