"""Reasoning models: what a model thinks before it answers is split from its answer, here and nowhere else.

Here: the tags of many families, in a whole reply, an unfinished one, and one whose prompt opened the thought; what a
reply without an answer becomes. Not here: fields in which servers send it apart (`engines/openai/chat.py`).
"""

import re
from dataclasses import replace

from sdc.pipelines.engines.protocol import Reply

_NAMES = r"think(?:ing)?|thought|reasoning|analysis|seed:think"
#: Opening and closing tags that may stand around reasoning, by family. The first fits what most models write.
_TAGS = (
    (rf"<(?:{_NAMES})>", rf"</(?:{_NAMES})>"),
    (r"\[THINK\]", r"\[/THINK\]"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"◁think▷", r"◁/think▷"),
    (r"<unused94>(?:thought\n)?", r"<unused95>"),
    (r"<\|channel>thought\n?", r"<channel\|>"),
    # The channels of gpt-oss: all that is not the last one is reasoning.
    (
        r"(?:<\|start\|>assistant)?<\|channel\|>(?:analysis|commentary)[^<]*<\|message\|>",
        r"<\|channel\|>final[^<]*<\|message\|>",
    ),
)
_OPEN = re.compile("|".join(start for start, _ in _TAGS), re.I)
_CLOSE = re.compile("|".join(end for _, end in _TAGS), re.I)
#: What some models put around the answer behind their reasoning.
_AROUND = re.compile(
    r"^\s*(?:<answer>|<response>|<output>|<\|START_RESPONSE\|>|<\|begin_of_solution\|>|<\|channel\|>final<\|message\|>)|"
    r"(?:</answer>|</response>|</output>|<\|END_RESPONSE\|>|<\|end_of_solution\|>|<\|return\|>|<\|end\|>)\s*$",
    re.I,
)
_CHANNELS = re.compile(r"<\|(?:end|start|message|channel|return)\|>(?:assistant|analysis|commentary)?")
#: An answer of gpt-oss without any reasoning.
_FINAL = re.compile(r"\s*<\|channel\|>final")
#: Tokens of gpt-oss that say that a model reasons, and those that stand between its channels.
_STARTS, _BETWEEN = frozenset({"<|channel|>"}), frozenset({"<|start|>", "<|message|>", "<|end|>", "<|return|>"})
MARKS = re.compile(rf"{_OPEN.pattern}|{_CLOSE.pattern}", re.I)
_FIX = "raise the limit of tokens, or turn reasoning off (--no-think)"
USED_UP = f"all tokens of the answer went into reasoning; {_FIX}"
NO_ANSWER = f"the model reasoned and gave no answer; {_FIX}"


def split(text: str) -> tuple[str, str]:
    """Returns the reasoning in a reply, and its answer; either may be empty.

    Reasoning is what stands before the last closing tag of a reply that begins with reasoning: an opening tag at its
    start, or none at all (a template that opens the thought in the prompt). Tags within an answer are the answer's.

    >>> split("<think>It is about a match.</think>\\n\\nsports")
    ('It is about a match.', 'sports')
    >>> split("It is about a match.</think>sports"), split("<think>It is about")
    (('It is about a match.', 'sports'), ('It is about', ''))
    >>> split("sports"), split("We <think> so")
    (('', 'sports'), ('', 'We <think> so'))
    """
    thoughts: list[str] = []
    rest = text
    while True:  # some think more than once
        opened = _OPEN.match(rest.lstrip())
        body = rest.lstrip()[opened.end() :] if opened else rest
        closed = _CLOSE.search(body)
        if opened is None and (closed is None or _OPEN.search(body, 0, closed.start())):
            break
        thoughts.append(body[: closed.start()] if closed else body)
        rest = body[closed.end() :] if closed else ""
    if not thoughts and not _FINAL.match(text):
        return "", text
    return "\n".join(filter(None, (_CHANNELS.sub("\n", thought).strip() for thought in thoughts))), _answer(rest)


def is_mark(token: str) -> bool:
    """Returns whether a special token says that a model reasons.

    >>> [is_mark(token) for token in ("[THINK]", "<|channel|>", "</think>", "<|end|>", "<s>")]
    [True, True, True, False, False]
    """
    return token in _STARTS or MARKS.fullmatch(token) is not None


def is_part(token: str) -> bool:
    """Returns whether a special token is a mark of reasoning or a part of one."""
    return is_mark(token) or token in _BETWEEN


def is_open(prompt: str) -> str:
    """Returns the tag with which a rendered prompt ends in the middle of a thought; empty if it does not.

    >>> is_open("<|assistant|><think>\\n"), is_open("<|assistant|><think>\\n\\n</think>\\n\\n")
    ('<think>', '')
    """
    opened = list(_OPEN.finditer(prompt))
    return opened[-1][0].strip() if opened and not prompt[opened[-1].end() :].strip() else ""


def closing(tag: str) -> str:
    """Returns what ends a thought that a prompt has opened with a tag, so that an answer follows.

    >>> [closing("<think>"), closing("[THINK]")]
    ['\\n</think>\\n\\n', '[/THINK]']
    """
    if re.fullmatch(rf"<(?:{_NAMES})>", tag, re.I):
        return f"\n</{tag[1:]}\n\n"
    return {"[THINK]": "[/THINK]", "<|START_THINKING|>": "<|END_THINKING|>", "◁think▷": "◁/think▷"}.get(tag, "\n")


def split_off(reply: Reply) -> Reply:
    """Returns a reply with its reasoning apart from its answer; one without an answer says that it has failed.

    A reply whose answer is empty though the model has reasoned is none: the tokens were used up, or it stopped.
    """
    if not reply.is_answer or reply.scores:
        return reply
    thought, answer = split(reply.text)
    thought = "\n".join(part for part in (reply.reasoning, thought) if part)
    if answer.strip() or not thought:
        return replace(reply, text=answer, reasoning=thought)
    reason = USED_UP if reply.finish == "length" else NO_ANSWER
    return replace(reply, text="", reasoning=thought, finish="failed", reason=reason)


def _answer(text: str) -> str:
    return _AROUND.sub("", _AROUND.sub("", text)).strip("\n ")
