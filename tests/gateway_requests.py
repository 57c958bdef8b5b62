"""Many different requests to a cluster: each REST route that the local servers offer, and unusual forms of some.

They are sent in this order, once to the cluster and once through the gateway, to an index of the same name.
"""

from collections.abc import Callable, Iterator, Mapping

from csplade.tests import (
    requests_cluster,
    requests_dashboards,
    requests_documents,
    requests_elasticsearch,
    requests_forms,
    requests_indexes,
    requests_modules,
    requests_nodes,
    requests_resized,
    requests_searches,
    requests_stored,
    requests_templates,
    requests_variants,
)
from csplade.tests.raw_request import Request

_Part = Callable[[str], Iterator[Request]]
_FIRST: tuple[_Part, ...] = (
    requests_indexes.indexes,
    requests_templates.aliases,
    requests_documents.documents,
    requests_documents.writes_in_bulk,
    requests_variants.documents_of_all,
    requests_variants.indexes_of_all,
    requests_searches.searches,
    requests_variants.searches_of_all,
    requests_variants.pages,
    requests_forms.spellings,
    requests_forms.forms,
    requests_stored.stored,
    requests_templates.templates,
    requests_modules.analyzers,
    requests_modules.ingest_pipelines,
    requests_modules.scripts,
)
_OPENSEARCH: tuple[_Part, ...] = (
    requests_templates.data_streams,
    requests_modules.fields_of_modules,
    requests_modules.search_pipelines,
    requests_templates.views,
    requests_modules.rules,
    requests_modules.streamed,
    requests_dashboards.dashboards,
    requests_resized.scaled,
)
_ELASTICSEARCH: tuple[_Part, ...] = (
    requests_elasticsearch.searches,
    requests_elasticsearch.synonyms,
    requests_elasticsearch.indexes,
    requests_elasticsearch.licences,
    requests_elasticsearch.cluster,
    requests_elasticsearch.absent,
)
_LAST: tuple[_Part, ...] = (
    requests_resized.resized,
    requests_resized.rolled_over,
    requests_resized.snapshots,
    # Behind all that leaves something in the cluster's state the first time.
    requests_cluster.cluster,
    requests_nodes.tables,
    requests_nodes.nodes,
    requests_nodes.statistics,
    requests_nodes.tasks,
    requests_nodes.refused_by_one_node,
    requests_forms.refused,
    requests_indexes.ends,
)
_PARTS: Mapping[str, tuple[_Part, ...]] = {
    "opensearch-3.8": (*_FIRST, *_OPENSEARCH, *_LAST),
    "elasticsearch-9.2": (*_FIRST, *_ELASTICSEARCH, *_LAST),
}
LINES = tuple(_PARTS)
"""The lines of servers that there are requests for."""


def requests(line: str, index: str) -> list[Request]:
    """Return all of those for a line of servers."""
    return [request for part in _PARTS[line] for request in part(index)]
