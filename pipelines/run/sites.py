"""Sites: where the tasks of an experiment run. They have a file of their own, for an experiment is the same anywhere.

Here: `sites.toml`. Not here: what a site's executor does (`executors/`).
"""

import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from sdc.errors import UsageError
from sdc.pipelines import files
from sdc.pipelines.text import tables

EXECUTORS = ("local", "ray", "slurm")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: What SLURM takes for a time: minutes, MM:SS, HH:MM:SS, DAYS-HH, DAYS-HH:MM, DAYS-HH:MM:SS.
_TIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<parts>\d+(?::\d{1,2}){0,2})")
#: An element needs a minute to begin, and ends three before its time is up.
_LEAST_S = 600
#: Flags of sbatch that sdc writes itself.
_OURS = ("--array", "--export", "--signal", "--output", "--error", "--requeue", "--no-requeue", "--chdir", "--wrap")


@dataclass(frozen=True, kw_only=True)
class Site:
    """A place with workers.

    Args:
        name: What `--on` calls it.
        executor: One of `EXECUTORS`.
        workers: How many at once, slurm: of each element; None: one per GPU, without any one per core.
        gpu: What its GPUs are called, for the report.
        gpus_per_worker: A share of one, or several.
        price_per_hour: Of a worker.
        kg_co2e_per_kwh: Of the electricity there.
        address: ray: of a running cluster; None starts one on this machine.
        partition: slurm: where to.
        account: slurm: who pays.
        time: slurm: the most that an element may take, as HH:MM:SS.
        max_tasks: slurm: elements at once; None: as many as the cluster gives.
        elements: slurm: how many an experiment is shared out over; None: as many as run at once, more if time is short.
        image: slurm: an Apptainer image with sdc; None: the environment of this Python.
        setup: slurm: lines before sdc starts, as `module load apptainer`.
        env: slurm: names of variables that elements get from the shell that submits; their values are never written.
        options: slurm: further lines for sbatch, as `--gres=gpu:1`.
    """

    name: str = "local"
    executor: str = "local"
    workers: int | None = None
    gpu: str | None = None
    gpus_per_worker: float = 1.0
    price_per_hour: float | None = None
    kg_co2e_per_kwh: float | None = None
    address: str | None = None
    partition: str | None = None
    account: str | None = None
    time: str = "04:00:00"
    max_tasks: int | None = None
    elements: int | None = None
    image: str | None = None
    setup: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.executor not in EXECUTORS:
            fix = tables.nearest(self.executor, EXECUTORS)
            raise UsageError(f"unknown executor {self.executor[:80]!r}", f"site {self.name}", fix)
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"{self.workers} workers", f"site {self.name}", "use 1 or more, or leave it out")
        share = self.gpus_per_worker
        if not 0 < share < float("inf") or (share > 1 and share % 1):
            fix = "use a share of one, as 0.5, or a whole number"
            raise UsageError(f"{share:g} GPUs per worker", f"site {self.name}", fix)
        if self.executor == "slurm":
            self._check_slurm()

    @property
    def seconds(self) -> int:
        """What an element of a job array may take.

        >>> Site(time="1-02:00:00").seconds, Site(time="30").seconds
        (93600, 1800)
        """
        found = _TIME.fullmatch(self.time)
        if found is None:
            raise UsageError(f"{self.time[:80]!r} is no time", f"site {self.name}", "write it as HH:MM:SS")
        parts = [int(part) for part in found["parts"].split(":")]
        if found["days"]:
            hours, minutes, seconds = [*parts, 0, 0][:3]
        else:
            hours, minutes, seconds = [0, 0, *parts, *([0] if len(parts) == 1 else [])][-3:]
        return ((int(found["days"] or 0) * 24 + hours) * 60 + minutes) * 60 + seconds

    def _check_slurm(self) -> None:
        where = f"site {self.name}"
        if not self.partition:
            raise UsageError("a SLURM site without a partition", where, "add partition = ...; see `sinfo`")
        if self.seconds < _LEAST_S:
            raise UsageError(f"{self.time[:80]!r} is too short", where, f"use {_LEAST_S // 60} minutes or more")
        for name in ("max_tasks", "elements"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise UsageError(f"{name} = {getattr(self, name)}", where, "use 1 or more, or leave it out")
        for name in self.env:
            if not _VARIABLE.fullmatch(name):  # what stands behind it may be secret
                raise UsageError("env has something else than names of variables", where, 'write env = ["HF_HOME"]')
        for line in (self.partition, self.account or "", self.image or "", *self.setup, *self.options):
            if not line.isprintable():
                raise UsageError(f"{line[:80]!r} has a line break or the like", where, "write one line each")
        for option in self.options:
            name = option.split("=")[0].split()[0] if option.strip() else option
            if not name.startswith("-") or name in _OURS:
                fix = "sdc writes that itself" if name in _OURS else "write it as --gres=gpu:1"
                raise UsageError(f"{option[:80]!r} is no further option of sbatch", where, fix)


def place() -> Path:
    """Returns where the sites stand: `$SDC_SITES`, else `sites.toml` in the user's configuration folder of sdc."""
    if os.environ.get("SDC_SITES"):
        return Path(os.environ["SDC_SITES"])
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "sdc" / "sites.toml"


def load(name: str | None) -> Site:
    """Returns a site by its name; None or `local` is this machine, where the file does not say otherwise.

    Raises:
        UsageError: There is no such site, or something in it is wrong.
        DataError: The file cannot be read.
    """
    path = place()
    found = _tables(path)
    wanted = name or "local"
    if wanted in found:
        return _site(wanted, found[wanted], f"{path}: [{wanted}]")
    if wanted in EXECUTORS[:2]:  # needs nothing that only a user can know
        return Site(name=wanted, executor=wanted)
    fix = tables.nearest(wanted, [*found, *EXECUTORS[:2]]) if found else f"add [{wanted[:40]}] to {path}"
    raise UsageError(f"there is no site {wanted[:80]!r}", "--on", fix)


def _tables(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    return tables.parse(files.text(path, "the sites"), str(path))


def _site(name: str, raw: Any, where: str) -> Site:
    if not isinstance(raw, dict):
        raise UsageError("it is no table", where, f"write [{name}]")
    hints: dict[str, Any] = get_type_hints(Site)
    tables.check_names(raw, [each.name for each in fields(Site) if each.name != "name"], where)
    return Site(name=name, **{key: tables.typed(value, hints[key], f"{where} {key}") for key, value in raw.items()})
