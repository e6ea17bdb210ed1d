"""Readers: never raise, read back what they should, and the released script's defects stay in its own reader."""

import math
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdc.pipelines import metrics, readers, tasks
from sdc.pipelines.readers import paper_code, scores, strict
from sdc.pipelines.tasks import Label, Task

BUILTIN = [tasks.load(name) for name in tasks.builtin_names()]
TOPIC, INTENT, SENTIMENT, SARCASM = (tasks.load(name) for name in ("topic", "intent", "sentiment", "sarcasm"))
Spelled = tuple[Task, Label, str]
Decoration = tuple[str, str, str, str, Callable[[str], str]]
SPELLED: list[Spelled] = [
    (task, label, s) for task in BUILTIN for label in task.labels for s in (label.name, *label.aliases)
]
#: MASSIVE's intent test: rows per label, the same in every language.
INTENT_TEST = {0: 34, 1: 11, 2: 67, 3: 72, 4: 15, 5: 114, 6: 41, 7: 20, 8: 35, 9: 156}


def accuracy(reader: str, task: Task, replies: list[str], gold: list[int]) -> float:
    read = readers.read(reader, task, replies=replies, all_scores=[])
    return metrics.measure(gold, read, num_labels=len(task.labels), reader=reader)["accuracy"].value


# -- strict -------------------------------------------------------------------------------------------------------

decorations = st.tuples(
    st.sampled_from(["", "\n", " \n\t\n"]),
    st.sampled_from(["", "Label: ", "label:", "**Label:** "]),
    st.sampled_from(["{}", '"{}"', "'{}'", "**{}**", "“{}”", "({})", "`{}`", "«{}»", "[{}]", "  {} "]),
    st.sampled_from(["", ".", "!", "।", "\n\nBecause it says so.", "\nSentence: another one\nLabel: travel"]),
    st.sampled_from([str, str.upper, str.title, lambda s: s.replace(" ", "_"), lambda s: s.replace(" ", "-")]),
)


@given(st.sampled_from(SPELLED), decorations)
def test_strict_reads_back_every_spelling(spelled: Spelled, decoration: Decoration) -> None:
    task, label, spelling = spelled
    before, prefix, around, after, case = decoration
    assert strict.read(before + prefix + around.format(case(spelling)) + after, task) == label.id


@given(
    st.sampled_from(SPELLED), decorations, st.sampled_from(["{}", "{})", "{}.", "{}) {}", "{}. {}", "({}) {}", "{} {}"])
)
def test_strict_reads_back_every_number(spelled: Spelled, decoration: Decoration, form: str) -> None:
    task, label, spelling = spelled
    before, prefix, around, after, case = decoration
    reply = before + prefix + around.format(form.format(label.id + 1, case(spelling))) + after
    assert strict.read(reply, task) == label.id


@given(st.sampled_from(SPELLED), st.integers(0, 40))
def test_strict_refuses_a_number_that_contradicts_the_name(spelled: Spelled, number: int) -> None:
    task, label, spelling = spelled
    assert strict.read(f"{number}) {spelling}", task) == (label.id if number == label.id + 1 else None)


@given(st.sampled_from(SPELLED), st.sampled_from(["it is {}", "not {}", "{} or so", "{}, probably", "un{}", "{}s"]))
def test_strict_never_takes_a_substring(spelled: Spelled, sentence: str) -> None:
    task, _, spelling = spelled
    assert strict.read(sentence.format(spelling), task) is None


@pytest.mark.parametrize(
    "reply",
    ["", " \n ", "0", "8", "-1", "3.5", "35", "3/5", "3 politics and travel", "politics/travel", "3) 3", "9" * 5000,
     "politics travel", "Label:", "Label: label: it", "…", "travel; politics"],
)  # fmt: skip
def test_strict_leaves_unparsed(reply: str) -> None:
    assert strict.read(reply, TOPIC) is None


def test_strict_keeps_labels_that_are_numbers_or_end_in_punctuation_apart() -> None:
    stars = Task(
        name="stars",
        text_type="reviews",
        instruction="{options}",
        labels=(Label(id=0, name="0"), Label(id=1, name="1"), Label(id=2, name="C!"), Label(id=3, name="C?")),
    )
    assert [strict.read(reply, stars) for reply in ("0", "1", "2", "2) 1", "C!", '"c?"', "C")] == [
        0,
        1,
        1,
        1,
        2,
        3,
        None,
    ]


def test_strict_reads_another_script() -> None:
    telugu = Task(
        name="t",
        text_type="x",
        instruction="{options}",
        labels=(Label(id=0, name="ప్రతికూల"), Label(id=1, name="సానుకూల")),
    )
    assert [strict.read(reply, telugu) for reply in ("సానుకూల।", "Label: ప్రతికూల", "౨", "2) సానుకూల")] == [1, 0, 1, 1]


