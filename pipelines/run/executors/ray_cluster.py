"""A Ray cluster: the one that runs at an address, or one of this machine alone.

Here: connecting, in bounded time and with a line that says what is wrong. Not here: who works there (`ray.py`).
"""

import logging
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from sdc.errors import EngineError, UsageError, first_line, system_reason
from sdc.pipelines.run.sites import Site

#: What listens at an address answers within this, in seconds; Ray itself would try for minutes.
_ANSWER_S = 10.0
#: What an HTTP/2 client says first, and how a server's first frame begins that is one, as Ray's is.
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SETTINGS = 4
_LOCAL = "local"
#: Read by Ray when it is imported: nothing is reported to its makers.
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


def connect(site: Site) -> Any:
    """Returns the module `ray`, connected to the cluster of a site, to $RAY_ADDRESS, or to one that it starts here.

    Raises:
        UsageError: The address is of a kind that jobs cannot be given to.
        EngineError: Ray is not installed, or the cluster cannot be reached or started.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    address = site.address or os.environ.get("RAY_ADDRESS") or _LOCAL
    if "://" in address:
        where = f"site {site.name}" if site.address else "RAY_ADDRESS"
        fix = "run sdc on a machine of the cluster, with HOST:PORT or auto"
        raise UsageError(f"{address[:80]!r} is not the address of a head node", where, fix)
    if address == _LOCAL and "RAY_AUTH_MODE" not in os.environ:
        # Its ports are open on every network card: who does not know the token runs nothing.
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    try:
        import ray
    except ImportError as error:
        fix = "install it with `pip install 'sdc[ray]'`, here and on every machine of the cluster"
        raise EngineError("Ray is not installed", f"site {site.name}", fix) from error
    with tempfile.TemporaryFile() as said, _overheard(said):
        try:
            _init(ray, site, address)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            said.seek(0)
            raise _unreachable(site, address, error, said.read().decode(errors="replace")) from error
    return ray


def _init(ray: Any, site: Site, address: str) -> None:
    how = {"address": address, "logging_level": logging.ERROR, "log_to_driver": False}  # prints of workers are no output
    if address == _LOCAL:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        ray.init(**how, num_cpus=max(cores, site.workers or 1), include_dashboard=False)
    else:
        _check_answers(address)
        ray.init(**how)


@contextmanager
def _overheard(file: IO[bytes]) -> Iterator[None]:
    """What Ray's core prints meanwhile goes to a file: it prints beside Python, a line for each of its tries."""
    stderr = os.dup(2)
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def _check_answers(address: str) -> None:
    """Raises an OSError or a ValueError if no Ray answers at an address as Ray understands it."""
    from ray._private import services  # a name for this machine becomes the address that others know it by

    host, _, port = services.canonicalize_bootstrap_address(address).rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S) as there:
        if os.environ.get("RAY_USE_TLS", "0") in ("0", ""):
            there.sendall(_HELLO)
            if there.recv(9)[3:4] != bytes([_SETTINGS]):
                raise ConnectionError("what listens there is no Ray")


def _unreachable(site: Site, address: str, error: Exception, said: str) -> EngineError:
    reason = first_line(error)
    if isinstance(error, OSError) and error.strerror:
        reason = system_reason(error)
    if "AuthToken" in said:
        reason = "it asks for a token, and this one is not it"
    if address == _LOCAL:
        fix = "free the place that it needs, or set RAY_TMPDIR to a folder with a short path"
        return EngineError(f"Ray did not start on this machine ({reason})", f"site {site.name}", fix)
    fix = "see `ray status` there; a cluster with tokens needs RAY_AUTH_MODE=token and RAY_AUTH_TOKEN here, too"
    return EngineError(f"no Ray cluster can be had at {address[:80]} ({reason})", f"site {site.name}", fix)
