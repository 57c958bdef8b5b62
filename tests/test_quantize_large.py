"""A graph above the 2 GB that protobuf can hold, exported, quantized and run; only where it is asked for.

    CSPLADE_TEST_LARGE=1 pytest tests/test_quantize_large.py -n 0

takes about 10 GB of memory, 12 GB of disk and some minutes of a processor.
"""

import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from csplade.pipelines.contract import check_files, read_contract
from csplade.pipelines.encode import Encoder
from csplade.pipelines.export_folder import export_folder
from csplade.pipelines.fold import fold_vocabulary
from csplade.pipelines.folder import MODEL_FILE
from csplade.pipelines.golden import drifts, read_golden
from csplade.pipelines.model import SparseEncoderModel
from csplade.pipelines.quantize import QuantizeOptions
from csplade.pipelines.quantize_folder import write_precision
from csplade.pipelines.quantize_kinds import Precision
from csplade.pipelines.trained import Trained
from csplade.tests.tiny_encoder import TEXTS
from csplade.tests.tiny_trained import tiny_trained
from transformers import LlamaConfig, LlamaModel

_ASKED = "CSPLADE_TEST_LARGE"
_PROTOBUF_ENDS = 2**31

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(_ASKED not in os.environ, reason=f"takes 10 GB of memory and minutes: set {_ASKED}=1"),
]


def wide_trained() -> Trained:
    """Return an encoder of two layers with 575 million weights."""
    trained = tiny_trained()
    torch.manual_seed(5)
    config = LlamaConfig(
        vocab_size=trained.tokenizer.get_vocab_size(),
        hidden_size=4096,
        intermediate_size=17_920,
        num_hidden_layers=2,
        num_attention_heads=32,
        num_key_value_heads=32,
        attn_implementation="eager",
    )
    backbone = LlamaModel(config)
    head = torch.randn(config.vocab_size, config.hidden_size) / config.hidden_size**0.5
    fold = fold_vocabulary(trained.tokenizer, "english")
    return dataclasses.replace(trained, model=SparseEncoderModel(backbone, head, fold, trained.model.options).eval())


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("large")
    export_folder(wide_trained(), folder / "exact", quantize=False)
    yield folder / "exact"
    shutil.rmtree(folder)


def test_weights_of_an_export_lie_beside_the_graph_and_are_checked(exact: Path) -> None:
    data = exact / f"{MODEL_FILE}_data"
    assert data.stat().st_size > _PROTOBUF_ENDS > (exact / MODEL_FILE).stat().st_size
    contract = read_contract(exact)
    assert data.name in contract.files
    check_files(exact, contract)


@pytest.mark.parametrize("precision", [Precision.FP16, Precision.INT8])
def test_it_is_quantized_opened_and_encodes(exact: Path, tmp_path: Path, precision: Precision) -> None:
    folder = tmp_path / precision
    write_precision(exact, folder, QuantizeOptions(precision))
    encoder = Encoder.open(folder)
    assert max(drift.distance for drift in drifts(encoder, read_golden(exact))) < 0.5
    (vector,) = encoder.documents(TEXTS[:1])
    assert len(vector) > 3
    sizes = [sum(path.stat().st_size for path in each.iterdir()) for each in (folder, exact)]
    assert sizes[0] < 0.6 * sizes[1]
    shutil.rmtree(folder)
