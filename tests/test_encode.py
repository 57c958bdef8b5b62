"""The encoder against a reference that computes whole logits in PyTorch and BM25's formula in Python."""

import dataclasses
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.contract import Literal, Side
from csplade.pipelines.encode import EncodeOptions, Encoder, batches
from csplade.pipelines.errors import EncoderError, UsageError
from csplade.pipelines.export import export_graph
from csplade.pipelines.fold import every_piece, fold_vocabulary
from csplade.pipelines.folder import IDF_FILE, MODEL_FILE, TERMS_FILE, TOKENIZER_FILE, Tables, read_tables
from csplade.pipelines.graph import Graph, GraphOutput, Role
from csplade.pipelines.model import SparseEncoderModel
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.torch_graph import TorchGraph
from csplade.pipelines.words import split_words
from csplade.tests.tiny_encoder import (
    DOCUMENT_TERMS,
    IDF,
    QUERY_TERMS,
    TEXTS,
    literal_path,
    tiny_model,
    tiny_tokenizer,
    write_contract,
    write_tiny_encoder,
)
from numpy.typing import NDArray
from tokenizers import Tokenizer, normalizers

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture(scope="module")
def model(folder: Path) -> SparseEncoderModel:
    return write_tiny_encoder(folder)


@pytest.fixture(scope="module")
def encoder(model: SparseEncoderModel, folder: Path) -> Encoder:
    return Encoder.open(folder)


@torch.inference_mode()
def reference(model: SparseEncoderModel, folder: Path, text: str, role: Role) -> dict[str, float]:
    """Return the vector of one text from the definitions: all logits, no batches, no graph."""
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    encoding = tokenizer.encode(text)
    limit, kept = (40, DOCUMENT_TERMS) if role is Role.DOCUMENT else (12, QUERY_TERMS)
    ids, ends = encoding.ids[:limit], [end for _, end in encoding.offsets[:limit]]
    hidden = model.backbone(input_ids=torch.tensor([ids])).last_hidden_state[0]
    logits = hidden[1:] @ model.head.T  # Without BOS: (tokens, pieces)
    fold = fold_vocabulary(tokenizer, "english")
    terms: dict[str, float] = {}
    for position, piece in enumerate(fold.pieces.tolist()):
        word = tokenizer.id_to_token(piece)[1:]
        value = float(model.scale[position] * logits[:, position].max() + model.shift[position])
        key = split_words(word, "english")[0].key
        terms[key] = max(terms.get(key, 0.0), 0.5 * math.log1p(max(value, 0.0)))
    vector = dict(sorted(((k, w) for k, w in terms.items() if w > 0), key=lambda pair: -pair[1])[:kept])
    gates = torch.nn.functional.softplus(hidden @ model.gate.weight[role] + model.gate.bias[role]).tolist()
    words = split_words(text, "english")
    reached = [
        gates[next(i for i, end in enumerate(ends) if end >= word.end)] for word in words if word.end <= ends[-1]
    ]
    tf: Counter[str] = Counter()
    for number, word in enumerate(words):
        tf[word.key] += reached[number] if number < len(reached) else sum(reached) / len(reached)
    for key, count in tf.items():
        norm = 1.2 * (1 - 0.75 + 0.75 * len(words) / 10.0)
        shape = 2.2 * count / (count + norm) if role is Role.DOCUMENT else count
        vector[key] = vector.get(key, 0.0) + math.sqrt(IDF.get(key, 6.0)) * shape
    return vector


@pytest.mark.parametrize("role", list(Role))
def test_vectors_are_those_of_the_definitions_alone_and_in_a_batch(
    encoder: Encoder, model: SparseEncoderModel, folder: Path, role: Role
) -> None:
    encode = encoder.documents if role is Role.DOCUMENT else encoder.queries
    texts = [*TEXTS, "plants and valves " * 30]
    expected = [reference(model, folder, text, role) for text in texts]
    assert all(len(vector) > 3 for vector in expected[:-2])
    for found in (list(encode(texts)), [next(encode([text])) for text in texts]):
        for vector, wanted in zip(found, expected, strict=True):
            assert dict(vector.weights) == pytest.approx(wanted, rel=1e-4)


def test_documents_and_queries_differ(encoder: Encoder) -> None:
    (document,), (query,) = encoder.documents([TEXTS[0]]), encoder.queries([TEXTS[0]])
    assert document != query
    assert len(query) < len(document)


@pytest.mark.parametrize("text", ["", "   ", "\n\t\u3000", "...", "?! -- ()", "\ud800", "what is it"])
def test_a_text_without_words_gives_an_empty_vector(encoder: Encoder, text: str) -> None:
    assert list(encoder.documents([text])) == [SparseVector()]
    assert list(encoder.queries(["bread", text, "salt"]))[1] == SparseVector()


def test_no_texts_give_no_vectors(encoder: Encoder) -> None:
    assert list(encoder.documents([])) == []


