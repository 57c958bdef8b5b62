"""All rows of the rewriter's conformance table, in the order of docs/rewriting.md."""

from csplade.tests.rewrite_body_cases import BODY_CASES
from csplade.tests.rewrite_body_score_cases import BODY_SCORE_CASES
from csplade.tests.rewrite_bool_cases import BOOL_CASES
from csplade.tests.rewrite_fields_cases import FIELDS_CASES
from csplade.tests.rewrite_function_cases import FUNCTION_CASES
from csplade.tests.rewrite_joined_cases import JOINED_CASES
from csplade.tests.rewrite_policy_cases import POLICY_CASES
from csplade.tests.rewrite_text_cases import TEXT_CASES

CASES = (
    *TEXT_CASES,
    *FIELDS_CASES,
    *POLICY_CASES,
    *BOOL_CASES,
    *FUNCTION_CASES,
    *JOINED_CASES,
    *BODY_CASES,
    *BODY_SCORE_CASES,
)
