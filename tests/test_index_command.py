"""`csplade index`: what it prints, what it refuses and with which exit code; on real servers."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from csplade.integration.client import connect
from csplade.integration.index_mapping import mapping_of
from csplade.integration.templates import WEIGHTS_FIELD
from csplade.tests.cluster_lines import ClusterLine
from csplade.tests.command_run import Result, Run, run
from csplade.tests.versioned_index import versioned
from csplade.tests.word_encoder import word_contract

__all__ = ["run", "versioned"]

NOWHERE = "http://127.0.0.1:9"
TEXTS = {"loaf": "a loaf of bread", "bread": "bread bread", "salt": "salt and rye", "empty": ""}


@pytest.fixture
def index(run: Run, versioned: ClusterLine) -> Run:
    """Run `csplade index COMMAND ...` on the line's cluster."""

    def index(command: str, *arguments: object) -> Result:
        return run("index", command, *arguments, "--url", versioned.url)

    return index


def json_of(result: Result) -> dict[str, Any]:
    assert (result.code, result.out.count("\n")) == (0, 1), result
    value = orjson.loads(result.out)
    assert isinstance(value, dict)
    return value


def list_of(result: Result) -> list[dict[str, Any]]:
    assert (result.code, result.out.count("\n")) == (0, 1), result
    value = orjson.loads(result.out)
    assert isinstance(value, list)
    return value


def one_sentence(result: Result) -> str:
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("Error: ")
    assert result.err.count("\n") == 1
    return result.err


def corpus(texts: dict[str, str], name: str = "corpus.jsonl") -> str:
    rows = (orjson.dumps({"_id": key, "text": text}) + b"\n" for key, text in texts.items())
    Path(name).write_bytes(b"".join(rows))
    return name


@pytest.mark.cluster
def test_a_version_may_keep_weights_out_of_what_comes_back(run: Run, index: Run, versioned: ClusterLine) -> None:
    alias, where = versioned.index, ("--url", versioned.url)
    assert index("create", alias, "--analyzer", versioned.analyzer, "--no-weights-in-source").code == 0
    assert run("ingest", corpus(TEXTS), "--index", alias, *where).code == 0
    asked = json_of(run("query", "bread", "--index", alias, *where, "--json"))
    assert [hit["id"] for hit in asked["hits"]] == ["bread", "loaf"]
    document = versioned.client.get(index=alias, id="loaf")["_source"]
    assert document["text"] == TEXTS["loaf"]
    assert WEIGHTS_FIELD not in document
    # The next one is made alike, unless it is asked for otherwise.
    for more, kept in (((), versioned.dialect.hides_weights), (("--weights-in-source",), True)):
        made = index("create", alias, *more).out.strip()
        assert ("excludes" in mapping_of(versioned.client, made)[1].get("_source", {})) is not kept


@pytest.mark.cluster
def test_a_version_is_created_filled_through_its_alias_shown_and_dropped(
    run: Run, index: Run, versioned: ClusterLine
) -> None:
    alias, where = versioned.index, ("--url", versioned.url)
    first = json_of(index("create", alias, "--analyzer", versioned.analyzer, "--json"))
    assert first == {"index": f"{alias}-v1", "alias": alias, "live": True, "seismic": None}
    assert run("ingest", corpus(TEXTS), "--index", alias, *where).code == 0
    asked = json_of(run("query", "bread", "--index", alias, *where, "--json"))
    assert [hit["id"] for hit in asked["hits"]] == ["bread", "loaf"]
    second = index("create", alias)
    assert (second.code, second.out) == (0, f"{alias}-v2\n")
    assert f"{alias} still stands for {alias}-v1" in second.err
    assert f"--index {alias}-v2`, then `csplade index swap {alias}`" in second.err
    live, new = list_of(index("status", alias, "--json"))
    assert live.pop("bytes") > new.pop("bytes") > 0
    fingerprint = word_contract().fingerprint
    sizes = dict.fromkeys(("weights_bytes", "text_bytes", "postings_bytes", "stored_bytes"))
    same = {"encoder": "words", "fingerprint": fingerprint, "seismic_loss": None, "estimate": None, **sizes}
    none: dict[str, str] = {}
    counted = {"replaced": none, "documents": 4, "with_weights": 0.75, "sampled": 4, "loading": False}
    assert live == {"index": f"{alias}-v1", "aliases": [alias], **same, **counted}
    nothing = {"replaced": none, "documents": 0, "with_weights": None, "sampled": 0, "loading": False}
    assert new == {"index": f"{alias}-v2", "aliases": [], **same, **nothing}
    table = index("status", alias)
    rows = [line.split() for line in table.out.splitlines()]
    assert any(row[:6] == [f"{alias}-v1", alias, "words", fingerprint, "4", "75.0%"] for row in rows), table
    sized = index("status", f"{alias}-v1", "--sizes", "--json")
    (whole,) = list_of(sized)
    assert whole["postings_bytes"] > 0 < whole["stored_bytes"], whole
    shown = index("status", f"{alias}-v1", "--sizes").out
    assert "?" not in shown
    if versioned.dialect.distribution == "opensearch":
        assert sized.err.startswith("This cluster does not tell how large a field is; the other sizes are of all")
        assert "`csplade index status NAME --sizes-of-sample` estimates it" in sized.err
        assert (whole["weights_bytes"], whole["text_bytes"], "weights MB" in shown) == (None, None, False)
    else:
        assert whole["weights_bytes"] > 0 < whole["text_bytes"]
        assert "weights MB" in shown
    assert json_of(index("drop", f"{alias}-v2", "--yes", "--json")) == {"dropped": f"{alias}-v2"}
    assert [one["index"] for one in list_of(index("status", alias, "--json"))] == [f"{alias}-v1"]


