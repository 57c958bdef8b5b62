"""An exported folder keeps its promises, or is not there."""

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from csplade.pipelines import export_folder as module
from csplade.pipelines.contract import check_files, read_contract
from csplade.pipelines.encode import Encoder
from csplade.pipelines.errors import EncoderError, UsageError
from csplade.pipelines.export import export_graph
from csplade.pipelines.export_folder import export_folder
from csplade.pipelines.folder import DECIDING_FILES, MODEL_FILE
from csplade.pipelines.golden import GOLDEN_FILE, allowed, drifts, read_golden
from csplade.pipelines.golden_texts import DOCUMENTS, filling
from csplade.pipelines.model import SparseEncoderModel
from csplade.pipelines.trained import Trained
from csplade.pipelines.trained_contract import added_around
from csplade.pipelines.training_options import QueryPath, TermSpace
from csplade.tests.tiny_encoder import DOCUMENT_TERMS, TEXTS
from csplade.tests.tiny_trained import tiny_trained
from torch import Tensor

pytestmark = pytest.mark.model

Export = Callable[[SparseEncoderModel, Path, int, int | None], None]


@pytest.mark.parametrize("space", list(TermSpace))
def test_a_folder_is_whole_and_says_what_torch_says(space: TermSpace, tmp_path: Path) -> None:
    trained = tiny_trained(space)
    exported = export_folder(trained, tmp_path / "deep" / "encoder", quantize=False)
    folder = tmp_path / "deep" / "encoder"
    assert {path.name for path in folder.iterdir()} == {*DECIDING_FILES, "encoder.json", GOLDEN_FILE, "README.md"}
    assert [path.name for path in folder.parent.iterdir()] == ["encoder"]
    assert read_contract(folder) == exported.contract
    check_files(folder, exported.contract)
    found = drifts(Encoder.open(folder), read_golden(folder))
    assert len(found) > 15 and max(drift.distance for drift in found) < 1e-4
    (document,) = Encoder.open(folder).documents([TEXTS[0]])
    assert len(document) > 3
    assert ("pump" in next(Encoder.open(folder).documents(["the pump"])).weights) is (space is TermSpace.WORDS)


def test_the_contract_and_the_card_tell_how_texts_are_read(tmp_path: Path) -> None:
    contract = export_folder(tiny_trained(), tmp_path / "e", quantize=False).contract
    assert (contract.add_bos, contract.add_eos, contract.lowercase) == (True, False, True)
    assert (contract.attention, contract.term_space, contract.query_path) == ("causal", "words", "model")
    assert contract.literal is not None and contract.literal.average_words == 10.0
    card = (tmp_path / "e" / "README.md").read_text()
    for told in ("# tiny", "random Llama (seed 7)", "Apache-2.0", "nothing", contract.fingerprint):
        assert told in card


def test_more_terms_than_there_are_become_all_of_them(tmp_path: Path) -> None:
    trained = tiny_trained()
    reading = dataclasses.replace(trained.reading, document_terms=10_000)
    greedy = dataclasses.replace(trained, reading=reading)
    greedy.model.kept[0] = len(trained.terms)
    contract = export_folder(greedy, tmp_path / "e", quantize=False).contract
    assert DOCUMENT_TERMS < contract.document.top_k == len(trained.terms)


@pytest.mark.parametrize("space", list(TermSpace))
def test_int8_weights_make_it_smaller_and_the_contract_allows_what_they_cost(space: TermSpace, tmp_path: Path) -> None:
    exact = export_folder(tiny_trained(space), tmp_path / "exact", quantize=False)
    rounded = export_folder(tiny_trained(space), tmp_path / "int8", quantize=True)
    sizes = [(tmp_path / name / MODEL_FILE).stat().st_size for name in ("int8", "exact")]
    assert sizes[0] < sizes[1]
    assert rounded.contract.quantization.startswith("int8") and exact.contract.quantization == "none"
    whole, expansion = (max(getattr(drift, name) for drift in rounded.drifts) for name in ("distance", "expansion"))
    assert 1e-4 < whole <= rounded.contract.tolerance < whole + 0.02
    assert 1e-4 < expansion <= rounded.contract.expansion_tolerance < expansion + 0.06
    assert read_contract(tmp_path / "int8") == rounded.contract
    assert all(allowed(drift, rounded.contract) for drift in rounded.drifts)


def test_inference_free_queries_reach_the_contract(tmp_path: Path) -> None:
    trained = tiny_trained(TermSpace.PIECES)
    table = dataclasses.replace(trained, reading=dataclasses.replace(trained.reading, query_path=QueryPath.IDF))
    assert export_folder(table, tmp_path / "e", quantize=False).contract.query_path == "table"
    (query,) = Encoder.open(tmp_path / "e").queries(["bread and bread"])
    assert dict(query.weights) == {"▁bread": 3.0}


