"""Numbers of things in words for people: "1 run", "2 runs". Every message that counts something uses it."""


def counted(number: int, one: str, several: str = "", *, commas: bool = False) -> str:
    """Returns a number with what it counts.

    Args:
        number: How many.
        one: What one of them is called, with the verb where one follows.
        several: What several are called; by default `one` with an s.
        commas: Put a comma between thousands.

    >>> counted(1, "run"), counted(0, "run"), counted(1200, "row", commas=True)
    ('1 run', '0 runs', '1,200 rows')
    >>> counted(1, "run is left out", "runs are left out")
    '1 run is left out'
    """
    return f"{number:{',' if commas else ''}} {one if number == 1 else several or one + 's'}"
