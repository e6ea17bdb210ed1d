"""The energy that GPUs used, as their own counters say (NVML); None where nothing counts it.

Here: one meter. Not here: estimates: what is not measured is not known.
"""

from contextlib import suppress
from functools import cache
from typing import Any

_MJ_PER_KWH = 3.6e9


class Meter:
    """Reads the energy counters of all NVIDIA GPUs of this machine, from its making on.

    Other programs on the same GPUs count as well: the counters are the devices', not the process's.
    """

    def __init__(self) -> None:
        self._start = _total_mj()

    def kwh(self) -> float | None:
        """Returns the energy since the meter was made in kWh, or None where no GPU counts it."""
        if self._start is None:
            return None
        end = _total_mj()
        return None if end is None else (end - self._start) / _MJ_PER_KWH


@cache
def _nvml() -> Any:
    """Returns the NVML library, ready for use, or None where there is none or no driver for it."""
    try:
        import pynvml
    except ImportError:
        return None
    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        return pynvml
    return None


def _total_mj() -> int | None:
    """Returns the sum of the counters in millijoules; they run since the driver was loaded."""
    nvml = _nvml()
    if nvml is None:
        return None
    with suppress(nvml.NVMLError):
        devices = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
        return sum(nvml.nvmlDeviceGetTotalEnergyConsumption(device) for device in devices) if devices else None
    return None