def test_a_graph_that_says_something_else_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export_another(model: torch.nn.Module, path: Path, opset: int, _longest: int | None) -> None:
        other = tiny_trained().model
        with torch.no_grad():
            other.shift.add_(1.0)
        export_graph(other, path, opset)

    monkeypatch.setattr(module, "export_graph", export_another)
    with pytest.raises(EncoderError, match=r"other vectors than the model: .* nothing was written"):
        export_folder(tiny_trained(), tmp_path / "e", quantize=False)
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_ranks_terms_otherwise_is_refused_however_small_the_differences_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All terms weigh log 2, and what is added to that has the other sign in the graph."""

    def nearly_alike(factor: float) -> Trained:
        trained = tiny_trained(TermSpace.PIECES)
        size = len(trained.terms)
        with torch.no_grad():
            trained.model.scale.fill_(factor)
            trained.model.shift.fill_(1.0)
        trained.model.keep(size, size)
        return dataclasses.replace(
            trained, reading=dataclasses.replace(trained.reading, document_terms=size, query_terms=size)
        )

    def export_another(_model: torch.nn.Module, path: Path, opset: int, _longest: int | None) -> None:
        export_graph(nearly_alike(-1e-4).model, path, opset)

    export_folder(nearly_alike(1e-4), tmp_path / "right", quantize=False)
    monkeypatch.setattr(module, "export_graph", export_another)
    with pytest.raises(EncoderError, match=r"ranks terms otherwise .* though weights differ by .* nothing was written"):
        export_folder(nearly_alike(1e-4), tmp_path / "e", quantize=False)
    assert [path.name for path in tmp_path.iterdir()] == ["right"]


def with_reading(change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Export:
    """Return what exports a model whose hidden states and mask are changed."""

    def export_changed(model: SparseEncoderModel, path: Path, opset: int, _longest: int | None) -> None:
        other = copy.deepcopy(model)
        read = other.read
        changed: Any = other  # Any: a method becomes a function
        changed.read = lambda ids, mask: change(*read(ids, mask))
        export_graph(other, path, opset)

    return export_changed


def padding_counts(hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Count all places behind the first, whatever the mask says."""
    return hidden, (torch.ones_like(mask).cumsum(-1) > 1).long()


@pytest.mark.parametrize("space", list(TermSpace))
@pytest.mark.parametrize("quantize", [False, True])
def test_a_graph_that_padding_reaches_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: TermSpace, quantize: bool
) -> None:
    monkeypatch.setattr(module, "export_graph", with_reading(padding_counts))
    with pytest.raises(EncoderError, match=r"lets padding reach a text: in a batch .* nothing was written"):
        export_folder(tiny_trained(space), tmp_path / "e", quantize=quantize)
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_is_wrong_behind_the_golden_texts_alone_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = tiny_trained()
    count = trained.tokenizer.encode
    assert max(len(count(text).ids) for text in DOCUMENTS) < 600
    long = dataclasses.replace(trained, reading=dataclasses.replace(trained.reading, document_tokens=700))
    found = export_folder(long, tmp_path / "right", quantize=False).drifts
    assert [len(count(drift.golden.text).ids) >= 700 for drift in found[-2:]] == [True, False]
    # They are compared, and not kept.
    golden = [drift.golden for drift in found[:-2]]
    kept, compared = ([(one.role, one.text) for one in those] for those in (read_golden(tmp_path / "right"), golden))
    assert kept == compared
    wrong = with_reading(lambda hidden, mask: (hidden, mask * (torch.ones_like(mask).cumsum(-1) < 600)))
    monkeypatch.setattr(module, "export_graph", wrong)
    with pytest.raises(EncoderError, match=r"other vectors than the model"):
        export_folder(long, tmp_path / "e", quantize=False)
    assert [path.name for path in tmp_path.iterdir()] == ["right"]


@pytest.mark.parametrize("tokens", [1, 64, 512])
def test_a_text_of_full_length_fills_it(tokens: int) -> None:
    assert len(tiny_trained().tokenizer.encode(filling(tokens)).ids) > tokens
    assert filling(tokens) == filling(tokens)


def test_what_stands_at_the_output_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    with pytest.raises(UsageError, match="is there already: name a new folder"):
        export_folder(tiny_trained(), tmp_path, quantize=False)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize(("special", "expected"), [(True, (True, False)), (False, (False, False))])
def test_what_a_tokenizer_adds_is_seen(special: bool, expected: tuple[bool, bool]) -> None:
    trained: Trained = tiny_trained()
    if not special:
        trained.tokenizer.post_processor = None
    assert added_around(trained.tokenizer) == expected
