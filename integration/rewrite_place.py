"""Where a clause stands in a search body, and what its place says about it."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Place:
    """Where a clause stands."""

    path: str
    nested: str | None = None
    """The nested objects that it is about."""
    depth: int = 0
    counted: bool = False
    """A `bool` above counts its clauses that match, which it would do wrongly if one matched more than its original."""
    factor: bool = False
    """A low score lowers that of the document: a match that scores 0 would fall below what does not match."""

    def at(self, *steps: str | int) -> "Place":
        """Return a place below this one."""
        below = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
        return replace(self, path=self.path + below)