@pytest.mark.cluster
def test_sizes_are_estimated_from_a_sample_if_asked_for(run: Run, index: Run, versioned: ClusterLine) -> None:
    alias, live = versioned.index, f"{versioned.index}-v1"
    index("create", alias, "--analyzer", versioned.analyzer)
    texts = {str(number): f"{number} loaves of bread {'salt ' * number}" for number in range(8)}
    assert run("ingest", corpus(texts), "--index", alias, "--url", versioned.url).code == 0
    (told,) = list_of(index("status", live, "--sizes-of-sample", "--json"))
    estimate = told["estimate"]
    assert estimate.pop("sampled") == 8
    assert set(estimate) == {"weights_bytes", "text_bytes", "stored_bytes", "rest_bytes"}
    assert min(estimate.values()) > 0
    table = index("status", live, "--sizes-of-sample", 4)
    assert f"{live}: about what its documents take, from 4 of 8\n" in table.out
    assert "This cluster does not tell" not in table.err
    parts = [line.strip().partition("  ")[0] for line in table.out.rstrip().splitlines()]
    assert parts[-4:] == ["postings of the weights", "postings of the text", "stored documents", "all else"], table
    # A new version is empty at first, of which nothing can be estimated.
    index("create", alias)
    both = index("status", alias, "--sizes-of-sample", "--json")
    assert [one["estimate"] is None for one in list_of(both)] == [False, True]
    assert f"{alias}-v2 holds no documents" in both.err
    assert f"{alias}-v2' holds no documents" in one_sentence(index("status", f"{alias}-v2", "--sizes-of-sample"))
    nameless, few = index("status", "--sizes-of-sample"), index("status", live, "--sizes-of-sample", 1)
    assert (nameless.code, few.code) == (2, 2)
    assert "give the NAME of the index before it" in nameless.err


@pytest.mark.cluster
def test_a_swap_is_refused_until_the_new_index_is_as_good_and_taken_back(
    run: Run, index: Run, versioned: ClusterLine
) -> None:
    alias, where = versioned.index, ("--url", versioned.url)
    first, second = f"{alias}-v1", f"{alias}-v2"
    index("create", alias, "--analyzer", versioned.analyzer)
    run("ingest", corpus(TEXTS), "--index", alias, *where)
    word_contract("others", opset=2).write(encoder("others"))
    assert index("create", alias, "--encoder", "others").out == f"{second}\n"
    run("ingest", corpus({"loaf": "rye"}), "--index", second, "--encoder", "others", *where)
    new = ("swap", alias, "--encoder", "others")
    unknown = index(*new)
    assert (unknown.code, unknown.out) == (2, "")
    assert "was made with the encoder 'words'" in unknown.err
    assert "--live-encoder" in unknown.err
    both = (*new, "--live-encoder", "encoder")
    refused = index(*both, "--json")
    assert refused.code == 1
    told = orjson.loads(refused.out)
    assert (told["from"], told["to"], told["swapped"]) == (first, second, False)
    assert told["gate"]["documents"] == {"live": 4, "new": 1}
    assert [reason.split()[0] for reason in told["gate"]["refused"]] == ["it", "the"]
    assert f"{second!r} must not replace the live index: it holds 1 documents and the live one 4" in refused.err
    assert only_alias(index, alias) == first
    run("ingest", corpus(TEXTS), "--index", second, "--encoder", "others", *where)
    tried = json_of(index(*both, "--dry-run", "--json"))
    assert (tried["swapped"], tried["gate"]["overlap"], tried["gate"]["refused"]) == (False, 1.0, [])
    assert only_alias(index, alias) == first
    judged = index(*both, "--collection", judged_collection())
    assert (judged.code, only_alias(index, alias)) == (0, second), judged
    assert [line.split() for line in judged.out.splitlines() if line.strip(" ─")][1:] == [
        ["live", first, "4", "1.0000"],
        ["new", second, "4", "1.0000"],
    ]
    assert "Of the 10 best hits of 2 queries, 100.0% are found by both." in judged.err
    assert f"{alias} stands for {second} now, no longer for {first}." in judged.err
    back = {"alias": alias, "from": second, "to": first, "swapped": True, "gate": None}
    assert json_of(index("rollback", alias, "--json")) == back
    assert only_alias(index, alias) == first


