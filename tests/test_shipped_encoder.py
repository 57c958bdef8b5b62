"""The encoder that is shipped: complete, small enough, causal, int8, true to its golden vectors, and of use."""

import re

import numpy as np
import onnx
import pytest
from csplade.commands.options import SHIPPED_ENCODER
from csplade.pipelines.contract import check_files, read_contract
from csplade.pipelines.encode import EncodeOptions, Encoder
from csplade.pipelines.folder import MODEL_FILE, TOKENIZER_FILE, read_tables
from csplade.pipelines.golden import allowed, drifts, read_golden
from csplade.pipelines.graph import Graph, Role
from csplade.pipelines.vocab import decode_key
from csplade.pipelines.words import split_words
from tokenizers import Tokenizer

pytestmark = pytest.mark.model

_LARGEST = 96_000_000


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.open(SHIPPED_ENCODER)


def test_the_folder_is_complete_and_small_enough() -> None:
    contract = read_contract(SHIPPED_ENCODER)
    check_files(SHIPPED_ENCODER, contract)
    assert sum(file.stat().st_size for file in SHIPPED_ENCODER.iterdir()) <= _LARGEST
    assert (contract.attention, contract.term_space, contract.licence) == ("causal", "words", "Apache-2.0")
    assert contract.training
    card = (SHIPPED_ENCODER / "README.md").read_text()
    for source in contract.training:
        assert source in card


def test_its_scores_are_those_of_the_card() -> None:
    card, scores = (SHIPPED_ENCODER / "README.md").read_text(), read_contract(SHIPPED_ENCODER).scores
    shown = re.findall(r"^\| \| sparse \| ([\d.]+) \|", card, re.MULTILINE)
    assert [f"{value:.4f}" for value in scores.values()] == shown
    assert len(shown) == 8


def test_its_large_matrices_are_int8() -> None:
    tensors = onnx.load(SHIPPED_ENCODER / MODEL_FILE).graph.initializer
    sizes = {
        kind: sum(int(np.prod(tensor.dims)) for tensor in tensors if tensor.data_type == kind)
        for kind in (onnx.TensorProto.UINT8, onnx.TensorProto.INT8, onnx.TensorProto.FLOAT)
    }
    assert sizes[onnx.TensorProto.UINT8] + sizes[onnx.TensorProto.INT8] > 20 * sizes[onnx.TensorProto.FLOAT]


def test_its_terms_are_stems_of_the_stemmer_that_is_asked_for() -> None:
    """Of words that releases of PyStemmer stem differently; `words.py` refuses others."""
    ours = {"internal", "internat", "interval", "universiti", "organiz", "evening", "emergenc", "biolog", "past"}
    assert ours <= read_tables(SHIPPED_ENCODER).idf.keys()
    said = "internal international interval university organization evening emergency biologist past"
    assert {word.key for word in split_words(said, "english")} == ours


def test_golden_vectors_agree_within_the_tolerance(encoder: Encoder) -> None:
    found = drifts(encoder, read_golden(SHIPPED_ENCODER))
    assert len(found) >= 20
    beyond = [drift for drift in found if not allowed(drift, encoder.contract)]
    assert beyond == []
    # A tolerance that anything fits in would say nothing.
    assert max(drift.distance for drift in found) > 0.5 * encoder.contract.tolerance
    assert max(drift.expansion for drift in found) > 0.5 * encoder.contract.expansion_tolerance


def test_a_deterministic_encoder_gives_the_same_bits_through_int8_however_texts_are_grouped() -> None:
    texts = [golden.text for golden in read_golden(SHIPPED_ENCODER) if golden.text]
    alone = Encoder.open(SHIPPED_ENCODER, EncodeOptions(deterministic=True, threads=1))
    wanted = {text: list(next(alone.documents([text])).weights.items()) for text in texts}
    grouped = Encoder.open(SHIPPED_ENCODER, EncodeOptions(deterministic=True, threads=1, window=7, lanes=2))
    backwards = list(reversed(texts))
    for text, vector in zip(backwards, grouped.documents(backwards), strict=True):
        assert list(vector.weights.items()) == wanted[text]


def test_what_comes_later_does_not_change_the_gates_before_it() -> None:
    graph = Graph.open(SHIPPED_ENCODER / MODEL_FILE)
    tokenizer = Tokenizer.from_file(str(SHIPPED_ENCODER / TOKENIZER_FILE))
    ids = tokenizer.encode("the valve of the pump stuck half open and the pressure rose").ids
    whole, cut = graph.run([ids], Role.QUERY).gates[0], graph.run([ids[:6]], Role.QUERY).gates[0]
    # Each token has a scale of its own: only float sums in another order may differ, and what they round otherwise.
    assert np.abs(whole[1:6] - cut[1:]).max() < 0.01 * whole[1:].max()
    other = graph.run([[*ids[:6], *reversed(ids[6:])]], Role.QUERY).gates[0]
    assert np.abs(whole[6:] - other[6:]).max() > np.abs(whole[1:6] - other[1:6]).max()


def test_every_term_is_a_readable_key_of_the_analysis() -> None:
    terms = read_tables(SHIPPED_ENCODER).terms
    assert len(terms) == len(set(terms)) > 5000
    for term in terms:
        assert decode_key(term).decode().isalpha()


def test_documents_hold_their_own_words_and_others(encoder: Encoder) -> None:
    text = "Bread goes stale because its starch crystallises; wrapping the loaf in a cloth slows the loss of moisture."
    (document,) = encoder.documents([text])
    own = {word.key for word in split_words(text, "english")}
    assert own <= document.weights.keys()
    assert len(document.weights.keys() - own) >= 10


def test_a_word_behind_the_models_reach_still_counts(encoder: Encoder) -> None:
    (document,) = encoder.documents(["shipping is free " * 400 + "xj4400b"])
    assert document.weights["xj4400b"] > 0


def test_names_and_codes_match_exactly(encoder: Encoder) -> None:
    (query,) = encoder.queries(["valve XJ-4400B"])
    documents = list(encoder.documents(["The valve XJ-4400B stuck.", "The valve XJ-4400C stuck."]))
    assert query.dot(documents[0]) > 1.2 * query.dot(documents[1])


@pytest.mark.parametrize(
    ("query", "best"),
    [("how do I keep a loaf fresh", 0), ("forgot my login password", 1), ("fix a flat tyre", 2), ("valve XJ-4400B", 3)],
)
def test_the_right_document_of_a_few_comes_first(encoder: Encoder, query: str, best: int) -> None:
    documents = encoder.documents(
        [
            "Bread goes stale because its starch crystallises; wrapping the loaf in a cloth keeps moisture in.",
            "To reset your password, open the account page and follow the link in the message we send you.",
            "Take the wheel off, lever the tyre over the rim and press a patch on the hole of the inner tube.",
            "The pump failed at 04:17 when valve XJ-4400B stuck half open.",
        ]
    )
    (vector,) = encoder.queries([query])
    scores = [vector.dot(document) for document in documents]
    assert int(np.argmax(scores)) == best
