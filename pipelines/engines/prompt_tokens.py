"""From a prompt to token ids, the same for every engine: the user's message in the model's chat template, one BOS.

Here: tokenizers and the template. Not here: padding, sampling (each engine).
"""

from typing import Any

from sdc.pipelines.engines import hub, thinking, turns
from sdc.pipelines.engines.models import Model


def load_tokenizer(model: Model) -> Any:
    """Returns the model's tokenizer.

    Raises:
        EngineError: It is not on this machine and cannot be fetched, or cannot be read.
    """
    import transformers

    folder = hub.folder(model)
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # a broken folder raises what it likes; tokenizers even a bare Exception
        raise hub.unloadable(model, error) from error
    turns.fix_date(tokenizer)
    return thinking.switched(tokenizer, model)


def prompt_ids(tokenizer: Any, prompt: str) -> list[int]:
    """Returns the token ids of a user message in the chat template: exactly one BOS, if the model has one."""
    if tokenizer.chat_template is None:
        return list(tokenizer(prompt)["input_ids"])
    # The template is tokenised in one go. Rendering it to text and tokenising that adds a second BOS.
    encoded = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], add_generation_prompt=True, tokenize=True, return_dict=True
    )
    return list(encoded["input_ids"])
