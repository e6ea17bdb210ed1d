"""The settings of students as flags of `sdc train`."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of the methods; what a method has no such setting for is refused."""

    heading: ClassVar[str] = "Settings of the student"

    model: Annotated[str | None, typer.Option(help="probe, finetune, lora: alias, hub id or folder of the model.")] = (
        None
    )
    epochs: Annotated[int | None, typer.Option(min=1, help="finetune: most passes over the draw.")] = None
    learning_rate: Annotated[float | None, typer.Option(help="finetune, lora: peak rate of AdamW.")] = None
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="finetune, lora: rows per step. Default: finetune by size, lora 4.")
    ] = None
    dropout: Annotated[
        float | None, typer.Option(help="finetune: before the head; lora: before the adapters; in [0, 1).")
    ] = None
    warmup: Annotated[float | None, typer.Option(help="finetune: share of steps with a rising rate.")] = None
    max_length: Annotated[int | None, typer.Option(min=2, help="Not linear: tokens that a text is cut to.")] = None
    early_stopping: Annotated[
        bool | None,
        typer.Option("--early-stopping/--no-early-stopping", help="finetune, lora: on held-out rows of the draw."),
    ] = None
    patience: Annotated[
        int | None, typer.Option(min=1, help="Epochs (finetune) or measurements (lora) without a better held-out loss.")
    ] = None
    precision: Annotated[
        str | None, typer.Option(help="finetune: bf16 or fp32 products. Default: bf16 where the machine is fast in it.")
    ] = None
    keep_head: Annotated[
        bool | None,
        typer.Option("--keep-head/--no-keep-head", help="finetune: start from the model's own classification head."),
    ] = None
    steps: Annotated[int | None, typer.Option(min=1, help="lora: most training steps, at every size.")] = None
    warmup_steps: Annotated[int | None, typer.Option(min=0, help="lora: steps with a rising rate.")] = None
    eval_steps: Annotated[
        int | None, typer.Option(min=1, help="lora: steps between two measurements of the held-out rows.")
    ] = None
    rank: Annotated[int | None, typer.Option(min=1, help="lora: rank of the adapters.")] = None
    alpha: Annotated[int | None, typer.Option(min=1, help="lora: their output is multiplied with alpha / rank.")] = None
    optimizer: Annotated[
        str | None, typer.Option(help="lora: adamw, or paged_adamw_8bit (needs bitsandbytes and a GPU).")
    ] = None
    decoding: Annotated[
        str | None, typer.Option(help="lora: scores (likelihood of each label) or generate (up to 20 tokens).")
    ] = None
    quantize: Annotated[
        str | None, typer.Option(help="lora: 4bit trains over a base in 4 bits (needs bitsandbytes and a GPU).")
    ] = None
    pack: Annotated[
        int | None,
        typer.Option(min=1, help="lora: most runs that train at once. Default: as many as fit; on a CPU 1."),
    ] = None
    checkpointing: Annotated[
        bool | None, typer.Option("--checkpointing/--no-checkpointing", help="lora: less memory, a third more work.")
    ] = None
    prefix: Annotated[
        str | None, typer.Option(help="probe: what stands before every text. Default: what the encoder wants.")
    ] = None
    pooling: Annotated[str | None, typer.Option(help="probe: mean or cls. Default: mean of all tokens.")] = None
