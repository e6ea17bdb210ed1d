"""Signals that end an element as Ctrl-C would, whoever ignored them before."""

import os
import signal

import pytest

from sdc.pipelines.run.array import stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_the_first_signal_stops_and_those_after_it_do_not_disturb_the_end(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)  # as what a shell starts with `&` has it
    try:
        with pytest.raises(KeyboardInterrupt), stopping.by_signals():
            try:
                os.kill(os.getpid(), number)
            finally:
                for again in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
                    os.kill(os.getpid(), again)
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)
