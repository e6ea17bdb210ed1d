"""A SLURM cluster of this machine alone: munged, slurmctld and slurmd on the loopback, in a folder of its own.

`python tests/support/slurm_cluster.py` starts one and shows how to use it from a shell. It needs Debian's packages
`slurm-wlm` and `munge`, and root. Here: its configuration, starting, stopping. Not here: jobs.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from waiting import until

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")
#: A requeued job waits for as long as credentials hold: two minutes, if nothing is said.
_CONFIGURATION = """\
ClusterName=sdc
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld_port}
SlurmdPort={d_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=1,sched_min_interval=100000
ReturnToService=2
KillWait=5
MailProg=/bin/true
MaxArraySize={max_array_size}
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def lacking() -> str:
    """Returns what keeps this machine from being a cluster; empty if nothing does."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed (apt-get install slurm-wlm munge)"
    return "" if os.geteuid() == 0 else "slurmd needs root"


@contextmanager
def cluster(*, cpus: int = 2, max_array_size: int = 1001) -> Iterator[dict[str, str]]:
    """Gives the environment in which SLURM's commands speak to the cluster.

    Args:
        cpus: That its one node says it has: so many elements run at once.
        max_array_size: The first index that no array may have.
    """
    with tempfile.TemporaryDirectory(prefix="sdc-slurm-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # munge's socket is for everybody
        for part in ("state", "spool"):
            (folder / part).mkdir()
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(64))
        key.chmod(0o600)
        configuration = folder / "slurm.conf"
        host = socket.gethostname().partition(".")[0]
        ctld_port, d_port = _free_ports(2)
        configuration.write_text(
            _CONFIGURATION.format(
                host=host, folder=folder, ctld_port=ctld_port, d_port=d_port, cpus=cpus, max_array_size=max_array_size
            )
        )
        environment = {**os.environ, "SLURM_CONF": str(configuration)}
        munged = ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket"]
        munged += [f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log", f"--seed-file={folder}/seed"]
        running: list[subprocess.Popen[bytes]] = []
        try:
            for words in (munged, ["slurmctld", "-D", "-c"], ["slurmd", "-D", "-c"]):
                running.append(_started(words, environment, folder))
                if words is munged:
                    until((folder / "munge.socket").exists, shown=lambda: _logs(folder))
            until(
                lambda: "idle" in _answer(["sinfo", "--noheader", "--format=%T"], environment),
                every_s=0.2,
                shown=lambda: _logs(folder),
            )
            yield environment
        finally:
            _answer(["scancel", "--user=root", "--full"], environment)
            for process in reversed(running):
                process.send_signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=20)
                process.kill()
                process.wait()


def _started(words: list[str], environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / f"{words[0]}.out").open("wb") as out:
        return subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def _answer(words: list[str], environment: dict[str, str]) -> str:
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False, timeout=60).stdout


def _logs(folder: Path) -> str:
    return "\n".join(f"{path.name}: {path.read_text()[-2000:]}" for path in sorted(folder.glob("*.log")))


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


if __name__ == "__main__":
    reason = lacking()
    if reason:
        sys.exit(reason)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), cluster() as found:
        print(f"export SLURM_CONF={found['SLURM_CONF']}   # until Ctrl-C", flush=True)
        signal.pause()
