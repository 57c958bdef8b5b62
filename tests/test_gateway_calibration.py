"""Searches through a gateway weigh the query for the index, if it holds what was measured in it."""

from collections.abc import Iterator

import pytest
from csplade.integration.rewrite import rewrite
from csplade.integration.rewrite_policy import RewriteOptions
from csplade.pipelines.calibration import Calibration
from csplade.tests.gateway_searches import DOCUMENTS, Json, Stage, hits, stage, verdict
from csplade.tests.rewrite_index import FIELD_MAP, fill_index
from csplade.tests.word_encoder import word_contract, word_vector

pytestmark = pytest.mark.cluster

MATCH: Json = {"query": {"match": {"text": "fresh salted bread"}}, "size": 20}
MEASURED = Calibration({"bread": 0.25, "salted": 3.0}, 1.5, 500)


@pytest.fixture(scope="module")
def staged(opensearch: str) -> Iterator[Stage]:
    with stage(opensearch, "replace") as running:
        fill_index(running.direct, running.index("replace-too"), DOCUMENTS)
        for mode in ("replace", "replace-too"):
            measure(running, mode, of_encoder(MEASURED))
        yield running


def of_encoder(calibration: Calibration, fingerprint: str = word_contract().fingerprint) -> Json:
    """Return what the mapping holds of it."""
    return {**calibration.to_json(), "fingerprint": fingerprint, "of": 500}


def measure(staged: Stage, mode: str, calibration: object) -> None:
    fingerprint = word_contract().fingerprint
    ours = {"fingerprint": fingerprint, "calibration": calibration}
    staged.direct.indices.put_mapping(index=staged.index(mode), body={"_meta": {"csplade": ours}})


def wanted(staged: Stage, names: str, calibration: Calibration | None) -> list[tuple[str, float]]:
    """Return the hits of the rewritten body, asked of the cluster itself."""
    body = rewrite(MATCH, FIELD_MAP, word_vector, RewriteOptions(calibration=calibration)).body
    return hits(staged.ask("POST", f"/{names}/_search", dict(body), direct=True))


def test_weights_are_those_for_the_index(staged: Stage) -> None:
    index = staged.index("replace")
    answer = staged.ask("POST", f"/{index}/_search", MATCH)
    assert verdict(answer) == "rewritten"
    assert hits(answer) == wanted(staged, index, MEASURED)
    assert hits(answer) != wanted(staged, index, None)


def test_an_index_that_is_not_there_takes_nothing_from_those_of_another(staged: Stage) -> None:
    index = staged.index("replace")
    answer = staged.ask("POST", f"/{index},{index}-gone/_search?ignore_unavailable=true", MATCH)
    assert verdict(answer) == "rewritten"
    assert hits(answer) == wanted(staged, index, MEASURED)


def test_weights_for_several_indexes_are_those_of_the_encoder(staged: Stage) -> None:
    names = f"{staged.index('replace')},{staged.index('replace-too')}"
    answer = staged.ask("POST", f"/{names}/_search", MATCH)
    assert verdict(answer) == "rewritten"
    assert hits(answer) == wanted(staged, names, None)


@pytest.mark.parametrize(
    "calibration",
    [
        of_encoder(MEASURED, "another"),
        {**of_encoder(MEASURED), "factors": {"bread": "much"}},
        {**of_encoder(MEASURED), "other": 10**400},
        [],
        False,
    ],
)
def test_what_fits_another_encoder_or_nothing_is_as_good_as_none(opensearch: str, calibration: object) -> None:
    with stage(opensearch, "replace") as running:
        measure(running, "replace", calibration)
        answer = running.ask("POST", f"/{running.index('replace')}/_search", MATCH)
        assert verdict(answer) == "rewritten"
        assert hits(answer) == wanted(running, running.index("replace"), None)


def test_rules_may_leave_it_out(opensearch: str) -> None:
    with stage(opensearch, "replace", more={"calibration": False}) as running:
        measure(running, "replace", of_encoder(MEASURED))
        answer = running.ask("POST", f"/{running.index('replace')}/_search", MATCH)
        assert hits(answer) == wanted(running, running.index("replace"), None)
