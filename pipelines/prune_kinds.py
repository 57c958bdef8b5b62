"""What vocabulary can be left out of the terms; light, for commands that only name it."""

import enum


class Pruned(enum.StrEnum):
    """A kind of vocabulary ids that no text needs as terms."""

    SPECIAL = "special"
    UNUSED = "unused"
    BYTES = "bytes"

    @property
    def said(self) -> str:
        """Return the kind in words."""
        return {
            Pruned.SPECIAL: "special pieces",
            Pruned.UNUSED: "ids that no piece has",
            Pruned.BYTES: "pieces of single bytes or broken letters",
        }[self]