# -- every reader -------------------------------------------------------------------------------------------------


@given(st.text() | st.sampled_from(SPELLED).map(lambda s: s[2]), st.sampled_from(BUILTIN))
def test_reply_readers_never_raise(reply: str, task: Task) -> None:
    for read in readers.REPLY_READERS.values():
        label = read(reply, task)
        assert label is None or 0 <= label < len(task.labels)


@given(st.lists(st.floats() | st.none(), max_size=12), st.sampled_from(BUILTIN))
def test_scores_are_the_argmax_or_unparsed(row: list[float], task: Task) -> None:
    label = scores.read(row, task)
    finite = [value for value in row if value is not None and math.isfinite(value)]
    broken = any(value is not None and (math.isnan(value) or value == math.inf) for value in row)
    if len(row) != len(task.labels) or not finite or broken:
        assert label is None
    else:
        assert label == next(i for i, v in enumerate(row) if v == max(finite))


def script(reply: str, class_mapper: list[str]) -> int:
    """The matcher of the released script, written anew from its description."""
    hits = [i for i in range(len(class_mapper)) if reply.lower().find(class_mapper[i]) >= 0 or f"{i}" in reply.lower()]
    return hits[0] if hits else -1


SCRIPT_LABELS = {
    "sentiment": ["negative", "positive"],
    "topic": ["science and technology", "travel", "politics", "sports", "health", "entertainment", "geography"],
    "intent": ["alarm query", "audio volune down", "calendar remove", "cooking recipe", "datetime convert",
               "send email", "play audiobook", "movie recommendation", "transport ticket", "weather query"],
    "sarcasm": ["serious", "sarcastic"],
}  # fmt: skip


@given(
    st.lists(st.text(max_size=5) | st.sampled_from(SPELLED).map(lambda s: s[2]) | st.integers(0, 12).map(str)).map(
        " ".join
    ),
    st.sampled_from(BUILTIN),
)
def test_paper_code_equals_the_script(reply: str, task: Task) -> None:
    label = paper_code.read(reply, task)
    assert (-1 if label is None else label) == script(reply, SCRIPT_LABELS[task.name])


def test_resolve_refuses_scores_where_there_are_none() -> None:
    assert readers.resolve("scores", has_scores=False) is None
    assert readers.resolve("paper-code", has_scores=False) == "paper-code"


# -- the defects: sdc must not have them, and paper-code must ----------------------------------------------------


@pytest.mark.parametrize("task", BUILTIN, ids=lambda task: task.name)
def test_b1_a_student_that_answers_by_number_is_right(task: Task) -> None:
    gold = [label.id for label in task.labels]
    replies = [str(label + 1) for label in gold]
    assert accuracy("strict", task, replies, gold) == 1.0
    assert accuracy("paper-code", task, replies, gold) == 0.0


def test_b1_a_perfect_student_that_writes_number_and_label_is_right() -> None:
    gold = list(Counter(INTENT_TEST).elements())
    assert strict.read("10) weather query", INTENT) == 9
    assert paper_code.read("10) weather query", INTENT) == 0
    ours = [f"{label + 1}) {INTENT.label_names[label]}" for label in gold]
    scripts = [f"{label + 1}) {paper_code.labels(INTENT)[label]}" for label in gold]
    assert accuracy("strict", INTENT, ours, gold) == 1.0
    assert round(accuracy("paper-code", INTENT, scripts, gold), 3) == 0.724


def test_b2_the_right_spelling_is_an_answer() -> None:
    gold = list(Counter(INTENT_TEST).elements())
    replies = [INTENT.label_names[label] for label in gold]
    assert strict.read("audio volume down", INTENT) == 1
    assert paper_code.read("audio volume down", INTENT) is None
    assert accuracy("strict", INTENT, replies, gold) == 1.0
    assert accuracy("paper-code", INTENT, replies, gold) == pytest.approx(1 - 11 / 565)


def test_b3_unparsed_is_no_class_of_macro_f1() -> None:
    gold = [0, 1] * 500
    read = [*gold[:-1], None]
    found = metrics.measure(gold, read, num_labels=2, reader="paper-code")
    assert found["macro_f1"].value > 0.999
    assert found["macro_f1_paper_code"].value == pytest.approx(0.667, abs=0.001)
    assert "macro_f1_paper_code" not in metrics.measure(gold, read, num_labels=2, reader="strict")


@pytest.mark.parametrize(
    ("task", "reply", "as_script"), [(SENTIMENT, "not negative, positive", 0), (SARCASM, "not sarcastic", 1)]
)
def test_b4_a_label_inside_a_sentence_is_no_answer(task: Task, reply: str, as_script: int) -> None:
    assert strict.read(reply, task) is None
    assert paper_code.read(reply, task) == as_script
