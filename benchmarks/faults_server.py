"""The fault server of `faults.py` in a process of its own, told by lines of JSON on stdin what requests meet.

`{"fault": NAME, "share": 0.5, "seed": 7}` begins a run: so large a share of requests, drawn by the seed, meets the
fault of that name (`fault_kinds.py` and `fault_leaks.py` in `tests/support/`). `{}` ends it, and is answered by its
journal. Not here: what sdc has to make of it.
"""

import json
import random
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from fault_server import OK, FaultServer

LABELS = ("negative", "positive", "neutral")
_WORDS = ("river", "market", "morning", "window", "garden", "letter", "mountain", "teacher", "story", "winter")


def answer(prompt: str, seed: int) -> str:
    """Returns what the model says: new texts, a yes or a no, or a label."""
    number = zlib.crc32(f"{prompt} {seed}".encode())
    if prompt.startswith("Please create"):
        draw = random.Random(number)
        return "\n---\n".join(" ".join(draw.choices(_WORDS, k=6)) + f" {draw.randrange(10**6)}" for _ in range(2))
    if "Is the text acceptable?" in prompt:
        return "yes" if number % 3 else "no"
    return LABELS[number % 2]


def main() -> None:
    """Serves until stdin ends."""
    with FaultServer(hang_s=20) as server:
        server.say = answer
        print(server.url, flush=True)
        for line in sys.stdin:
            order = json.loads(line)
            if not order:
                entries = [(entry.prompt, entry.body.get("seed"), entry.fault) for entry in server.journal]
                print(json.dumps(entries), flush=True)
                continue
            server.journal.clear()
            server.script = _script(**order)
            print("{}", flush=True)


def _script(*, fault: str, share: float, seed: int) -> "object":
    def script(prompt: str, nth: int) -> str:
        draw = zlib.crc32(f"{seed} {fault} {prompt} {nth}".encode()) % 1000
        return fault if draw < 1000 * share else OK

    return script


if __name__ == "__main__":
    main()
