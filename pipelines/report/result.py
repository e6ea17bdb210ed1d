"""What makes a result another one: the fields of `Result`, which the report, its means and its formats share.

The view `results` of the store holds the same as its column `result`. Here: the fields, and how they nest. Not here:
reading them from the store (`run_results.py`), means and references (`points.py`, `by.py`).
"""

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import TypeVar

#: Name of a model, and what identifies it in keys, as JSON; empty if that is not known.
Author = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was measured: runs that agree in all of this are repeats, and nothing else is averaged without a word.

    Names that end in `_version` and `_setting` are digests, as are `setting` and `definition`; keys are short.

    Args:
        test: Key of the test data.
        method, model, model_version: The student.
        setting: Its settings without seeds, draw and the task's definition.
        recipe: As `setting`; runs whose settings a search chose share that of the search, for means over cells.
        definition: The task's definition as the student saw it.
        version: VERSION of the stage that made the run.
        source, strategy: Where the rows of the draw come from, and how they were chosen.
        rows: The real number of rows of the draw; a range (`10-14`) if cells differ.
        seeds: Human examples per label that the generator was shown, or that are among the rows.
        seed_weight: What each of them counts in the loss, where that is not 1.
        generator, generator_version, generator_setting: Who wrote the synthetic rows, and how.
        judge, judge_setting: Who accepted them: a model, `gates`, `people`; None if nobody was asked.
        generation, judgement, data: Keys of what the rows were drawn from.
        draw: The draw, where no sample says any more what it was drawn from; else None, and draws are repeats.
        shots: Examples per label in the prompt, as they were shown; None if they were chosen per draw.
        decoding, reader: How answers are made, and read.
        metric: What is measured.
    """

    task: str | None = None
    lang: str | None = None
    method: str | None = None
    model: str | None = None
    source: str | None = None
    rows: int | str | None = None
    shots: int | None = None
    decoding: str | None = None
    setting: str | None = None
    reader: str | None = None
    metric: str = ""
    strategy: str | None = None
    seeds: str | None = None
    seed_weight: str | None = None
    generator: str | None = None
    judge: str | None = None
    test: str | None = None
    generation: str | None = None
    judgement: str | None = None
    data: str | None = None
    draw: str | None = None
    model_version: str | None = None
    generator_version: str | None = None
    generator_setting: str | None = None
    judge_setting: str | None = None
    recipe: str | None = None
    definition: str | None = None
    version: int | None = None


NAMES = tuple(field.name for field in fields(Result))
#: What `--by` may keep, and the fields that belong to each part, outer ones first. Every field that is the same
#: thing in two cells is in one of these.
PARTS: dict[str, tuple[str, ...]] = {
    "task": ("task",),
    "lang": ("lang",),
    "method": ("method", "model", "model_version", "shots", "decoding", "recipe", "reader", "version"),
    "source": ("source", "strategy", "seeds", "seed_weight", "generator", "generator_version", "generator_setting",
               "judge", "judge_setting"),
}  # fmt: skip
#: What two points of a student have in common, whatever rows they have: all but how it was fitted, in which they agree
#: as far as there are such points (`most_alike`).
STUDENT = tuple(name for name in PARTS["method"] if name not in ("recipe", "version"))
#: Fields that are another thing in each cell: several of them in one cell are said where they are averaged.
OF_ONE_CELL = ("test", "definition", "generation", "judgement", "data", "draw", "setting")
#: What several of a field are called.
_PLURALS = {
    "source": "sources", "strategy": "strategies", "seeds": "numbers of seeds",
    "seed_weight": "weights of seeds", "generator": "generators",
    "generator_version": "versions of the generator", "generator_setting": "settings of the generator",
    "judge": "judges", "judge_setting": "settings of the judge", "method": "methods", "model": "models",
    "model_version": "versions of the model", "shots": "numbers of shots", "decoding": "decodings",
    "recipe": "settings", "reader": "readers", "version": "versions of sdc", "test": "tests",
    "definition": "definitions of the task", "generation": "generations", "judgement": "judgements",
    "data": "human data sets", "draw": "draws of unknown origin", "setting": "settings", "rows": "sizes",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunResult(Result):
    """One run as one reader read it. `value` is None for a run that broke off; shares are 0 to 1.

    `model_identity` is the run's model as its key has it, and `authors` says who wrote its rows: two models can have
    one name, such as two revisions of a repository. `repeat` is that of its draw, and `test_key` the whole key of its
    test.
    """

    eval_key: str
    run: str
    sizes: tuple[str, ...]
    model_identity: str | None
    authors: tuple[Author, ...]
    value: float | None
    low: float | None
    high: float | None
    majority: float | None
    below_chance: bool
    leaked: float | None = None
    repeat: int = 0
    test_key: str = ""


_OF_RESULT = attrgetter(*NAMES)


def identity(result: Result) -> tuple[object, ...]:
    """Returns what two repeats of one result have in common, and no other result."""
    found: tuple[object, ...] = _OF_RESULT(result)
    return found


def of_parts(result: Result, parts: Sequence[str]) -> tuple[object, ...]:
    """Returns the values of all fields that belong to some parts of `PARTS`."""
    return tuple(getattr(result, name) for part in parts for name in PARTS.get(part, ()))


AnyResult = TypeVar("AnyResult", bound=Result)


def most_alike(result: Result, others: Sequence[AnyResult], *, but: Collection[str] = ()) -> list[AnyResult]:
    """Returns those of some results that agree with one in its fields, of each as far as any does: rows come first.

    >>> one, other = Result(strategy="balanced", seeds="10"), Result(strategy="coverage", seeds="5")
    >>> most_alike(Result(strategy="coverage", seeds="10"), [one, other]) == [other]
    True
    """
    kept = list(others)
    for name in (*PARTS["source"], *PARTS["method"]):
        if name not in but:
            kept = [other for other in kept if getattr(other, name) == getattr(result, name)] or kept
    return kept


def telling(records: Sequence[Mapping[str, object]], names: Sequence[str], *, known: Sequence[str]) -> list[str]:
    """Returns those of some fields that tell records apart which agree in what is known and in the fields before.

    >>> records = [{"model": "a", "shots": 1, "reader": "x"}, {"model": "a", "shots": 2, "reader": "y"}]
    >>> telling(records, ("shots", "reader"), known=("model",))
    ['shots']
    """
    told: list[str] = []
    number_of = _numbered(tuple(record[name] for name in known) for record in records)
    for name in names:
        if name in known:
            continue
        if max(number_of, default=0) + 1 >= len(records):  # every one is told
            break
        finer = _numbered((number, record[name]) for number, record in zip(number_of, records, strict=True))
        if max(finer, default=0) > max(number_of, default=0):
            told.append(name)
            number_of = finer
    return told


def _numbered(things: Iterable[Hashable]) -> list[int]:
    """Returns the number of each thing, equal ones having the same, from 0."""
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(thing, len(numbers)) for thing in things]


def mixed(results: Sequence[Result]) -> str | None:
    """Returns what differs among results beside their cells, in words; None if nothing does.

    A field is compared among those that agree in the fields before it: another generator has other settings as well,
    and only the generators are counted then.

    >>> one = Result(method="linear", source="human", rows=10)
    >>> mixed([one, Result(method="linear", source="synthetic", rows=10, strategy="balanced", generator="a"),
    ...             Result(method="linear", source="synthetic", rows=10, strategy="balanced", generator="b")])
    '2 sources, 2 generators'
    """
    found: dict[str, int] = {}
    records = [vars(result) for result in results]
    for part in ("method", "source"):
        for i, name in enumerate(PARTS[part]):
            found[name] = _most(records, name, within=PARTS[part][:i])
    portable = [name for names in PARTS.values() for name in names]
    before = [*portable]
    for name in (*OF_ONE_CELL, "rows"):
        found[name] = _most(records, name, within=before)
        before.append(name)
    return ", ".join(f"{number} {_PLURALS[name]}" for name, number in found.items() if number > 1) or None


def _most(records: Sequence[Mapping[str, object]], name: str, *, within: Sequence[str]) -> int:
    """Returns how many values a field has at the most among records that agree in other fields; None counts as one."""
    groups: dict[tuple[object, ...], set[object]] = {}
    for record in records:
        groups.setdefault(tuple(record[other] for other in within), set()).add(record[name])
    return max(map(len, groups.values()), default=0)
