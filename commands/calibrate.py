"""`csplade calibrate`: what an index says of its own words and scores is measured and kept in its mapping.

With --json exactly one object, null where nothing was measured:

    {"index": name, "documents": number or null, "terms": number or null,
     "scales": {"sparse": number, "bm25": number} or null}
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from csplade.commands.connection import Connection, cluster_options, open_cluster
from csplade.commands.options import encoder_option, index_option, json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.errors import CspladeError
from csplade.pipelines.number_of import number_of

if TYPE_CHECKING:
    from csplade.integration.calibrate import Kept
    from csplade.integration.encoder import Encoder
    from csplade.pipelines.calibration import Calibration
    from opensearchpy import OpenSearch


@click.command("calibrate")
@index_option
@click.option("--drop", is_flag=True, help="Take what was measured out of the index: queries are sent as encoded.")
@cluster_options
@encoder_option
@json_option
def command(index: str, drop: bool, connection: Connection, encoder_folder: Path, as_json: bool) -> None:
    """Measure how frequent words are in an index, and what a good hit scores, and keep both in its mapping.

    Queries by terms then weigh words by their idf in this index as well as in broad text, whoever sends them: `csplade
    query`, Python, the gateway. Documents stay as they are. `csplade ingest`, `reindex` and `enrich` do this by
    themselves for indexes of 200 documents or more, and again when one that had fewer than 5,000 has doubled; run it
    when an index has changed its topics, or for `--fusion normalized`, which needs the scores, in a smaller one.

    \b
    Example:
      csplade calibrate --index articles
      csplade calibrate --index articles --json
      csplade calibrate --index articles --drop
    """
    client = open_cluster(connection)
    kept = _dropped(client, index) if drop else _measured(client, index, encoder_folder)
    if as_json:
        print_json(_json(index, kept))
    elif not drop:
        _show(index, kept)


def _measured(client: "OpenSearch", index: str, encoder_folder: Path) -> "Kept":
    from csplade.integration.calibrate import calibrate, why_no_scale
    from csplade.integration.index import require_index
    from csplade.pipelines.calibration import counter
    from csplade.pipelines.encode import Encoder

    encoder = Encoder.open(encoder_folder)
    require_index(client, index, encoder.contract)
    count = counter(encoder_folder)
    if count is None:
        notice(f"The terms of {encoder.contract.name} are no words that could be counted.")
    kept = calibrate(client, index, count, encoder)
    if count is not None and kept.calibration is None:
        notice(f"{index} has too few documents to count words in: queries are sent as encoded.")
    if kept.scales is None:
        notice(f"Scores are not measured: {why_no_scale(index)}")
    return kept


def _dropped(client: "OpenSearch", index: str) -> "Kept":
    from csplade.integration.calibrate import Kept, forget
    from csplade.integration.index import require_index

    require_index(client, index, None)
    found = forget(client, index)
    before = "" if found else "Nothing was measured before. "
    notice(f"{before}Queries to {index} are sent as encoded, until somebody calibrates it again.")
    return Kept(None, None)


def _json(index: str, kept: "Kept") -> dict[str, object]:
    words, scales = kept.calibration, kept.scales
    return {
        "index": index,
        "documents": None if words is None else words.documents,
        "terms": None if words is None else len(words.factors),
        "scales": None if scales is None else {"sparse": scales.sparse, "bm25": scales.bm25},
    }


def _show(index: str, kept: "Kept") -> None:
    if kept.calibration is not None:
        print_table(
            f"Terms of {index} that weigh otherwise than in broad text", ("term", "factor"), _extremes(kept.calibration)
        )
    _tell(kept)


def _tell(kept: "Kept") -> None:
    if kept.calibration is not None:
        notice(
            f"The words of {number_of(kept.calibration.documents, 'document')} were counted; the index keeps factors "
            f"of {number_of(len(kept.calibration.factors), 'term')}, and {kept.calibration.other:.2f} for all others."
        )
    if kept.scales is not None:
        notice(f"A good hit scores {kept.scales.sparse:.4g} by terms and {kept.scales.bm25:.4g} by BM25.")


def _extremes(calibration: "Calibration", most: int = 8) -> list[tuple[str, str]]:
    """Return the terms with the least factors, and those with the largest."""
    from csplade.pipelines.vocab import readable

    ordered = sorted(calibration.factors.items(), key=lambda item: (item[1], item[0]))
    chosen = ordered if len(ordered) <= 2 * most else [*ordered[:most], *ordered[-most:]]
    return [(readable(term), f"{factor:.2f}") for term, factor in chosen]


def calibrate_after(
    client: "OpenSearch", index: str, encoder_folder: Path, documents: int, encoder: "Encoder | None" = None
) -> None:
    """Measure an index that holds so many documents, if it has grown enough; what hinders it is told only.

    What was done before stays done, and is told before. Without an encoder that is open, one is opened if need be.
    """
    from csplade.integration.calibrate import calibrate_grown
    from csplade.pipelines.calibration import counter

    opened = partial(_opened, encoder_folder, encoder)
    try:
        found = calibrate_grown(client, index, counter(encoder_folder), documents, opened)
    except CspladeError as error:
        notice(f"Queries are not fitted to {index}; `csplade calibrate --index {index}` can do it later: {error}")
        return
    if found is not None:
        _tell(found)


def _opened(folder: Path, encoder: "Encoder | None") -> "Encoder | None":
    """Return an encoder of queries; whoever ingests vectors that are made may have no model here."""
    from csplade.pipelines.encode import Encoder

    if encoder is not None:
        return encoder
    try:
        return Encoder.open(folder)
    except CspladeError as error:
        notice(f"Scores are not measured, as there is no model here ({error}).")
        return None
