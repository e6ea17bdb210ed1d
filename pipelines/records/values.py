"""Which values there are: labels, statuses and sizes, for whoever has to choose among them.

Here: the values of columns. Not here: rows.
"""

from sdc.cache.store import Store


def labels(store: Store) -> list[str]:
    """Returns the names of the labels that examples have, sorted."""
    sql = "select distinct label_name from examples where label_name is not null order by all"
    return [name for (name,) in store.query(sql)]


def statuses(store: Store) -> list[str]:
    """Returns the statuses that examples have, sorted."""
    return [name for (name,) in store.query("select distinct status from examples order by all")]


def sizes(store: Store) -> list[str]:
    """Returns the nominal sizes that were drawn, by number, `all` last."""
    sql = "select size from (select distinct size from draws) order by try_cast(size as bigint) nulls last, size"
    return [size for (size,) in store.query(sql)]
