"""Tokenizers: loading them, and token ids of plain texts as encoders and classifiers read them.

Here: without chat templates. Not here: prompts (`prompt_tokens.py`).
"""

from collections.abc import Sequence
from typing import Any

from sdc.pipelines.engines import hub
from sdc.pipelines.engines.models import Model

#: Position tables of the RoBERTa family are two longer than the texts that they take.
_SPARE_POSITIONS = 2
#: What transformers takes for a tokenizer without a limit is above this, and as a float no integer.
_NO_LIMIT = 10**12
#: Tokens of a vocabulary that is worth a look.
_FEW = 1000


def load(model: Model) -> Any:
    """Returns the model's tokenizer.

    Raises:
        EngineError: It is not on this machine and cannot be fetched, or cannot be read.
    """
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    folder = hub.folder(model)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # a broken folder raises what it likes; tokenizers even a bare Exception
        raise hub.unloadable(model, error) from error
    if len(tokenizer) < _FEW and not _knows_letters(tokenizer):  # transformers makes one of nothing where files lack
        raise hub.unloadable(model, ValueError("its tokenizer knows no words: the file with its vocabulary is missing"))
    longest = tokenizer.model_max_length
    if not isinstance(longest, int | float) or isinstance(longest, bool) or not longest > 0:
        raise hub.unloadable(model, ValueError(f"model_max_length is {str(longest)[:40]!r}, which is no length"))
    tokenizer.model_max_length = int(min(longest, _NO_LIMIT))
    return tokenizer


def _knows_letters(tokenizer: Any) -> bool:
    words = tokenizer.get_vocab().keys() - set(tokenizer.all_special_tokens)
    return any(character.isalnum() for word in words for character in word)


def encode(tokenizer: Any, texts: Sequence[str], limit: int) -> list[list[int]]:
    """Returns token ids with the special tokens of the model, cut to `limit`; never an empty row."""
    if not texts:
        return []
    rows = tokenizer(list(texts), truncation=True, max_length=limit)["input_ids"]
    return [list(row) or [pad_id(tokenizer)] for row in rows]


def length_limit(model: Model, tokenizer: Any, wanted: int) -> int:
    """Returns how many tokens a text may have: as many as wanted, and as the model has positions for."""
    import transformers

    limits = [wanted, int(tokenizer.model_max_length)]
    folder = hub.folder(model)
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # a broken folder raises what it likes
        raise hub.unloadable(model, error) from error
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    if isinstance(positions, int) and positions > _SPARE_POSITIONS:
        limits.append(positions - _SPARE_POSITIONS)
    return min(limits)


def pad_id(tokenizer: Any) -> int:
    """Returns the token id that fills a batch."""
    for token in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    return 0