def test_a_lone_surrogate_parts_words_and_fails_nothing(encoder: Encoder) -> None:
    (broken,) = encoder.documents(["bread \ud800 pump"])
    assert {"bread", "pump"} <= broken.weights.keys()


def test_order_is_kept_whatever_the_windows_and_batches(model: SparseEncoderModel, folder: Path) -> None:
    texts = [f"{'bread ' * (number % 7)}number{number}" for number in range(50)]
    plain = list(Encoder.open(folder).documents(texts))
    for options in (EncodeOptions(window=1), EncodeOptions(window=7, batch_tokens=30), EncodeOptions(batch_tokens=1)):
        found = list(Encoder.open(folder, options).documents(texts))
        assert [f"number{number}" in vector.weights for number, vector in enumerate(found)] == [True] * 50
        for vector, wanted in zip(found, plain, strict=True):
            assert dict(vector.weights) == pytest.approx(dict(wanted.weights), rel=1e-4)


def test_only_two_windows_of_texts_are_read_ahead(model: SparseEncoderModel, folder: Path) -> None:
    taken = 0

    def texts() -> Iterator[str]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield f"bread {number}"

    vectors = Encoder.open(folder, EncodeOptions(window=10)).documents(texts())
    for _ in range(11):
        next(vectors)
    assert taken == 30


def test_batches_keep_to_the_budget_and_lose_nothing() -> None:
    lengths = dict(enumerate([5, 1, 9, 3, 3, 30, 2]))
    found = list(batches(lengths, 10))
    assert sorted(position for batch in found for position in batch) == list(range(7))
    assert all(len(batch) == 1 or len(batch) * max(lengths[position] for position in batch) <= 10 for batch in found)
    assert [position for batch in found for position in batch] == [1, 6, 3, 4, 0, 2, 5]


def test_a_prefix_is_read_by_the_model_and_is_no_word_of_the_text(folder: Path, tmp_path: Path) -> None:
    for name in (MODEL_FILE, TOKENIZER_FILE, TERMS_FILE, IDF_FILE):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    side = Side("pump: ", 40, DOCUMENT_TERMS)
    vectors = []
    for prefixed in (True, False):
        write_contract(tmp_path, literal_path(), side if prefixed else Side("", 40, 20), side)
        (vector,) = Encoder.open(tmp_path).documents(["bread" if prefixed else "pump: bread"])
        vectors.append(vector.weights)
    with_prefix, in_text = vectors
    # The text "pump: bread" has the same tokens, two words instead of one, and a literal "pump".
    assert in_text["pump"] - with_prefix.get("pump", 0.0) > 0.5
    assert with_prefix["bread"] > 0


def test_without_a_literal_path_only_the_expansion_is_left(folder: Path, tmp_path: Path) -> None:
    for name in (MODEL_FILE, TOKENIZER_FILE, TERMS_FILE, IDF_FILE):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    write_contract(tmp_path, None, Side("", 40, DOCUMENT_TERMS), Side("", 12, QUERY_TERMS))
    (vector,) = Encoder.open(tmp_path).documents(["xj4400b " + TEXTS[0]])
    assert 0 < len(vector) <= DOCUMENT_TERMS
    assert "xj4400b" not in vector.weights


def test_a_literal_path_that_this_version_does_not_know_is_told(folder: Path, tmp_path: Path) -> None:
    for name in (MODEL_FILE, TOKENIZER_FILE, TERMS_FILE, IDF_FILE):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    literal = Literal(1.2, 0.75, 10.0, 6.0, "klingon")
    write_contract(tmp_path, literal, Side("", 40, 20), Side("", 12, 8))
    with pytest.raises(EncoderError, match="klingon"):
        Encoder.open(tmp_path)


@pytest.mark.parametrize("name", [MODEL_FILE, TOKENIZER_FILE, TERMS_FILE, IDF_FILE])
@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_a_damaged_folder_is_refused_by_name(
    model: SparseEncoderModel, folder: Path, tmp_path: Path, name: str, damage: str
) -> None:
    for file in folder.iterdir():
        if file.name != name:
            (tmp_path / file.name).write_bytes(file.read_bytes())
        elif damage == "changed":
            (tmp_path / file.name).write_bytes(file.read_bytes()[:-1])
    with pytest.raises(EncoderError, match=name):
        Encoder.open(tmp_path)


def test_a_book_is_not_tokenized_for_its_first_page(encoder: Encoder) -> None:
    text = "bread and salt " * 200_000 + "xj4400b"
    began = time.process_time()
    (vector,) = encoder.documents([text])
    assert {"bread", "salt", "xj4400b"} <= vector.weights.keys()
    # Reading its words takes two seconds of processor time; tokenizing all of it took twenty.
    assert time.process_time() - began < 15


class NoGraph:
    """Where the graph must not be asked."""

    def run(self, token_ids: Sequence[Sequence[int]], role: Role) -> GraphOutput:
        raise AssertionError(f"{token_ids} reached the model")


