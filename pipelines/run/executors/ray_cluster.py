"""A Ray cluster: the one that runs at an address, or one of this machine alone.

Here: connecting in bounded time, saying what is wrong, noticing that it is gone. Not here: who works there (`ray.py`).
"""

import io
import logging
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import IO, Any

from sdc.errors import EngineError, UsageError, extra, first_line, system_reason
from sdc.pipelines.run.sites import Site

#: What listens at an address answers within this, in seconds; Ray itself would try for minutes.
_ANSWER_S = 10.0
#: What an HTTP/2 client says first, and what the first frame of a server is that is one, as Ray's is.
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SETTINGS = 4
_LOCAL = "local"
#: How often, a second apart, to try what listens there; where nobody says, Ray does it twenty times.
_TRIES, _TRIES_NAME = 5, "RAY_gcs_server_port_wait_time_s"
#: Read by Ray when it is imported: nothing is reported to its makers, nothing printed when it ends.
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_DEDUP_LOGS": "0"}


class RayCluster:
    """A connection to the cluster of a site, to $RAY_ADDRESS, or to one that is started here and ends with it.

    Args:
        site: Says where.

    Raises:
        UsageError: The address is of a kind that jobs cannot be given to.
        EngineError: Ray is not installed, or the cluster cannot be reached or started.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self.address = site.address or os.environ.get("RAY_ADDRESS") or _LOCAL
        if "://" in self.address:
            where = f"site {site.name}" if site.address else "RAY_ADDRESS"
            fix = "run sdc on a machine of the cluster, with HOST:PORT or auto"
            raise UsageError(f"{self.address[:80]!r} is not the address of a head node", where, fix)
        self._closing = ExitStack()
        self.ray = self._imported()
        with tempfile.TemporaryFile() as said, _overheard(said):
            try:
                self._connect()
            except (OSError, RuntimeError, ValueError, self.ray.exceptions.RayError) as error:
                said.seek(0)
                raise self._unreachable(error, said.read().decode(errors="replace")) from error
        self._closing.callback(self.ray.shutdown)
        # Ray tells what befalls a machine there, in many lines; we say it in one, and what is printed is ours.
        self._closing.enter_context(redirect_stdout(_Nowhere()))

    def check(self) -> None:
        """Raises an EngineError if the cluster's head or its part on this machine is gone.

        Ray would end this process a minute after the head, and wait for ever for the other.
        """
        here = self.ray.get_runtime_context()
        try:
            _check_answers(here.gcs_address)
            if not any(node["Alive"] for node in self.ray.nodes() if node["NodeID"] == here.get_node_id()):
                raise ConnectionError("its part on this machine has died")
        except OSError as error:
            fix = "what ended is kept; the same command goes on"
            raise EngineError(f"the Ray cluster is gone ({_reason(error)})", f"site {self._site.name}", fix) from error

    def close(self) -> None:
        """Leaves the cluster; one that was started here ends."""
        self._closing.close()

    def _imported(self) -> Any:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        if self.address == _LOCAL and "RAY_AUTH_MODE" not in os.environ:
            # Its ports are open on every network card: who does not know the token runs nothing.
            os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        try:
            import ray
        except ImportError as error:
            fix = f"install it with {extra('ray')}, here and on every machine of the cluster"
            raise EngineError("Ray is not installed", f"site {self._site.name}", fix) from error
        return ray

    def _connect(self) -> None:
        how = {"address": self.address, "logging_level": logging.ERROR, "log_to_driver": False}
        if self.address == _LOCAL:
            self.ray.init(**how, num_cpus=self._site.workers, include_dashboard=False)
        else:
            from ray._private import services  # a name for this machine becomes the address that others know it by

            _check_answers(services.canonicalize_bootstrap_address(self.address))
            with _few_tries():
                self.ray.init(**how)

    def _unreachable(self, error: Exception, said: str) -> EngineError:
        reason = "it asks for a token, and this one is not it" if "AuthToken" in said else _reason(error)
        where = f"site {self._site.name}"
        if self.address == _LOCAL:
            fix = "free the place that it needs, or set RAY_TMPDIR to a folder with a short path"
            return EngineError(f"Ray did not start on this machine ({reason})", where, fix)
        fix = "see `ray status` there; a cluster with tokens needs RAY_AUTH_MODE=token and RAY_AUTH_TOKEN here, too"
        return EngineError(f"no Ray cluster can be had at {self.address[:80]} ({reason})", where, fix)


@contextmanager
def _few_tries() -> Iterator[None]:
    """A Ray answers there: what it refuses now, as a token that is not its own, it will refuse again."""
    if _TRIES_NAME in os.environ:
        yield
        return
    os.environ[_TRIES_NAME] = str(_TRIES)
    try:
        yield
    finally:
        del os.environ[_TRIES_NAME]


def _check_answers(address: str) -> None:
    """Raises an OSError or a ValueError if no Ray answers at an address."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S) as there:
        if os.environ.get("RAY_USE_TLS", "0") in ("0", ""):
            there.sendall(_HELLO)
            if there.recv(9)[3:4] != bytes([_SETTINGS]):
                raise ConnectionError("what listens there is no Ray")


def _reason(error: Exception) -> str:
    return system_reason(error) if isinstance(error, OSError) and error.strerror else first_line(error)


class _Nowhere(io.TextIOBase):
    """Takes what is printed."""

    def write(self, text: str, /) -> int:
        return len(text)


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