@pytest.mark.cluster
def test_a_query_that_is_a_document_of_either_version_is_left_out_of_the_hits_of_both(
    run: Run, index: Run, versioned: ClusterLine
) -> None:
    alias, where = versioned.index, ("--url", versioned.url)
    for version, own in (("v1", {"q1": "bread bread bread"}), ("v2", {"q2": "salt salt salt"})):
        index("create", alias, "--analyzer", versioned.analyzer)
        assert run("ingest", corpus({**TEXTS, **own}), "--index", f"{alias}-{version}", *where).code == 0
    swapped = json_of(index("swap", alias, "--collection", judged_collection(), "--json"))
    assert swapped["gate"]["ndcg"] == {"live": 1.0, "new": 1.0}


def only_alias(index: Run, alias: str) -> str:
    (live,) = [one["index"] for one in list_of(index("status", alias, "--json")) if one["aliases"] == [alias]]
    return str(live)


def encoder(name: str) -> Path:
    folder = Path(name)
    folder.mkdir()
    return folder


def judged_collection() -> str:
    folder = Path("judged")
    (folder / "qrels").mkdir(parents=True)
    (folder / "qrels" / "test.tsv").write_text("q1\tbread\t2\nq1\tloaf\t1\nq2\tsalt\t1\n")
    corpus({"q1": "bread", "q2": "salt"}, "judged/queries.jsonl")
    return "judged"


@pytest.mark.cluster
def test_an_index_of_others_is_replaced_by_one_that_finds_as_much(run: Run, opensearch: str, index_name: str) -> None:
    """The usual beginning: an application's own index, found by BM25, gets an alias and then a successor."""
    client, alias, where = connect(opensearch), f"{index_name}-live", ("--url", opensearch)
    for identity, text in TEXTS.items():
        client.index(index=index_name, id=identity, body={"text": text}, params={"refresh": "true"})
    foreign = f"{index_name} was not made by csplade: searches in it go by words (BM25) alone"
    adopted = run("index", "swap", alias, "--to", index_name, *where)
    assert (adopted.code, adopted.err) == (0, f"{alias} stands for {index_name} now.\n{foreign}.\n")
    try:
        run("index", "create", alias, *where)
        run("ingest", corpus({**TEXTS, "more": "more bread"}), "--index", f"{alias}-v1", *where)
        narrow = run("index", "swap", alias, *where)
        assert "it holds 5 documents and the live one 4" in narrow.err
        swapped = run("index", "swap", alias, "--count-difference", 1, *where)
        assert swapped.code == 0, swapped
        assert [hit["id"] for hit in json_of(run("query", "bread", "--index", alias, *where, "--json"))["hits"]] == [
            *("bread", "loaf", "more"),
        ]
        moved = f"{alias} stands for {index_name} now, no longer for {alias}-v1.\n"
        back = run("index", "rollback", alias, *where)
        assert (back.code, back.err) == (0, f"{moved}{foreign}.\n")
        again = run("index", "swap", alias, "--to", f"{alias}-v1", "--counts-only", "--force", *where)
        assert (again.code, "not made by csplade" in again.err) == (0, False)
        by_terms = one_sentence(run("index", "swap", alias, "--to", index_name, "--force", *where))
        assert f"{index_name!r} was not made by csplade, so that it cannot be asked by terms" in by_terms
        assert "--mode bm25" in by_terms
        by_words = ("--mode", "bm25", "--count-difference", 1, "--least-overlap", 0)
        for way in (("--counts-only", "--force"), by_words):
            forward = run("index", "swap", alias, "--to", index_name, *way, *where)
            assert forward.code == 0, forward
            assert moved in forward.err
            assert f"{foreign}, and no `csplade index rollback {alias}` leads back from it.\n" in forward.err
            assert "there is no way back" in one_sentence(run("index", "rollback", alias, *where))
            run("index", "swap", alias, "--to", f"{alias}-v1", "--counts-only", "--force", *where)
    finally:
        client.indices.delete(index=f"{alias}-v1", params={"ignore_unavailable": "true"})