def test_queries_of_words_without_a_model_weigh_their_own_words(encoder: Encoder, folder: Path) -> None:
    contract = dataclasses.replace(encoder.contract, query_path="table")
    tokenizer = (folder / TOKENIZER_FILE).read_text(encoding="utf-8")
    alone = Encoder(contract, tokenizer, NoGraph(), read_tables(folder))
    asked = Encoder(encoder.contract, tokenizer, NoGraph(), read_tables(folder), EncodeOptions(table_queries=True))
    for each in (alone, asked):
        bread, nothing, blank = each.queries(["bread and bread with plants", "what is it", " "])
        assert dict(bread.weights) == pytest.approx({"bread": 2 * math.sqrt(3.0), "plant": math.sqrt(4.0)})
        assert (nothing, blank) == (SparseVector(), SparseVector())
        assert dict(each.query("bread").weights) == pytest.approx({"bread": math.sqrt(3.0)})


def test_queries_by_a_table_that_is_not_there_are_refused(encoder: Encoder, folder: Path) -> None:
    contract = dataclasses.replace(encoder.contract, term_space="pieces", literal=None)
    tables = dataclasses.replace(read_tables(folder), idf={})
    with pytest.raises(UsageError, match="has no table of idf"):
        Encoder(contract, tiny_tokenizer().to_str(), NoGraph(), tables, EncodeOptions(table_queries=True))


def test_queries_of_pieces_without_a_model_weigh_each_own_piece_once(encoder: Encoder, folder: Path) -> None:
    tokenizer = tiny_tokenizer()
    fold = every_piece(tokenizer)
    tables = Tables(fold.terms, {"▁bread": 3.0, "▁plants": 2.0, "<s>": 9.0})
    side = Side("ok plants: ", 12, 8)
    contract = dataclasses.replace(encoder.contract, query_path="table", term_space="pieces", literal=None, query=side)
    alone = Encoder(contract, tokenizer.to_str(), NoGraph(), tables)
    found, bread, blank = alone.queries(["bread plants bread ok", "bread", "\n"])
    assert dict(found.weights) == {"▁bread": 3.0, "▁plants": 2.0}
    assert (dict(bread.weights), blank) == ({"▁bread": 3.0}, SparseVector())


def test_a_text_of_which_the_tokenizer_leaves_nothing_needs_no_model(encoder: Encoder, folder: Path) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.post_processor = None
    tokenizer.normalizer = normalizers.Replace("salt", "")
    tables = read_tables(folder)
    alone = Encoder(encoder.contract, tokenizer.to_str(), NoGraph(), tables)
    assert [dict(vector.weights) for vector in alone.queries(["salt"])] == [{"salt": pytest.approx(math.sqrt(6.0))}]
    pieces = dataclasses.replace(encoder.contract, term_space="pieces", literal=None)
    assert list(Encoder(pieces, tokenizer.to_str(), NoGraph(), tables).documents(["salt"])) == [SparseVector()]


def test_a_contract_that_leaves_out_a_file_is_refused(model: SparseEncoderModel, folder: Path, tmp_path: Path) -> None:
    for name in (MODEL_FILE, TOKENIZER_FILE, TERMS_FILE, IDF_FILE):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    contract = write_contract(tmp_path, literal_path(), Side("", 40, 20), Side("", 12, 8))
    kept = {name: known for name, known in contract.files.items() if name != IDF_FILE}
    dataclasses.replace(contract, files=kept).write(tmp_path)
    with pytest.raises(EncoderError, match=r"files without idf\.json\.gz"):
        Encoder.open(tmp_path)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("attention", list(Attention))
def test_graphs_of_every_attention_say_what_torch_says(attention: Attention, residual: bool, tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    fold = every_piece(tokenizer)
    tiny = tiny_model(tokenizer, fold)
    options = dataclasses.replace(tiny.options, attention=attention, residual=residual, document_terms=10_000)
    model = SparseEncoderModel(tiny.backbone, tiny.head, fold, options).eval()
    export_graph(model, tmp_path / MODEL_FILE)
    graph, exact = Graph.open(tmp_path / MODEL_FILE), TorchGraph(model)
    texts = [encoding.ids for encoding in tokenizer.encode_batch(TEXTS)]
    together = graph.run(texts, Role.DOCUMENT)
    for row, ids in enumerate(texts):
        wanted = by_term(exact.run([ids], Role.DOCUMENT), 0)
        assert len(wanted) == len(fold.terms)
        np.testing.assert_allclose(by_term(graph.run([ids], Role.DOCUMENT), 0), wanted, atol=1e-4)
        np.testing.assert_allclose(by_term(together, row), wanted, atol=1e-4)


def by_term(output: GraphOutput, row: int) -> NDArray[np.float32]:
    """Return the weights of a text in the order of terms."""
    weights = np.zeros(output.term_ids.shape[1], dtype=np.float32)
    weights[output.term_ids[row]] = output.weights[row]
    return weights
