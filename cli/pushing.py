"""What `export --push` and `data push` share: their flags, and how a folder is sent or only listed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from sdc.cache.counted import counted
from sdc.cli import render
from sdc.cli.help import OUTPUT
from sdc.errors import UsageError
from sdc.pipelines import sharing
from sdc.pipelines.sharing import Shared

PublicOption = Annotated[
    bool,
    typer.Option("--public", help="Everybody may see the repository. Default: it is private.", rich_help_panel=OUTPUT),
]
ListOption = Annotated[
    bool, typer.Option("--dry-run", help="List what would be pushed; send nothing.", rich_help_panel=OUTPUT)
]


@dataclass(frozen=True, kw_only=True)
class Hub:
    """Whether and how a folder is also sent."""

    to: Annotated[
        str | None,
        typer.Option(
            "--push",
            metavar="ORG/NAME",
            help="Also send the folder to the Hugging Face hub, with the token in $HF_TOKEN.",
            rich_help_panel=OUTPUT,
        ),
    ] = None
    public: PublicOption = False
    dry_run: ListOption = False

    def where(self, *, update: bool) -> Shared | None:
        """Returns where it goes; None if it is not sent.

        Raises:
            UsageError: A flag says how a folder is sent that is not, it names no repository, or there is no token.
        """
        if self.to is None:
            if self.public or self.dry_run:
                flag = "--public" if self.public else "--dry-run"
                raise UsageError("it says how the folder is pushed", flag, "add --push ORG/NAME")
            return None
        found = Shared(repo=self.to, public=self.public, update=update)
        if not self.dry_run:
            sharing.check()
        return found


def send(out: Path, where: Shared, *, dry_run: bool, message: str) -> dict[str, Any]:
    """Sends a folder, or shows what would be sent, and returns what that is."""
    sent = sharing.files(out)
    how = "public" if where.public else "private"
    about = {"repo": where.repo, "public": where.public, "files": {file.path: file.size for file in sent}}
    if dry_run:
        for file in sent:
            render.note(f"  {file.path}  {file.size:,} bytes")
        what = f"{counted(len(sent), 'file')}, {sharing.total(sent) / 1e6:.1f} MB"
        render.note(f"push: {what} would go to {where.repo}, {how}; nothing was sent")
        return {**about, "url": None}
    url = sharing.push(out, where, message=message)
    render.note(f"push: {counted(len(sent), 'file')}, {sharing.total(sent) / 1e6:.1f} MB, {how}: {url}")
    return {**about, "url": url}
