"""The roles that docs/connecting.md tells, what they are for, and what they must not do, on whatever cluster."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from csplade.integration.calibrate import FEWEST
from csplade.integration.client import connect
from csplade.integration.detect import read_dialect
from csplade.integration.documents import mark_of
from csplade.integration.errors import CredentialsError
from csplade.integration.index import create_index
from csplade.integration.index_mapping import mapping_of
from csplade.integration.patience import Patience
from csplade.integration.slices_snapshot import Snapshot
from csplade.integration.templates import IndexOptions
from csplade.integration.text_fields import recorded_fields
from csplade.tests.command_run import Result, Run
from csplade.tests.secure_server import SecureNode
from csplade.tests.word_encoder import word_contract, word_vector
from opensearchpy import OpenSearch

PAGE = Path(__file__).resolve().parent.parent / "docs" / "connecting.md"
PASSWORD = "geheim: ü, 7 Lüfte"
INDEX, COPY, MANY, SHOP, OTHER = "articles-1", "articles-2", "articles-5", "products", "letters"
LIVE = "articles-live"
"""An alias with versions."""
WRITERS = ("csplade_ingest", "csplade_reindex", "csplade_enrich")
ROLES = (*WRITERS, "csplade_query", "csplade_lifecycle")
REFUSED = "does not let this user do that"

Forbidden = Callable[[OpenSearch], object]
FORBIDDEN: dict[str, Forbidden] = {
    "delete the index": lambda client: client.indices.delete(index=INDEX),
    "close the index": lambda client: client.indices.close(index=INDEX),
    "change its settings": lambda client: client.indices.put_settings(
        index=INDEX, body={"index": {"number_of_replicas": 0}}
    ),
    "read another index": lambda client: client.search(index=OTHER, body={}),
    "read a document of another index": lambda client: client.get(index=OTHER, id="1"),
    "map another index": lambda client: client.indices.get_mapping(index=OTHER),
    "write into another index": lambda client: client.index(index=OTHER, id="2", body={}),
    "create another index": lambda client: client.indices.create(index="more-letters"),
    "change the cluster": lambda client: client.cluster.put_settings(
        body={"persistent": {"action.auto_create_index": "false"}}
    ),
    "make a template": lambda client: client.indices.put_index_template(name="t", body={"index_patterns": ["x"]}),
}
"""What none of the roles may do, but for `NEEDED`."""
NEEDED = {("csplade_lifecycle", "delete the index")}
OTHER_HALF: tuple[tuple[str, Forbidden], ...] = (
    ("csplade_ingest", lambda client: client.search(index=INDEX, body={})),
    ("csplade_ingest", lambda client: client.get(index=INDEX, id="9")),
    ("csplade_query", lambda client: client.index(index=INDEX, id="9", body={})),
    ("csplade_query", lambda client: client.indices.create(index="articles-4")),
    ("csplade_query", lambda client: client.cluster.health()),
    ("csplade_lifecycle", lambda client: client.index(index=INDEX, id="9", body={})),
)
"""What one of the roles may not do, as it is another's part."""


