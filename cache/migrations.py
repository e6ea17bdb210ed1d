"""The schema of the store, as ordered migrations. A released migration is never edited; a change is a new one.

The tables are public: people query them with `sdc store sql`, so names change only here, and docs/store.md follows.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def m001_initial(con: "DuckDBPyConnection") -> None:
    """The artifact table and the typed rows of each stage."""
    con.execute("""
        create table artifacts (
            key varchar primary key, stage varchar not null, version integer not null,
            lang varchar, task varchar, config json not null, inputs varchar[] not null, summary json not null,
            created_at timestamp not null, used_at timestamp not null, seconds double
        );
        create table examples (
            key varchar not null, idx integer not null, lang varchar not null, task varchar not null,
            text varchar not null, label integer, label_name varchar, source varchar not null, split varchar,
            status varchar not null, reason varchar, origin varchar
        );
        create table verdicts (
            key varchar not null, idx integer not null, example_key varchar not null, accepted boolean not null,
            reason varchar, judged_by varchar, probability double
        );
        create table draws (
            key varchar not null, draw varchar not null, lang varchar not null, task varchar not null,
            source varchar not null, strategy varchar not null, size varchar not null, repeat integer not null,
            num_rows integer not null, example_key varchar not null, members integer[] not null
        );
        create table runs (
            key varchar not null, lang varchar not null, task varchar not null, method varchar not null,
            model varchar not null, source varchar, draw varchar, num_rows integer not null, num_shots integer,
            decoding varchar, init_seed bigint, shot_seed bigint, setting varchar not null, test_key varchar not null,
            status varchar not null, reason varchar, seconds double, details json
        );
        create table outputs (key varchar not null, idx integer not null, scores float[], reply varchar);
        create table metrics (
            key varchar not null, run varchar not null, reader varchar not null, metric varchar not null,
            value double, low double, high double
        );
        create table blobs (
            key varchar not null, name varchar not null, digest varchar not null, bytes bigint not null
        );
        create table file_digests (path varchar primary key, bytes bigint, modified_ns bigint, digest varchar);
        create view results as
            select r.lang, r.task, r.method, r.model, r.source, r.num_rows, r.num_shots, r.init_seed, r.shot_seed,
                   r.draw, r.setting, m.reader, m.metric, m.value, m.low, m.high, r.status, m.run, m.key
            from metrics m join runs r on r.key = m.run;
    """)


def m002_ledger(con: "DuckDBPyConnection") -> None:
    """What each artifact cost; null is unknown."""
    con.execute("""
        create view ledger as
            select key, stage, lang, task, created_at, seconds,
                   summary ->> '$.usage.model' as model,
                   summary ->> '$.usage.engine' as engine,
                   (summary ->> '$.usage.calls')::bigint as calls,
                   (summary ->> '$.usage.cached')::bigint as cached_calls,
                   (summary ->> '$.usage.refused')::bigint as refused_calls,
                   (summary ->> '$.usage.failed')::bigint as failed_calls,
                   (summary ->> '$.usage.prompt_tokens')::bigint as prompt_tokens,
                   (summary ->> '$.usage.cached_tokens')::bigint as cached_tokens,
                   (summary ->> '$.usage.completion_tokens')::bigint as completion_tokens,
                   (summary ->> '$.usage.seconds')::double as engine_seconds,
                   coalesce(summary ->> '$.usage.energy_kwh', summary ->> '$.energy_kwh')::double as energy_kwh,
                   (summary ->> '$.usage.cost')::double as cost,
                   summary ->> '$.usage.currency' as currency
            from artifacts;
    """)


def m003_reviews(con: "DuckDBPyConnection") -> None:
    """What each person said of each text; the verdicts of a human judgement are what their votes come to."""
    con.execute("""
        create table reviews (
            key varchar not null, idx integer not null, example_key varchar not null, reviewer varchar not null,
            decision varchar, reason varchar, label integer, text varchar, comment varchar,
            blind boolean not null, decided_at timestamp
        );
    """)


def m004_what_makes_a_result(con: "DuckDBPyConnection") -> None:
    """Draws with rows of two artifacts; where the rows of a draw come from; and what makes a result another one."""
    con.execute("""
        alter table draws add column human_key varchar;
        alter table draws add column human_members integer[];
        create view origins as
            select d.key, d.draw, d.lang, d.task, d.source, d.strategy, d.size, d.repeat, d.num_rows,
                   coalesce(s.inputs[1], d.example_key) as examples, d.human_key as human,
                   case when g.stage = 'gen' then d.example_key end as generation,
                   g.summary ->> '$.model' as generator, cast(g.config -> '$.model' as varchar) as generator_version,
                   case when g.stage = 'gen' then coalesce(
                       s.summary ->> '$.seeds', g.summary ->> '$.seeds', g.config ->> '$.num_seeds',
                       case when (g.config -> '$.quota') is not null then '10' end
                   ) when d.source = 'seeds' then s.summary ->> '$.seeds' end as seeds,
                   case when j.stage = 'judge' then j.key end as judgement,
                   case when j.stage = 'judge' then coalesce(
                       j.summary ->> '$.usage.model',
                       case when (j.summary -> '$.review') is not null then 'people' else 'gates' end
                   ) end as judge
            from draws d left join artifacts s on s.key = d.key left join artifacts j on j.key = s.inputs[1]
                left join artifacts g on g.key = d.example_key;
        create or replace view results as
            with made as (
                select draw, lang, task, source, string_agg(distinct strategy, ', ' order by strategy) as strategy,
                       string_agg(distinct generator, ', ' order by generator) as generator,
                       string_agg(distinct left(generation, 12), ', ' order by left(generation, 12)) as generation,
                       string_agg(distinct seeds, ', ' order by seeds) as seeds,
                       string_agg(distinct judge, ', ' order by judge) as judge,
                       string_agg(distinct left(judgement, 12), ', ' order by left(judgement, 12)) as judgement,
                       string_agg(distinct rows_of, ', ' order by rows_of) as examples
                from (select *, concat_ws(' ', examples, human) as rows_of from origins) group by all
            )
            select r.lang, r.task, r.method, r.model, r.source, r.num_rows, r.num_shots, r.init_seed, r.shot_seed,
                   r.draw, r.setting, m.reader, m.metric, m.value, m.low, m.high, r.status, m.run, m.key,
                   r.test_key, r.decoding, o.strategy, o.generator, o.generation, o.seeds, o.judge, o.judgement,
                   left(md5(concat_ws('|', r.lang, r.task, r.test_key, r.method, r.model, r.setting,
                       cast(a.config -> '$.model' as varchar), cast(a.config -> '$.definition' as varchar), a.version,
                       coalesce(r.num_shots, -1), coalesce(r.decoding, '-'), coalesce(r.source, '-'), r.num_rows,
                       coalesce(o.strategy, '-'), coalesce(o.seeds, '-'), coalesce(o.examples, '-'), m.reader,
                       coalesce(e.version, 0))), 12) as result
            from metrics m join runs r on r.key = m.run left join artifacts a on a.key = m.run
                left join artifacts e on e.key = m.key
                left join made o on o.draw = r.draw and o.lang = r.lang and o.task = r.task and o.source = r.source;
    """)


def m005_freshness(con: "DuckDBPyConnection") -> None:
    """What each artifact was made from, as it was then; what has other rows by now, and what is incomplete."""
    con.execute("""
        alter table artifacts add column content varchar;
        alter table artifacts add column unanswered integer;
        update artifacts set unanswered = coalesce((summary ->> '$.usage.refused')::integer, 0)
            + coalesce((summary ->> '$.usage.failed')::integer, 0);
        create table made_from (key varchar not null, input varchar not null, content varchar not null);
        create view stale as
            select m.key, m.input from made_from m join artifacts a on a.key = m.input where a.content <> m.content;
    """)
    # The view that most people query: an evaluation of answers that are gone is no result.
    (sql,) = con.execute("select sql from duckdb_views() where view_name = 'results'").fetchall()[0]
    results = sql.split(" AS ", 1)[1].rstrip("; \n")
    con.execute(f"""
        create or replace view results as select * from ({results}) where key not in (select key from stale)
    """)


def m006_draws_of_unknown_origin(con: "DuckDBPyConnection") -> None:
    """Runs whose draw is in no sample any more are no repeats: nobody knows whether they had the same origin."""
    con.execute("""
        create or replace view results as
            with made as (
                select draw, lang, task, source, string_agg(distinct strategy, ', ' order by strategy) as strategy,
                       string_agg(distinct generator, ', ' order by generator) as generator,
                       string_agg(distinct left(generation, 12), ', ' order by left(generation, 12)) as generation,
                       string_agg(distinct seeds, ', ' order by seeds) as seeds,
                       string_agg(distinct judge, ', ' order by judge) as judge,
                       string_agg(distinct left(judgement, 12), ', ' order by left(judgement, 12)) as judgement,
                       string_agg(distinct rows_of, ', ' order by rows_of) as examples
                from (select *, concat_ws(' ', examples, human) as rows_of from origins) group by all
            )
            select r.lang, r.task, r.method, r.model, r.source, r.num_rows, r.num_shots, r.init_seed, r.shot_seed,
                   r.draw, r.setting, m.reader, m.metric, m.value, m.low, m.high, r.status, m.run, m.key,
                   r.test_key, r.decoding, o.strategy, o.generator, o.generation, o.seeds, o.judge, o.judgement,
                   left(md5(concat_ws('|', r.lang, r.task, r.test_key, r.method, r.model, r.setting,
                       cast(a.config -> '$.model' as varchar), cast(a.config -> '$.definition' as varchar), a.version,
                       coalesce(r.num_shots, -1), coalesce(r.decoding, '-'), coalesce(r.source, '-'), r.num_rows,
                       coalesce(o.strategy, '-'), coalesce(o.seeds, '-'), coalesce(o.examples, 'draw ' || r.draw, '-'),
                       m.reader, coalesce(e.version, 0))), 12) as result
            from metrics m join runs r on r.key = m.run left join artifacts a on a.key = m.run
                left join artifacts e on e.key = m.key
                left join made o on o.draw = r.draw and o.lang = r.lang and o.task = r.task and o.source = r.source
            where m.key not in (select key from stale);
    """)


def m007_run_numbers(con: "DuckDBPyConnection") -> None:
    """Outputs by the number of their run, and what a reader read in them as a byte per test row.

    Rows are found and counted many times as fast by a number as by a key. It means a run in this store alone, so the
    view `outputs` has the key. What belongs to no run has a number too, by which it is still counted as such.
    """
    con.execute("""
        create temp table numbers as
            select key, row_number() over (order by place, key) as no from (
                select key, min(rowid) as place from runs group by key
                union all select distinct key, null from outputs where key not in (select key from runs)
            );
        alter table runs add column no integer;
        update runs set no = numbers.no from numbers where numbers.key = runs.key;
        create table run_outputs (run integer not null, idx integer not null, scores float[], reply varchar);
        insert into run_outputs select n.no, o.idx, o.scores, o.reply from outputs o join numbers n using (key);
        drop table numbers;
        drop table outputs;
        create view outputs as
            select r.key, o.idx, o.scores, o.reply from run_outputs o join runs r on r.no = o.run;
        create table readings (key varchar not null, run varchar not null, reader varchar not null, labels blob);
    """)


def m008_sentence_ids(con: "DuckDBPyConnection") -> None:
    """What a test set calls its sentences, so that translations of one sentence are known as such."""
    con.execute("create table sentence_ids (key varchar not null, idx integer not null, id varchar not null)")


def m009_seed_weights(con: "DuckDBPyConnection") -> None:
    """Which rows of a draw are seeds, and what they count: a weight other than 1 makes another result."""
    con.execute("""
        alter table draws add column num_seeds integer;
        alter table draws add column seed_weight double;
        alter table draws add column coverage double;
        create or replace view origins as
            select d.key, d.draw, d.lang, d.task, d.source, d.strategy, d.size, d.repeat, d.num_rows,
                   coalesce(d.seed_weight, 1) as seed_weight,
                   coalesce(s.inputs[1], d.example_key) as examples, d.human_key as human,
                   case when g.stage = 'gen' then d.example_key end as generation,
                   g.summary ->> '$.model' as generator, cast(g.config -> '$.model' as varchar) as generator_version,
                   case when g.stage = 'gen' then coalesce(
                       s.summary ->> '$.seeds', g.summary ->> '$.seeds', g.config ->> '$.num_seeds',
                       case when (g.config -> '$.quota') is not null then '10' end
                   ) when d.source = 'seeds' then s.summary ->> '$.seeds' end as seeds,
                   case when j.stage = 'judge' then j.key end as judgement,
                   case when j.stage = 'judge' then coalesce(
                       j.summary ->> '$.usage.model',
                       case when (j.summary -> '$.review') is not null then 'people' else 'gates' end
                   ) end as judge
            from draws d left join artifacts s on s.key = d.key left join artifacts j on j.key = s.inputs[1]
                left join artifacts g on g.key = d.example_key;
        create or replace view results as
            with made as (
                select draw, lang, task, source, string_agg(distinct strategy, ', ' order by strategy) as strategy,
                       string_agg(distinct generator, ', ' order by generator) as generator,
                       string_agg(distinct left(generation, 12), ', ' order by left(generation, 12)) as generation,
                       string_agg(distinct seeds, ', ' order by seeds) as seeds,
                       string_agg(distinct seed_weight, ', ' order by seed_weight)
                           filter (seed_weight <> 1) as seed_weight,
                       string_agg(distinct judge, ', ' order by judge) as judge,
                       string_agg(distinct left(judgement, 12), ', ' order by left(judgement, 12)) as judgement,
                       string_agg(distinct rows_of, ', ' order by rows_of) as examples
                from (select *, concat_ws(' ', examples, human) as rows_of from origins) group by all
            )
            select r.lang, r.task, r.method, r.model, r.source, r.num_rows, r.num_shots, r.init_seed, r.shot_seed,
                   r.draw, r.setting, m.reader, m.metric, m.value, m.low, m.high, r.status, m.run, m.key,
                   r.test_key, r.decoding, o.strategy, o.generator, o.generation, o.seeds, o.judge, o.judgement,
                   o.seed_weight, left(md5(concat_ws('|', r.lang, r.task, r.test_key, r.method, r.model, r.setting,
                       cast(a.config -> '$.model' as varchar), cast(a.config -> '$.definition' as varchar), a.version,
                       coalesce(r.num_shots, -1), coalesce(r.decoding, '-'), coalesce(r.source, '-'), r.num_rows,
                       coalesce(o.strategy, '-'), coalesce(o.seeds, '-'), o.seed_weight,
                       coalesce(o.examples, 'draw ' || r.draw, '-'), m.reader, coalesce(e.version, 0))), 12) as result
            from metrics m join runs r on r.key = m.run left join artifacts a on a.key = m.run
                left join artifacts e on e.key = m.key
                left join made o on o.draw = r.draw and o.lang = r.lang and o.task = r.task and o.source = r.source
            where m.key not in (select key from stale);
    """)


#: In order; the store records how many were applied.
MIGRATIONS: tuple[Callable[["DuckDBPyConnection"], None], ...] = (
    m001_initial,
    m002_ledger,
    m003_reviews,
    m004_what_makes_a_result,
    m005_freshness,
    m006_draws_of_unknown_origin,
    m007_run_numbers,
    m008_sentence_ids,
    m009_seed_weights,
)

#: What has rows of artifacts, by the names under which stages give them. `outputs` is a view on `RUN_OUTPUTS`.
ROW_TABLES = ("examples", "verdicts", "reviews", "draws", "runs", "outputs", "metrics", "readings", "sentence_ids",
              "blobs")  # fmt: skip
#: The table whose rows belong to an artifact through the number of its run.
RUN_OUTPUTS = "run_outputs"
#: The tables whose rows belong to an artifact through `key`.
KEYED_TABLES = (*(table for table in ROW_TABLES if table != "outputs"), "made_from")
#: All tables whose rows come and go with an artifact; its own row is the last that comes.
TABLES = (*KEYED_TABLES, RUN_OUTPUTS, "artifacts")

#: Tables that were not there from the first migration on -> the number of the one that made them.
_SINCE = {"reviews": 3, "made_from": 5, "readings": 7, RUN_OUTPUTS: 7, "sentence_ids": 8}
#: Tables that are there no more -> the number of the migration that made something else of them.
_UNTIL = {"outputs": 7}


def tables(applied: int) -> set[str]:
    """Returns the tables that a store with so many migrations has at least; none without any.

    >>> sorted(tables(5) - tables(1)), tables(0), "outputs" in tables(6), "outputs" in tables(7)
    (['made_from', 'reviews'], set(), True, False)
    """
    return {table for table in (*TABLES, *_UNTIL) if _SINCE.get(table, 1) <= applied < _UNTIL.get(table, 2**31)}
