"""Writes a simulated store of the paper's whole grid: `python benchmarks/simulated.py DIR [--broken C4,C8]`.

For looking at reports and figures at full size without a GPU: 166,000 runs in some minutes. The runs say what the paper
states, or the opposite of the claims that are named; they are drawn, not measured. Prints the path of the store.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

import paper_claims
import paper_store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--broken", default="", help=f"claims that are not to hold: {', '.join(paper_claims.CLAIMS)}")
    parser.add_argument("--small", action="store_true", help="few sizes and four repeats: seconds")
    arguments = parser.parse_args()
    broken = tuple(name for name in arguments.broken.split(",") if name)
    if unknown := set(broken) - set(paper_claims.CLAIMS):
        parser.error(f"no such claim: {', '.join(sorted(unknown))}")
    path = arguments.folder / "store.duckdb"
    if path.exists():
        parser.error(f"{path} is there already")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    small = paper_store.SMALL
    grid = (
        paper_store.PaperGrid(repeats=small.repeats, sizes=small.sizes, broken=broken)
        if arguments.small
        else paper_store.PaperGrid(repeats=arguments.repeats, repeats_of_llms=arguments.repeats, broken=broken)
    )
    start = time.perf_counter()
    paper_store.fill(path, grid)
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)
    print(path)


if __name__ == "__main__":
    main()
