"""Each measure where the answer is known."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdc.pipelines.metrics.interval import Estimate
from sdc.pipelines.report.card import (
    classifier,
    copies,
    distinct,
    labels,
    language,
    lengths,
    neighbours,
    openings,
    rejected,
    script,
    vocabulary,
)
from sdc.pipelines.report.card.figure import Figure, Measurement
from sdc.pipelines.report.card.sides import Example
from sdc.pipelines.text.similarity import Index, jaccard, shingles

from .conftest import SidesOf, Writer

TEXTS = st.lists(st.text(alphabet="ab C", max_size=14), max_size=10)


def figure(measured: Measurement, name: str) -> Figure:
    return next(found for found in measured.figures if found.name == name)


def value(estimate: Estimate | None) -> float:
    assert estimate is not None
    return estimate.value


def rows(*texts: str) -> list[Example]:
    return [Example(text, i % 2) for i, text in enumerate(texts)]


# -- auc ---------------------------------------------------------------------------------------------------------


def test_writers_of_the_same_language_cannot_be_told_apart(write: Writer, sides_of: SidesOf) -> None:
    found = figure(classifier.measure(sides_of(write(300, "one"), write(300, "two"))), "auc")
    assert found.synthetic is not None and found.human is not None
    assert found.note == "cannot be told apart"
    assert found.human.low is not None and found.human.high is not None
    assert found.human.low <= found.synthetic.value <= found.human.high
    assert 0.44 < found.human.low < 0.5 < found.human.high < 0.56  # 2 x 0.024, of 300 rows a side


def test_a_habit_gives_a_side_away(write: Writer, sides_of: SidesOf) -> None:
    theirs = write(200, "two")
    ours = [Example(f"Sure, {text}!", label) for text, label in write(200, "one")]
    measured = classifier.measure(sides_of(ours, theirs))
    found = figure(measured, "auc")
    assert value(found.synthetic) > 0.99 and found.note == "told apart"
    told = {row["characters"] for row in measured.examples if row["side"] == "synthetic"}
    assert told & {"!", "S", "Sure", ", "}


def test_the_label_does_not_give_a_side_away(write: Writer, sides_of: SidesOf) -> None:
    """Human rows are nearly all of one label, and the labels read differently: that is no difference of the sides."""

    def marked(examples: list[Example]) -> list[Example]:
        return [Example(f"{'yes' if label else 'no'} {text}", label) for text, label in examples]

    ours, theirs = marked(write(400, "one")), marked(write(800, "two"))
    skewed = [example for i, example in enumerate(theirs) if example.label == 0 or i % 4 == 1]
    found = figure(classifier.measure(sides_of(ours, skewed)), "auc")
    assert found.note == "cannot be told apart"


def test_copies_cannot_be_told_from_what_they_copy(write: Writer, sides_of: SidesOf) -> None:
    theirs = write(200, "two")
    found = figure(classifier.measure(sides_of(theirs, theirs)), "auc")
    assert value(found.synthetic) == pytest.approx(0.5, abs=0.02)


def test_repeated_rows_are_not_recognised(write: Writer, sides_of: SidesOf) -> None:
    """A side that repeats itself would be learnt by heart if the same text stood in two folds."""
    repeated = [example for example in write(100, "one") for _ in range(3)]
    found = figure(classifier.measure(sides_of(repeated, write(300, "two"))), "auc")
    assert value(found.synthetic) < 0.65


def test_the_auc_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    draw = random.Random(1)
    ours, theirs = ([round(draw.gauss(mean, 1), 1) for _ in range(50)] for mean in (0.5, 0))
    expected = roc_auc_score([1] * 50 + [0] * 50, [*ours, *theirs])
    assert classifier.auc(ours, theirs) == pytest.approx(expected)


# -- neighbours and copies ---------------------------------------------------------------------------------------


@given(TEXTS, TEXTS)
@settings(max_examples=60, deadline=None)
def test_nearest_equals_brute_force(queries: list[str], references: list[str]) -> None:
    for query, found in zip(queries, neighbours.nearest(queries, references), strict=True):
        all_of_them = [(jaccard(shingles(query), shingles(other)), -k) for k, other in enumerate(references)]
        similarity, position = max(all_of_them, default=(0.0, 1))
        assert found[0] == pytest.approx(similarity) and found[1] == -position


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_nearest_other_and_nearest_earlier(texts: list[str]) -> None:
    for earlier in (False, True):
        for i, found in enumerate(neighbours.nearest(texts, earlier=earlier)):
            others = [k for k in range(len(texts)) if (k < i if earlier else k != i)]
            similarities = [(jaccard(shingles(texts[i]), shingles(texts[k])), -k) for k in others]
            similarity, position = max(similarities, default=(0.0, 1))
            assert found[0] == pytest.approx(similarity) and found[1] == -position


@given(TEXTS, TEXTS)
@settings(max_examples=60, deadline=None)
def test_a_copy_is_what_the_gate_means_by_it(texts: list[str], originals: list[str]) -> None:
    index = Index(originals, threshold=copies.THRESHOLD)
    assert [copy.text for copy in copies.copies(texts, originals)] == [t for t in texts if index.nearest(t) is not None]


def test_every_kind_of_copy_is_counted_once(write: Writer, sides_of: SidesOf) -> None:
    human, test = write(40, "human"), [text for text, _ in write(10, "test")]
    seeds = [text for text, _ in human[:10]]
    human.append(Example(seeds[0] + "!", 0))  # what copies the seed copies this one too
    new = write(20, "new")
    planted = [seeds[0].upper(), human[20].text, human[21].text + "!", test[3], new[5].text]
    measured = copies.measure(sides_of([*new, *rows(*planted)], human, seeds=tuple(seeds), test=tuple(test)))
    counted = {found.name: (found.details["rows"], found.details["exact"]) for found in measured.figures}
    assert counted == {"seed_copies": (1, 1), "human_copies": (2, 1), "leaks": (1, 1), "duplicates": (1, 1)}
    assert value(figure(measured, "leaks").synthetic) == 1 / 25
    assert figure(measured, "human_copies").note == "2 rows, 1 word for word"
    shown = {row["kind"]: (row["text"], row["other"]) for row in measured.examples}
    assert shown["seed_copies"] == (seeds[0].upper(), seeds[0])
    assert shown["duplicates"] == (new[5].text, new[5].text)


def test_what_copies_cannot_tell(write: Writer, sides_of: SidesOf) -> None:
    human = write(20, "human")
    found = copies.measure(sides_of(write(20, "new"), human, seeds=tuple(text for text, _ in human)))
    assert figure(found, "human_copies").synthetic is None and "all human rows are seed" in found.figures[1].note
    assert figure(found, "leaks").note == "no test rows in the store"
    elsewhere = copies.measure(sides_of(write(20, "new"), human))
    assert figure(elsewhere, "seed_copies").synthetic is None
    assert figure(elsewhere, "human_copies").what == "copies of human train rows"
    assert value(figure(elsewhere, "human_copies").synthetic) == 0


def test_similarities(write: Writer, sides_of: SidesOf) -> None:
    human = write(100, "human")
    parrots = [Example(text + " indeed", label) for text, label in human]
    found = neighbours.measure(sides_of(parrots, human))
    near, own = figure(found, "nearest_human"), figure(found, "self_similarity")
    assert value(near.synthetic) > 0.8 > 3 * value(near.human)
    assert value(own.human) == value(near.human)
    assert {len(series) for series in found.series.values()} == {100}


# -- words -------------------------------------------------------------------------------------------------------


def test_repetition_lowers_distinct(write: Writer, sides_of: SidesOf) -> None:
    human = write(400, "human")
    repeated = [Example(f"{human[i % 40].text} once more", i % 2) for i in range(400)]
    found = distinct.measure(sides_of(repeated, human))
    for one in found.figures:
        assert one.details["words"] == 2000
        assert value(one.synthetic) < value(one.human)
        assert one.synthetic is not None and one.synthetic.low is not None and one.synthetic.high is not None
        assert one.synthetic.low < one.synthetic.value < one.synthetic.high <= 1
    values = [value(one.synthetic) for one in found.figures]
    assert values == sorted(values)


def test_distinct_does_not_depend_on_the_number_of_rows(write: Writer, sides_of: SidesOf) -> None:
    """600 rows have three times as many words as 200; the same 2,000 are looked at."""
    human = write(1200, "human")
    few, many = (
        figure(distinct.measure(sides_of(write(n, "new"), human)), "distinct_1").synthetic for n in (260, 1000)
    )
    assert value(few) == pytest.approx(value(many), abs=0.02)  # 0.2; of all words it is 0.15 and 0.04


def test_distinct_with_few_human_words(write: Writer, sides_of: SidesOf) -> None:
    found = figure(distinct.measure(sides_of(write(300, "new"), write(60, "human"))), "distinct_1")
    assert found.human is None and found.note.startswith("of ") and ", human 0." in found.note
    found = figure(distinct.measure(sides_of(write(300, "new"), write(20, "human"))), "distinct_1")
    assert found.human is None and found.note.startswith("too few human words")
    found = figure(distinct.measure(sides_of(write(20, "new"), write(300, "human"))), "distinct_1")
    assert found.synthetic is None and found.note.startswith("too few synthetic words")


def test_vocabulary(write: Writer, sides_of: SidesOf) -> None:
    human = write(400, "human")
    same = vocabulary.measure(sides_of(write(400, "new"), human))
    for one in same.figures:
        assert value(one.synthetic) == pytest.approx(value(one.human), abs=0.03)
    foreign = [Example(text.translate(str.maketrans("abdegi", "cfhjqv")), label) for text, label in human]
    for one in vocabulary.measure(sides_of(foreign, human)).figures:
        assert value(one.synthetic) < 0.2 < 0.7 < value(one.human)


def test_openings(write: Writer, sides_of: SidesOf) -> None:
    human = write(200, "human")
    ours = [
        Example(f"Just spent {text}" if i % 4 < 2 else text, i % 2) for i, (text, _) in enumerate(write(200, "new"))
    ]
    measured = openings.measure(sides_of(ours, human))
    assert value(measured.figures[0].synthetic) == pytest.approx(0.5 + 9 / 200, abs=0.02)
    assert value(measured.figures[0].human) < 0.1
    assert measured.examples[0] == {"side": "synthetic", "opening": "just spent", "rows": 100}
    few = openings.measure(sides_of(ours, human[:20])).figures[0]
    assert (
        value(few.synthetic) > 0.5 and few.human is None and few.note == "too few human rows to compare: 20, wants 100"
    )


# -- form --------------------------------------------------------------------------------------------------------


def test_lengths(sides_of: SidesOf) -> None:
    ours, theirs = rows(*("a" * n for n in range(10, 31))), rows(*("a" * n for n in range(20, 61)))
    found = lengths.measure(sides_of(ours, theirs))
    assert value(figure(found, "length_median").synthetic) == 20
    assert value(figure(found, "length_median").human) == 40
    assert value(figure(found, "length_iqr").human) == 20
    assert value(figure(found, "length_ratio").synthetic) == 0.5
    ratio = figure(found, "length_ratio").synthetic
    assert ratio is not None and ratio.low is not None and ratio.high is not None and ratio.low < 0.5 < ratio.high
    few = lengths.measure(sides_of(ours, theirs[:9]))
    assert figure(few, "length_ratio").synthetic is None and "too few human rows: 9" in few.figures[0].note
    assert value(figure(few, "length_median").synthetic) == 20


_HEBREW = "אני רוצה להזמין כרטיס לרכבת מחר בבוקר"
_THAI = "วันนี้อากาศดีมากครับ อยากไปเที่ยวทะเล"
_KOREAN = "내일 아침에 기차표를 예약하고 싶어요"
_CHINESE = "我想预订明天早上的火车票谢谢你们帮助我"
_SLOVENIAN = "Rad bi rezerviral vozovnico za vlak za jutri zjutraj, hvala lepa"


@pytest.mark.parametrize(
    ("lang", "text"),
    [("he", _HEBREW), ("th", _THAI), ("ko", _KOREAN), ("zh", _CHINESE), ("sl", _SLOVENIAN)],
)
def test_language_and_script(lang: str, text: str, sides_of: SidesOf) -> None:
    english = "I would like to book a train ticket for tomorrow morning"
    sides = sides_of(rows(text, text, text, english), rows(text), lang=lang)
    found = language.measure(sides).figures[0]
    assert value(found.synthetic) == 0.75 and found.note == "en 1"
    assert value(found.human) == 1.0
    letters = script.measure(sides).figures[0]
    assert value(letters.synthetic) == (1.0 if lang == "sl" else 0.75)


def test_languages_that_nobody_can_identify(sides_of: SidesOf) -> None:
    found = language.measure(sides_of(rows("a b c"), rows("a b c"), lang="tlh")).figures[0]
    assert found.synthetic is None and found.note == "the identifier does not know tlh"
    short = language.measure(sides_of(rows("a b c"), rows("a b c"))).figures[0]
    assert short.synthetic is None and short.human is None and "12 letters" in short.note


def test_labels(sides_of: SidesOf) -> None:
    ours = [Example("x", 0)] * 3 + [Example("x", 1)] * 6
    found = labels.measure(sides_of(ours, rows("a", "b"), quotas={0: 5, 1: 5}))
    assert value(figure(found, "label_balance").synthetic) == 0.5
    assert value(figure(found, "label_balance").human) == 1.0
    assert figure(found, "label_balance").note == "rarest: good, 3 rows"
    assert value(figure(found, "quota").synthetic) == 0.8
    assert figure(found, "quota").note == "1 of 2 labels are short"


def test_the_human_share_of_rejected_rows_is_that_of_rows_that_set_no_limit(write: Writer, sides_of: SidesOf) -> None:
    broken, human = "## Here is the row: ```", write(60, "human")
    test = [*(text for text, _ in write(30, "test")), *[f"{broken} {i}" * (i + 1) for i in range(10)]]
    sides = sides_of([*write(20, "ours"), Example(broken, 0)], human, test=tuple(test), verdicts=None)
    found = rejected.measure(sides)
    (figure,) = found.figures
    assert figure.details["human_rows"] == 40 and not figure.details["human_in_sample"]
    assert figure.human is not None and figure.human.value >= 10 / 40
    assert rejected.IN_SAMPLE not in figure.note
    (alone,) = rejected.measure(sides_of(write(20, "ours"), human, verdicts=None)).figures
    assert alone.details["human_rows"] == 60 and rejected.IN_SAMPLE in alone.note
