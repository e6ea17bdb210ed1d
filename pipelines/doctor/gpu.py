"""The GPUs of this machine: their driver, what torch needs of it, their slices (MIG).

Here: asking nvidia-smi and the kernel's module, and saying the fix. Not here: other devices. Source: NVIDIA's tables of
CUDA compatibility: a driver serves the CUDA versions up to its own, and, on data-centre cards, with the package
cuda-compat those after it.
"""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdc.cache.counted import counted
from sdc.pipelines.doctor.finding import Finding

#: CUDA's major version -> the oldest driver that serves it alone.
_DRIVER_OF_CUDA = {13: 580, 12: 525, 11: 450}
#: The oldest driver that serves CUDA 13 by forward compatibility.
_OLDEST_COMPATIBLE = 535
_MODULE = Path("/proc/driver/nvidia/version")
_QUERY = "name,driver_version,memory.total,mig.mode.current"
_TIMEOUT_S = 20
_OTHER_TORCH = "this torch is built for CPUs and uses none of the GPUs: take the gpu image, or torch as PyPI has it"


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU, as its driver names it.

    Args:
        name: As `NVIDIA A100-SXM4-40GB`.
        memory_mib: MiB of memory, 0 where the driver does not say.
        has_mig: Whether it is cut into slices; programs then see slices and never the whole card.
    """

    name: str
    memory_mib: int
    has_mig: bool


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the driver said.

    Args:
        driver: Its version, as `535.183.01`; empty if there is none.
        cards: The GPUs.
        slices: MIG slices: profile and name, as CUDA_VISIBLE_DEVICES takes it.
        trouble: Why nothing more is known; empty if all is.
    """

    driver: str = ""
    cards: Sequence[Gpu] = ()
    slices: Sequence[tuple[str, str]] = ()
    trouble: str = ""


def examine(*, cuda: str | None, seen: int, in_container: bool, said: str = "") -> list[Finding]:
    """Returns what there is to say of driver and GPUs.

    Args:
        cuda: The CUDA version that torch was built for, as `13.0`; None for a build without CUDA.
        seen: Number of GPUs (or slices) that torch can use.
        in_container: Whether this is one, so that the fix is a flag of the container's command.
        said: Why torch uses no GPU, in its own words; empty if it said nothing.
    """
    answer = ask()
    found = [_driver(answer, cuda=cuda, seen=seen, in_container=in_container)]
    usable = answer.slices or not all(card.has_mig for card in answer.cards)  # else that is told below
    if answer.cards and usable and cuda and not seen and not found[0].fix:
        found[0] = _unseen(answer, said, in_container)
    if answer.cards:
        found.append(Finding(group="device", name="gpus", value=_cards(answer.cards)))
    if any(card.has_mig for card in answer.cards):
        found.append(_mig(answer))
    return found


def ask() -> Answer:
    """Returns what nvidia-smi says, or, where it cannot be asked, what the kernel's module says."""
    module = _module_version()
    try:
        said = _run("nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits")
    except FileNotFoundError:
        return Answer(driver=module, trouble="nvidia-smi is not here" if module else "")
    except (OSError, subprocess.TimeoutExpired):
        return Answer(driver=module, trouble="nvidia-smi does not answer")
    rows = [[word.strip() for word in line.split(",")] for line in said.stdout.splitlines() if line.count(",") == 3]
    if said.returncode != 0 or not rows:
        lines = (said.stdout + said.stderr).split("\n")
        trouble = next((line.strip() for line in lines if line.strip()), f"nvidia-smi ended with {said.returncode}")
        return Answer(driver=module, trouble=trouble[:160])
    cards = [
        Gpu(name=name, memory_mib=int(memory) if memory.isdigit() else 0, has_mig=mig == "Enabled")
        for name, _, memory, mig in rows
    ]
    listed = _run("nvidia-smi", "-L").stdout if any(card.has_mig for card in cards) else ""
    slices = re.findall(r"^\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (\S+)\)", listed, flags=re.MULTILINE)
    return Answer(driver=rows[0][1], cards=cards, slices=slices)


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False)


