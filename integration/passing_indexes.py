"""Indexes that are there while something is measured, and deleted whatever happens."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from csplade.integration.errors import ClusterError, CredentialsError
from opensearchpy import OpenSearch

_Json = Mapping[str, Any]  # Any: a JSON object


@contextmanager
def passing_indexes(client: OpenSearch, bodies: Mapping[str, _Json]) -> Iterator[None]:
    """Make indexes with these bodies, and delete them, also after an error or Ctrl-C.

    Where what is done with them fails and they cannot be deleted either, its error gets a note that says so.

    Raises:
        ClusterError: the cluster refuses one of them, lets an alias stand for it, or does not delete them.
    """
    made: list[str] = []
    try:
        for name, body in bodies.items():
            _create(client, name, body, made)
        _refuse_aliases(client, made)
        yield
    except BaseException as failure:
        try:
            _delete(client, made)
        except (ClusterError, KeyboardInterrupt) as error:
            failure.add_note(f"Besides, {_left(made, error)}")
        raise
    try:
        _delete(client, made)
    except (ClusterError, KeyboardInterrupt) as error:
        raise ClusterError(_left(made, error)) from error


def _create(client: OpenSearch, name: str, body: _Json, made: list[str]) -> None:
    # Before: nobody knows of a request without an answer what it did.
    made.append(name)
    try:
        client.indices.create(index=name, body=body)
    except CredentialsError:
        made.remove(name)
        raise


def _refuse_aliases(client: OpenSearch, names: Sequence[str]) -> None:
    """Refuse to fill indexes that searches of applications would meet."""
    found = client.indices.get_alias(index=",".join(names), params={"expand_wildcards": "all"})
    aliases = sorted({alias for told in found.values() for alias in told["aliases"]})
    if aliases:
        raise ClusterError(
            f"an index template of the cluster lets the alias {aliases[0]!r} stand for new indexes such as "
            f"{names[0]!r}, so that searches would meet copies of documents; nothing was copied: let the template "
            "leave such names out"
        )


def _delete(client: OpenSearch, names: Sequence[str]) -> None:
    if names:
        client.indices.delete(index=",".join(names), params={"ignore_unavailable": "true"})


def _left(names: Sequence[str], error: BaseException) -> str:
    reason = error if isinstance(error, ClusterError) else "stopped"
    return f"small indexes with copies of documents may be left in the cluster ({reason}): delete {', '.join(names)}"
