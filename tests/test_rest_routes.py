"""Routes that are read out of a server's archives."""

import pytest
from csplade.integration.servers import OPENSEARCH_3
from csplade.tests.java_class import Called, Field, JavaClass, Method, Step, Text
from csplade.tests.local_node import home_of
from csplade.tests.rest_routes import Route, UnreadRoute, read_routes, route_of, routes_of

NEW = Called("org/opensearch/rest/RestHandler$Route", "<init>", "(La/RestRequest$Method;Ljava/lang/String;)V")
GET = Field("org/opensearch/rest/RestRequest$Method", "GET")


def made_by(*steps: Step) -> list[Route]:
    return list(routes_of(JavaClass("org/opensearch/rest/Some", "", (Method("routes", steps),))))


def test_a_route_is_made_of_the_constants_before_it() -> None:
    assert made_by(GET, Text("/a"), NEW, GET, Text("_b/{c}"), NEW) == [Route("GET", "/a"), Route("GET", "/_b/{c}")]


@pytest.mark.parametrize(
    "steps", [(GET, NEW), (Text("/a"), NEW), (GET, Text("a reason"), NEW), (GET, GET, Text("/a"), NEW)]
)
def test_a_route_of_something_else_is_told(steps: tuple[Step, ...]) -> None:
    with pytest.raises(UnreadRoute, match=r"org/opensearch/rest/Some\.routes"):
        made_by(*steps)


BUILDER = "java/lang/StringBuilder"
APPEND = Called(BUILDER, "append", "(Ljava/lang/String;)Ljava/lang/StringBuilder;")
TO_STRING = Called(BUILDER, "toString", "()Ljava/lang/String;")
LOG = Called("org/opensearch/Log", "warn", "(Ljava/lang/String;)V")
LIST = Called("java/util/List", "of", "(Ljava/lang/Object;)Ljava/util/List;")


@pytest.mark.parametrize(
    "steps",
    [
        (GET, Text("/a"), APPEND, Text("/b"), APPEND, TO_STRING, NEW),
        (Text("/a"), APPEND, TO_STRING, GET, NEW),
        # Whose it is cannot be told.
        (Text("/other"), LIST, GET, Text("/a"), NEW),
    ],
)
def test_a_path_that_is_put_together_is_told(steps: tuple[Step, ...]) -> None:
    with pytest.raises(UnreadRoute, match=r"org/opensearch/rest/Some\.routes"):
        made_by(*steps)


def test_what_other_calls_have_taken_is_no_path() -> None:
    assert made_by(Text("/other"), LOG, GET, Text("/a"), NEW) == [Route("GET", "/a")]


def test_what_a_route_names_goes_before_what_it_leaves_open() -> None:
    routes = {
        Route("GET", "/{index}"),
        Route("GET", "/_search"),
        Route("GET", "/{index}/_doc/{id}"),
        Route("PUT", "/_all"),
    }
    assert route_of(routes, "GET", "/_search?q=a") == Route("GET", "/_search")
    assert route_of(routes, "GET", "/_all") == Route("GET", "/{index}")
    assert route_of(routes, "GET", "/a/_doc/b") == Route("GET", "/{index}/_doc/{id}")
    assert route_of(routes, "GET", "/a//b") is None
    assert route_of(routes, "HEAD", "/a") is None


@pytest.mark.cluster
def test_routes_of_all_kinds_are_found_in_an_archive() -> None:
    found = read_routes(home_of(OPENSEARCH_3))
    some = {
        *(
            "GET /_search",
            "POST /_reindex",
            "PUT /{index}",
            "GET /{index}/_rank_eval",
            "GET /_scripts/painless/_context",
        ),
        # Deprecated, replaced, written without a slash, named, wrapped under a prefix.
        *(
            "GET /_nodes/hotthreads",
            "GET /_cat/master",
            "GET /_list/wlm_stats",
            "GET /_wlm/stats",
            "PUT /_rules/{featureType}",
        ),
        "POST /_opensearch_dashboards/{index}/_update/{id}",
    }
    assert some <= {str(route) for route in found}
