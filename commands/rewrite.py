"""`csplade rewrite`: an ordinary search body in, the body that is scored by term weights out; no cluster is needed.

With --json exactly one object, always with these names:

    {"body": the search body to send, "changed": true | false,
     "clauses": [{"path": place in the original, "clause": name, "outcome": "rewritten" | "kept" | "passed" | "refused",
                  "policy": what decided, "reason": text}, ...]}
"""

import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from csplade.commands.options import encoder_option, json_option
from csplade.commands.output import notice, print_json, print_table
from csplade.pipelines.errors import SourceError, UsageError

if TYPE_CHECKING:
    from csplade.integration.dialect import Dialect
    from csplade.integration.field_map import FieldMap
    from csplade.integration.rewrite import Encode, RewriteOptions, Rewritten
    from csplade.pipelines.encode import Encoder

MODES = ("replace", "hybrid", "anchored")
# The server lines of each way of asking, by distribution, version and plugins.
DIALECTS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "opensearch": ("opensearch", "3.0", ()),
    "neural-search": ("opensearch", "3.0", ("opensearch-neural-search",)),
    "elasticsearch-7": ("elasticsearch", "7.17", ()),
    "elasticsearch": ("elasticsearch", "9.2", ()),
}


@click.command("rewrite")
@click.option("--mode", default=None, type=click.Choice(MODES), help="What BM25 still does. Default: as configured.")
@click.option(
    "--config",
    "config_file",
    default=None,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Which fields are covered by which weights, and the policies (TOML or JSON). Default: an index of ours.",
)
@click.option("--index", default=None, metavar="NAME", help="The index: whose rules count. Default: the file's first.")
@click.option(
    "--dialect", default="opensearch", show_default=True, type=click.Choice(list(DIALECTS)), help="Kind of cluster."
)
@click.option("--explain", is_flag=True, help="Show what becomes of each clause and why, instead of the body.")
@encoder_option
@json_option
def command(
    mode: str | None,
    config_file: Path | None,
    index: str | None,
    dialect: str,
    explain: bool,
    encoder_folder: Path,
    as_json: bool,
) -> None:
    """Rewrite the search body on standard input for term weights.

    A body with a `source` is taken for a search template.

    \b
    Example:
      csplade rewrite < body.json
      csplade rewrite --mode anchored --explain < body.json
      csplade rewrite --config rewrite.toml --index articles --json < body.json
    """
    from csplade.integration.dialect import dialect_for
    from csplade.integration.rewrite import rewrite
    from csplade.integration.rewrite_policy import RewriteMode
    from csplade.integration.rewrite_template import rewrite_template

    field_map, options = _rules(config_file, index, dialect_for(*DIALECTS[dialect]))
    if mode is not None:
        options = replace(options, mode=RewriteMode(mode))
    body = _read_body()
    encode = _encoding(encoder_folder)
    if _is_template(body):
        done = rewrite_template(body, field_map, encode, options)
    else:
        done = rewrite(body, field_map, encode, options)
    if as_json:
        _write({"body": done.body, "changed": bool(done.changes), "clauses": [*map(asdict, done.decisions)]})
    elif explain:
        _print(done)
    elif not done.refused:
        _write(done.body)
    _tell(done, body, seen=explain or as_json)


def _rules(path: Path | None, index: str | None, dialect: "Dialect") -> "tuple[FieldMap, RewriteOptions]":
    from csplade.integration.field_map import OWN_INDEX
    from csplade.integration.rewrite_config import load_config
    from csplade.integration.rewrite_policy import RewriteOptions

    if path is None:
        return OWN_INDEX, RewriteOptions(dialect=dialect)
    config = load_config(path, dialect)
    rules = config.rules[0] if index is None else config.for_index(index)
    if rules is None:
        patterns = ", ".join(each.pattern for each in config.rules)
        raise UsageError(f"no pattern of {path} fits the index {index!r} ({patterns}): add an [[index]] table")
    return rules.field_map, rules.options


def _read_body() -> Mapping[str, Any]:  # Any: JSON values
    import orjson

    if sys.stdin.isatty():
        raise UsageError("there is no search body: give one on standard input, as in `csplade rewrite < body.json`")
    try:
        body = orjson.loads(sys.stdin.buffer.read())
    except orjson.JSONDecodeError as error:
        raise SourceError(
            f"standard input is not JSON ({error.msg} at line {error.lineno} column {error.colno}): give a search body"
        ) from error
    if not isinstance(body, dict):
        raise SourceError(
            'standard input is no JSON object: give a search body like {"query": {"match": {"text": "x"}}}'
        )
    return body


def _is_template(body: Mapping[str, Any]) -> bool:  # Any: JSON values
    return "query" not in body and ("source" in body or "id" in body)


def _encoding(folder: Path) -> "Encode":
    """Return a function that encodes a query; a body without text needs no encoder, and opens none."""
    from functools import cache

    from csplade.pipelines.sparse import SparseVector

    @cache
    def opened() -> "Encoder":
        from csplade.pipelines.encode import Encoder

        return Encoder.open(folder)

    def encode(text: str) -> SparseVector:
        (vector,) = opened().queries([text])
        return vector

    return encode


def _write(value: object) -> None:
    import orjson

    try:
        print_json(value)
    except orjson.JSONEncodeError as error:
        raise SourceError(
            f"the search body cannot be written ({error}): nest it less deeply, clusters refuse it as well"
        ) from error


def _print(done: "Rewritten") -> None:
    rows = [(each.path, each.clause, each.outcome.value, each.policy, each.reason) for each in done.decisions]
    print_table("", ("path", "clause", "outcome", "decided by", "why"), rows)


def _tell(done: "Rewritten", body: Mapping[str, Any], seen: bool) -> None:  # Any: JSON values
    """Refuse what the configuration refuses; say what passed, and where reasons are to be seen if they were not."""
    if done.refused:
        first = done.refused[0]
        raise SourceError(
            f"the configuration refuses {first.clause} at {first.path} ({first.policy}): change the search, or the "
            "configuration"
        )
    if not done.decisions and not _is_template(body) and "query" not in body:
        parts = ", ".join(map(repr, body)) or "nothing"
        notice(f"The body has no 'query', but {parts}: nothing was rewritten.")
    elif done.passed:
        where = "." if seen else "; --explain shows which and why."
        notice(f"{len(done.passed)} of {len(done.decisions)} clauses passed as they are{where}")
    elif not done.decisions:
        notice("The query holds no clause that could be rewritten.")
    elif not done.changes and not seen:
        notice("Nothing had to be rewritten; --explain shows why.")