@pytest.mark.cluster
def test_an_index_of_others_with_fields_of_other_names_is_compared_by_those_that_were_copied(
    run: Run, opensearch: str, index_name: str
) -> None:
    client, alias, where = connect(opensearch), f"{index_name}-live", ("--url", opensearch)
    new, asked = f"{index_name}-sparse", ("--least-overlap", 1)
    words = ("rye", "oats", "salt", "flour")
    for name in words:
        source = {"name": name, "about": {"long": f"good {name}"}}
        client.index(index=index_name, id=name, body=source, params={"refresh": "true"})
    assert run("index", "swap", alias, "--to", index_name, *where).code == 0
    try:
        done = run("reindex", "--from", index_name, "--to", new, "--text-fields", "name,about.long", *where)
        assert done.code == 0, done
        swapped = run("index", "swap", alias, "--to", new, *asked, "--json", *where)
        gate = json_of(swapped)["gate"]
        assert (gate["queries"], gate["overlap"], gate["refused"]) == (4, 1.0, [])
        # It can fail: without a document the live index finds other hits.
        assert run("index", "swap", alias, "--to", index_name, "--mode", "bm25", *asked, *where).code == 0
        client.delete(index=index_name, id="rye", params={"refresh": "true"})
        client.index(index=index_name, id="barley", body={"name": "barley"}, params={"refresh": "true"})
        worse = run("index", "swap", alias, "--to", new, *asked, *where)
        assert worse.code == 1, worse
    finally:
        client.indices.delete(index=new, params={"ignore_unavailable": "true"})


@pytest.mark.cluster
def test_what_would_be_lost_is_not_deleted_without_a_word(
    run: Run, opensearch: str, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ("--url", opensearch)
    try:
        for _ in range(2):
            assert run("index", "create", index_name, *where).code == 0
        refused = run("index", "drop", f"{index_name}-v2", *where)
        assert (refused.code, refused.out) == (2, "")
        assert "deleted for good, and there is nobody to ask: add --yes" in refused.err
        assert "stands for: swap" in one_sentence(run("index", "drop", f"{index_name}-v1", "--yes", *where))
        taken = one_sentence(run("index", "create", f"{index_name}-v1", *where))
        assert f"csplade index swap NAME --to {index_name}-v1" in taken
        names = [one["index"] for one in list_of(run("index", "status", *where, "--json"))]
        assert {f"{index_name}-v1", f"{index_name}-v2"} <= set(names)
        assert run("index", "drop", f"{index_name}-v2", "--yes", *where).err == f"{index_name}-v2 is deleted.\n"
    finally:
        for number in (1, 2):
            connect(opensearch).indices.delete(index=f"{index_name}-v{number}", params={"ignore_unavailable": "true"})


@pytest.mark.cluster
def test_a_name_that_nothing_has_is_told_with_the_next_step(run: Run, opensearch: str) -> None:
    where = ("--url", opensearch)
    assert "`csplade index create nothing`" in one_sentence(run("index", "status", "nothing", *where))
    assert "there is no index" in one_sentence(run("index", "drop", "nothing", "--yes", *where))
    for command in (("create", "A"), ("status", "a*"), ("drop", "a,b", "--yes")):
        wrong = run("index", *command, *where)
        assert (wrong.code, wrong.out) == (2, "")
        assert "cannot be the name of an index" in wrong.err


@pytest.mark.parametrize("command", [("create", "a"), ("status",), ("drop", "a", "--yes")])
def test_no_cluster_there_is_one_sentence(run: Run, command: tuple[str, ...]) -> None:
    assert "no cluster answers" in one_sentence(run("index", *command, "--url", NOWHERE))


def test_a_folder_that_is_no_encoder_is_refused_before_anything_is_created(run: Run) -> None:
    said = one_sentence(run("index", "create", "a", "--encoder", "nothing", "--url", NOWHERE))
    assert "nothing is not an encoder folder" in said