def _module_version() -> str:
    try:
        text = _MODULE.read_text("utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(r"^NVRM version:.*?\s(\d{3,}\.[\d.]+)(?:\s|$)", text, flags=re.MULTILINE)
    return found.group(1) if found else ""


def _driver(answer: Answer, *, cuda: str | None, seen: int, in_container: bool) -> Finding:
    def finding(value: str, fix: str = "") -> Finding:
        return Finding(group="device", name="driver", value=value, fix=fix)

    if not answer.driver:
        if not answer.trouble:
            return finding("none", _bring(in_container) if cuda else "")
        return finding(answer.trouble, "the machine's administrator has to mend the driver; often a restart is enough")
    wanted = _DRIVER_OF_CUDA.get(int(cuda.partition(".")[0])) if cuda else None
    major = int(answer.driver.partition(".")[0])
    if wanted is None or major >= wanted:
        if answer.trouble and not seen and cuda:
            return finding(f"{answer.driver}, {answer.trouble}", _bring(in_container))
        return finding(answer.driver, "" if cuda or not answer.cards else _OTHER_TORCH)
    older = f"{answer.driver}, older than the {wanted} that CUDA {cuda} wants"
    if seen:
        return finding(f"{older}; forward compatibility is at work")
    return finding(older, _forward(answer, str(cuda), major, wanted))


def _unseen(answer: Answer, said: str, in_container: bool) -> Finding:
    """Returns what can be wrong where the driver has cards and suits, and torch uses none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        fix = f"CUDA_VISIBLE_DEVICES={visible!r} may name no GPU of this machine: unset it, or see `nvidia-smi -L`"
    elif "802" in said:
        fix = "the machine's administrator has to start nvidia-fabricmanager, in the driver's own version"
    elif in_container:
        fix = "start it with -e NVIDIA_DRIVER_CAPABILITIES=compute,utility and without an LD_LIBRARY_PATH of yours"
    else:
        fix = "look for another CUDA's libcuda.so.1 in LD_LIBRARY_PATH; often a restart is enough"
    value = f"{answer.driver}, but torch uses no GPU" + (f" ({said})" if said else "")
    return Finding(group="device", name="driver", value=value, fix=fix)


def _bring(in_container: bool) -> str:
    if in_container:
        return "give it the GPUs: docker run --gpus all, podman run --device nvidia.com/gpu=all, apptainer run --nv"
    return "if this machine has a GPU, install its driver; without one, sdc works on the CPU"


def _forward(answer: Answer, cuda: str, major: int, wanted: int) -> str:
    """Returns how a driver that is too old can serve after all."""
    if any("GeForce" in card.name for card in answer.cards):
        return f"install driver {wanted} or newer: only data-centre cards have forward compatibility (else error 804)"
    if major < _OLDEST_COMPATIBLE:
        return f"ask for driver {wanted} or newer: forward compatibility begins at {_OLDEST_COMPATIBLE}"
    folder = compat_folder(os.environ)
    if folder is None:
        package = f"cuda-compat-{cuda.replace('.', '-')}"
        return (
            f"forward compatibility: install NVIDIA's package {package} and put its folder first in LD_LIBRARY_PATH, "
            f"use the gpu image, which has it, or ask for driver {wanted}"
        )
    if str(folder) in os.environ.get("LD_LIBRARY_PATH", "").split(":"):
        return f"forward compatibility is set up and does not serve this card: ask for driver {wanted}"
    return f"forward compatibility: export LD_LIBRARY_PATH={folder}:$LD_LIBRARY_PATH (the image does so when it starts)"


def compat_folder(environment: Mapping[str, str]) -> Path | None:
    """Returns the folder with CUDA's driver library for older drivers, or None where this machine has none."""
    named = environment.get("SDC_CUDA_COMPAT")
    folders = [Path(named)] if named else [*sorted(Path("/usr/local").glob("cuda*/compat"))]
    return next((folder for folder in folders if (folder / "libcuda.so.1").exists()), None)


def _cards(cards: Sequence[Gpu]) -> str:
    """Returns the cards, equal ones counted, as `2 x NVIDIA A100-SXM4-40GB, 40 GiB`."""
    words = [f"{card.name}, {card.memory_mib / 1024:.0f} GiB{', MIG' if card.has_mig else ''}" for card in cards]
    return "; ".join(f"{words.count(word)} x {word}" for word in dict.fromkeys(words))


def _mig(answer: Answer) -> Finding:
    if not answer.slices:
        fix = "the administrator has to make slices (nvidia-smi mig -cgi ... -C) or to turn MIG off"
        return Finding(group="device", name="mig slices", value="none, so no program can use these cards", fix=fix)
    profiles = [profile for profile, _ in answer.slices]
    value = ", ".join(f"{profiles.count(profile)} x {profile}" for profile in dict.fromkeys(profiles))
    value = f"{counted(len(profiles), 'slice')} ({value})"
    if len(profiles) > 1 and not os.environ.get("CUDA_VISIBLE_DEVICES", "").startswith("MIG-"):
        fix = f"a process can use one slice: export CUDA_VISIBLE_DEVICES={answer.slices[0][1]}"
        return Finding(group="device", name="mig slices", value=value, fix=fix)
    return Finding(group="device", name="mig slices", value=value)
