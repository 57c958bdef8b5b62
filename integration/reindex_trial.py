"""What a reindex would do: the mapping that would be there, what the cluster would refuse, some documents encoded.

Nothing is written. Whether a cluster takes a mapping is asked by the simulation of an index template, for which it
looks at the mapping as it does when an index is made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csplade.integration.answers import ask
from csplade.integration.dry_run import SAMPLE, Sample, encode_sample
from csplade.integration.encoder import Encoder
from csplade.integration.errors import CredentialsError, RequestError
from csplade.integration.index import IndexState
from csplade.integration.index_mapping import mapping_of
from csplade.integration.query import Mode
from csplade.integration.reindex import Origin
from csplade.integration.reindex_documents import copied
from csplade.integration.reindex_mapping import needed_settings, without_sort
from csplade.integration.reindex_target import Planned, settings_of
from csplade.integration.seismic_field import remap_in
from opensearchpy import OpenSearch

# A template of the same names and the same priority would be in the way.
_PRIORITY = 2**40 + 1_364_251
_BAD_REQUEST = 400

_Json = Mapping[str, Any]  # Any: a JSON object


@dataclass(frozen=True)
class ReindexTrial:
    """What a reindex would do."""

    mapping: _Json
    """Of the index that is copied into, as it would be."""
    refused: Mapping[str, str] | None
    """Fields that its cluster would refuse, with the reason; None if this user may not ask."""
    documents: int
    """Of the index that is copied, without what waits for a refresh."""
    sample: Sample

    @property
    def seconds(self) -> float:
        """Return how long encoding all would take, as the sample lets expect."""
        return self.sample.seconds * self.documents


def try_reindex(
    origin: Origin, target: OpenSearch, index: str, planned: Planned, encoder: Encoder, least: float
) -> ReindexTrial:
    """Encode the first documents of an index, and ask whether a cluster would take the planned one.

    Raises:
        ClusterError: a cluster does not answer in full, or would refuse the index whatever its fields.
        EncoderError: the encoder gives a term that a cluster would never find.
    """
    body = planned.body if planned.state is IndexState.MISSING else _extended(target, index, planned.taken)
    refused = _refused(target, index, body, planned.taken)
    hits, total = _first(origin)
    records = [copied(hit, origin.text_fields) for hit in hits]
    sample = encode_sample(encoder, records, least, planned.long, remap_in(body["mappings"]))
    return ReindexTrial(body["mappings"], refused, total, sample)


def _extended(client: OpenSearch, index: str, fields: _Json) -> _Json:
    """Return what an index that is there would have been made with, if it had these fields besides."""
    name, mapping = mapping_of(client, index)
    whole = {**mapping, "properties": {**mapping["properties"], **fields}}
    return {"settings": {"index": needed_settings(settings_of(client, name))}, "mappings": whole}


def _refused(client: OpenSearch, index: str, body: _Json, taken: _Json) -> dict[str, str] | None:
    """Return which of the fields that are taken over would be refused; each is asked for alone if any is."""
    properties = body["mappings"]["properties"]
    others = {name: field for name, field in properties.items() if name not in taken}
    try:
        error = _simulated(client, index, body, properties)
        if error is None:
            return {}
        if (whatever := _simulated(client, index, body, others)) is not None:
            # It is not about the fields: a setting that this cluster does not know, say.
            raise whatever
        asked = {name: _simulated(client, index, body, {**others, name: field}) for name, field in taken.items()}
    except CredentialsError:
        return None
    refused = {name: error.reason for name, error in asked.items() if error is not None}
    if not refused:
        raise error
    return refused


def _simulated(client: OpenSearch, index: str, body: _Json, properties: _Json) -> RequestError | None:
    """Return why a cluster would refuse an index with these fields, None if it would not."""
    whole = properties == body["mappings"]["properties"]
    settings = body["settings"] if whole else {"index": without_sort(body["settings"]["index"])}
    made = {"settings": settings, "mappings": {**body["mappings"], "properties": properties}}
    template = {"index_patterns": [index], "priority": _PRIORITY, "template": made}
    try:
        client.transport.perform_request("POST", "/_index_template/_simulate", body=template)
    except RequestError as error:
        if error.status != _BAD_REQUEST:
            raise
        return error
    return None


def _first(origin: Origin) -> tuple[list[_Json], int]:
    """Return the first documents, and how many there are; without the refresh of a snapshot, which is a change."""
    body = {"size": SAMPLE, "sort": ["_doc"], "_source": origin.source, "track_total_hits": True}
    hits, total = ask(origin.client, origin.index, body, Mode.BM25)
    return hits, 0 if total is None else int(total["value"])