def roles_on_page(path: str) -> dict[str, Any]:  # Any: JSON values
    """Return the documented roles that are made by requests at this path, by their names."""
    found = re.findall(rf"`PUT {path}/(\w+)`:\n\n```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    roles = {name: json.loads(block) for name, block in found}
    assert set(roles) == set(ROLES)
    return roles


def as_user(node: SecureNode, name: str) -> OpenSearch:
    """Return a client of the user who has this role."""
    return connect(node.url, node.access(user=name, password=PASSWORD))


def refuse(*actions: Callable[[], object]) -> None:
    """Check that the cluster lets nobody do these."""
    for action in actions:
        with pytest.raises(CredentialsError, match=REFUSED):
            action()


def refuse_deleting(node: SecureNode, role: str, name: str) -> None:
    """Check that a role deletes no document of `INDEX`, neither alone nor beside one that it may write."""
    client = as_user(node, role)
    refuse(lambda: client.delete(index=INDEX, id=name))
    lines = [{"delete": {"_id": name}}, {"index": {"_id": f"{name}-{role}"}}, {"text": "bread"}]
    if role in WRITERS:
        # OpenSearch refuses what goes to the same shard beside it, too.
        deleted, _ = client.bulk(index=INDEX, body=lines)["items"]
        assert deleted["delete"]["status"] == 403, deleted
    else:
        refuse(lambda: client.bulk(index=INDEX, body=lines))
    assert node.admin.exists(index=INDEX, id=name)


def write_profiles(node: SecureNode, folder: Path) -> Path:
    """Write a file of profiles, one for each role, with the password in a file of its own."""
    (folder / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    shown = {name: getattr(node.everybody, name) for name in ("ca_certs", "client_cert", "client_key")}
    lines = [
        f'url = "{node.url}"',
        'password_file = "password"',
        *(f'{name} = "{path}"' for name, path in shown.items() if path is not None),
    ]
    path = folder / "config.toml"
    path.write_text("".join(f"[profiles.{name}]\nuser = '{name}'\n" + "\n".join(lines) + "\n" for name in ROLES))
    for secret in (path, folder / "password"):
        secret.chmod(0o600)
    return path


def ingest_and_query(run: Run, folder: Path) -> None:
    """Check that one role indexes and another finds, and that neither can do the other's."""
    source = folder / "articles.jsonl"
    source.write_text(
        '{"_id": "1", "title": "Bread", "text": "fresh bread", "lang": "en"}\n{"_id": "2", "text": "salt"}\n'
    )

    def ingest(name: str) -> Result:
        return run("ingest", source, "--index", INDEX, "--profile", name, "--json")

    def query(name: str) -> Result:
        return run("query", "bread", "--index", INDEX, "--profile", name, "--json", "--explain")

    for _ in range(2):
        done = ingest("csplade_ingest")
        assert done.code == 0, done.err
        assert json.loads(done.out)["indexed"] == 2
        assert "no checkpoint" not in done.err
    asked = query("csplade_query")
    assert asked.code == 0, asked.err
    assert [hit["id"] for hit in json.loads(asked.out)["hits"]] == ["1"]
    judged = evaluate(run, folder)
    assert judged.code == 0, judged.err
    assert json.loads(judged.out)["sparse"]["nDCG@10"] == 1.0
    query_in_other_ways(run, folder)
    # Neither can do the other's.
    for result in (ingest("csplade_query"), query("csplade_ingest")):
        assert (result.code, result.out) == (1, "")
        assert REFUSED in result.err
        assert PASSWORD not in result.err


def query_in_other_ways(run: Run, folder: Path) -> None:
    """Check that the role which queries also asks twice at once, explains what is not found, and mines."""
    where = ("--index", INDEX, "--profile", "csplade_query")
    fused = run("query", "bread", *where, "--mode", "hybrid", "--fusion", "rrf", "--json")
    assert fused.code == 0, fused.err
    assert [hit["id"] for hit in json.loads(fused.out)["hits"]] == ["1"]
    explained = run("explain", "bread", *where, "--document", "2", "--json")
    assert explained.code == 0, explained.err
    pairs, output = folder / "pairs.jsonl", folder / "mined.jsonl"
    pairs.write_text('{"query": "bread and salt", "positive": "fresh bread"}\n')
    output.unlink(missing_ok=True)
    mined = run("mine", pairs, *where, "--output", output, "--json")
    assert mined.code == 0, mined.err
    assert json.loads(output.read_text())["negatives"] == ["salt"]


def ingest_without_measuring(run: Run, folder: Path) -> None:
    """Check that a role which cannot read what it writes is told so, and that another may measure it afterwards."""
    source = folder / "many.jsonl"
    source.write_text("".join(f'{{"_id": "{number}", "text": "rye {number}"}}\n' for number in range(FEWEST)))
    done = run("ingest", source, "--index", MANY, "--profile", "csplade_ingest", "--json", "--analyzer", "standard")
    assert (done.code, json.loads(done.out)["indexed"]) == (0, FEWEST), done.err
    assert f"Queries are not fitted to {MANY}; `csplade calibrate --index {MANY}` can do it later: " in done.err
    assert REFUSED in done.err
    measured = run("calibrate", "--index", MANY, "--profile", "csplade_enrich", "--json")
    assert measured.code == 0, measured.err
    assert json.loads(measured.out)["scales"] is not None


def evaluate(run: Run, folder: Path) -> Result:
    """Measure a collection of one judged query, which asks several searches at once."""
    (folder / "judged" / "qrels").mkdir(parents=True, exist_ok=True)
    (folder / "judged" / "queries.jsonl").write_text('{"_id": "q", "text": "bread"}\n')
    (folder / "judged" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\t1\t1\n")
    where = ("--index", INDEX, "--collection", folder / "judged", "--profile", "csplade_query")
    return run("evaluate", *where, "--mode", "sparse", "--json")


def copy_an_index(node: SecureNode, run: Run) -> None:
    """Check that a role copies an index, and that it can neither change that one nor read the copy."""
    for number in range(3):
        product = {"name": f"rye bread {number}", "price": number}
        node.admin.index(index=SHOP, id=f"p{number}", body=product, params={"refresh": "true"})
    where = ("--from", SHOP, "--to", COPY, "--text-fields", "name", "--profile", "csplade_reindex", "--json")
    tried = run("reindex", *where, "--dry-run")
    assert tried.code == 0, tried.err
    # It may not ask what the cluster would refuse, and is told so.
    assert json.loads(tried.out)["refused"] is None
    assert "may not ask" in tried.err
    for _ in range(2):
        done = run("reindex", *where)
        assert done.code == 0, done.err
        told = json.loads(done.out)
        assert (told["read"], told["indexed"], told["in_source"], told["one_moment"]) == (3, 3, 3, True)
        assert "no checkpoint" not in done.err
    node.admin.indices.refresh(index=COPY)
    assert node.admin.count(index=COPY)["count"] == 3
    # `csplade enrich` reads the same fields by itself.
    assert recorded_fields(mapping_of(node.admin, COPY)[1]) == ("name",)
    client = as_user(node, "csplade_reindex")
    with Snapshot(client, SHOP, read_dialect(node.admin), Patience(attempts=1)) as snapshot:
        # Otherwise a checkpoint would hold places that a failover can give to other documents.
        assert snapshot.told is not None
    refuse(
        lambda: client.index(index=SHOP, id="p0", body={}),
        lambda: client.delete(index=SHOP, id="p0"),
        lambda: client.indices.delete(index=SHOP),
        lambda: client.indices.put_mapping(index=SHOP, body={"properties": {"x": {"type": "keyword"}}}),
        lambda: client.search(index=COPY, body={}),
        lambda: client.delete(index=COPY, id="p0"),
    )
    assert node.admin.count(index=SHOP)["count"] == 3


def enrich_and_calibrate(node: SecureNode, run: Run) -> None:
    """Check that a role encodes and measures what is there, and makes nothing new."""
    index = "articles-3"
    create_index(node.admin, index, word_contract(), IndexOptions(analyzer="standard"))
    for number in range(3):
        node.admin.index(index=index, id=str(number), body={"text": "rye", "year": number}, params={"refresh": "true"})
    for expected in (3, 0):
        done = run("enrich", "--index", index, "--profile", "csplade_enrich", "--json")
        assert done.code == 0, done.err
        told = json.loads(done.out)
        assert (told["encoded"], told["failed"], told["pending"]) == (expected, 0, 0)
    with Snapshot(as_user(node, "csplade_enrich"), index, read_dialect(node.admin), Patience(attempts=1)) as snapshot:
        # Otherwise each round of --watch would read the whole index.
        assert snapshot.history is not None
    # It may also measure the index, as it reads it and writes its mapping; who only ingests may not.
    measured = run("calibrate", "--index", index, "--profile", "csplade_enrich", "--json")
    assert measured.code == 0, measured.err
    assert json.loads(measured.out)["scales"] is not None, measured.err
    refused = run("calibrate", "--index", index, "--profile", "csplade_ingest", "--json")
    assert (refused.code, refused.out) == (1, "")
    assert REFUSED in refused.err
    told_weights = {"_source_exclude_vectors": "false"} if read_dialect(node.admin).hides_weights else {}
    found = node.admin.get(index=index, id="2", params=told_weights)["_source"]
    assert (found["year"], found["csplade_terms"]) == (2, {"rye": 3.0})
    client = as_user(node, "csplade_enrich")
    refuse(
        lambda: client.delete(index=index, id="0"),
        lambda: client.indices.create(index="articles-4"),
        lambda: client.indices.put_alias(index=index, name="articles"),
    )


def swap_versions(node: SecureNode, run: Run) -> None:
    """Check that a role makes, shows, compares, swaps, takes back and drops versions, and changes no document."""

    def index(command: str, *arguments: str) -> str:
        done = run("index", command, *arguments, "--profile", "csplade_lifecycle", "--json")
        assert done.code == 0, done.err
        return done.out

    first, second = f"{LIVE}-v1", f"{LIVE}-v2"
    for name in (first, second):
        assert json.loads(index("create", LIVE, "--analyzer", "standard"))["index"] == name
        _fill(node, name)
    shown = json.loads(index("status", LIVE))
    told = [(one["index"], one["documents"], one["with_weights"], bool(one["bytes"])) for one in shown]
    assert told == [(first, 3, 1.0, True), (second, 3, 1.0, True)]
    swapped = json.loads(index("swap", LIVE))
    assert (swapped["swapped"], swapped["gate"]["refused"]) == (True, [])
    client = as_user(node, "csplade_lifecycle")
    refuse(
        lambda: client.delete(index=second, id="0"),
        lambda: client.index(index=LIVE, id="0", body={}),
        lambda: client.indices.close(index=first),
        lambda: client.indices.put_alias(index=OTHER, name=LIVE),
    )
    listed = run("index", "status", "--profile", "csplade_lifecycle", "--json")
    # OpenSearch asks only of which index an alias is to be, and tells nothing of all indexes to who may not see all.
    if read_dialect(node.admin).distribution == "elasticsearch":
        refuse(lambda: client.indices.put_alias(index=first, name="mine"))
        assert {first, second} <= {one["index"] for one in json.loads(listed.out)}
    else:
        assert (listed.code, REFUSED in listed.err) == (1, True)
    assert json.loads(index("rollback", LIVE))["to"] == first
    assert json.loads(index("drop", second, "--yes")) == {"dropped": second}


def make_version(node: SecureNode, run: Run) -> None:
    """Make the first version of `LIVE`, with some documents."""
    made = run("index", "create", LIVE, "--analyzer", "standard", "--profile", "csplade_lifecycle")
    assert made.code == 0, made.err
    _fill(node, f"{LIVE}-v1")


def _fill(node: SecureNode, index: str) -> None:
    contract = word_contract().fingerprint
    for number in range(3):
        text = f"rye {number}"
        body = {"text": text, "csplade_terms": word_vector(text).weights, "csplade_encoded": mark_of(contract, text)}
        node.admin.index(index=index, id=str(number), body=body, params={"refresh": "true"})
