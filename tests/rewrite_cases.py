"""All rows of the rewriter's conformance table, in the order of docs/rewriting.md."""

from csplade.tests.rewrite_body_cases import BODY_CASES
from csplade.tests.rewrite_compound_cases import COMPOUND_CASES
from csplade.tests.rewrite_policy_cases import POLICY_CASES
from csplade.tests.rewrite_text_cases import TEXT_CASES

CASES = (*TEXT_CASES, *POLICY_CASES, *COMPOUND_CASES, *BODY_CASES)
