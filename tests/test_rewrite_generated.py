"""Whatever a search body holds, rewriting it raises nothing, changes nothing of it, and leaves alone what it leaves."""

import copy

import orjson
from csplade.integration.rewrite import rewrite
from csplade.integration.rewrite_policy import Policies, Policy, RewriteMode, RewriteOptions
from csplade.integration.rewrite_report import Outcome
from csplade.integration.rewrite_template import rewrite_template
from csplade.tests.rewrite_bodies import Json, bodies, disfigured
from csplade.tests.rewrite_index import FIELD_MAP
from csplade.tests.word_encoder import word_vector
from hypothesis import given, settings
from hypothesis import strategies as st

MODES = list(RewriteMode)


def check(body: Json, mode: RewriteMode) -> None:
    """Rewrite one body and look at what must always be so."""
    before = copy.deepcopy(body)
    options = RewriteOptions(mode)
    done = rewrite(body, FIELD_MAP, word_vector, options)
    assert body == before
    assert orjson.dumps(done.body)
    if not done.changes:
        assert done.body is body
    assert all(decision.path.startswith("$") and decision.reason for decision in done.decisions)
    unchanged = {
        name for name in body if name not in ("query", "rescore", "highlight", "collapse", "aggs", "min_score")
    }
    assert all(done.body[name] is body[name] for name in unchanged)


@given(mode=st.sampled_from(MODES), body=bodies)
@settings(max_examples=100)
def test_bodies_that_a_cluster_takes(mode: RewriteMode, body: Json) -> None:
    check(body, mode)


@given(mode=st.sampled_from(MODES), body=disfigured)
@settings(max_examples=200)
def test_bodies_of_any_kind(mode: RewriteMode, body: Json) -> None:
    check(body, mode)
    rewrite_template({"source": body, "params": body}, FIELD_MAP, word_vector, RewriteOptions(mode))


@given(body=bodies)
@settings(max_examples=60)
def test_an_anchored_body_that_is_rewritten_again_stays_as_it_is(body: Json) -> None:
    options = RewriteOptions(RewriteMode.ANCHORED)
    once = rewrite(body, FIELD_MAP, word_vector, options).body
    assert rewrite(once, FIELD_MAP, word_vector, options).body == once


@given(body=bodies)
@settings(max_examples=60)
def test_what_is_refused_is_never_changed(body: Json) -> None:
    policies = Policies(operator_and=Policy.REFUSE, fuzziness=Policy.REFUSE, operators=Policy.REFUSE)
    done = rewrite(body, FIELD_MAP, word_vector, RewriteOptions(policies=policies))
    if done.refused:
        assert done.body is body
        assert all(decision.outcome is not Outcome.REWRITTEN for decision in done.decisions)
