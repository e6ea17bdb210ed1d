"""What the store knows of time, tokens, energy and money.

Here: the queries. Not here: what calls and fits write down (stages), what is made of it (report).
"""

from sdc.cache.store import Store


def energy_kwh(store: Store) -> float | None:
    """Returns the energy of all artifacts that have any, in kWh; None if it was never measured."""
    found = store.query("select sum(energy_kwh) from ledger")
    return None if found[0][0] is None else float(found[0][0])
