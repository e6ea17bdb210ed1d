"""The program, as `sdc` and as `python -m sdc`.

Here: what must hold before and after everything else: Ctrl-C is one line and 130, also while modules are imported and
when all is done, and arguments are UTF-8. Not here: the commands (`cli/main.py`), what ends them (`cli/boundary.py`).
"""

import os
import signal
import sys
from contextlib import suppress

from sdc.pipelines import ending

STOPPED = "sdc: stopped; what was finished is kept, and the same command goes on from there\n"


def main() -> None:
    """Runs the program."""
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        # A locale of another encoding: arguments, names of files and texts would be read wrongly, by libraries too.
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 (this very program)
    sys.unraisablehook = _unraisable
    ending.AtOnce().run(_run)


def _run() -> None:
    try:
        from sdc.cli.main import main as program

        program()
    except KeyboardInterrupt:
        _stop()
    except SystemExit as ended:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # while Python ends, or a thread does
            signal.signal(signal.SIGINT, _stop)
        if ended.code == 130 and not _said():
            _stop()
        raise


def _stop(*_: object) -> None:
    """Ends the program at once, with the line that says so unless it was said."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not _said():
        with suppress(OSError):  # nobody listens
            os.write(2, STOPPED.encode())
    os._exit(130)


def _said() -> bool:
    """Whether the error boundary has said that the program was stopped."""
    boundary = sys.modules.get("sdc.cli.boundary")
    return bool(getattr(boundary, "stopped", False))


def _unraisable(args: "sys.UnraisableHookArgs") -> None:
    """Sends Ctrl-C once more where it came in a place that swallows it, such as the cleaning up after an import."""
    if not issubclass(args.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(args)
        return
    import _thread
    import threading

    again = threading.Timer(0.01, _thread.interrupt_main)
    again.daemon = True
    again.start()


if __name__ == "__main__":
    main()
