"""The program in this process: what a test needs of a command, without the second that starting Python takes."""

from collections.abc import Sequence

from typer.testing import CliRunner, Result

from sdc.cli.main import application


def sdc(arguments: Sequence[str], *, stdin: str | bytes | None = None) -> Result:
    """Runs a command as `sdc ARGUMENTS` does, with the commands that `main` would give it."""
    return CliRunner().invoke(application(arguments), list(arguments), input=stdin, prog_name="sdc")
