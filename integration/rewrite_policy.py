"""What a rewriting may do: its mode, and a policy for each option that term weights cannot express; pure."""

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from csplade.integration.dialect import PLAIN, Dialect
from csplade.integration.planner import PlanOptions
from csplade.integration.query import DEFAULT_BM25_WEIGHT
from csplade.pipelines.calibration import Calibration
from csplade.pipelines.errors import UsageError


class RewriteMode(enum.StrEnum):
    """What BM25 still does once a clause is rewritten."""

    REPLACE = "replace"
    """Nothing: term weights decide what matches, and the order."""
    HYBRID = "hybrid"
    """Its score is added, and what it finds is found."""
    ANCHORED = "anchored"
    """It decides what matches, term weights decide the order."""


class Option(enum.StrEnum):
    """What a text query may ask for that term weights cannot express; each is a key of the policies."""

    OPERATOR_AND = "operator_and"
    MINIMUM_SHOULD_MATCH = "minimum_should_match"
    FUZZINESS = "fuzziness"
    PHRASE = "phrase"
    SLOP = "slop"
    PREFIX = "prefix"
    ANALYZER = "analyzer"
    ZERO_TERMS_QUERY = "zero_terms_query"
    LENIENT = "lenient"
    OPERATORS = "operators"


class Policy(enum.StrEnum):
    """What becomes of a clause with such an option; the later, the stricter."""

    DROP = "drop"
    """The option is left out."""
    BOOSTING = "boosting"
    """The original stays as well: what it finds is found, and its score is added."""
    REQUIRED = "required"
    """The original must match; its score counts in the mode hybrid only."""
    PASS = "pass"
    """The clause stays as it is."""
    REFUSE = "refuse"
    """The whole search is refused."""


class ScorePolicy(enum.StrEnum):
    """What becomes of something that was tuned to BM25's scores."""

    KEEP = "keep"
    """It stays and meets the new scores."""
    DROP = "drop"
    """It is left out."""
    PASS = "pass"
    """What it belongs to stays as it is."""
    REFUSE = "refuse"
    """The whole search is refused."""


_SEVERITY = tuple(Policy)


@dataclass(frozen=True)
class Policies:
    """One policy for each `Option`, and for what reads scores.

    Raises:
        UsageError: a script shall be left out, which would leave a query without a score.
    """

    operator_and: Policy = Policy.REQUIRED
    """All words must be in a field (`operator`, `default_operator`)."""
    minimum_should_match: Policy = Policy.REQUIRED
    fuzziness: Policy = Policy.BOOSTING
    phrase: Policy = Policy.PASS
    """`match_phrase`, `match_phrase_prefix`, and the types of `multi_match` by these names."""
    slop: Policy = Policy.PASS
    prefix: Policy = Policy.BOOSTING
    """The last word may be incomplete: `match_bool_prefix` and its like."""
    analyzer: Policy = Policy.BOOSTING
    zero_terms_query: Policy = Policy.DROP
    """Text without any term still passes as it is."""
    lenient: Policy = Policy.DROP
    operators: Policy = Policy.REQUIRED
    """A query string with more in it than free text."""
    min_score: ScorePolicy = ScorePolicy.PASS
    score_script: ScorePolicy = ScorePolicy.PASS
    """A script that reads `_score`."""

    def __post_init__(self) -> None:
        if self.score_script is ScorePolicy.DROP:
            raise UsageError("a script cannot be left out of a query: set score_script to keep, pass or refuse")

    def strictest(self, options: Iterable[Option]) -> tuple[Option, Policy] | None:
        """Return the option with the strictest policy; None if there is no option."""
        chosen = [(option, self.of(option)) for option in options]
        return max(chosen, key=lambda pair: _SEVERITY.index(pair[1]), default=None)

    def of(self, option: Option) -> Policy:
        """Return the policy of one option."""
        policy: Policy = getattr(self, option.value)
        return policy


class Shape(enum.StrEnum):
    """How the original clause stands beside its term weights."""

    ALONE = "in its place"
    BESIDE = "beside it"
    FILTER = "it must match, unscored"
    MUST = "it must match, scored"


@dataclass(frozen=True)
class RewriteOptions:
    """How search bodies are rewritten.

    Raises:
        UsageError: BM25's weight is negative or no number.
    """

    mode: RewriteMode = RewriteMode.REPLACE
    bm25_weight: float = DEFAULT_BM25_WEIGHT
    """Factor of BM25's score wherever it counts."""
    policies: Policies = field(default_factory=Policies)
    plan: PlanOptions = field(default_factory=PlanOptions)
    """What may be sent of the vector of one text; several in one search share the cluster's limit."""
    dialect: Dialect = PLAIN
    """How the cluster is asked for term weights."""
    calibration: Calibration | None = None
    """What the weights of vectors are multiplied by for the index."""
    longest_text: int | None = None
    """Characters of a query string that is looked into for its free text; a longer one is taken as it stands."""

    def __post_init__(self) -> None:
        if not 0 <= self.bm25_weight < math.inf:
            raise UsageError(f"BM25 cannot have the weight {self.bm25_weight}: give a number from 0 on")

    def shape(self, policy: Policy | None) -> Shape:
        """Return how the original stands beside its term weights; None: no option needs a policy."""
        if self.mode is RewriteMode.ANCHORED:
            return Shape.FILTER
        counts = self.bm25_weight > 0
        if policy is Policy.REQUIRED:
            return Shape.MUST if self.mode is RewriteMode.HYBRID and counts else Shape.FILTER
        beside = self.mode is RewriteMode.HYBRID or policy is Policy.BOOSTING
        return Shape.BESIDE if beside and counts else Shape.ALONE
