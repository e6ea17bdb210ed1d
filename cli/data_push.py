"""`sdc data push`: its flags."""

from typing import Annotated

import typer

from sdc.cache import scratch
from sdc.cli import options, pushing, render
from sdc.pipelines import sharing
from sdc.pipelines.data import shared as stage
from sdc.pipelines.sharing import Shared
from sdc.pipelines.text.visible import as_json as json_text


def push(
    repo: Annotated[str, typer.Argument(metavar="ORG/NAME", help="The data set on the Hugging Face hub.")],
    keys: options.KeysArgument = None,
    lang: options.LangOption = None,
    task: options.TaskOption = None,
    licence: Annotated[
        str | None, typer.Option("--license", metavar="NAME", help="Of the data, for the card. Default: unknown.")
    ] = None,
    public: pushing.PublicOption = False,
    dry_run: pushing.ListOption = False,
    store: options.StoreOption = None,
    force: Annotated[bool, typer.Option("--force", help="Add a commit to a repository that is there.")] = False,
    as_json: options.JsonOption = False,
) -> None:
    """Send examples to the Hugging Face hub as a data set with a card, with the token in $HF_TOKEN.

    KEYs are data, generations, or judgements (of which the accepted rows are sent). Without keys: the newest train
    and test data of --lang and --task.

    Examples:
        sdc data push my-org/te-topic --lang te --task topic --dry-run
        sdc data push my-org/te-topic 1a2b3c4d5e6f 6f5e4d3c2b1a --license cc-by-4.0
    """
    where = Shared(repo=repo, kind="dataset", public=public, update=force)
    if not dry_run:
        sharing.check()
    context = options.context(store)
    found = stage.parts(context, options.inputs(context, keys, lang, task, stages=stage.STAGES))
    with scratch.folder("push") as folder:
        stage.write(context, folder, found, name=repo.partition("/")[2], licence=licence)
        sent = pushing.send(folder, where, dry_run=dry_run, message="sdc data push")
    render.data((json_text(sent) if as_json else sent["url"] or repo) + "\n")
