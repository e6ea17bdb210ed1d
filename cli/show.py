"""`sdc show`: its flags."""

from typing import Annotated

import typer

from sdc.cli import options, render
from sdc.errors import UsageError
from sdc.pipelines import show as stage
from sdc.pipelines.show import ShowChoice
from sdc.pipelines.text import commas
from sdc.pipelines.text.visible import as_json as json_text


def show(
    keys: options.KeysArgument = None,
    most: Annotated[int, typer.Option("--rows", "-n", min=1, help="Rows of each label.")] = 5,
    label: Annotated[list[str] | None, typer.Option("--label", metavar="LABEL", help="Only these labels.")] = None,
    status: Annotated[
        list[str] | None,
        typer.Option(
            "--status",
            metavar="STATUS",
            help="Only rows of this status: ok, duplicate ...; accepted, rejected; right, wrong, unparsed; or all.",
        ),
    ] = None,
    is_random: Annotated[bool, typer.Option("--random", help="Rows by chance, not the first ones.")] = False,
    seed: options.SeedOption = 1337,
    store: options.StoreOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Show what an artifact holds: texts by label, verdicts with reasons, draws, what a run gets wrong.

    KEYs are of any stage. Of a run or its evaluation: scores of each label, confusions, and errors with their texts.
    The recipe of an artifact: `sdc store show`.
    """
    if not keys:
        raise UsageError("say what to show", fix="give artifact keys (`-` reads them from stdin); `sdc store ls` lists")
    context = options.context(store)
    choice = ShowChoice(
        most=most, labels=commas.parts(label), statuses=commas.parts(status), seed=seed if is_random else None
    )
    for artifact in context.store.resolve_many(options.keys(keys), stages=stage.STAGES):
        view = stage.run(context, choice, artifact)
        if as_json:
            for part in view.parts:
                for row in part.rows:
                    render.data(json_text({"key": artifact.key, "part": part.title, **row}) + "\n")
            continue
        render.shown(view.title)
        for part in view.parts:
            render.part(part)
