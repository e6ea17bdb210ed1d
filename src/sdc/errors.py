"""The errors that sdc raises on purpose, and the exit code of each.

    SdcError                 1   (never raised itself)
    |-- UsageError           2   a flag, a preset, a language, a task file, a key that is wrong
    |-- StoreError           3   the store cannot be opened, written or trusted
    |-- EngineError          4   a model cannot be loaded, or did not answer
    |   `-- BudgetError      4   a limit on calls, tokens or money is reached; what was answered is kept
    |-- DataError            5   a data file, or the rows in it
    |   `-- MissingInput     5   a language and task lack what a stage works on
    `-- ClaimError           7   a claim does not hold (6 is that of an experiment that is not done)

Every error is one line on stderr: what is wrong, where, what to do next. Any other exception is a bug and exits with 1.

Here too: what an error of a library or of the system says, in few words, to stand in ours; and which known
name an unknown one is near to; and how a missing part of sdc is installed.
"""

from collections.abc import Collection


def first_line(error: BaseException | str, *, most: int | None = 160) -> str:
    """Returns the first line of what somebody else's error says, or its class where it says nothing.

    >>> first_line(ValueError("\\n no such model\\nTraceback ...")), first_line(KeyError())
    ('no such model', 'KeyError')

    Args:
        error: The error, or its text.
        most: Characters, at least 1; None cuts nothing off.
    """
    text = str(error).strip()
    return text.splitlines()[0][:most] if text else type(error).__name__


def extra(name: str) -> str:
    """Returns how a part of sdc that is not always installed is had: never by a name of a public index.

    >>> extra("onnx")
    "`pip install -e '.[onnx]'` in the folder of sdc"
    """
    return f"`pip install -e '.[{name}]'` in the folder of sdc"


def nearest(name: str, known: Collection[str]) -> str | None:
    """Returns the known name that is nearest to one that is not; None if none is near."""
    import difflib  # only for what is wrong

    return next(iter(difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.6)), None)


def suggestion(name: str, known: Collection[str]) -> str | None:
    """Returns the nearest known name as a question; None if none is near.

    >>> suggestion("topc", ["intent", "topic"]), suggestion("x", ["intent"])
    ("did you mean 'topic'?", None)
    """
    near = nearest(name, known)
    return None if near is None else f"did you mean {near!r}?"


def one_of(name: str, known: Collection[str], more: str = "") -> str:
    """Returns what to do about an unknown name: the nearest known one, all of them, and what else may stand there.

    >>> one_of("topc", ["intent", "topic"], "or a file")
    "did you mean 'topic'? use one of intent, topic, or a file"
    >>> one_of("x", ["human", "synthetic"])
    'use human or synthetic'
    """
    near = suggestion(name, known)
    names = " or ".join(known) if len(known) == 2 and not more else f"one of {', '.join(known)}"
    return f"{near + ' ' if near else ''}use {names}{', ' + more if more else ''}"


def system_reason(error: Exception) -> str:
    """Returns why the system refuses a file, as a part of a sentence: `permission denied`.

    >>> system_reason(FileNotFoundError(2, "No such file or directory", "a.csv")), system_reason(ValueError("A NUL"))
    ('no such file or directory', 'a nul')
    """
    return str(getattr(error, "strerror", None) or error).lower()


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


class MissingInput(DataError):
    """A language and task lack what a stage works on: nobody has made it yet.

    Args:
        lacks: What is not there, as `no human test examples`.
        cell: The language and task.
        where: The store.
        fix: The command that makes it.
    """

    def __init__(self, lacks: str, cell: object, where: str = "", fix: str = "") -> None:
        super().__init__(f"{lacks} of {cell}", where, fix)
        self.args = (lacks, str(cell), where, fix)
        self.lacks = lacks


class ClaimError(SdcError):
    """A claim does not hold in the store, which is a result and no fault."""

    exit_code = 7
