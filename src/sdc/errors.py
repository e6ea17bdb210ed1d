"""The errors that sdc raises on purpose, and the exit code of each.

    SdcError                 1   (never raised itself)
    |-- UsageError           2   a flag, a preset, a language, a task file, a key that is wrong
    |-- StoreError           3   the store cannot be opened, written or trusted
    |-- EngineError          4   a model cannot be loaded, or did not answer
    |   `-- BudgetError      4   a limit on calls, tokens or money is reached; what was answered is kept
    `-- DataError            5   a data file, or the rows in it

Every error is one line on stderr: what is wrong, where, what to do next. Any other exception is a bug and exits with 1.
"""


class SdcError(Exception):
    """One line for the user: what is wrong, where it is, what to do next.

    Args:
        what: What went wrong, without a full stop at the end.
        where: The file, flag, key or row it was found in; empty if `what` says it.
        fix: What the user can do next; a sentence fragment.
    """

    exit_code = 1

    def __init__(self, what: str, where: str = "", fix: str = "") -> None:
        # All fields go to super(), so that the error survives pickling in a process pool.
        super().__init__(what, where, fix)
        self.what, self.where, self.fix = what, where, fix

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.fix:
            text = f"{text}; {self.fix}"
        return " ".join(text.split())


class UsageError(SdcError):
    """The command line, a preset, a task file or a key is wrong."""

    exit_code = 2


class StoreError(SdcError):
    """The artifact store cannot be opened, written or trusted."""

    exit_code = 3


class EngineError(SdcError):
    """A model cannot be loaded or did not answer."""

    exit_code = 4


class BudgetError(EngineError):
    """A limit on calls, tokens or money is reached; everything that was answered is kept."""


class DataError(SdcError):
    """A data file cannot be read, or its rows cannot be used."""

    exit_code = 5
