"""How a process of sdc ends: at once, when everything that libraries do at the end is done.

Python would then take all modules apart, which after torch and transformers were imported takes half as long as their
import.
"""

import atexit
import os
import signal
import sys
from collections.abc import Callable


class AtOnce:
    """Has this process be gone after all else that is registered with `atexit`; `code` is its exit code.

    To be made before anything registers there: the first is the last to run. Ctrl-C is held back then, since the
    program is done.
    """

    def __init__(self) -> None:
        self.code = 0
        atexit.register(self._leave)

    def run(self, program: Callable[[], object]) -> None:
        """Runs the program of this process, and has its exit code."""
        self.code = 1
        try:
            program()
            self.code = 0
        except SystemExit as ended:
            self.code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
            raise

    def _leave(self) -> None:
        # A KeyboardInterrupt would make Python end by its signal instead of by the exit code.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None:
                    stream.flush()
            except (OSError, ValueError):
                self.code = self.code or 120  # as Python
        os._exit(self.code)
