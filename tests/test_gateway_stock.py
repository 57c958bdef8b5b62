"""Stock clients of several languages: the same program against the cluster, and through the gateway."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.tests.cluster_lines import MARK, USUAL, LineServers
from csplade.tests.gateway_installs import java_packages, javascript_packages, python_packages
from csplade.tests.gateway_programs import Program, compare, weighed_hits
from csplade.tests.gateway_searches import DOCUMENTS, Stage, stage
from csplade.tests.rewrite_index import mapping, stored_weights

pytestmark = pytest.mark.cluster

PROGRAMS = {
    "javascript": Program("search.mjs", "opensearch-3.8", javascript_packages, ("@opensearch-project/opensearch@3",)),
    "java": Program("Search.java", "opensearch-3.8", java_packages, ("org.opensearch.client:opensearch-java:3.2.0",)),
    "dsl": Program("dsl.py", "opensearch-3.8"),
    "elasticsearch-9": Program("elasticsearch_9.py", "elasticsearch-9.2", python_packages, ("elasticsearch>=9,<10",)),
    "elasticsearch-7": Program(
        "elasticsearch_7.py", "elasticsearch-7.17", python_packages, ("elasticsearch>=7.17,<7.18",)
    ),
}


def _marks(program: Program) -> list[pytest.MarkDecorator]:
    return [] if program.line in USUAL else [getattr(pytest.mark, MARK)]


@pytest.fixture(scope="module")
def stages(line_servers: LineServers) -> Iterator[Callable[[str], Stage]]:
    """Give what stands before the servers of a line; which kind of cluster that is, the gateway asks."""
    with ExitStack() as stack:

        @cache
        def staged(line: str) -> Stage:
            url = line_servers.url(line)
            dialect = read_dialect(connect(url))
            # The archives of Elasticsearch lack analyzers of languages, and joins.
            whole = dialect.distribution == "opensearch"
            mapped = mapping(dialect.field_type, "english" if whole else "standard", joins=whole)
            return stack.enter_context(stage(url, "anchored", gateway={"deadline_ms": 10_000}, mapped=mapped))

        yield staged


@pytest.mark.parametrize("name", [pytest.param(name, marks=_marks(each)) for name, each in PROGRAMS.items()])
def test_a_program_needs_no_change(stages: Callable[[str], Stage], name: str) -> None:
    program = PROGRAMS[name]
    staged = stages(program.line)
    index = staged.index("anchored")
    direct, through = (program.run(url, index) for url in (staged.url, staged.gateway.url))
    compare(direct, through, stored_weights(DOCUMENTS))
    assert weighed_hits(staged.direct, index, read_dialect(staged.direct)) == ["stock"]
