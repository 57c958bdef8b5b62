"""Numbers of things as sentences have them: `1 document`, `2 documents`."""


def number_of(number: int, one: str, several: str | None = None) -> str:
    """Return a number with what it counts; `several` is the form for others than 1, if it is not `one` with an s."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"
