"""A query's text becomes a question that an index can be asked: checked, and encoded where the mode needs it."""

from pathlib import Path
from typing import TYPE_CHECKING

from csplade.commands.output import notice
from csplade.commands.search_options import dropped_sentence, for_index
from csplade.integration.planner import Plan
from csplade.integration.query import Mode, QueryOptions, Question
from csplade.pipelines.errors import UsageError
from csplade.pipelines.number_of import number_of

if TYPE_CHECKING:
    from csplade.integration.encoder import Encoder
    from opensearchpy import OpenSearch


def check_text(text: str) -> None:
    """Check that a text from the command line can be sent.

    Raises:
        UsageError: it is not UTF-8.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"the query {text!a} is not UTF-8: check the terminal's encoding") from error


def prepare(
    client: "OpenSearch", text: str, index: str, options: QueryOptions, folder: Path, by_table: bool = False
) -> tuple[QueryOptions, Question]:
    """Check the index first, as loading an encoder takes longer; BM25 needs none.

    `by_table` weighs the words alone, without the model.

    Returns:
        the options with what cluster and index say of themselves, and the question.

    Raises:
        UsageError: the index lacks a field that is to be asked.
        IndexConflictError: the index is missing, not ours, or made with another encoder.
        EncoderError: the folder is no encoder.
        ClusterError: the cluster does not answer.
    """
    if not options.mode.needs_vector:
        (options,) = for_index(client, index, [options], None)
        return options, Question(text)
    from csplade.pipelines.contract import read_contract

    (options,) = for_index(client, index, [options], read_contract(folder))
    from csplade.pipelines.encode import Encoder
    from csplade.pipelines.encode_options import EncodeOptions

    encoder = Encoder.open(folder, EncodeOptions(table_queries=by_table))
    (vector,) = encoder.queries([text])
    tell_cut_queries(encoder)
    return options, Question(text, vector)


def tell_question(text: str, mode: Mode, sent: Plan, found: bool) -> None:
    """Say what a user should know of a question that holds nothing, found nothing, or was not sent as a whole."""
    if not text.strip():
        notice("The query is empty, so nothing can match it.")
    elif mode.needs_vector and not sent.vector:
        rest = "only BM25 was asked" if mode is Mode.HYBRID else "nothing can match it"
        notice(f"The query has no term of any weight, perhaps only stop words, so {rest}.")
    elif not found:
        notice("No document matches.")
    if sent.dropped:
        notice(dropped_sentence(sent))


def tell_cut_queries(encoder: "Encoder") -> None:
    """Say of how many queries the model did not see the end, where the encoder tells."""
    from csplade.integration.encoder import TellingEncoder

    cut = encoder.counts.cut_queries if isinstance(encoder, TellingEncoder) else 0
    if cut:
        queries, read = number_of(cut, "query", "queries"), encoder.contract.query.max_tokens
        notice(f"Of {queries} the model did not see the end: it reads {number_of(read, 'token')}.")
