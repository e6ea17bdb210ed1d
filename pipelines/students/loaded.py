"""Students as folders hold them, ready to answer: what `save` wrote, read back.

They remember no text, so that any number of texts takes the same memory. Here: one way in for every method. Not here:
where the folder comes from (`weights.py`, export), fitting.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sdc.errors import EngineError
from sdc.pipelines.engines import networks
from sdc.pipelines.engines.models import Model
from sdc.pipelines.students.finetune import reproducible
from sdc.pipelines.students.linear import LoadedLinear
from sdc.pipelines.students.lora import LoraStudent
from sdc.pipelines.students.protocol import FitFailed

#: Texts -> what is said of each: `scores` (one per label, in nats) or `reply`.
Answers = Callable[[Sequence[str]], list[dict[str, Any]]]


def linear(folder: Path) -> Answers:
    """Returns the answers of a linear student.

    Raises:
        EngineError: The files cannot be read.
    """
    from safetensors import SafetensorError

    try:
        loaded = LoadedLinear(folder)
    except (SafetensorError, OSError, ValueError, TypeError, LookupError) as error:
        raise EngineError(f"cannot read the weights ({str(error)[:160]})", str(folder), "check the folder") from error
    return lambda texts: [{"scores": scores} for scores in loaded.scores(texts)]


def transformer(folder: Path, *, name: str, max_length: int, precision: str = "auto") -> Answers:
    """Returns the answers of a fine-tuned transformer.

    Args:
        folder: Config, weights and tokenizer.
        name: For errors.
        max_length: Tokens that a text is cut to; the model's own limit applies too.
        precision: Of matrix products, as in training: `auto`, `bf16` or `fp32`.

    Raises:
        EngineError: The folder cannot be loaded.
    """
    import torch

    from sdc.pipelines.students import classifier

    model = Model(name=name, source=str(folder), digest="-")
    tokenizer = classifier.load_tokenizer(model)
    limit = classifier.length_limit(model, tokenizer, max_length)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    precision = classifier.precision_of(device, precision)
    attention = classifier.attention_of(device, precision)
    network = networks.load(model, "classifier", dtype=torch.float32, attn_implementation=attention).to(device).eval()
    pad_id = int(network.config.get_text_config().pad_token_id or 0)
    fitted = classifier.Classifier(network, pad_id=pad_id, device=device, precision=precision)

    def answers(texts: Sequence[str]) -> list[dict[str, Any]]:
        if not texts:
            return []
        with reproducible(name):
            logp_NL = fitted.log_probabilities(classifier.encode(tokenizer, texts, limit))
        return [{"scores": scores} for scores in logp_NL.tolist()]

    return answers


def adapter(folder: Path, student: LoraStudent) -> Answers:
    """Returns the answers of a LoRA adapter on its base.

    Raises:
        EngineError: The base or the adapter cannot be loaded.
    """
    fitted = student.load(folder)

    def answers(texts: Sequence[str]) -> list[dict[str, Any]]:
        try:
            return fitted.answers(texts)
        except FitFailed as failure:
            return [{"reason": failure.reason} for _ in texts]
        finally:
            fitted.forget()

    return answers
