"""Values of options that a cluster checks though term weights make nothing of them: what it refuses stays so; pure.

A value that is not known here passes, and so does its clause, whatever the cluster makes of it.
"""

import re
from collections.abc import Callable, Mapping

_Check = Callable[[object], bool]
_REWRITE = re.compile(
    r"constant_score|scoring_boolean|constant_score_boolean|top_terms(?:_boost|_blended_freqs)?_[1-9]\d*"
)
_ZONE = re.compile(r"Z|UTC|GMT|[+-]\d\d:\d\d|[A-Z][A-Za-z]+(?:/[A-Z][A-Za-z_+\-]*)+")
_FUZZY = re.compile(r"auto(?::\d,\d)?|[0-2]", re.IGNORECASE)
_COUNT = r"-?\d{1,4}%?"
_COUNTS = re.compile(rf"{_COUNT}|\d+<{_COUNT}(?: \d+<{_COUNT})*")
_MOST = 10**6
"""No search needs larger numbers, and clusters have limits."""


def acceptable(name: str, value: object) -> bool:
    """Say whether an option may have a value; those that decide something here are looked at where they do."""
    check = _CHECKS.get(name)
    return check is None or check(value)


def _is_truth(value: object) -> bool:
    return isinstance(value, bool) or value in ("true", "false")


def _from(least: int) -> _Check:
    def is_whole(value: object) -> bool:
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        return type(number) is int and least <= number <= _MOST

    return is_whole


def _is_share(value: object) -> bool:
    return type(value) in (int, float) and isinstance(value, int | float) and 0 <= value <= 1


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _fits(pattern: re.Pattern[str]) -> _Check:
    return lambda value: pattern.fullmatch(str(value)) is not None and isinstance(value, str)


def _is_count(value: object) -> bool:
    return type(value) in (int, str) and _COUNTS.fullmatch(str(value)) is not None


def _is_fuzziness(value: object) -> bool:
    return type(value) in (int, str) and _FUZZY.fullmatch(str(value)) is not None


_CHECKS: Mapping[str, _Check] = {
    **dict.fromkeys(("fuzzy_transpositions", "auto_generate_synonyms_phrase_query", "analyze_wildcard"), _is_truth),
    **dict.fromkeys(("allow_leading_wildcard", "enable_position_increments", "lenient"), _is_truth),
    **dict.fromkeys(("prefix_length", "fuzzy_prefix_length", "fuzzy_max_expansions"), _from(0)),
    **dict.fromkeys(("phrase_slop", "slop", "max_determinized_states"), _from(0)),
    **dict.fromkeys(("analyzer", "quote_analyzer", "quote_field_suffix"), _is_text),
    **dict.fromkeys(("rewrite", "fuzzy_rewrite"), _fits(_REWRITE)),
    "minimum_should_match": _is_count,
    "max_expansions": _from(1),
    "tie_breaker": _is_share,
    "time_zone": _fits(_ZONE),
    "fuzziness": _is_fuzziness,
}
