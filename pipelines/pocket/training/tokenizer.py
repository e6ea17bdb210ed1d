"""The tokenizer of the pocket models: byte-level BPE with chat tokens.

Here: training it and its chat template. Not here: the texts it is trained on (`texts.py`, `corpus.py`).
"""

from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from sdc.pipelines.prompts import SEPARATOR

PAD, BOS, END, USER, ASSISTANT = "<|pad|>", "<|bos|>", "<|end|>", "<|user|>", "<|assistant|>"
#: One token for the line that separates the texts of a generation: a fifth fewer steps per reply than three tokens.
BREAK = f"\n{SEPARATOR}\n"
MAX_TOKENS = 2048

# The pattern of GPT-2 splits words at combining marks, which would cut every Telugu vowel sign off its consonant.
_WORDS = r" ?[\p{L}\p{M}\x{200C}\x{200D}]+| ?\p{N}{1,3}| ?[^\s\p{L}\p{M}\p{N}]+|\s+"
_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|assistant|>' if message['role'] == 'assistant' else '<|user|>' }}{{ message['content'] }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def train(texts: Iterable[str], *, vocabulary: int = 6144) -> PreTrainedTokenizerFast:
    """Returns a tokenizer trained on `texts`, with exactly `vocabulary` tokens if the texts yield as many.

    It adds no token of its own: the single BOS comes from the chat template.
    """
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_WORDS), behavior="isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 1,  # the break is added afterwards
        special_tokens=[PAD, BOS, END, USER, ASSISTANT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    backend.add_tokens([AddedToken(BREAK, normalized=False, special=False)])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=END,
        additional_special_tokens=[USER, ASSISTANT],
        padding_side="left",
        model_max_length=MAX_TOKENS,
        clean_up_tokenization_spaces=False,
        chat_template=_TEMPLATE,
    )
