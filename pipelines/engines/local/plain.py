"""The long way to an answer, for models whose cached tokens cannot be shared: those of other kinds than the usual.

A batch is padded and computed whole; transformers' own loop writes, and choices are scored one after the other.

Here: texts and scores that way. Not here: which model needs it (`shared_prefix.py`).

Shape letters: B calls in a batch, T tokens of the padded prompt, C tokens of a choice, V vocabulary.
"""

from collections.abc import Collection, Sequence
from typing import Any

import torch

from sdc.pipelines.engines.local import decoding
from sdc.pipelines.engines.protocol import Call

#: What a model's generation settings may ask for that `decoding.py` does not know.
_RULES = (
    "bad_words_ids", "suppress_tokens", "begin_suppress_tokens", "no_repeat_ngram_size", "min_length",
    "min_new_tokens", "forced_bos_token_id", "forced_eos_token_id", "sequence_bias", "guidance_scale",
    "exponential_decay_length_penalty", "encoder_repetition_penalty", "encoder_no_repeat_ngram_size",
)  # fmt: skip


#: Layers whose memory of a text is in keys and values that can be cut back.
_KINDS = {"full_attention", "sliding_attention", "chunked_attention"}


def needs_rows_alone(model: Any) -> bool:
    """Returns whether a model keeps a state that no padding may enter and that cannot be cut back: Mamba, RWKV ..."""
    from inspect import signature

    kinds = set(getattr(model.config.get_text_config(), "layer_types", None) or ())
    return bool(
        getattr(model, "_is_stateful", False)
        or kinds - _KINDS
        or "past_key_values" not in signature(model.forward).parameters
    )


def has_rules_of_its_own(generation: Any) -> bool:
    """Returns whether a model's generation settings name tokens or lengths that its answers must or must not have."""
    return any(getattr(generation, rule, None) not in (None, 0, 1.0) for rule in _RULES)


def write(
    model: Any,
    tokenizer: Any,
    calls: Sequence[Call],
    prompts: Sequence[Sequence[int]],
    ids_BT: torch.Tensor,
    mask_BT: torch.Tensor,
    *,
    room: int,
    pad_id: int,
    ends: Collection[int] = (),
) -> list[tuple[list[int] | None, int]]:
    """Returns the tokens of each answer, with padding at its end, and how many were generated if no end token is there.

    There are none where the model's numbers are not finite.

    Args:
        model: A causal language model.
        tokenizer: The model's, for stop strings.
        calls: One per row, all with the same settings.
        prompts: Their token ids.
        ids_BT: The same padded on the left, int64.
        mask_BT: 1 for their tokens, 0 for padding.
        room: The most tokens of an answer.
        pad_id: What fills up.
        ends: Tokens that end an answer.
    """
    from transformers import LogitsProcessor, LogitsProcessorList

    choose = decoding.Choosing(calls, prompts, device=str(ids_BT.device))
    unfit: list[list[bool]] = []  # of each token

    class _Chosen(LogitsProcessor):  # type: ignore[misc]
        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            chosen_BV = torch.full_like(scores, -torch.inf)
            chosen_BV[torch.arange(len(scores)), choose(scores)] = 0.0
            unfit.append(choose.unfit)
            return chosen_BV

    stop = calls[0].stop
    out_BT = model.generate(
        input_ids=ids_BT,
        attention_mask=mask_BT,
        max_new_tokens=room,
        do_sample=False,
        num_beams=1,
        temperature=None,
        top_p=None,
        top_k=None,
        repetition_penalty=1.0,
        logits_processor=LogitsProcessorList([_Chosen()]),
        pad_token_id=pad_id,
        eos_token_id=sorted(ends) or None,
        use_cache=True,
        **({"stop_strings": list(stop), "tokenizer": tokenizer} if stop else {}),
    )
    rows = out_BT[:, ids_BT.shape[1] :].tolist()
    found: list[tuple[list[int] | None, int]] = []
    for number, row in enumerate(rows):
        used = _num_used(row, pad_id)
        # What is fed behind an end is no text; and what is chosen where nothing can be may look like padding.
        end = next((i + 1 for i, token in enumerate(row) if token in ends), used + 1)
        found.append((None if any(of_token[number] for of_token in unfit[:end]) else row, used))
    return found


def score(
    model: Any, choices: Sequence[Sequence[int]], ids_BT: torch.Tensor, mask_BT: torch.Tensor
) -> list[list[float]]:
    """Returns the log-likelihood of each choice (token ids) for each prompt, in nats.

    Args:
        model: A causal language model.
        choices: Token ids of each.
        ids_BT: The prompts, padded on the left, int64.
        mask_BT: 1 for their tokens, 0 for padding.
    """
    positions_BT = (mask_BT.cumsum(1) - 1).clamp(min=0)
    prompt = model(
        input_ids=ids_BT, attention_mask=mask_BT, position_ids=positions_BT, use_cache=True, logits_to_keep=1
    )
    first_BV = prompt.logits[:, -1].float().log_softmax(-1)
    cache, columns = prompt.past_key_values, []
    if hasattr(cache, "activate_past_recording"):  # layers with a window forget what `crop` wants back
        cache.activate_past_recording()
    for choice in choices:
        total_B = first_BV[:, choice[0]].clone()
        if len(choice) > 1:
            rest_BC = torch.tensor([choice[:-1]], device=ids_BT.device).expand(len(ids_BT), -1)
            num_rest = rest_BC.shape[1]
            steps_C = torch.arange(1, num_rest + 1, device=ids_BT.device)
            logits_BCV = model(
                input_ids=rest_BC,
                attention_mask=torch.cat([mask_BT, mask_BT.new_ones(len(ids_BT), num_rest)], 1),
                position_ids=positions_BT[:, -1:] + steps_C,
                past_key_values=cache,
                use_cache=True,
            ).logits
            cache.crop(-num_rest)  # the next choice continues from the same prompt
            targets_C = torch.tensor(choice[1:], device=ids_BT.device)
            logp_BCV = logits_BCV.float().log_softmax(-1)
            total_B += logp_BCV[:, torch.arange(num_rest, device=ids_BT.device), targets_C].sum(1)
        columns.append(total_B)
    return torch.stack(columns, 1).tolist()


def score_alone(model: Any, choices: Sequence[Sequence[int]], rows: Sequence[Sequence[int]]) -> list[list[float]]:
    """Returns the same as `score`, row by row and without a cache: each choice behind the whole prompt.

    Padding stands behind the choices only, where nothing comes after it.
    """
    found, device = [], next(model.parameters()).device
    longest = max(map(len, choices))
    for row in rows:
        ids_CT = torch.tensor([[*row, *choice, *[choice[-1]] * (longest - len(choice))] for choice in choices])
        logp_CTV = model(input_ids=ids_CT.to(device)).logits[:, len(row) - 1 : -1].float().log_softmax(-1)
        found.append([
            sum(float(logp_CTV[number, at, token]) for at, token in enumerate(choice))
            for number, choice in enumerate(choices)
        ])  # fmt: skip
    return found


def _num_used(row: Sequence[int], pad: int) -> int:
    """Returns how many tokens were generated before a stop string ended the row and padding followed."""
    used = len(row)
    while used > 1 and row[used - 1] == pad:
        used -= 1
    return used
