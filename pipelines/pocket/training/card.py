"""The model cards of the pocket models, from measured figures.

Here: words and tables. Not here: the measurements (`benchmarks/pocket_chain.py`, which calls `write_card`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

_HEAD = """---
{front}
---

# sdc pocket {name}

A transformer of {parameters:,} parameters, trained from scratch so that sdc can be tried and tested offline on a
laptop. It knows nothing but the prompts of sdc for two tasks (intent, topic) in six languages (Telugu, Swahili,
Azerbaijani, Romanian, English, German).

**For demonstrations and tests only.** It is no language model for anything else: it does not understand questions, it
repeats pieces of its training texts, and figures obtained with it say nothing about the method with a real LLM.

Known weaknesses: topic texts join pieces of the seed texts with words that suit the label, and seldom mean something;
the judge misses texts in another language and much of the chatter (sdc's gates find these); replies often hold fewer
texts than asked for; short intents often come close to a training row (`copied` below).

## Data

{data}
No test text, and no text of another model. About 8 % of the ids, the same in every language, were held out for choices.

| task | source | licence |
|---|---|---|
| intent | MASSIVE (10 of 60 intents), `alexa/massive`, built on SLURP | CC BY 4.0 |
| topic | SIB-200, `dadelani/sib-200` over FLORES-200 | Apache-2.0; sentences: understood CC BY-SA 4.0 |

The weights are given under CC BY-SA 4.0, the strictest of these terms.

## Training

`just pocket DATA` ({command}).
LlamaForCausalLM, byte-level BPE of {vocabulary:,} tokens, weights in bfloat16.
{training}

Prompts are sdc's own (generate, explain, judge, classify); only answers are learnt. Embeddings start from co-occurrence
and translation counts. Sentences of topic are recombined, so that the model composes more than it recites.

Recommended sampling: {sampling}.

## Measured

Ten human seed texts per label, {per_label} new texts per label asked for. `rows`: texts written until then.
`copied`: rows equal to a human training row or with a character 5-gram Jaccard similarity of at least 0.8 to one.
`accepted`: share of the new texts that `sdc judge` accepts (gates, label, judge). `fidelity`: agreement with a linear
classifier that was trained on all human training rows. `student test`: accuracy on the human test of a linear
classifier trained on the accepted rows. Zero-shot: accuracy on the human test as a classifier.
`python benchmarks/pocket_chain.py DATA` measures this, and `pocket_quality.py` the model alone.

"""

_COLUMNS = {
    "rows": "rows", "copied": "copied", "accepted": "accepted by the judge", "fidelity": "fidelity",
    "fidelity_accepted": "fidelity of accepted", "student_test": "student test", "majority": "majority",
    "0-shot": "zero-shot",
}  # fmt: skip


def write_card(folder: Path, rows: Sequence[Mapping[str, object]], *, fields: Mapping[str, object]) -> None:
    """Writes `README.md` of one model: `fields` fill the text, `rows` are those that the benchmark printed."""
    from huggingface_hub import ModelCardData

    front = ModelCardData(
        language=["te", "sw", "az", "ro", "en", "de"], license="cc-by-sa-4.0", pipeline_tag="text-generation",
        library_name="transformers",
    )  # fmt: skip
    lines = [_line("task", "language", *_COLUMNS.values()), "|---" * (len(_COLUMNS) + 2) + "|"]
    lines += [_line(row["task"], row["lang"], *(row[name] for name in _COLUMNS)) for row in rows]
    folder.joinpath("README.md").write_text(
        _HEAD.format(front=front.to_yaml(), **fields) + "\n".join(lines) + "\n", "utf-8"
    )


def _line(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"
