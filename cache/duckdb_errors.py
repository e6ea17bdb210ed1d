"""What DuckDB means by an error: it has few classes, and says the rest in words.

Here: reading those words. Not here: what follows from them (`file.py`).
"""


def raise_if_stopped(error: Exception) -> None:
    """Raises KeyboardInterrupt for what DuckDB makes of Ctrl-C: an error of its own, or a RuntimeError.

    Where it comes while DuckDB reads a table of ours, the error is about the table, and names it at its end.
    """
    said, kind = str(error).lower(), type(error).__name__
    if ("interrupted" in said and kind in ("InterruptException", "RuntimeError")) or "keyboardinterrupt" in said:
        raise KeyboardInterrupt from error


def is_locked(message: str) -> bool:
    """Returns whether an error of DuckDB says that another process has the file."""
    return "Could not set lock" in message or "Conflicting lock" in message


def is_damaged(message: str) -> bool:
    """Returns whether an error of DuckDB says that a file is cut off or was written over."""
    return "Could not read enough bytes" in message or "Corrupt database" in message
