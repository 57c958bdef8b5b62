"""The table of dialects: which clusters are known, how others are refused, and how a field that is there is asked."""

from dataclasses import replace
from typing import Any

import pytest
from csplade.integration.dialect import (
    LINES,
    NEURAL_SEARCH,
    PLAIN,
    Clause,
    Dialect,
    Feature,
    dialect_for,
    dialect_of_field,
)
from csplade.integration.errors import ClusterError, IndexConflictError
from csplade.pipelines.errors import UsageError

NEURAL = (NEURAL_SEARCH, "opensearch-knn")


@pytest.mark.parametrize(
    ("distribution", "version", "plugins", "field_type", "clause"),
    [
        ("opensearch", "2.0.0", (), "rank_features", "rank_feature"),
        ("opensearch", "2.19.0", (), "rank_features", "rank_feature"),
        ("opensearch", "3.8.0", (), "rank_features", "rank_feature"),
        ("opensearch", "3.9.0-SNAPSHOT", ("opensearch-knn",), "rank_features", "rank_feature"),
        ("opensearch", "2.13.0", NEURAL, "rank_features", "rank_feature"),
        ("opensearch", "2.14.0", NEURAL, "rank_features", "neural_sparse"),
        ("opensearch", "3.6.0", NEURAL, "rank_features", "neural_sparse"),
        ("elasticsearch", "7.12.0", (), "rank_features", "rank_feature"),
        ("elasticsearch", "7.17.29", (), "rank_features", "rank_feature"),
        ("elasticsearch", "8.14.3", NEURAL, "rank_features", "rank_feature"),
        ("elasticsearch", "8.15.0", (), "sparse_vector", "sparse_vector"),
        ("elasticsearch", "9.2.0", (), "sparse_vector", "sparse_vector"),
    ],
)
def test_a_cluster_stores_and_scores_by_its_row(
    distribution: str, version: str, plugins: tuple[str, ...], field_type: str, clause: str
) -> None:
    found = dialect_for(distribution, version, plugins)
    assert (found.distribution, found.version) == (distribution, version)
    assert (found.field_type, found.clause, found.max_clauses) == (field_type, clause, 1024)


@pytest.mark.parametrize(
    ("distribution", "version"),
    [
        *(("opensearch", "1.3.0"), ("opensearch", "4.0.0"), ("elasticsearch", "6.8.0"), ("elasticsearch", "7.11.2")),
        *(("elasticsearch", "10.0.0"), ("other", "three"), ("opensearch", "")),
    ],
)
def test_another_cluster_is_refused_by_name_and_version(distribution: str, version: str) -> None:
    with pytest.raises(ClusterError, match=rf"the cluster is {distribution} {version}.* Elasticsearch from 7\.12 to 9"):
        dialect_for(distribution, version)


def test_rows_of_one_kind_of_server_do_not_overlap() -> None:
    for line in LINES:
        assert line.since < line.before
        others = [other for other in LINES if other is not line and other.distribution == line.distribution]
        for other in others:
            if other.plugin == line.plugin:
                assert other.before <= line.since or line.before <= other.since


@pytest.mark.parametrize(
    ("version", "prunes", "hides"), [("8.15.0", False, False), ("9.1.3", True, False), ("9.2.0", True, True)]
)
def test_newer_elasticsearch_prunes_and_hides_what_it_is_not_told_to_leave(
    version: str, prunes: bool, hides: bool
) -> None:
    found = dialect_for("elasticsearch", version)
    assert (found.prunes, found.hides_weights) == (prunes, hides)


def test_what_a_cluster_lacks_is_refused_with_what_has_it() -> None:
    dialect_for("opensearch", "3.6.0", NEURAL).require(Feature.SEISMIC)
    dialect_for("opensearch", "2.19.0", NEURAL).require(Feature.HYBRID_QUERY)
    with pytest.raises(UsageError, match=r"OpenSearch 2\.19\.0 has no SEISMIC fields: .* opensearch-neural-search"):
        dialect_for("opensearch", "2.19.0", NEURAL).require(Feature.SEISMIC)
    with pytest.raises(UsageError, match=r"Elasticsearch 9\.2\.0 has no hybrid queries"):
        dialect_for("elasticsearch", "9.2.0").require(Feature.HYBRID_QUERY)
    with pytest.raises(UsageError, match="this cluster has no hybrid queries"):
        PLAIN.require(Feature.HYBRID_QUERY)


def test_only_one_clause_limits_the_weights_of_a_query() -> None:
    assert [clause for clause in Clause if clause.largest_weight < 1e30] == [Clause.NEURAL_SPARSE]


def test_a_field_is_asked_as_the_cluster_that_made_it_would() -> None:
    neural = replace(dialect_for("opensearch", "3.6.0", NEURAL), max_clauses=7)
    assert dialect_of_field({"type": "rank_features"}, neural) == neural
    # An index that was made before an upgrade keeps its field.
    nine = replace(dialect_for("elasticsearch", "9.2.0"), max_clauses=7)
    assert dialect_of_field({"type": "sparse_vector"}, nine) == nine
    old = dialect_of_field({"type": "rank_features"}, nine)
    assert (old.clause, old.field_type, old.version, old.max_clauses) == ("rank_feature", "rank_features", "9.2.0", 7)


def test_without_a_word_of_the_cluster_the_field_decides() -> None:
    assert dialect_of_field({"type": "rank_features"}, None) == PLAIN
    found = dialect_of_field({"type": "sparse_vector", "index_options": {"prune": False}}, None)
    assert found == Dialect("elasticsearch", "", "sparse_vector", Clause.SPARSE_VECTOR, hides_weights=True)


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ({"type": "sparse_vector", "method": {"name": "seismic"}}, r"sparse_vector \(SEISMIC\)"),
        ({"type": "rank_feature"}, "rank_feature"),
        ({"properties": {}}, "None"),
    ],
)
def test_a_field_whose_scores_are_no_dot_products_is_refused(field: dict[str, Any], named: str) -> None:
    with pytest.raises(IndexConflictError, match=rf"a field of type {named}, which csplade does not ask"):
        dialect_of_field(field, None)
