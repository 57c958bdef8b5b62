"""Loads that change settings of an index, and the check that these are afterwards what they were before."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from csplade.integration.checkpoint import Checkpoint
from csplade.integration.documents import Document, Rejected
from csplade.integration.index_mapping import mapping_of
from csplade.integration.ingest import IngestOptions, IngestReport, Progress, ingest
from csplade.integration.load_settings import RECORD_KEY, LoadSettings, loading
from csplade.integration.templates import META_KEY
from csplade.tests.word_encoder import WordEncoder
from opensearchpy import OpenSearch

_OF_ONE = {"index.version.created", "index.creation_date", "index.uuid"}


def settings(client: OpenSearch, index: str) -> dict[str, Any]:  # Any: a JSON object
    """Return all settings of an index by their whole names, but for what tells it from another one."""
    flat = client.indices.get_settings(index=index, params={"flat_settings": "true"})[index]["settings"]
    return {name: value for name, value in flat.items() if name not in _OF_ONE}


@contextmanager
def kept(client: OpenSearch, index: str) -> Iterator[None]:
    """Check that an index has in the end the settings that it has now, and no record of a load."""
    before = settings(client, index)
    yield
    assert settings(client, index) == before
    assert RECORD_KEY not in mapping_of(client, index)[1]["_meta"][META_KEY]


def load(
    client: OpenSearch,
    documents: Iterable[Document | Rejected],
    options: IngestOptions,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> IngestReport:
    """Ingest while refresh, replicas and translog are other than usual."""
    with loading(client, options.index, LoadSettings.FAST, options.patience):
        assert settings(client, options.index)["index.refresh_interval"] == "-1"
        return ingest(client, WordEncoder(), documents, options, progress, checkpoint)
