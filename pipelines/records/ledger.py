"""What the store knows of time, tokens, energy and money.

Here: the queries. Not here: what calls and fits write down (stages), what is made of it (report).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from sdc.cache.key import SHORT
from sdc.cache.store import Store


def energy_kwh(store: Store) -> float | None:
    """Returns the energy of all artifacts that have any, in kWh; None if it was never measured."""
    found = store.query("select sum(energy_kwh) from ledger")
    return None if found[0][0] is None else float(found[0][0])


#: Stages that cost anything, in their order.
_STAGES = ("gen", "judge", "tune", "train", "icl")


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What artifacts of one stage, method and model took. A sum is over those where it was measured; None: nowhere.

    Args:
        stage, method, model: Of what; `prompting` is icl without examples.
        artifacts: How many there are.
        calls, cached_calls, prompt_tokens, completion_tokens: Of LLMs.
        hours: Wall-clock time; `timed` artifacts have it.
        gpu_hours: Of those whose GPUs were watched.
        energy_kwh: What their GPUs used; `metered` artifacts have it.
        cost, currency: By the price tables of the runs; None where there are several currencies.
    """

    stage: str
    method: str | None
    model: str | None
    artifacts: int
    calls: int | None
    cached_calls: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    hours: float | None
    timed: int
    gpu_hours: float | None
    energy_kwh: float | None
    metered: int
    cost: float | None
    currency: str | None


def spent(store: Store, *, cells: Sequence[tuple[str, str]] | None = None) -> list[Spent]:
    """Returns what the artifacts of the store took, by stage, method and model; None of cells means all."""
    found = store.query(
        """select l.stage, case when r.method = 'icl' and r.num_shots = 0 then 'prompting' else r.method end as method,
            coalesce(r.model, l.model) as model, count(*),
            sum(l.calls), sum(l.cached_calls), sum(l.prompt_tokens), sum(l.completion_tokens),
            sum(coalesce(l.seconds, l.engine_seconds)) / 3600, count(coalesce(l.seconds, l.engine_seconds)),
            sum(coalesce(l.seconds, l.engine_seconds)) filter (l.energy_kwh is not null) / 3600,
            sum(l.energy_kwh), count(l.energy_kwh),
            case when count(distinct l.currency) <= 1 then sum(l.cost) end,
            case when count(distinct l.currency) <= 1 then max(l.currency) end
        from ledger l left join runs r on r.key = l.key
        where l.stage in (select unnest(?::varchar[]))
            and (? or l.lang || '/' || l.task in (select unnest(?::varchar[])))
        group by 1, 2, 3""",
        [list(_STAGES), cells is None, [f"{lang}/{task}" for lang, task in cells or []]],
    )
    names = [field.name for field in fields(Spent)]
    made = [Spent(**dict(zip(names, row, strict=True))) for row in found]
    return sorted(made, key=lambda one: (_STAGES.index(one.stage), one.method or "", one.model or ""))


@dataclass(frozen=True, kw_only=True)
class RunCost:
    """What a run took, in seconds and in money of its price table; None is unknown.

    Args:
        fit_s: Of the fit; 0 where nothing is fitted.
        text_s, text_cost: Of an answer to one test row. Unknown where the reply cache gave some of them.
    """

    fit_s: float | None
    text_s: float | None
    text_cost: float | None


def of_runs(store: Store, keys: Sequence[str]) -> dict[str, RunCost]:
    """Returns what some runs took; those that failed are left out."""
    found = store.query(
        """select r.key, r.method = 'icl', r.seconds, (a.summary ->> '$.fit_seconds')::double,
            coalesce(a.summary ->> '$.test_rows', a.summary ->> '$.rows')::double,
            coalesce((a.summary ->> '$.usage.cached')::bigint, 0), (a.summary ->> '$.usage.cost')::double
        from runs r join artifacts a using (key)
        where r.status = 'ok' and r.key in (select unnest(?::varchar[]))""",
        [list(keys)],
    )
    made = {}
    for key, is_icl, seconds, fit_s, num_rows, num_cached, cost in found:
        fit_s = 0.0 if is_icl else fit_s
        is_known = num_rows and not num_cached and seconds is not None and fit_s is not None
        made[key] = RunCost(
            fit_s=fit_s,
            text_s=(seconds - fit_s) / num_rows if is_known else None,
            text_cost=cost / num_rows if num_rows and not num_cached and cost is not None else None,
        )
    return made


def of_writing(store: Store, prefixes: Sequence[str]) -> dict[str, tuple[float | None, float | None]]:
    """Returns key -> seconds and money of generations and judgements, by the first digits of their keys.

    What asked no LLM costs no money; what was imported has no time.
    """
    found = store.query(
        """select left(key, ?), coalesce(engine_seconds, seconds),
            case when coalesce(calls, 0) + coalesce(cached_calls, 0) = 0 then 0 else cost end
        from ledger where left(key, ?) in (select unnest(?::varchar[])) and stage in ('gen', 'judge')""",
        [SHORT, SHORT, list(prefixes)],
    )
    return {key: (seconds, cost) for key, seconds, cost in found}
