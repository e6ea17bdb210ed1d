"""The script of a job array: what sbatch reads, and what each element does.

Here: its text, from settings alone, so that it can be read before anything is submitted. Not here: submitting it
(`slurm.py`).
"""

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from sdc.errors import UsageError
from sdc.pipelines.engines.options import EngineOptions
from sdc.pipelines.run.sites import Site

#: Restarts of an element whose sdc was killed by a signal, as a machine without memory does: then it ends.
_RESTARTS = 3
#: Seconds before an element's end at which SLURM says so: runs that ended meanwhile are kept and evaluated.
_NOTICE_S = 180
_PLAIN = re.compile(r"[\w@%+=:,./~-]+")
#: What is needed to find programs, and what they cost; sites name what else elements get from the shell.
_ALWAYS = ("HOME", "PATH", "SDC_PRICES")


@dataclass(frozen=True, kw_only=True)
class ArrayScript:
    """What a job array is.

    Args:
        name: Of the experiment.
        file: The experiment, as it was when it was planned.
        folder: Of the plan, absolute.
        place: Where relative paths of the experiment begin.
        elements: How many there are, all arrays together.
        site: Where they run.
        flags: Further words of the command line, as `--set`.
        env: Names of variables that elements get beside those of the site.
    """

    name: str
    file: Path
    folder: Path
    place: Path
    elements: int
    site: Site
    flags: Sequence[str] = ()
    env: Sequence[str] = ()

    @property
    def variables(self) -> list[str]:
        """Returns the names of the variables that elements get from the shell that submits, each once."""
        return list(dict.fromkeys((*_ALWAYS, *self.site.env, *self.env)))

    def text(self) -> str:
        """Returns the script. Its argument is how many elements stand before those of this array.

        Raises:
            UsageError: A path has a line break.
        """
        site = self.site
        given = {
            "job-name": f"sdc-{re.sub(r'[^A-Za-z0-9_.-]+', '-', self.name)[:40]}",
            "partition": site.partition,
            "account": site.account,
            "time": site.time,
            "chdir": self.place,
            "output": str(self.folder / "logs").replace("%", "%%") + "/%A_%a.out",
            "export": ",".join(self.variables),
            "signal": f"B:USR1@{_NOTICE_S}",
            "open-mode": "append",
        }
        header = [f"#SBATCH --{name}={_header(str(value))}" for name, value in given.items() if value is not None]
        options = [f"#SBATCH {option}" for option in site.options]
        return _SCRIPT.format(
            header="\n".join([*header, "#SBATCH --requeue", *options]),
            setup="\n".join(site.setup) or ":",
            parts=shlex.quote(str(self.folder / "parts")),
            command=" \\\n    ".join(self._command()),
            elements=self.elements,
            restarts=_RESTARTS,
        )

    def _command(self) -> list[str]:
        python = [shlex.join([sys.executable, "-m", "sdc"])]
        if self.site.image is not None:
            python = [f"apptainer exec --nv --bind {shlex.quote(str(self.folder))} {shlex.quote(self.site.image)} sdc"]
        flags = shlex.join(self.flags)
        return [
            *python,
            f"run {shlex.quote(str(self.file))}",
            *([flags] if flags else []),
            f'--shard "$element/{self.elements}" --store "$parts/$element.duckdb"',
        ]


def engine_flags(engine: EngineOptions) -> list[str]:
    """Returns the flags that give an element the engine of this command; its server goes through the environment.

    >>> engine_flags(EngineOptions(engine="vllm", batch_size=8, gpu_memory=0.5))
    ['--engine', 'vllm', '--batch-size', '8', '--engine-arg', 'gpu_memory=0.5']
    """
    found = [] if engine.engine == "auto" else ["--engine", engine.engine]
    found += [] if engine.batch_size is None else ["--batch-size", str(engine.batch_size)]
    for each in fields(engine):
        value = getattr(engine, each.name)
        if each.name not in ("engine", "batch_size", "server") and value != each.default:
            found += ["--engine-arg", f"{each.name}={str(value).lower() if isinstance(value, bool) else value}"]
    return found


def _header(value: str) -> str:
    """Returns a value as sbatch reads it from a comment.

    >>> _header("gpu"), _header('my "own"')
    ('gpu', '"my \\\\"own\\\\""')
    """
    if not value.isprintable():
        raise UsageError(f"{value[:80]!r} has a line break or the like", "--on", "use another path")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return value if _PLAIN.fullmatch(value) else f'"{escaped}"'


_SCRIPT = """\
#!/bin/bash -l
# Written by sdc. Submit it with: sbatch --array=0-N THIS_FILE OFFSET
{header}
set -e
{setup}
set -u
element=$((${{1:-0}} + SLURM_ARRAY_TASK_ID + 1))
parts={parts}

# USR1 comes before the time is up, or before another job takes this place: what is finished is kept, and this element
# waits for its turn again. TERM is `scancel`: it ends.
job= stop=
forward() {{
    stop=$1
    [ -z "$job" ] || kill -TERM "$job" 2>/dev/null || true
}}
trap 'forward again' USR1
trap 'forward end' TERM INT

{command} &
job=$!
[ -z "$stop" ] || forward "$stop"
wait "$job" || true
while kill -0 "$job" 2>/dev/null; do # a signal ends `wait`, too
    wait "$job" || true
done
status=0
wait "$job" || status=$?

# Beyond 130 it was killed, but for 143, which is TERM.
if [ -z "$stop" ] && [ "$status" -gt 130 ] && [ "$status" -ne 143 ]; then
    [ "${{SLURM_RESTART_COUNT:-0}}" -ge {restarts} ] || stop=again
fi
if [ "$stop" = again ]; then
    exec scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID"
fi
exit "$status"
"""
