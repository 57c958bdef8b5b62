"""Step 5: train the top layers, the gates and the calibration to rank as the dense teacher does.

Each batch holds groups of near documents, so that its other documents are hard negatives. The loss is the divergence
between the teacher's and our softmax over the batch, both ways, plus InfoNCE, plus FLOPS on the expansion, plus the
distance to the whole model's expansions.

    python -m csplade.models.recipe.train MODEL_FOLDER GGUF_FILE TEACHER_FOLDER WORK_FOLDER STEPS
"""

import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson
import torch
from csplade.models.recipe.corpus import Pair, Text, padded, read_pairs
from csplade.models.recipe.plan import DOCUMENT_TERMS, LITERAL, QUERY_TERMS
from csplade.models.recipe.scores import Training, encode_pairs, imitation_loss, loss_of
from csplade.models.recipe.teacher import embed
from csplade.models.recipe.top import BOS_ID, cut_model, run_top, top_parameters, top_state
from csplade.models.recipe.whole import Whole, measure_whole
from csplade.pipelines.fold import fold_vocabulary
from csplade.pipelines.losses import flops
from csplade.pipelines.model import HeadOptions, SparseEncoderModel
from csplade.pipelines.pooling import max_pool
from tokenizers import Tokenizer
from torch import Tensor
from tqdm import tqdm

_SEEDS, _NEIGHBOURS = 6, 4
"""A batch: 6 pairs drawn at random, each with the 3 pairs whose documents are nearest."""
_FLOPS_DOCUMENT, _FLOPS_QUERY = 1e-3, 3e-3
_RATES = {"top": 2e-4, "gates": 1e-3, "calibration": 2e-3, "strength": 5e-3}
_THRESHOLD = 2.5
_IMITATION = 1.0
_CALIBRATION_TEXTS = 400
_HELD_OUT = 250
_LOG_EVERY = 50


@dataclass(frozen=True)
class Data:
    """The pairs, the held-out ones first, with the teacher's vectors."""

    pairs: list[Pair]
    queries: Tensor
    documents: Tensor

    @property
    def learned(self) -> range:
        """Return the positions that are trained on."""
        return range(_HELD_OUT, len(self.pairs))

    def neighbours(self) -> list[list[int]]:
        """Return for each learned pair the positions of the nearest documents, its own among them."""
        known = self.documents[_HELD_OUT:]
        nearest: list[list[int]] = ((known @ known.T).topk(_NEIGHBOURS, dim=-1).indices + _HELD_OUT).tolist()
        return nearest


def read_data(work: Path, teacher_folder: str) -> Data:
    """Read the pairs and let the teacher read them."""
    pairs = [pair for pair in read_pairs(work) if len(pair.query.ids) > 1 and len(pair.document.ids) > 1]
    kept = work / "teacher.pt"
    if not kept.exists():
        texts = [pair.query_text for pair in pairs], [pair.document_text for pair in pairs]
        torch.save([embed(teacher_folder, side) for side in texts], kept)
    queries, documents = torch.load(kept)
    return Data(pairs, queries, documents)


def build(source: str, gguf_file: str, work: Path) -> Training:
    """Return the healed model with an untrained head."""
    language_model = cut_model(source, gguf_file)
    language_model.load_state_dict(torch.load(work / "healed.pt"), strict=False)
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    fold = fold_vocabulary(tokenizer, LITERAL.analysis)
    options = HeadOptions(BOS_ID, DOCUMENT_TERMS, QUERY_TERMS)
    model = SparseEncoderModel(language_model.model, language_model.lm_head.weight, fold, options)
    table = orjson.loads((work / "idf.json").read_bytes())
    ids = {term: number for number, term in enumerate(fold.terms)}
    return Training(model, language_model, ids, table["idf"], table["default"])


@torch.inference_mode()
def calibrate(training: Training, texts: list[Text]) -> None:
    """Start the expansion from the statistics of pooled logits over plain texts."""
    pooled = []
    for begin in range(0, len(texts), 50):
        lower, mask = padded([text.lower for text in texts[begin : begin + 50]])
        mask[:, 0] = 0
        pooled.append(max_pool(run_top(training.language_model, lower), training.model.head, mask))
    rows = torch.cat(pooled)
    training.model.calibrate(rows.mean(0), rows.std(0), _THRESHOLD)


