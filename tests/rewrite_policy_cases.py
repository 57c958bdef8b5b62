"""Rows of the conformance table about policies: each option of a text clause under each of them."""

from collections.abc import Iterator, Mapping

from csplade.integration.rewrite_policy import Option, Policy
from csplade.tests.rewrite_case import (
    PASSED,
    REFUSED,
    REPLACE,
    REWRITTEN,
    Case,
    Json,
    Q,
    anchored,
    beside,
    match,
    multi,
    string,
    weights,
)

# What asks for that option, and for no other.
_ASKING: Mapping[Option, Json] = {
    Option.OPERATOR_AND: match(operator="and"),
    Option.MINIMUM_SHOULD_MATCH: match(minimum_should_match="75%"),
    Option.FUZZINESS: match(fuzziness="AUTO"),
    Option.PHRASE: {"match_phrase": {"text": Q}},
    Option.SLOP: multi("text", slop=1),
    Option.PREFIX: {"match_bool_prefix": {"text": Q}},
    Option.ANALYZER: match(analyzer="standard"),
    Option.ZERO_TERMS_QUERY: match(zero_terms_query="all"),
    Option.LENIENT: match(lenient=True),
    Option.OPERATORS: string("fresh AND bread"),
}


def _under_each(option: Option, query: Json) -> Iterator[Case]:
    sent: Mapping[Policy, Json | None] = {
        Policy.DROP: weights(),
        Policy.BOOSTING: beside(weights(), query),
        Policy.REQUIRED: anchored(query),
        Policy.PASS: None,
        Policy.REFUSE: None,
    }
    outcomes = {Policy.PASS: PASSED, Policy.REFUSE: REFUSED}
    for policy in Policy:
        outcome, decided = outcomes.get(policy, REWRITTEN), f"{option}: {policy}"
        yield Case("policies", f"`{option}`", query, sent[policy], outcome, decided, REPLACE, {option: policy})


POLICY_CASES = tuple(case for option, query in _ASKING.items() for case in _under_each(option, query))
