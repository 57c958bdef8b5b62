"""Dialects: which clusters are known, and how others are refused."""

import pytest
from csplade.integration.client import connect
from csplade.integration.dialect import Dialect, dialect_for, read_dialect
from csplade.integration.errors import ClusterError


@pytest.mark.parametrize("version", ["2.19.0", "3.8.0", "3.9.0-SNAPSHOT"])
def test_opensearch_2_and_3_score_rank_features(version: str) -> None:
    assert dialect_for("opensearch", version) == Dialect("opensearch", version, "rank_features", "rank_feature", 1024)


@pytest.mark.parametrize(
    ("distribution", "version"), [("opensearch", "1.3.0"), ("elasticsearch", "6.8.0"), ("other", "three")]
)
def test_another_cluster_is_refused_by_name_and_version(distribution: str, version: str) -> None:
    with pytest.raises(ClusterError, match=rf"the cluster is {distribution} {version}"):
        dialect_for(distribution, version)


@pytest.mark.cluster
def test_the_server_says_what_it_is(opensearch: str) -> None:
    dialect = read_dialect(connect(opensearch))
    assert dialect.distribution == "opensearch"
    assert dialect.version.startswith("3.")
