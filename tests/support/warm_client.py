"""Asks the server of `warm.py` for a program and ends as that does: `warm_client.py SOCKET PROGRAM ARGUMENTS`.

It starts in some hundredths of a second, so it imports little.
"""

import json
import os
import signal
import socket
import sys

_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def main() -> None:
    """Gives away streams, passes signals on, waits."""
    place, *words = sys.argv[1:]
    streams = [number for number in range(3) if _is_open(number)]
    asked = {
        "words": words, "folder": os.getcwd(), "environment": dict(os.environ), "streams": streams,  # noqa: PTH109 (see above)
        "deaf": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
    }  # fmt: skip
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.connect(place)
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)  # until it has been asked
    for each in _PASSED_ON:
        if signal.getsignal(each) != signal.SIG_IGN:
            signal.signal(each, lambda number, _: server.send(bytes([number])))
    socket.send_fds(server, [json.dumps(asked).encode()], streams)
    for number in streams[: streams.index(2) if 2 in streams else None]:
        os.close(number)  # the program alone reads and writes them
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    answer = server.recv(16)
    if not answer:
        raise SystemExit("the server of warm programs is gone")
    code = int(answer)
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main()
