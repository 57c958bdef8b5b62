"""The options of `csplade reindex`, gathered in one object, and the cluster that it reads from."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
from csplade.commands.connection import Connection
from csplade.commands.ingest_options import LOADING_OPTIONS
from csplade.commands.new_index_options import NEW_INDEX_OPTIONS, NewIndexChoices
from csplade.commands.options import gathered
from csplade.commands.sending_options import SendingChoices

_OURS, _FROM = "CSPLADE_", "CSPLADE_FROM_"


@dataclass(frozen=True)
class ReindexChoices(SendingChoices, NewIndexChoices):
    """What a user chose."""

    origin: str
    target: str
    from_url: str | None
    from_profile: str | None
    text_fields: str | None
    slices: int
    copy_mapping: bool
    without_excluded_fields: bool
    dead_letters: Path | None
    checkpoint: Path | None
    load_settings: str
    dry_run: bool


def source_connection(choices: ReindexChoices, target: Connection) -> Connection:
    """Return the connection to the cluster that is read: the target's, unless another is named.

    Another one has an environment of its own, CSPLADE_FROM_USER and so on, so that no secret goes to the wrong cluster.

    Raises:
        UsageError: a profile is named that is not there, or a setting cannot be read.
    """
    environ = _of_source(os.environ)
    if choices.from_url is None and choices.from_profile is None and "CSPLADE_URL" not in environ:
        return target
    from csplade.integration.profiles import settle
    from csplade.integration.settings import Settings

    settings = settle(Settings(url=choices.from_url), choices.from_profile, environ)
    return Connection(settings, choices.from_profile, target.insecure)


def _of_source(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which the settings of the source stand in the place of the target's."""
    others = {name: value for name, value in environ.items() if not name.startswith(_OURS)}
    config = {name: environ[name] for name in ("CSPLADE_CONFIG",) if name in environ}
    ours = {f"{_OURS}{name[len(_FROM) :]}": value for name, value in environ.items() if name.startswith(_FROM)}
    return {**others, **config, **ours}


_OPTIONS = (
    click.option("--from", "origin", required=True, metavar="OLD", help="The index that is copied."),
    click.option("--to", "target", required=True, metavar="NEW", help="The index that it is copied into."),
    click.option(
        "--from-url",
        default=None,
        metavar="URL",
        help="The cluster of OLD, if it is another one; its credentials come from CSPLADE_FROM_USER and the like.",
    ),
    click.option(
        "--from-profile", default=None, metavar="NAME", help="The same by a profile of csplade's config.toml."
    ),
    click.option(
        "--text-fields",
        default=None,
        metavar="NAMES",
        help="The fields that are encoded, joined in this order. Default: title and text, as far as OLD has them; "
        "of an index of csplade its text.",
    ),
    click.option(
        "--slices",
        default=4,
        show_default=True,
        type=click.IntRange(1, 256),
        help="Parts of OLD that are read at the same time.",
    ),
    click.option(
        "--copy-mapping/--no-copy-mapping",
        default=True,
        show_default=True,
        help="Give NEW the fields of OLD that it does not have, with the settings that they and searches need "
        "(analyzers, limits, knn, sort, query); or let the cluster guess them.",
    ),
    click.option(
        "--without-excluded-fields",
        is_flag=True,
        help="Copy OLD although its mapping keeps fields out of _source, which NEW then lacks.",
    ),
    *NEW_INDEX_OPTIONS,
    *LOADING_OPTIONS,
    click.option(
        "--dry-run",
        is_flag=True,
        help="Encode the first documents, tell what would be made and what NEW's cluster would refuse, and do nothing.",
    ),
)

reindex_options = gathered("choices", ReindexChoices, _OPTIONS)
"""Adds the options; the command gets all of them as one `choices`."""
