"""Sites: where the tasks of an experiment run. They have a file of their own, for an experiment is the same anywhere.

Here: `sites.toml`. Not here: what a site's executor does (`executors/`).
"""

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from sdc.errors import DataError, UsageError
from sdc.pipelines import files
from sdc.pipelines.run import tables

EXECUTORS = ("local", "ray", "slurm")


@dataclass(frozen=True, kw_only=True)
class Site:
    """A place with workers.

    Args:
        name: What `--on` calls it.
        executor: One of `EXECUTORS`.
        workers: How many at once; None: one per GPU, without any one per two cores.
        gpu: What its GPUs are called, for the report.
        gpus_per_worker: A share of one, or several.
        price_per_hour: Of a worker.
        kg_co2e_per_kwh: Of the electricity there.
        address: ray: of a running cluster; None starts one on this machine.
        partition: slurm: where to.
        account: slurm: who pays.
        time: slurm: the most that an element may take, as HH:MM:SS.
        max_tasks: slurm: elements at once; None: as many as the cluster gives.
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
        if self.executor == "slurm" and not self.partition:
            raise UsageError(
                "a SLURM site without a partition", f"site {self.name}", "add partition = ...; see `sinfo`"
            )


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
    try:
        text = files.content(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise DataError(f"cannot read the sites ({reason})", str(path), "check the file") from error
    return tables.parse(text, str(path))


def _site(name: str, raw: Any, where: str) -> Site:
    if not isinstance(raw, dict):
        raise UsageError("it is no table", where, f"write [{name}]")
    hints: dict[str, Any] = get_type_hints(Site)
    tables.check_names(raw, [each.name for each in fields(Site) if each.name != "name"], where)
    return Site(name=name, **{key: tables.typed(value, hints[key], f"{where} {key}") for key, value in raw.items()})
