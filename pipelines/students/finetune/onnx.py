"""A fine-tuned transformer in ONNX: answers through onnxruntime.

Here: where the files are, the libraries, running them. Not here: how they are made (`export/onnx.py`).

Shape letters: B rows of a batch, T tokens of the padded batch, L labels.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sdc.errors import EngineError, UsageError, extra, first_line
from sdc.pipelines.engines import tokenizers
from sdc.pipelines.engines.models import Model
from sdc.pipelines.students.protocol import Answers

#: Precision -> its file in an exported folder.
FILES: Mapping[str, str] = {"fp32": "onnx/model.onnx", "int8": "onnx/model_int8.onnx"}
_LIBRARIES = ("onnx", "onnxscript", "onnxruntime")
#: Rows per pass. The scale of int8 activations comes from all of a pass: alone, a row's answer is its own.
_ROWS = {"fp32": 32, "int8": 1}


def require_libraries(flag: str, *names: str) -> None:
    """Raises an EngineError if a library of the extra `onnx` is missing."""
    missing = [name for name in names or _LIBRARIES if find_spec(name) is None]
    if missing:
        what = f"{flag} needs {', '.join(missing)}, which this environment lacks"
        raise EngineError(what, fix=f"install it with {extra('onnx')}")


def check(precision: str) -> None:
    """Raises a UsageError if there is no such precision."""
    if precision not in FILES:
        raise UsageError(f"unknown precision {precision[:80]!r}", "--onnx", f"use {' or '.join(FILES)}")


def answers(folder: Path, *, precision: str, max_length: int) -> Answers:
    """Returns the answers of an exported classifier in ONNX.

    Args:
        folder: The exported folder.
        precision: `fp32` or `int8`.
        max_length: Tokens that a text is cut to.

    Raises:
        UsageError: There is no such precision, or the folder was exported without ONNX.
        EngineError: onnxruntime is not installed, or cannot load the file.
    """

    check(precision)
    path = folder / FILES[precision]
    if not path.is_file():
        raise UsageError(f"the folder has no {FILES[precision]}", str(folder), "export it with `sdc export --onnx`")
    require_libraries("--onnx", "onnxruntime")
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common class
        what = f"onnxruntime cannot load the model ({first_line(error)})"
        raise EngineError(what, str(path), "export it again") from error
    model = Model(name=folder.name, source=str(folder), digest="-")
    tokenizer = tokenizers.load(model)
    limit = tokenizers.length_limit(model, tokenizer, max_length)
    pad_id = tokenizer.pad_token_id or 0

    def run(texts: Sequence[str]) -> list[dict[str, Any]]:
        rows = tokenizers.encode(tokenizer, texts, limit)
        order = sorted(range(len(rows)), key=lambda i: (len(rows[i]), i))
        found: dict[int, list[float]] = {}
        for start in range(0, len(order), _ROWS[precision]):
            part = order[start : start + _ROWS[precision]]
            found.update(zip(part, _scores(session, [rows[i] for i in part], pad_id), strict=True))
        return [{"scores": found[i]} for i in range(len(texts))]

    return run


def _scores(session: Any, rows: Sequence[Sequence[int]], pad_id: int) -> list[list[float]]:
    """Returns log-probabilities of a batch, padded on the right."""
    import numpy as np
    from scipy.special import log_softmax

    longest = max(map(len, rows))
    ids_BT = np.array([[*row, *[pad_id] * (longest - len(row))] for row in rows], dtype=np.int64)
    mask_BT = np.array([[1] * len(row) + [0] * (longest - len(row)) for row in rows], dtype=np.int64)
    (logits_BL,) = session.run(None, {"input_ids": ids_BT, "attention_mask": mask_BT})
    scores: list[list[float]] = log_softmax(logits_BL.astype(np.float64), axis=1).tolist()
    return scores
