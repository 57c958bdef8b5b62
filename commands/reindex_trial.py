"""What `csplade reindex --dry-run` prints.

With --json exactly one object, always with these names:

    {"from": name, "to": name, "index_is": "missing" | "ready", "text_fields": [name, ...], "documents": number,
     "sampled": number, "rejected": number, "terms": number, "bytes": number, "seconds": number,
     "taken_over": [name, ...], "refused": {name: reason, ...} or null, "mapping": {...}}

`rejected`, `terms` and `bytes` are those of the sample, `seconds` is for encoding all; `refused` is null if this user
may not ask what the cluster would refuse.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from csplade.commands.output import notice, print_json, print_table
from csplade.commands.reindex_options import ReindexChoices
from csplade.integration.errors import ClusterError

if TYPE_CHECKING:
    from csplade.integration.encoder import Encoder
    from csplade.integration.reindex import Origin
    from csplade.integration.reindex_target import Described, Planned
    from csplade.integration.reindex_trial import ReindexTrial
    from opensearchpy import OpenSearch


def show_trial(
    target: "OpenSearch",
    origin: "Origin",
    described: "Described",
    planned: "Planned",
    choices: ReindexChoices,
    encoder: "Encoder",
    as_json: bool,
) -> None:
    """Print what would be done, and do nothing.

    Raises:
        ClusterError: the cluster would refuse fields; also as `try_reindex`.
        EncoderError: as `try_reindex`.
    """
    from csplade.integration.reindex_trial import try_reindex

    trial = try_reindex(origin, target, choices.target, planned, encoder, choices.min_weight)
    numbers = _numbers(trial)
    if as_json:
        names = {"from": choices.origin, "to": choices.target, "index_is": planned.state.value}
        fields = {"taken_over": [*planned.taken], "refused": trial.refused, "mapping": trial.mapping}
        print_json({**names, "text_fields": origin.text_fields, **numbers, **fields})
    else:
        row = (choices.origin, choices.target, planned.state.value, *map(str, numbers.values()))
        print_table("", ("from", "to", "it is", *numbers), [row])
        print_table("", ("field", "type", "comes from"), _fields(trial, origin, described.mapping))
    _tell(trial, planned, choices)


def _numbers(trial: "ReindexTrial") -> dict[str, float]:
    sample = trial.sample
    counts = {"documents": trial.documents, "sampled": sample.records, "rejected": sample.rejected}
    means = {"terms": sample.terms, "bytes": sample.bytes, "seconds": trial.seconds}
    return {**counts, **{name: round(value, 1) for name, value in means.items()}}


def _fields(
    trial: "ReindexTrial",
    origin: "Origin",
    copied: Mapping[str, Any],  # Any: a JSON object
) -> list[tuple[str, str, str]]:
    """Return a row for each field of the new index: its type, and what of the copied one it comes from."""
    from csplade.integration.documents import OUR_FIELDS
    from csplade.integration.reindex_mapping import encoded_from
    from csplade.integration.templates import TEXT_FIELD

    def source(name: str) -> str:
        if name in (trial.refused or {}):
            return "refused"
        if name in OUR_FIELDS:
            return "csplade"
        if name == TEXT_FIELD:
            return ", ".join(encoded_from(copied, origin.text_fields))
        return origin.index if name in copied.get("properties", {}) else "nothing"

    return [(name, _type(field), source(name)) for name, field in trial.mapping["properties"].items()]


def _type(field: Mapping[str, Any]) -> str:  # Any: a JSON object
    return str(field.get("type", "object"))


def _tell(trial: "ReindexTrial", planned: "Planned", choices: ReindexChoices) -> None:
    if trial.refused is None:
        notice("This user may not ask whether the cluster takes these fields.")
    if not choices.copy_mapping:
        notice(f"The cluster guesses the types of the other fields of {choices.origin}.")
    notice("Nothing was created or indexed.")
    if trial.refused:
        from csplade.integration.index import IndexState
        from csplade.integration.reindex_target import FITTING

        reasons = "; ".join(trial.refused.values())
        made = "let it guess the fields with --no-copy-mapping, or make the index with fields of your own first"
        raise ClusterError(
            f"the cluster of {choices.target!r} would refuse {', '.join(map(repr, trial.refused))} ({reasons}): "
            f"{made if planned.state is IndexState.MISSING else FITTING}"
        )
