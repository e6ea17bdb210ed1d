"""What the store knows of evaluated runs, as the results that a report is made of.

Here: from readings and origins to results. Not here: the queries (`records/results.py`), which runs are shown
(`records/runs.py`, `report`), what makes a result another one (`result.py`), means (`points.py`).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sdc.cache.key import SHORT, canonical_json, digest
from sdc.cache.store import Artifact
from sdc.pipelines import cells, metrics, readers
from sdc.pipelines.records import draws, leaks, lineage, results
from sdc.pipelines.report.points import size_order
from sdc.pipelines.report.result import Author, Result, RunResult
from sdc.pipelines.stage import Context

#: What two generations, or two judgements, of different cells need not share to be made in the same way.
_OF_ONE_CELL = ("definition", "seed", "quota", "draws", "digest")  # the last: the rows of an import


def read_as(found: Sequence[dict[str, Any]], reader: str) -> list[dict[str, Any]]:
    """Returns the readings that `--reader` means: of scores for runs with scores, else the reply reader asked for."""
    scored = {row["run"] for row in found if row["reader"] in readers.SCORE_READERS}

    def wanted(row: dict[str, Any]) -> str | None:
        is_likelihood = row["decoding"] == "scores"
        return readers.resolve(reader, has_scores=row["run"] in scored, is_likelihood=is_likelihood)

    return [row for row in found if row["reader"] == wanted(row)]


def run_results(
    context: Context, found: Sequence[dict[str, Any]], *, metric: str | None, newest: bool
) -> list[RunResult]:
    """Returns the results of the runs that some readings are of.

    Args:
        context: Where the store is.
        found: Some of `results.readings`.
        metric: None takes each task's own.
        newest: Say of a draw what its newest sample says, where it is in several; else what all of them say.
    """
    names = {task: metric or cells.load_task(context.store, task).metric for task in {row["task"] for row in found}}
    drawn = _origins(context, sorted({row["draw"] for row in found if row["draw"]}), newest=newest)
    recipes = _searches(context, sorted({row["tuned_by"] for row in found if row["tuned_by"]}))
    leaked = _leaked(context, found)
    made = []
    for row in found:
        name = names[row["task"]]
        origin = drawn.get((row["draw"], row["lang"], row["task"], row["source"]), _UNKNOWN)
        about = vars(origin.result) | {
            **{part: row[part] for part in ("lang", "task", "method", "model", "source", "shots", "decoding")},
            **{part: row[part] for part in ("setting", "reader", "test", "version")},
            "rows": (origin.rows or row["num_rows"]) if row["draw"] else None,
            "draw": row["draw"][:SHORT] if row["draw"] and origin is _UNKNOWN else None,
            "recipe": recipes.get(row["tuned_by"], row["setting"]),
            "model_version": short_version(row["model_identity"]),
            "definition": _short_digest(row["definition"]),
            "metric": name,
        }
        made.append(
            RunResult(
                **about,
                eval_key=row["eval_key"],
                run=row["run"],
                sizes=origin.sizes,
                model_identity=_canonical(row["model_identity"]),
                authors=origin.authors,
                value=row[name],
                low=row[f"{name}_low"],
                high=row[f"{name}_high"],
                majority=row[metrics.HEADLINES[name]],
                leaked=leaked.get((row["draw"], row["test_key"])),
                below_chance=bool(row["failed_run"]) and row[name] is not None,
                repeat=origin.repeat,
                test_key=row["test_key"],
            )
        )
    return made


def _leaked(context: Context, found: Sequence[dict[str, Any]]) -> dict[tuple[str, str], float]:
    """Returns (draw, test) -> share of the test texts that stand among its rows, from the runs or counted now."""
    shares: dict[tuple[str, str], float] = {}
    unknown: dict[str, set[str]] = {}
    for row in found:
        if row["leaks"]:
            shares[row["draw"], row["test_key"]] = _share(row["leaks"])
        elif row["draw"]:
            unknown.setdefault(row["draw"], set()).add(row["test_key"])
    uncounted = [draw for draw, tests in unknown.items() if any((draw, test) not in shares for test in tests)]
    for draw in draws.by_hash(context.store, uncounted):
        for test in unknown[draw.draw]:
            shares.setdefault((draw.draw, test), leaks.of_draw(context.store, draw, test).share)
    return shares


@lru_cache(maxsize=1024)  # thousands of runs have the same few
def _share(leaks: str) -> float:
    counts = json.loads(leaks)
    return float(counts["leaked"] / max(1, counts["test_rows"]))


@lru_cache(maxsize=1024)
def _short_digest(text: str | None) -> str | None:
    return digest(json.loads(text))[:SHORT] if text else None


@lru_cache(maxsize=1024)
def _canonical(text: str | None) -> str | None:
    return canonical_json(json.loads(text)) if text else None


@lru_cache(maxsize=1024)
def short_version(identity: str | None) -> str | None:
    """Returns what tells two models of one name apart, for people: the commit, or the first digits of a digest.

    >>> short_version('{"model": "o/n", "revision": "0123456789abcdef"}'), short_version(None)
    ('0123456789ab', None)
    """
    if not identity:
        return None
    about = json.loads(identity)
    if isinstance(about, Mapping) and "adapter" not in about:
        return str(about.get("revision") or about.get("digest") or digest(about))[:SHORT]
    return digest(about)[:SHORT]


@dataclass(frozen=True, kw_only=True)
class _Origin:
    """Where the rows of a draw come from; `result` has the fields that say so."""

    result: Result
    sizes: tuple[str, ...] = ()
    rows: int | None = None
    authors: tuple[Author, ...] = ()
    repeat: int = 0


_UNKNOWN = _Origin(result=Result())


def _origins(context: Context, hashes: Sequence[str], *, newest: bool) -> dict[tuple[str, str, str, str], _Origin]:
    """Returns (draw, lang, task, source) -> its origin.

    With `newest`, sizes and keys come from the newest samples; a draw that is only in older ones keeps what it was
    there.
    """
    grouped: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    found = results.origins(context.store, hashes)
    for row in found:
        grouped.setdefault((row["draw"], row["lang"], row["task"], row["source"]), []).append(row)
    makers = _Makers(context, {row[maker] for row in found for maker in ("generation", "judgement") if row[maker]})
    return {what: _origin(rows, makers, newest=newest) for what, rows in grouped.items()}


def _origin(rows: Sequence[dict[str, Any]], makers: "_Makers", *, newest: bool) -> _Origin:
    kept = [row for row in rows if row["is_newest"]] if newest else []
    every = kept or rows
    generations = sorted({row["generation"] for row in every if row["generation"]})
    judgements = sorted({row["judgement"] for row in every if row["judgement"]})
    data = {row["examples"] for row in every if row["stage"] in ("data", None) and not row["generation"]}
    data |= {row["human"] for row in every if row["human"]}
    authors = sorted({author for key in generations for author in makers.authors(key)})
    result = Result(
        strategy=_joined(row["strategy"] for row in every),
        seeds=_joined(row["seeds"] for row in every),
        seed_weight=_joined(f"{row['seed_weight']:g}" for row in every if row["seed_weight"] != 1),
        generation=_joined(key[:SHORT] for key in generations),
        judgement=_joined(key[:SHORT] for key in judgements),
        judge=_joined(row["judge"] for row in every),
        data=_joined(key[:SHORT] for key in data),
        generator=_joined(name for name, _ in authors),
        generator_version=_joined(short_version(version) for _, version in authors),
        generator_setting=_joined(makers.setting(key) for key in generations),
        judge_setting=_joined(makers.setting(key) for key in judgements),
    )
    sizes = tuple(sorted({row["size"] for row in every}, key=size_order))
    return _Origin(
        result=result,
        sizes=sizes,
        rows=rows[0]["num_rows"],
        authors=tuple(authors),
        repeat=min(row["repeat"] for row in every),
    )


def _joined(values: Any) -> str | None:
    return ", ".join(sorted({str(value) for value in values if value})) or None


class _Makers:
    """Looks up generations and judgements, with what they were made from: some queries for thousands of draws."""

    def __init__(self, context: Context, keys: Collection[str]) -> None:
        self._artifacts: dict[str, Artifact] = {}
        while keys:
            found = context.store.get_many(sorted(keys))
            self._artifacts |= found
            keys = {key for artifact in found.values() for key in artifact.inputs} - self._artifacts.keys()

    def authors(self, key: str) -> list[Author]:
        """Returns who wrote the rows of a generation, those that it took over from one that it tops up as well."""
        return lineage.authors(key, self._artifacts.get)

    def setting(self, key: str) -> str | None:
        """Returns a digest of how it was made that is the same in every cell."""
        artifact = self._artifacts.get(key)
        return None if artifact is None else _way(artifact.version, artifact.config)


def _searches(context: Context, keys: Sequence[str]) -> dict[str, str]:
    """Returns the digest of each search for settings: what it chose is another thing in each cell, how is not."""
    found = context.store.get_many(keys) if keys else {}
    return {key: f"tuned {_way(artifact.version, artifact.config)}" for key, artifact in found.items()}


def _way(version: int, config: Mapping[str, Any]) -> str:
    return digest([version, {name: value for name, value in config.items() if name not in _OF_ONE_CELL}])[:SHORT]
