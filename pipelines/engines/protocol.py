"""What an engine is: it takes calls and gives replies. One file per engine beside this one.

Here: Call, Reply, Engine. Not here: the cache in front of an engine (`ask.py`).
"""

from collections.abc import Generator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Protocol

from sdc.cache.key import digest

#: Why a call has no answer where the model computes NaN or infinity: a scored one, and one that was to be written.
NOT_FINITE, UNWRITTEN = "a score is not finite", "the model's numbers for the next token are not finite"


#: The key of the artifact that is being computed, for those who count what it cost; empty outside of `produce`.
making: ContextVar[str] = ContextVar("making", default="")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One question to an LLM.

    Args:
        prompt: The user's message; the engine puts it into the model's chat template.
        choices: If given, nothing is generated: the reply holds the log-likelihood of each choice as the answer.
        temperature: 0 is greedy; above 0 samples with `seed`.
        top_p: Nucleus of sampling, in (0, 1].
        repetition_penalty: 1 is none.
        max_tokens: The most tokens that are generated.
        stop: Strings that end the reply; they are cut off.
        seed: Decides sampling; used for this call alone, so that a batch does not change it.
    """

    prompt: str
    choices: tuple[str, ...] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    max_tokens: int = 20
    stop: tuple[str, ...] = ()
    seed: int = 0

    def key(self, model: Mapping[str, Any]) -> str:
        """Returns the key of this call to a model with that identity."""
        return digest({"model": model, **asdict(self)})


_ANSWERS = ("stop", "length", "scored")
#: No likelihood and no count is as large, and beyond it the store's columns would hold another number.
_MOST = 2**53
#: A sum of log-probabilities may be so far above 0.
_ROUNDING = 0.01


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back.

    Args:
        text: The generated text; empty for a scored call.
        scores: Sum of log-probabilities of each choice's tokens, in nats; empty for a generated reply.
        finish: `stop` (the model ended), `length` (max_tokens reached), `scored`, `refused` (the provider would not
            answer) or `failed` (no usable answer after all tries).
        reason: Why it was refused or failed, in one line; else empty.
        prompt_tokens: Tokens of the prompt; None where a server does not say.
        cached_tokens: Those of them that a prefix cache served; None where the engine does not say.
        completion_tokens: Tokens generated, reasoning among them, or scored; None where a server does not say.
        seconds: Wall-clock share of this call in its batch.
        reasoning: What the model thought before it answered; no part of `text`.
        reasoning_tokens: Tokens of it, where they were counted; None else.
        model: What a server called the model that answered; empty on this machine.
        stranger: How an answer ended that came from another model than the one asked for. Such a call has failed; its
            answer is kept, as it is paid, for a user who says that it is the same model (`--engine-arg served_as`).
    """

    text: str = ""
    scores: tuple[float, ...] = ()
    finish: str = "stop"
    reason: str = ""
    prompt_tokens: int | None = 0
    cached_tokens: int | None = None
    completion_tokens: int | None = 0
    seconds: float = 0.0
    reasoning: str = ""
    reasoning_tokens: int | None = None
    model: str = ""
    stranger: str = ""

    @property
    def is_answer(self) -> bool:
        """Whether the model answered. Only answers are kept; a refusal or a failure may be an answer another time."""
        return self.finish in _ANSWERS

    def checked(self) -> "Reply":
        """Returns the reply, or a failed one if a score is no finite number: that is no likelihood of anything."""
        if all(abs(score) < _MOST for score in self.scores):
            return self
        return replace(self, scores=(), finish="failed", reason=NOT_FINITE)

    @classmethod
    def from_json(cls, raw: Any) -> "Reply":
        """Returns the reply that the cache kept as JSON, without the fields that only a newer sdc knows.

        Raises:
            ValueError: It is no answer: of another type, or not finite.
        """
        lack = cls.fault(raw)
        if lack is not None:
            raise ValueError(lack)
        known = {field.name: raw[field.name] for field in fields(cls) if field.name in raw}
        return cls(**{**known, "scores": tuple(map(float, known.get("scores", ())))})

    @classmethod
    def fault(cls, raw: Any) -> str | None:
        """Returns what `raw`, JSON out of the cache, lacks to be an answer of a model, or None.

        >>> Reply.fault({"text": "x", "finish": "stop"}), Reply.fault(["x"]), Reply.fault({"text": "x"})
        (None, 'it is no JSON object', "it is no answer ('')")
        >>> Reply.fault({"text": 1, "finish": "stop"}), Reply.fault({"text": "", "finish": "scored", "scores": []})
        ('its text is no text', 'its scores are no log-probabilities')
        """
        if not isinstance(raw, dict):
            return "it is no JSON object"
        if (raw.get("stranger") or raw.get("finish")) not in _ANSWERS:  # a stranger's answer is kept as failed
            return f"it is no answer ({str(raw.get('finish', ''))[:40]!r})"
        if "text" not in raw and raw["finish"] != "scored":
            return "it has no text"
        for field in fields(cls):
            value = raw.get(field.name, field.default)
            if value is None and "None" in str(field.type):
                continue
            if field.name == "scores":
                if not isinstance(value, list | tuple) or not all(map(_is_number, value)):
                    return "its scores are no finite numbers"
                if (raw.get("finish") == "scored") != bool(value) or any(score > _ROUNDING for score in value):
                    return "its scores are no log-probabilities"
            elif isinstance(field.default, str) and not isinstance(value, str):
                return f"its {field.name} is no text"
            elif isinstance(value, str) and not _is_unicode(value):
                return f"its {field.name} is no Unicode"
            elif not isinstance(field.default, str) and not (_is_number(value) and value >= 0):
                return f"its {field.name} is no finite number"
            elif field.name.endswith("_tokens") and not isinstance(value, int):
                return f"its {field.name} is no count"
        return None


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text) if not text.isascii() else True


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MOST


class Engine(Protocol):
    """How a model is run. The engine never enters a key."""

    name: str

    def answer(self, calls: Sequence[Call]) -> Generator[Mapping[int, Reply]]:
        """Yields {position in `calls`: reply} of those that are ready together, in any order, every position once.

        What is yielded together is kept together. The one who asks may stop early and close the generator.
        """
        ...
