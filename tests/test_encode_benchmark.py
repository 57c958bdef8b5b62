"""What `benchmarks/encode.py` measures: every way to run one trained model is made, opened, and gives the same."""

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from csplade.benchmarks.encode_attention import attend_as_users
from csplade.benchmarks.encode_logits import Logits
from csplade.benchmarks.encode_material import make
from csplade.benchmarks.encode_systems import EAGER, LIBRARY, LIBRARY_ONNX, PLAIN, Material, disk, names, open_system
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.contract import read_contract
from csplade.pipelines.encode import Encoder
from csplade.pipelines.folder import MODEL_FILE, TOKENIZER_FILE
from csplade.pipelines.golden import allowed, distance, drifts, read_golden
from csplade.pipelines.graph import Graph, Role
from csplade.pipelines.model import SparseEncoderModel
from csplade.pipelines.quantize import QuantizeOptions
from csplade.pipelines.quantize_kinds import Precision
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.trained_folder import read_trained, write_trained
from csplade.tests.tiny_architectures import tiny_architecture
from csplade.tests.tiny_encoder import TEXTS
from csplade.tests.tiny_graphs import VOCABULARY, encoder_of
from csplade.tests.tiny_trained import tiny_trained
from numpy.typing import NDArray
from tokenizers import Tokenizer

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Give a model that pools BOS too, as all do that pool logits without knowing of it."""
    folder = tmp_path_factory.mktemp("material")
    trained = tiny_trained()
    trained.model.options = dataclasses.replace(trained.model.options, bos_id=None)
    write_trained(folder / "model", trained)
    return make(folder / "model", folder / "work", [Precision.INT8])


def test_every_precision_is_made_once_and_encodes(tmp_path: Path) -> None:
    write_trained(tmp_path / "model", tiny_trained())
    material = make(tmp_path / "model", tmp_path / "work", list(Precision))
    assert list(material.folders) == ["fp32", *(each.value for each in Precision)]
    for precision in Precision:
        folder = material.folders[precision.value]
        contract = read_contract(folder)
        assert contract.quantization == QuantizeOptions(precision).said
        assert contract.document.max_tokens == 512
        assert all(allowed(drift, contract) for drift in drifts(Encoder.open(folder), read_golden(folder)))
        name = f"csplade {precision}"
        assert name in names(material.folders) and disk(name, material) == folder
        system = open_system(name, material)
        system.documents(["bread and salt"])
        system.query("bread")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*") if path.is_file()}
    assert make(tmp_path / "model", tmp_path / "work", list(Precision)) == material
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", [EAGER, "torch.compile"])
def test_torch_gives_the_vectors_of_the_graph(material: Material, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Tracing is what may fail; what is made of it then takes a C++ compiler a minute.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    assert name in names(material.folders) and disk(name, material) == material.trained
    system, ours = open_system(name, material), open_system("csplade fp32", material)
    found, wanted = (each.documents(TEXTS) for each in (system, ours))
    assert isinstance(found, list) and isinstance(wanted, list) and len(found) == len(TEXTS)
    assert max(distance(*pair) for pair in zip(found, wanted, strict=True)) < 1e-4
    query, expected = (each.query(TEXTS[0]) for each in (system, ours))
    assert isinstance(query, SparseVector) and isinstance(expected, SparseVector) and len(expected) > 3
    # As a document it has another vector: a system that took one side for the other would be seen.
    assert distance(query, expected) < 1e-4 < 0.01 < distance(query, wanted[0])


@pytest.mark.parametrize("name", [LIBRARY, LIBRARY_ONNX, PLAIN])
def test_logits_that_are_pooled_outside_are_the_expansion_of_the_graph(material: Material, name: str) -> None:
    assert name in names(material.folders) and disk(name, material).exists()
    system = open_system(name, material)
    (query,), documents = (_dense(found) for found in (system.query(TEXTS[0]), system.documents(TEXTS)))
    model = read_trained(material.trained).model
    with torch.no_grad():
        terms = model.strength[Role.DOCUMENT] * model.folded(torch.from_numpy(documents))
    tokenizer = Tokenizer.from_file(str(material.trained / TOKENIZER_FILE))
    ids = [encoding.ids for encoding in tokenizer.encode_batch(TEXTS)]
    output = Graph.open(material.folders["fp32"] / MODEL_FILE).run(ids, Role.DOCUMENT)
    found = terms.gather(1, torch.from_numpy(output.term_ids))
    assert output.weights.max() > 0.1
    torch.testing.assert_close(found, torch.from_numpy(output.weights), atol=1e-4, rtol=1e-4)
    np.testing.assert_allclose(query, documents[0], atol=1e-4)


def _dense(found: object) -> NDArray[np.float32]:
    """Return the weights by text and piece of a list of arrays, or of a sparse tensor."""
    if isinstance(found, torch.Tensor):
        dense: NDArray[np.float32] = found.to_dense().reshape(-1, found.shape[-1]).numpy()
        return dense
    assert isinstance(found, list)
    return np.stack(found)


@pytest.mark.parametrize("attention", list(Attention))
@pytest.mark.parametrize("kind", ["llama", "qwen3"])
def test_peers_attend_as_transformers_does_by_itself_and_give_the_same(kind: str, attention: Attention) -> None:
    model = encoder_of(tiny_architecture(kind, VOCABULARY, head_size=16), attention)
    before = _weights(model)
    assert model.config._attn_implementation == "eager"
    assert attend_as_users(model) and model.config._attn_implementation == "sdpa"
    torch.testing.assert_close(_weights(model), before, atol=1e-4, rtol=1e-4)


def test_an_attention_that_the_fused_product_does_not_compute_stays() -> None:
    """Scores of Gemma 2 are cut at 50 by a tangent: with a cut at 0.1 it cannot be missed."""
    model = encoder_of(tiny_architecture("gemma2", VOCABULARY, head_size=16), Attention.CAUSAL)
    for layer in model.backbone.layers:
        layer.self_attn.attn_logit_softcapping = 0.1
    before = _weights(model)
    assert not attend_as_users(model) and model.config._attn_implementation == "eager"
    torch.testing.assert_close(_weights(model), before)


def test_what_stops_at_logits_attends_so_too() -> None:
    model = tiny_trained().model
    Logits(model)
    assert model.config._attn_implementation == "sdpa"


@torch.no_grad()
def _weights(model: SparseEncoderModel) -> torch.Tensor:
    ids = torch.tensor([[0, *range(2, 13)], [0, *range(30, 41)]])
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    vectors = model(ids, mask, torch.tensor(Role.DOCUMENT))
    return torch.zeros(2, VOCABULARY).scatter(1, vectors.term_ids, vectors.weights)
