"""The weights in an exported folder, as the libraries of each method read them.

Here: finetune -> `transformers`, lora -> `peft` and vLLM, linear -> sdc itself. Not here: the card, ONNX.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sdc.pipelines.engines.models import Model
from sdc.pipelines.run_record import RunRecord
from sdc.pipelines.students import FinetuneConfig, StudentConfig


def _copied(source: Path, out: Path) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_file():
            target = out / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def _plain(source: Path, out: Path, record: RunRecord, config: StudentConfig) -> None:
    _copied(source, out)


def _classifier(source: Path, out: Path, record: RunRecord, config: StudentConfig) -> None:
    """Writes names of labels into the config, and what a text is cut to into the tokenizer."""
    from sdc.pipelines.students import classifier

    assert isinstance(config, FinetuneConfig)
    _copied(source, out)
    names = record.cell.task.label_names
    _update(out / "config.json", {
        "id2label": {str(i): name for i, name in enumerate(names)},
        "label2id": {name: i for i, name in enumerate(names)},
        "problem_type": "single_label_classification",
    })  # fmt: skip
    model = Model(name=record.model, source=str(source), digest="-")
    tokenizer: Any = classifier.load_tokenizer(model)
    tokenizer.model_max_length = classifier.length_limit(model, tokenizer, config.max_length)
    if tokenizer.pad_token is None:  # a pipeline with batches needs one; the network knows its id already
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.save_pretrained(out)


def _update(path: Path, values: Mapping[str, Any]) -> None:
    config = {**json.loads(path.read_text("utf-8")), **values}
    path.write_text(json.dumps(config, ensure_ascii=False, indent=2) + "\n", "utf-8")


#: Method -> what puts the files that `save` wrote into an exported folder.
WRITERS: Mapping[str, Callable[[Path, Path, RunRecord, StudentConfig], None]] = {
    "linear": _plain,
    "finetune": _classifier,
    "lora": _plain,
}
