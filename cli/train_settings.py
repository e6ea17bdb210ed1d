"""The settings of students as flags of `sdc train`, and which of them a method has."""

from dataclasses import dataclass, fields
from typing import Annotated, ClassVar

import typer

HEADING = "Student"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of the methods; what a method has no such setting for is refused."""

    heading: ClassVar[str] = HEADING

    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="What it starts from: an alias, a hub id or a folder.")
    ] = None
    epochs: Annotated[int | None, typer.Option(min=1, help="Most passes over the draw.")] = None
    learning_rate: Annotated[float | None, typer.Option(help="Peak rate of AdamW.")] = None
    batch_size: Annotated[int | None, typer.Option(min=1, help="Rows per step. Default: finetune by size, lora 4.")] = (
        None
    )
    dropout: Annotated[float | None, typer.Option(help="Before head (finetune) or adapters (lora), in [0, 1).")] = None
    warmup: Annotated[float | None, typer.Option(help="Share of steps with a rising rate.")] = None
    max_length: Annotated[int | None, typer.Option(min=2, help="Tokens that a text is cut to.")] = None
    early_stopping: Annotated[
        bool | None,
        typer.Option("--early-stopping/--no-early-stopping", help="On held-out rows of the draw."),
    ] = None
    patience: Annotated[
        int | None, typer.Option(min=1, help="Epochs (finetune) or measurements (lora) without a better loss.")
    ] = None
    precision: Annotated[
        str | None, typer.Option(metavar="FORM", help="bf16 or fp32 products; auto: bf16 where that is fast.")
    ] = None
    keep_head: Annotated[
        bool | None,
        typer.Option("--keep-head/--no-keep-head", help="Start from the model's own classification head."),
    ] = None
    steps: Annotated[int | None, typer.Option(min=1, help="Most training steps, at every size.")] = None
    warmup_steps: Annotated[int | None, typer.Option(min=0, help="Steps with a rising rate.")] = None
    eval_steps: Annotated[
        int | None, typer.Option(min=1, help="Steps between two measurements of the held-out rows.")
    ] = None
    rank: Annotated[int | None, typer.Option(min=1, help="Rank of the adapters.")] = None
    alpha: Annotated[int | None, typer.Option(min=1, help="The adapters' output is multiplied with alpha / rank.")] = (
        None
    )
    optimizer: Annotated[
        str | None, typer.Option(metavar="NAME", help="adamw, or paged_adamw_8bit (needs bitsandbytes and a GPU).")
    ] = None
    decoding: Annotated[
        str | None, typer.Option(metavar="HOW", help="scores (likelihood of each label) or generate (up to 20 tokens).")
    ] = None
    quantize: Annotated[
        str | None,
        typer.Option(metavar="HOW", help="4bit trains over a base in 4 bits (needs bitsandbytes and a GPU)."),
    ] = None
    pack: Annotated[
        int | None,
        typer.Option(min=1, help="Most runs that train at once. Default: as many as fit; on a CPU 1."),
    ] = None
    checkpointing: Annotated[
        bool | None, typer.Option("--checkpointing/--no-checkpointing", help="Less memory, a third more work.")
    ] = None
    prefix: Annotated[
        str | None, typer.Option(help="What stands before every text. Default: what the encoder wants.")
    ] = None
    pooling: Annotated[str | None, typer.Option(metavar="HOW", help="mean of all tokens, or cls.")] = None


def of_methods() -> dict[str, list[str]]:
    """Returns method -> names of its settings that are flags."""
    from sdc.pipelines.students import STUDENTS

    flags = [field.name for field in fields(Settings)]
    return {
        method: [name for name in flags if name in {field.name for field in fields(config)}]
        for method, config in STUDENTS.items()
    }
