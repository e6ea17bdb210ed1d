"""What the store knows of time, tokens, energy and money.

Here: the queries. Not here: what calls and fits write down (stages), what is made of it (report).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from sdc.cache.key import SHORT
from sdc.cache.store import Store
from sdc.pipelines.records import encoding


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
        hours: Wall-clock time, with encoding texts; `timed` artifacts have it.
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
    encoded: dict[tuple[str | None, str | None], float] = {}
    for one in encoding.passes(store):
        if cells is None or (one.lang, one.task) in cells:
            what = one.method, one.encoder[0]
            encoded[what] = encoded.get(what, 0.0) + one.seconds / 3600
    made = [
        replace(one, hours=(one.hours or 0.0) + encoded[one.method, one.model])
        if one.stage == "train" and (one.method, one.model) in encoded else one for one in made
    ]  # fmt: skip
    return sorted(made, key=lambda one: (_STAGES.index(one.stage), one.method or "", one.model or ""))


@dataclass(frozen=True, kw_only=True)
class RunCost:
    """What a run took, in seconds and in money of its price table; None is unknown.

    Args:
        fit_s: Of the fit, with encoding its rows; 0 where nothing is fitted.
        text_s, text_cost: Of an answer to one test row, with encoding it. Unknown where the reply cache gave some.
        num_synthetic: Synthetic rows of its draw.
    """

    fit_s: float | None
    text_s: float | None
    text_cost: float | None
    num_synthetic: int = 0


def of_runs(store: Store, keys: Sequence[str]) -> dict[str, RunCost]:
    """Returns what some runs took; those that failed are left out."""
    found = store.query(
        """with synthetic as (
            select draw, any_value(case when contains(source, 'synthetic')
                then num_rows - greatest(coalesce(num_seeds, 0), coalesce(len(human_members), 0)) else 0 end) as num
            from draws group by draw
        )
        select r.key, r.method, r.model, cast(a.config -> '$.model' as varchar), r.num_rows, r.seconds,
            (a.summary ->> '$.fit_seconds')::double,
            coalesce(a.summary ->> '$.test_rows', a.summary ->> '$.rows')::double,
            coalesce((a.summary ->> '$.usage.cached')::bigint, 0), (a.summary ->> '$.usage.cost')::double,
            coalesce(s.num, 0)
        from runs r join artifacts a using (key) left join synthetic s using (draw)
        where r.status = 'ok' and r.key in (select unnest(?::varchar[]))""",
        [list(keys)],
    )
    per_text = encoding.seconds_per_text(store)
    made = {}
    for key, method, model, identity, num_rows, seconds, fitted, num_test, num_cached, cost, num_synthetic in found:
        encode_s = encoding.of_text(per_text, method=method, encoder=(model, identity))
        fit_s = 0.0 if method == "icl" else fitted
        is_known = num_test and not num_cached and None not in (seconds, fit_s, encode_s)
        made[key] = RunCost(
            fit_s=None if fit_s is None or encode_s is None else fit_s + encode_s * num_rows,
            text_s=(seconds - fit_s) / num_test + encode_s if is_known else None,
            text_cost=cost / num_test if num_test and not num_cached and cost is not None else None,
            num_synthetic=num_synthetic,
        )
    return made


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a generation or judgement took, with all that it goes on from; None is unknown.

    Args:
        num_rows: Rows that it has accepted, those that it took over among them.
        parts: Key -> seconds and money of each of those generations and judgements.
    """

    num_rows: int | None
    parts: dict[str, tuple[float | None, float | None]]


def of_writing(store: Store, prefixes: Sequence[str]) -> dict[str, Written]:
    """Returns key -> what it took to write and judge rows, by the first digits of keys of generations and judgements.

    What tops up others has their rows, so it has their costs. What asked no LLM costs no money; what was imported has
    no time.
    """
    found = store.query(
        """with recursive made(root, key) as (
            select key, key from artifacts where left(key, ?) in (select unnest(?::varchar[]))
                and stage in ('gen', 'judge')
            union
            select m.root, i.key from (
                select made.root, unnest(a.inputs) as input from made join artifacts a on a.key = made.key
            ) m join artifacts i on i.key = m.input where i.stage in ('gen', 'judge')
        )
        select left(m.root, ?), coalesce(r.summary ->> '$.accepted', r.summary ->> '$.ok')::bigint, m.key,
            coalesce(l.engine_seconds, l.seconds),
            case when coalesce(l.calls, 0) + coalesce(l.cached_calls, 0) = 0 then 0 else l.cost end
        from made m join ledger l on l.key = m.key join artifacts r on r.key = m.root""",
        [SHORT, list(prefixes), SHORT],
    )
    written: dict[str, Written] = {}
    for root, num_rows, key, seconds, cost in found:
        written.setdefault(root, Written(num_rows=num_rows, parts={})).parts[key] = (seconds, cost)
    return written
