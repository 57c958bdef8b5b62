"""What requests ask for, by methods and paths as the interfaces of OpenSearch and Elasticsearch have them."""

import pytest
from csplade.integration.gateway_targets import Kind, Target, read_reading, read_target, with_index


@pytest.mark.parametrize(
    ("method", "path", "kind", "names"),
    [
        ("GET", "/a,b*/_search", Kind.SEARCH, "a,b*"),
        ("POST", "/_search", Kind.SEARCH, ""),
        ("POST", "/_all/_search", Kind.SEARCH, "_all"),
        ("POST", "/a/_async_search", Kind.SEARCH, "a"),
        ("POST", "/_async_search", Kind.SEARCH, ""),
        ("POST", "/_plugins/_asynchronous_search", Kind.SEARCH, ""),
        ("GET", "/%61/_search/template", Kind.TEMPLATE, "a"),
        ("POST", "/a/_msearch/template", Kind.MANY_TEMPLATES, "a"),
        ("POST", "/a/_explain/7", Kind.EXPLAIN, "a"),
        ("POST", "/a/_pit", Kind.OPEN_PIT, "a"),
        ("POST", "/a/_search/point_in_time", Kind.OPEN_PIT, "a"),
        ("DELETE", "/_pit", Kind.CLOSE_PIT, ""),
        ("DELETE", "/_search/point_in_time", Kind.CLOSE_PIT, ""),
        ("DELETE", "/_search/point_in_time/_all", Kind.CLOSE_PIT, ""),
        ("PUT", "/_bulk", Kind.BULK, ""),
        ("PUT", "/a/_create/7", Kind.INDEX, "a"),
        ("POST", "/a/_search/", Kind.SEARCH, "a"),
        ("PUT", "/a/_doc/7//", Kind.INDEX, "a"),
        ("POST", "/a/_doc/", Kind.INDEX, "a"),
    ],
)
def test_searches_and_writes_are_known(method: str, path: str, kind: Kind, names: str) -> None:
    assert read_target(method, path.encode()) == Target(kind, names)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        # What becomes of an asynchronous search is asked, and dropped, as it is.
        ("GET", "/_async_search/FmRldE8zREVEUzA2ZVpUeGs2ejJFUFEaMkZ5QTVrSTZSaVN3WlNFVmtlWHJsdzoxMDc="),
        ("GET", "/_async_search/status/FmRldE8zREVEUzA2ZVpUeGs2ejJFUFE="),
        ("DELETE", "/_async_search/FmRldE8zREVEUzA2ZVpUeGs2ejJFUFE="),
        ("GET", "/_plugins/_asynchronous_search/FmRldE8zREVEUzA2ZVpUeGs2ejJFUFE="),
        ("DELETE", "/_plugins/_asynchronous_search/FmRldE8zREVEUzA2ZVpUeGs2ejJFUFE="),
        ("GET", "/_plugins/_asynchronous_search/stats"),
        ("GET", "/_async_search"),
        ("POST", "/_search/scroll"),
        ("PUT", "/a/_search"),
        ("DELETE", "/a/_pit"),
        ("DELETE", "/_search/scroll"),
        ("GET", "/a/_doc/7"),
        ("POST", "/a//_search"),
        ("POST", "//a/_search"),
        ("POST", "/a/_doc//7"),
        ("GET", "//"),
        ("POST", "/%ff/_search"),
    ],
)
def test_all_else_is_left_alone(method: str, path: str) -> None:
    assert read_target(method, path.encode()) is None


@pytest.mark.parametrize(
    ("method", "path", "kind", "otherwise"),
    [
        ("POST", "/a/_doc/7/_update", Kind.UPDATE, None),
        ("PUT", "/a/_doc/7/_create/", Kind.INDEX, None),
        ("POST", "/a/_doc/7/_create", Kind.INDEX, None),
        ("PUT", "/a/_doc/_bulk", Kind.BULK, Kind.INDEX),
        ("POST", "/a/_doc/_bulk", Kind.BULK, Kind.INDEX),
        ("POST", "/a/_doc/_search", Kind.SEARCH, Kind.INDEX),
        ("GET", "/a/_doc/_search", Kind.SEARCH, None),
        ("PUT", "/a/_doc/_search", Kind.INDEX, Kind.INDEX),
        ("POST", "/a/_doc/_msearch", Kind.MANY, Kind.INDEX),
        ("GET", "/a/_doc/_count", Kind.COUNT, None),
        ("GET", "/a/_doc/_validate/query", Kind.VALIDATE, None),
        ("GET", "/a/_doc/7/_explain", Kind.EXPLAIN, None),
        ("POST", "/a/_doc/_update", Kind.INDEX, Kind.INDEX),
        ("PUT", "/a/t/7", None, None),
        ("POST", "/a/t/_bulk", None, None),
        ("POST", "/a/t/_search", None, None),
        ("POST", "/_doc/_search", None, None),
    ],
)
def test_paths_with_a_type_are_known_where_the_cluster_knows_them(
    method: str, path: str, kind: Kind | None, otherwise: Kind | None
) -> None:
    for typed, wanted in ((True, kind), (False, otherwise)):
        found = read_target(method, path.encode(), typed)
        assert found == (None if wanted is None else Target(wanted, "a"))


def test_a_parameter_names_indexes_where_the_path_does_not() -> None:
    target = Target(Kind.SEARCH, "")
    assert with_index(target, "a,b") == Target(Kind.SEARCH, "a,b")
    assert with_index(target, None) is target
    assert with_index(Target(Kind.SEARCH, "c"), "a") == Target(Kind.SEARCH, "c")


@pytest.mark.parametrize(
    ("method", "path", "kind", "names"),
    [
        ("GET", "/a/_doc/7", Kind.DOCUMENT, "a"),
        ("GET", "/a/_source/7", Kind.DOCUMENT, "a"),
        ("GET", "/_mget", Kind.DOCUMENTS, ""),
        ("POST", "/%61/_mget/", Kind.DOCUMENTS, "a"),
    ],
)
def test_documents_that_are_read_by_their_ids_are_known(method: str, path: str, kind: Kind, names: str) -> None:
    assert read_reading(method, path.encode()) == Target(kind, names)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("HEAD", "/a/_doc/7"), ("DELETE", "/a/_doc/7"), ("POST", "/a/_doc/7"), ("GET", "/a/_doc"), ("PUT", "/_mget")),
        *(("GET", "/_nodes/_doc/7"), ("GET", "/a/_termvectors/7"), ("GET", "/a/_doc/7/_source"), ("GET", "/")),
    ],
)
def test_what_reads_none_is_left_alone(method: str, path: str) -> None:
    assert read_reading(method, path.encode()) is None


def test_where_paths_may_have_types_those_with_doc_are_read() -> None:
    assert read_reading("GET", b"/a/_doc/7/_source", typed=True) == Target(Kind.DOCUMENT, "a")
