"""Runs: which of them are current, as eval and report take them when no keys are given.

Here: the look-up. Not here: what becomes of runs (eval, report).
"""

from collections.abc import Sequence

from sdc.cache.store import Store

#: The sample used last of every source in every cell.
NEWEST_SAMPLES = """
    select key, lang, task from (
        select key, d.lang, d.task, row_number() over (
            partition by d.lang, d.task, d.source order by a.used_at desc, key
        ) as age
        from (select distinct key, lang, task, source from draws) d join artifacts a using (key)
    ) where age = 1"""


def current(store: Store, cells: Sequence[tuple[str, str]] | None = None) -> list[str]:
    """Returns the keys of the runs that count now, in a fixed order.

    These are the runs on a draw of the newest samples of their cell, and the zero-shot runs, which have no draw; both
    only if they were tested on the data that the last used run of the cell was tested on.

    Args:
        store: Where to look.
        cells: (lang, task) pairs; None for all.
    """
    found = store.query(
        f"""with samples as ({NEWEST_SAMPLES}),
        tests as (
            select lang, task, test_key from (
                select r.lang, r.task, r.test_key, row_number() over (
                    partition by r.lang, r.task order by a.used_at desc, r.key
                ) as age
                from runs r join artifacts a using (key)
            ) where age = 1
        )
        select r.key from runs r join tests t using (lang, task, test_key)
        where (r.draw is null or r.draw in (select d.draw from draws d join samples s using (key, lang, task)))
          and (? or r.lang || '/' || r.task in (select unnest(?::varchar[])))
        order by r.task, r.lang, r.method, r.model, r.num_shots, r.num_rows, r.key""",  # noqa: S608 (a constant)
        [cells is None, [f"{lang}/{task}" for lang, task in cells or []]],
    )
    return [row[0] for row in found]
