"""What the gateway did with a search or a write, as callers, counts and logs are told."""

import enum
from dataclasses import dataclass

VERDICT_HEADER = b"x-csplade"
"""On answers to searches and writes: `rewritten`, `passed; no_rules`, `failed-open; encoder_slow` and the like."""


class Outcome(enum.StrEnum):
    """What was sent to the cluster."""

    REWRITTEN = "rewritten"
    """A search by term weights, or a write with them."""
    PASSED = "passed"
    """What the caller sent, as it should be."""
    FAILED_OPEN = "failed-open"
    """What the caller sent, although it should have been rewritten."""


class Why(enum.StrEnum):
    """Why it was not rewritten, or what else is to be said."""

    NONE = ""
    NO_RULES = "no_rules"
    """The configuration says nothing about the indexes."""
    MIXED_RULES = "mixed_rules"
    """Not all of the indexes have the same rules."""
    UNRESOLVED = "unresolved"
    """It could not be found out which indexes are meant."""
    UNKNOWN_CALLER = "not_authenticated"
    """The cluster does not know who asks, and will say so."""
    LOOKUP_SLOW = "lookup_slow"
    """The cluster did not say in time which indexes are meant, or what their mappings have."""
    OTHER_ENCODER = "other_encoder"
    """The weights of an index were made by another encoder."""
    UNKNOWN_PIT = "unknown_pit"
    """The point in time was not opened through this gateway."""
    SIGNED = "signed"
    """The caller's signature is only good for what the caller sent."""
    NOT_READ = "not_read"
    """It is no plain JSON, or of a form that is not known."""
    TOO_LARGE = "too_large"
    NOTHING = "nothing_to_rewrite"
    NOT_UNDERSTOOD = "not_understood"
    """A clause that may hold text is not understood, or passes by policy, and nothing else was rewritten."""
    LONG = "long_text"
    """A text of it is longer than searches may have encoded."""
    ROLLOUT = "rollout"
    """It is not this caller's turn."""
    SHADOW = "shadow"
    """The same, and term weights were tried beside it."""
    NO_FIELD = "no_weights_field"
    """The mapping of an index lacks a field for weights that its rules name, or may not be seen by who writes."""
    MIXED_FIELDS = "mixed_fields"
    """The fields for weights are of different types, which no one search asks."""
    LEFT = "left_for_enrich"
    """A write whose weights `csplade enrich` makes."""
    ENCODER_SLOW = "encoder_slow"
    """Vectors, or the rewriting itself, took longer than there was time for."""
    ENCODER_BROKEN = "encoder_broken"
    RENDERING_SLOW = "rendering_slow"
    """The cluster did not say in time what it makes of a template."""
    NOT_RENDERED = "not_rendered"
    """The cluster does not say what it makes of a template, or what it says is not understood."""
    TIMED_OUT = "timed_out"
    """It was rewritten, and ended at the caller's own timeout before the cluster had looked everywhere."""
    CLUSTER_REFUSED = "cluster_refused"
    """The cluster would not run the rewritten search, or not on all shards."""


class Shown(enum.StrEnum):
    """Why weights may be seen though the rules hide them."""

    NOT_READ = "not_read"
    """The request is signed, too large, no plain JSON, or of a form that is not known."""
    FIELDS = "fields"
    """It asks by a pattern for `fields`, which excludes nothing."""
    TEMPLATE = "template"
    """It is a template that can be read only once it is filled, and is not rewritten then."""
    UNRESOLVED = "unresolved"
    """Its indexes are not known, or not all of them have the same rules."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one request."""

    outcome: Outcome
    why: Why = Why.NONE
    detail: str = ""
    """Of several searches or documents in one request: how many were rewritten."""

    def header(self) -> bytes:
        """Return the value of the answer's header."""
        return "; ".join(part for part in (self.outcome.value, self.why.value, self.detail) if part).encode()


_TROUBLE = (Why.RENDERING_SLOW, Why.NOT_RENDERED)


def passed(why: Why) -> Verdict:
    """Return the verdict of a request that is sent as it came; where the reason is trouble, it failed open."""
    return Verdict(Outcome.FAILED_OPEN if why in _TROUBLE else Outcome.PASSED, why)


def failed_open(why: Why) -> Verdict:
    """Return the verdict of a request that should have been rewritten."""
    return Verdict(Outcome.FAILED_OPEN, why)
