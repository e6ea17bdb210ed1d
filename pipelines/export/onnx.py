"""ONNX forms of a fine-tuned classifier, each measured on the test rows of its run.

Here: fp32, int8, and how far their labels agree with the stored ones. Not here: running them
(`students/finetune/onnx.py`).
"""

import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sdc.cache.counted import counted
from sdc.errors import DataError, EngineError, UsageError, first_line
from sdc.pipelines.predict import weights
from sdc.pipelines.readers import scores as scores_reader
from sdc.pipelines.records import outputs
from sdc.pipelines.records.examples import rows_by_hash
from sdc.pipelines.records.run_record import RunRecord
from sdc.pipelines.stage import Context
from sdc.pipelines.students import STUDENTS, calibrated
from sdc.pipelines.students.finetune import onnx as form

#: The agreement with fp32 that an int8 form should have on the run's training rows; recipes are tried until one has it.
WANTED = 0.99
#: Words for the card -> settings of onnxruntime's dynamic quantisation, the fastest and smallest first.
_RECIPES: Mapping[str, Mapping[str, Any]] = {
    "int8 weights, per tensor": {},
    "int8 weights, per channel": {"per_channel": True},
    "int8 weights, per channel, embeddings in fp32": {"per_channel": True, "op_types_to_quantize": ["MatMul", "Gemm"]},
    "int8 weights, per channel, embeddings and head in fp32": {
        "per_channel": True, "op_types_to_quantize": ["MatMul", "Gemm"], "without_head": True,
    },
}  # fmt: skip
#: Larger models keep their weights in a file of their own: one of protobuf has at most 2 GiB.
_ONE_FILE_BYTES = 1_500_000_000


@dataclass(frozen=True, kw_only=True)
class OnnxComparison:
    """An ONNX form against what the store keeps of the run.

    Args:
        precision: `fp32` or `int8`.
        file: In the exported folder.
        bytes: Its size, with a weights file beside it.
        rows: Test rows that were compared.
        agreement: Share of them with the same label as the stored output, in [0, 1].
        accuracy: Share with the gold label, in [0, 1]; None without gold labels.
        accuracy_difference: To the accuracy of the stored outputs on these rows, in [-1, 1]; None likewise.
        largest_difference: Of a log-probability, in nats.
        how: In words.
    """

    precision: str
    file: str
    bytes: int
    rows: int
    agreement: float
    accuracy: float | None
    accuracy_difference: float | None
    largest_difference: float
    how: str


@dataclass(frozen=True, kw_only=True)
class _TestRows:
    texts: Sequence[str]
    gold: Sequence[int | None]
    scores: Sequence[Sequence[float]]


def check(record: RunRecord) -> None:
    """Fails early if there will be no ONNX.

    Raises:
        UsageError: The run is of another method.
        EngineError: A library is missing.
    """
    why = STUDENTS[record.method].no_onnx
    if why is not None:
        what = f"method {record.method} has no ONNX form: {why}"
        raise UsageError(what, "--onnx", "export it without --onnx, or a run of method finetune")
    form.require_libraries("--onnx")


def export(context: Context, record: RunRecord, folder: Path) -> list[OnnxComparison]:
    """Writes both forms into an exported folder, with `onnx/measured.json`, and returns how good they are.

    Raises:
        DataError: The store lacks the test rows or their scores.
        EngineError: torch or onnxruntime cannot convert the network.
    """
    test = _test_rows(context, record)
    (folder / "onnx").mkdir()
    context.say(f"onnx: converting, and measuring on {counted(len(test.texts), 'test row')}")
    with _quiet():
        _convert(folder)
        fp32 = _measure(record, folder, test, "fp32", how="torch.onnx.export with dynamo")
        found = [fp32, _measure(record, folder, test, "int8", how=_choose_int8(context, record, folder))]
    text = json.dumps([asdict(measured) for measured in found], ensure_ascii=False, indent=2)
    (folder / "onnx" / "measured.json").write_text(text + "\n", "utf-8")
    return found


def _test_rows(context: Context, record: RunRecord) -> _TestRows:
    found = outputs.answered_rows(context.store, record.artifact.key, test=record.test_key)
    rows = [(row.text, row.label, row.scores) for row in found if row.scores is not None]
    if not rows:
        what = f"the test rows of run {record.short} are not in the store, so ONNX cannot be measured"
        raise DataError(what, str(context.store.path), "merge the store that has them, or drop --onnx")
    texts, gold, scores = zip(*rows, strict=True)
    return _TestRows(texts=texts, gold=gold, scores=scores)