@torch.inference_mode()
def held_out_quality(training: Training, data: Data) -> dict[str, float]:
    """Return MRR of the held-out pairs among each other, and the mean numbers of expansion terms."""
    queries, documents = encode_pairs(training, data.pairs[:_HELD_OUT])
    found = queries.vectors @ documents.vectors.T
    ranks = (found > found.diagonal()[:, None]).sum(dim=1) + 1
    return {
        "mrr": (1 / ranks).mean().item(),
        "document_terms": (documents.expansion > 0).sum(1).float().mean().item(),
        "query_terms": (queries.expansion > 0).sum(1).float().mean().item(),
    }


def optimize(training: Training, data: Data, whole: Whole, steps: int, work: Path) -> None:
    """Train; a checkpoint and a line of the log every `_LOG_EVERY` steps."""
    model, chance, neighbours = training.model, random.Random(0), data.neighbours()
    temperature = torch.nn.Parameter(torch.tensor(0.0))
    trained = {
        "top": top_parameters(training.language_model),
        "gates": [*model.gate.parameters(), temperature],
        "calibration": [model.scale, model.shift],
        "strength": [model.strength],
    }
    optimizer = torch.optim.AdamW([{"params": weights, "lr": _RATES[name]} for name, weights in trained.items()])
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, list(_RATES.values()), total_steps=steps, pct_start=0.1)
    with (work / "train.jsonl").open("wb") as log:
        for step in tqdm(range(steps), unit=" steps"):
            if step % _LOG_EVERY == 0:
                checkpoint(training, data, step, log, work)
            chosen = [neighbours[seed - _HELD_OUT] for seed in chance.sample(data.learned, _SEEDS)]
            batch = list(dict.fromkeys(position for group in chosen for position in group))
            pairs = [data.pairs[position] for position in batch]
            queries, documents = encode_pairs(training, pairs)
            ours = queries.vectors @ documents.vectors.T * temperature.exp()
            ranking = loss_of(ours, data.queries[batch] @ data.documents[batch].T)
            imitated = torch.cat([queries.calibrated, documents.calibrated])
            wanted = whole.expansions([pair.query for pair in pairs] + [pair.document for pair in pairs])
            pruning = _FLOPS_QUERY * flops(queries.expansion) + _FLOPS_DOCUMENT * flops(documents.expansion)
            # Quadratic warm-up, as in SPLADE: pruning at once would leave nothing to learn from.
            loss = ranking + _IMITATION * imitation_loss(imitated, wanted) + min(1.0, 3 * step / steps) ** 2 * pruning
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([weight for weights in trained.values() for weight in weights], 1.0)
            optimizer.step()
            rates.step()
        checkpoint(training, data, steps, log, work)


def checkpoint(training: Training, data: Data, step: int, log: BinaryIO, work: Path) -> None:
    """Write `trained.pt` and one line of the log."""
    factors = {"strength": training.model.strength.tolist()}
    log.write(
        orjson.dumps({"step": step, **held_out_quality(training, data), **factors}, option=orjson.OPT_APPEND_NEWLINE)
    )
    log.flush()
    torch.save({"top": top_state(training.language_model), "head": head_state(training.model)}, work / "trained.pt")


def head_state(model: SparseEncoderModel) -> dict[str, Tensor]:
    """Return the weights that stand on the language model."""
    return {name: value for name, value in model.state_dict().items() if not name.startswith("backbone.")}


def main() -> None:
    """Train and write `trained.pt` and `train.jsonl`."""
    source, gguf_file, teacher_folder, work, steps = sys.argv[1:]
    torch.manual_seed(0)
    data, training = read_data(Path(work), teacher_folder), build(source, gguf_file, Path(work))
    sample = random.Random(0).sample(data.learned, _CALIBRATION_TEXTS)
    plain = [data.pairs[position].document for position in sample]
    calibrate(training, plain)
    whole = measure_whole(training.model.head.detach().clone(), plain, _THRESHOLD)
    optimize(training, data, whole, int(steps), Path(work))


if __name__ == "__main__":
    main()
