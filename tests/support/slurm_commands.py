"""Stands for SLURM's commands where a test needs their answers and no cluster: each notes how it was called.

`sbatch` gives ids from 1; what `squeue` and `sacct` say, and whether sbatch refuses, a test writes into files. Here:
these programs. Not here: a real cluster (`slurm_cluster.py`).
"""

import os
from pathlib import Path

_SBATCH = """\
echo "sbatch $*" >>"$here/called.txt"
echo "${SDC_SERVER:-}" >>"$here/server.txt"
if [ -e "$here/refuses.txt" ]; then
    cat "$here/refuses.txt" >&2
    exit 1
fi
grep -c ^sbatch "$here/called.txt"
"""
_SQUEUE = """\
echo "squeue $*" >>"$here/called.txt"
if [ ! -e "$here/queue.txt" ]; then
    echo "slurm_load_jobs error: Invalid job id specified" >&2
    exit 1
fi
cat "$here/queue.txt"
"""
_SACCT = '[ -e "$here/accounting.txt" ] && cat "$here/accounting.txt" || exit 1\n'
_SCONTROL = """\
echo "scontrol $*" >>"$here/called.txt"
echo "MaxArraySize            = $(cat "$here/max_array_size.txt")"
"""
_SCANCEL = 'echo "scancel $*" >>"$here/called.txt"\n'


class SlurmCommands:
    """The programs in a folder, which has to be the first of the PATH."""

    def __init__(self, folder: Path, *, max_array_size: int = 1001) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.write("max_array_size.txt", str(max_array_size))
        programs = {
            "sbatch": _SBATCH, "squeue": _SQUEUE, "sacct": _SACCT, "scontrol": _SCONTROL, "scancel": _SCANCEL
        }  # fmt: skip
        for name, code in programs.items():
            self.write(name, f'#!/bin/sh\nhere="{folder}"\n{code}')
            (folder / name).chmod(0o755)

    @property
    def path(self) -> str:
        """The PATH with which they are found."""
        return f"{self.folder}:{os.environ['PATH']}"

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, "utf-8")

    def called(self, name: str) -> list[str]:
        """Returns how a program was called, without its name."""
        file = self.folder / "called.txt"
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        return [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]