def _convert(folder: Path) -> None:
    """Writes the fp32 form of the classifier in the folder."""
    import torch
    import transformers

    network: Any = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, local_files_only=True, trust_remote_code=False
    ).eval()

    class Logits(torch.nn.Module):
        """The network with two tensors in and one out."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
            return self.network(input_ids=input_ids, attention_mask=attention_mask).logits

    ids_BT = torch.ones(2, 8, dtype=torch.int64)
    sizes = {0: torch.export.Dim("rows"), 1: torch.export.Dim("tokens")}
    num_bytes = sum(p.numel() * p.element_size() for p in network.parameters())
    try:
        with torch.inference_mode():
            program: Any = torch.onnx.export(
                Logits().eval(),
                (ids_BT, torch.ones_like(ids_BT)),
                dynamo=True,
                input_names=["input_ids", "attention_mask"],
                output_names=["logits"],
                dynamic_shapes={"input_ids": sizes, "attention_mask": sizes},
                verbose=False,
            )
            program.save(str(folder / form.FILES["fp32"]), external_data=num_bytes > _ONE_FILE_BYTES)
    except Exception as error:  # torch.export raises what it likes for a network that it cannot trace
        what = f"torch cannot convert this network to ONNX ({first_line(error)})"
        raise EngineError(what, str(network.config.model_type), "export it without --onnx") from error


def _choose_int8(context: Context, record: RunRecord, folder: Path) -> str:
    """Writes the first int8 form that agrees enough with fp32 on the training rows, or the best; returns its name.

    The test rows only measure it: a form that was chosen on them would look better than it is.
    """
    texts = [text for _, text, _ in rows_by_hash(context, record.draw)]
    wanted = _labels(record, folder, texts, "fp32")
    best, most = "", -1.0
    for how, settings in _RECIPES.items():
        _quantise(folder, **settings)
        labels = _labels(record, folder, texts, "int8")
        agreement = sum(a == b for a, b in zip(labels, wanted, strict=True)) / len(texts)
        if agreement > most:
            best, most = how, agreement
        if agreement >= WANTED:
            return how
    _quantise(folder, **_RECIPES[best])
    return best


def _quantise(folder: Path, *, without_head: bool = False, **settings: Any) -> None:
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    source, target = (folder / form.FILES[precision] for precision in ("fp32", "int8"))
    large = source.with_name(source.name + ".data").is_file()
    if without_head:
        graph = onnx.load(str(source), load_external_data=False).graph
        products = [node.name for node in graph.node if node.op_type in ("MatMul", "Gemm")]
        settings["nodes_to_exclude"] = products[-1:]  # nodes are sorted: the head's is the last
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        made = Path(name) / target.name
        quantize_dynamic(
            str(source), str(made), weight_type=QuantType.QInt8, use_external_data_format=large, **settings
        )
        for path in sorted(Path(name).iterdir()):
            path.replace(target.parent / path.name)


def _scores(record: RunRecord, folder: Path, texts: Sequence[str], precision: str) -> list[list[float]]:
    answers = calibrated.answers(folder, weights.settings(record).load_onnx(folder, precision=precision))
    return [answer["scores"] for answer in answers(texts)]


def _labels(record: RunRecord, folder: Path, texts: Sequence[str], precision: str) -> list[int | None]:
    return [scores_reader.read(row, record.cell.task) for row in _scores(record, folder, texts, precision)]


def _measure(record: RunRecord, folder: Path, test: _TestRows, precision: str, *, how: str) -> OnnxComparison:
    task = record.cell.task
    scores = _scores(record, folder, test.texts, precision)
    now = [scores_reader.read(row, task) for row in scores]
    before = [scores_reader.read(row, task) for row in test.scores]
    labelled = [i for i, label in enumerate(test.gold) if label is not None]

    def accuracy(labels: Sequence[int | None]) -> float:
        return sum(labels[i] == test.gold[i] for i in labelled) / len(labelled)

    path = folder / form.FILES[precision]
    return OnnxComparison(
        precision=precision,
        file=form.FILES[precision],
        bytes=sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*")),
        rows=len(test.texts),
        agreement=sum(a == b for a, b in zip(now, before, strict=True)) / len(now),
        accuracy=accuracy(now) if labelled else None,
        accuracy_difference=accuracy(now) - accuracy(before) if labelled else None,
        largest_difference=max(
            abs(a - b) for new, old in zip(scores, test.scores, strict=True) for a, b in zip(new, old, strict=True)
        ),
        how=how,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what the converters say of themselves off stderr."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "root")]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
