"""What was found when a machine was looked at. Not here: looking, drawing."""

from dataclasses import dataclass

from sdc.errors import SdcError


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report.

    Args:
        group: `versions`, `device`, `store`, `models`, `engines` or `environment`.
        name: What was looked at.
        value: What was found.
        fix: How to get what is missing; empty if nothing is.
        error: What breaks sdc, raised after the report was shown; None for what sdc can do without.
    """

    group: str
    name: str
    value: str
    fix: str = ""
    error: SdcError | None = None
