"""Places that have to be writable and large enough: shared memory, the caches of libraries.

Here: trying them. Not here: the store, which is tried where it is examined.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sdc.errors import EngineError
from sdc.pipelines.doctor.finding import Finding

_SHARED = Path("/dev/shm")  # noqa: S108 (looked at, not written)
#: What docker and podman put into every container.
_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))
#: torch's workers, vLLM's processes and Ray hand tensors over in it; Docker gives 64 MiB unless told otherwise.
_ENOUGH_BYTES = 2**30
#: Caches that have to be there when a model runs: models, and code that is compiled for this GPU.
_MODELS = "HF_HOME"
_CACHES = (
    _MODELS,
    "TORCHINDUCTOR_CACHE_DIR",
    "TRITON_CACHE_DIR",
    "VLLM_CACHE_ROOT",
    "VLLM_CONFIG_ROOT",
    "NUMBA_CACHE_DIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
)


def in_container(environment: Mapping[str, str]) -> bool:
    """Returns whether sdc runs in a container: its own image says so, and so do docker, podman and apptainer."""
    named = environment.get("SDC_IMAGE") or environment.get("APPTAINER_CONTAINER") or environment.get("container")
    return bool(named) or any(mark.exists() for mark in _MARKS)


def size(num_bytes: int) -> str:
    """Returns a size as people read it.

    >>> size(1536), size(5 * 2**30)
    ('1.5 KiB', '5.0 GiB')
    """
    amount = float(num_bytes)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def write_fix(environment: Mapping[str, str]) -> str:
    """Returns what gives a program the right to write where it runs; empty outside a container."""
    if not in_container(environment):
        return ""
    return (
        'run as yourself: docker run --user "$(id -u):0" (podman: --userns keep-id), and mount a folder of yours there'
    )


def shared_memory(environment: Mapping[str, str]) -> Finding:
    """Returns the size of /dev/shm, and the flag that gives a container more of it."""
    try:
        total = shutil.disk_usage(_SHARED).total
    except OSError:
        return Finding(group="device", name="shared memory", value="unknown")
    fix = ""
    if total < _ENOUGH_BYTES:
        fix = "vLLM on several GPUs and Ray need more: mount a larger /dev/shm"
        if in_container(environment):
            fix = "vLLM on several GPUs and Ray need more: docker or podman run --shm-size 8g (or --ipc=host)"
    return Finding(group="device", name="shared memory", value=size(total), fix=fix)


def caches(environment: Mapping[str, str]) -> list[Finding]:
    """Returns whether the caches that the environment names can be written; nothing where it names none."""
    named = {name: environment[name] for name in _CACHES if environment.get(name)}
    if not named:
        return []
    refused = {name: reason for name, path in named.items() if (reason := _refused(Path(path)))}
    if not refused:
        folder = os.path.commonpath([Path(path).absolute() for path in named.values()])
        free = shutil.disk_usage(_nearest(Path(folder))).free
        return [Finding(group="environment", name="caches", value=f"writable, {size(free)} free")]
    breaking = [name for name in refused if name != _MODELS]
    name = breaking[0] if breaking else _MODELS
    fix = write_fix(environment) or f"name a folder that you can write: export {name}=..."
    error = EngineError(f"{name} cannot be written ({refused[name]})", named[name], fix) if breaking else None
    value = "not writable: " + ", ".join(f"{name}={named[name]}" for name in refused)
    value += "" if breaking else " (models that are there can be used, others not fetched)"
    return [Finding(group="environment", name="caches", value=value, fix=fix, error=error)]


def _refused(folder: Path) -> str:
    """Returns why nothing can be written in a folder, or made where it is to be; empty if it can.

    A real temporary file, as permissions say little for root, containers and read-only mounts.
    """
    if folder.exists() and not folder.is_dir():
        return os.strerror(errno.ENOTDIR)
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)):
            return ""
    except OSError as problem:
        return str(problem.strerror)


def _nearest(path: Path) -> Path:
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.is_dir())
