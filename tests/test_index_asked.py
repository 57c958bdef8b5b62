"""What is decided when an index is made, on every line of servers: another choice later is refused."""

import pytest
from csplade.integration.errors import IndexConflictError
from csplade.integration.index import create_index
from csplade.integration.index_asked import Asked, check_asked
from csplade.integration.passages import Long
from csplade.integration.templates import IndexOptions
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.word_encoder import word_contract

pytestmark = pytest.mark.cluster


def made(line: ClusterLine, options: IndexOptions) -> None:
    create_index(line.client, line.index, word_contract(), options)


def test_whatever_was_not_asked_for_may_be_as_it_is(line: ClusterLine) -> None:
    made(line, IndexOptions(analyzer="simple", long=Long.MAX, weights_in_source=False))
    assert check_asked(line.client, line.index, Asked()) is Long.MAX
    assert check_asked(line.client, line.index, Asked("simple", Long.MAX, weights_in_source=False)) is Long.MAX


def test_another_analyzer_or_another_way_with_long_texts_is_refused(line: ClusterLine) -> None:
    made(line, IndexOptions(analyzer="simple"))
    with pytest.raises(IndexConflictError, match=r"with the analyzer 'simple', not 'standard': leave --analyzer"):
        check_asked(line.client, line.index, Asked("standard"))
    with pytest.raises(IndexConflictError, match="exists with --long cut, not max: leave --long out"):
        check_asked(line.client, line.index, Asked(long=Long.MAX))


@pytest.mark.parametrize("kept", [True, False])
def test_weights_in_the_source_or_not_is_chosen_once(line: ClusterLine, kept: bool) -> None:
    made(line, IndexOptions(analyzer="simple", weights_in_source=kept))
    assert check_asked(line.client, line.index, Asked(weights_in_source=kept)) is Long.CUT
    if line.dialect.hides_weights:
        # There is no choice: that cluster keeps weights once.
        check_asked(line.client, line.index, Asked(weights_in_source=not kept))
        return
    with pytest.raises(IndexConflictError, match="-weights-in-source: leave that out, or give the name of a new index"):
        check_asked(line.client, line.index, Asked(weights_in_source=not kept))
