"""The text fields of an index are kept in its mapping, where whoever fills it may write that."""

import pytest
from csplade.integration.client import connect
from csplade.integration.documents import DEFAULT_TEXT_FIELDS
from csplade.integration.index import create_index
from csplade.integration.index_mapping import mapping_of
from csplade.integration.templates import IndexOptions
from csplade.integration.text_fields import record_fields, recorded_fields
from csplade.tests.faulty_proxy import FaultyProxy, running
from csplade.tests.word_encoder import word_contract

pytestmark = pytest.mark.cluster


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("csplade")]


def test_who_may_not_keep_other_fields_than_the_usual_is_told(
    opensearch: str, index_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    create_index(connect(opensearch), index_name, word_contract(), IndexOptions())
    with running(FaultyProxy(opensearch)) as proxy:
        client = connect(proxy.url)
        proxy.troubles[f"PUT /{index_name}/_mapping"] = [403, 403]
        record_fields(client, index_name, DEFAULT_TEXT_FIELDS)
        assert not told(caplog)
        record_fields(client, index_name, ("name", "brand"))
        assert told(caplog) == [
            f"This user may not keep with {index_name} that it is filled from name,brand: give `csplade enrich` "
            "--text-fields name,brand"
        ]
        assert recorded_fields(mapping_of(client, index_name)[1]) is None
        record_fields(client, index_name, ("name", "brand"))
        assert recorded_fields(mapping_of(client, index_name)[1]) == ("name", "brand")
