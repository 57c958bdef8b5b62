"""What became of each clause of a search body, and the body that goes to the cluster."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

JsonObject = Mapping[str, Any]  # Any: JSON values


class Outcome(enum.StrEnum):
    """What became of a clause."""

    REWRITTEN = "rewritten"
    """It is scored by term weights now."""
    KEPT = "kept"
    """It stays, as there is nothing to rewrite."""
    PASSED = "passed"
    """It stays although it may hold text: not understood, or so by policy."""
    REFUSED = "refused"
    """The configuration forbids it, and the whole body stays as it is."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one clause."""

    path: str
    """Where it stands in the original body: `$.query.bool.must[0]`."""
    clause: str
    """Its name, such as `match`."""
    outcome: Outcome
    policy: str
    """What decided: the mode, or an option's policy as in `operator_and: required`; empty if nothing had to."""
    reason: str


@dataclass(frozen=True)
class Rewritten:
    """A search body that is ready to be sent, and how it came about.

    Parts that did not change are the very objects of the original: change neither.
    """

    body: JsonObject
    decisions: tuple[Decision, ...] = ()

    @property
    def changes(self) -> tuple[Decision, ...]:
        """Return what was rewritten; nothing of it, and the body is the original."""
        return self._of(Outcome.REWRITTEN)

    @property
    def passed(self) -> tuple[Decision, ...]:
        """Return what was not understood, or passes by policy."""
        return self._of(Outcome.PASSED)

    @property
    def refused(self) -> tuple[Decision, ...]:
        """Return what the configuration forbids; the body is the original then, and should not be sent."""
        return self._of(Outcome.REFUSED)

    def _of(self, outcome: Outcome) -> tuple[Decision, ...]:
        return tuple(decision for decision in self.decisions if decision.outcome is outcome)


_STOPPING = ("pass", "refuse")


class Journal:
    """Collects decisions while a body is walked through."""

    def __init__(self) -> None:
        self.decisions: list[Decision] = []

    def rewritten(self, path: str, clause: str, policy: str, reason: str) -> None:
        """Note a clause that is scored by term weights now."""
        self.decisions.append(Decision(path, clause, Outcome.REWRITTEN, policy, reason))

    def kept(self, path: str, clause: str, reason: str) -> None:
        """Note a clause with nothing to rewrite."""
        self.decisions.append(Decision(path, clause, Outcome.KEPT, "", reason))

    def passed(self, path: str, clause: str, reason: str, policy: str = "") -> None:
        """Note a clause that stays although it may hold text."""
        self.decisions.append(Decision(path, clause, Outcome.PASSED, policy, reason))

    def refused(self, path: str, clause: str, reason: str, policy: str) -> None:
        """Note a clause that the configuration forbids."""
        self.decisions.append(Decision(path, clause, Outcome.REFUSED, policy, reason))

    def stopped(self, path: str, clause: str, reason: str, key: str, policy: str) -> bool:
        """Note a clause whose policy is to pass or to be refused; say whether it is."""
        if policy not in _STOPPING:
            return False
        note = self.passed if policy == "pass" else self.refused
        note(path, clause, reason, f"{key}: {policy}")
        return True
