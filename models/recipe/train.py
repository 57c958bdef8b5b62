"""Step 5: train the top layers, the gates and the calibration to rank as the dense teacher does.

Each batch holds groups of near documents, so that its other documents are hard negatives. The loss is the divergence
between the teacher's and our softmax over the batch, both ways, plus InfoNCE, plus FLOPS on the expansion.

    python -m csplade.models.recipe.train MODEL_FOLDER GGUF_FILE TEACHER_FOLDER WORK_FOLDER STEPS
"""

import random
import sys
from dataclasses import dataclass
from pathlib import Path

import orjson
import torch
from csplade.models.recipe.corpus import Pair, Text, padded, read_pairs
from csplade.models.recipe.plan import DOCUMENT_TERMS, LITERAL, QUERY_TERMS
from csplade.models.recipe.teacher import embed
from csplade.models.recipe.top import BOS_ID, cut_model, run_top, top_parameters, top_state
from csplade.pipelines.fold import Fold, fold_vocabulary
from csplade.pipelines.graph import Role
from csplade.pipelines.model import HeadOptions, SparseEncoderModel
from csplade.pipelines.pooling import max_pool
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax, softmax
from tqdm import tqdm

_SEEDS, _NEIGHBOURS = 6, 4
"""A batch: 6 pairs drawn at random, each with the 3 pairs whose documents are nearest."""
_TEACHER_TEMPERATURE = 0.05
_CONTRASTIVE = 0.5
_FLOPS = {Role.DOCUMENT: 1e-3, Role.QUERY: 3e-3}
_RATES = {"top": 3e-5, "gates": 1e-3, "calibration": 2e-3, "strength": 5e-3}
_THRESHOLD = 2.0
_CALIBRATION_TEXTS = 400
_HELD_OUT = 250


@dataclass(frozen=True)
class Training:
    """What every step needs."""

    model: SparseEncoderModel
    language_model: torch.nn.Module
    term_ids: dict[str, int]
    idf: dict[str, float]
    default_idf: float


def vectors(training: Training, texts: list[Text], role: Role, extra: dict[str, int]) -> tuple[Tensor, Tensor]:
    """Return the texts' weights over terms and extra words, and those of the expansion alone."""
    lower, mask = padded([text.lower for text in texts])
    mask[:, 0] = 0  # BOS is not a part of the text.
    hidden = run_top(training.language_model, lower)
    side = torch.tensor(int(role))
    expansion = training.model.terms(hidden, mask, side)
    gates = training.model.gates(hidden, side)
    known = len(training.term_ids)
    rows = [_literal(training, text, gates[row], role, extra, known) for row, text in enumerate(texts)]
    literal = torch.stack(rows)
    return literal + torch.nn.functional.pad(expansion, (0, literal.shape[1] - known)), expansion


def _literal(training: Training, text: Text, gates: Tensor, role: Role, extra: dict[str, int], known: int) -> Tensor:
    """Return one text's literal weights, the formula of `csplade.pipelines.literal` with gradients."""
    size = known + len(extra)
    if not text.words:
        return gates.new_zeros(size)
    places = torch.tensor([training.term_ids.get(word.key, extra.get(word.key, -1)) for word in text.words])
    tf = gates.new_zeros(size).index_add(0, places, gates[torch.from_numpy(text.word_tokens)])
    root = gates.new_zeros(size)
    root[places] = torch.tensor([training.idf.get(word.key, training.default_idf) for word in text.words]).sqrt()
    if role is Role.QUERY:
        return root * tf
    norm = LITERAL.k1 * (1 - LITERAL.b + LITERAL.b * len(text.words) / LITERAL.average_words)
    return root * (LITERAL.k1 + 1) * tf / (tf + norm)


def scores(training: Training, pairs: list[Pair]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the scores of every query for every document (pairs, pairs) and both expansions."""
    extra: dict[str, int] = {}
    for pair in pairs:
        for word in (*pair.query.words, *pair.document.words):
            if word.key not in training.term_ids and word.key not in extra:
                extra[word.key] = len(training.term_ids) + len(extra)
    queries, query_terms = vectors(training, [pair.query for pair in pairs], Role.QUERY, extra)
    documents, document_terms = vectors(training, [pair.document for pair in pairs], Role.DOCUMENT, extra)
    return queries @ documents.T, query_terms, document_terms


def flops(terms: Tensor) -> Tensor:
    """Return sum_j (mean_i x_ij)^2 (Paria et al. 2020): (texts, terms) -> ()."""
    return terms.mean(dim=0).square().sum()


def loss_of(ours: Tensor, teacher: Tensor) -> Tensor:
    """Return the loss of one batch of scores: (pairs, pairs), (pairs, pairs) -> ()."""
    targets = torch.arange(len(ours))
    total = ours.new_zeros(())
    for mine, theirs in ((ours, teacher), (ours.T, teacher.T)):
        total = total + kl_div(log_softmax(mine, -1), softmax(theirs / _TEACHER_TEMPERATURE, -1), reduction="batchmean")
    return total / 2 + _CONTRASTIVE * cross_entropy(ours, targets)


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
def reciprocal_rank(training: Training, pairs: list[Pair]) -> dict[str, float]:
    """Return MRR of the held-out pairs among each other, and the mean number of expansion terms."""
    found, query_terms, document_terms = scores(training, pairs)
    ranks = (found > found.diagonal()[:, None]).sum(dim=1) + 1
    alive = {"terms_d": document_terms, "terms_q": query_terms}
    return {
        "mrr": (1 / ranks).mean().item(),
        **{name: (terms > 0).sum(1).float().mean().item() for name, terms in alive.items()},
    }


def build(source: str, gguf_file: str, work: Path) -> tuple[Training, Fold]:
    """Return the healed model with an untrained head, and its fold."""
    language_model = cut_model(source, gguf_file)
    language_model.load_state_dict(torch.load(work / "healed.pt"), strict=False)
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    fold = fold_vocabulary(tokenizer.get_vocab(), LITERAL.analysis)
    options = HeadOptions(BOS_ID, DOCUMENT_TERMS, QUERY_TERMS)
    model = SparseEncoderModel(language_model.model, language_model.lm_head.weight, fold, options)
    table = orjson.loads((work / "idf.json").read_bytes())
    ids = {term: number for number, term in enumerate(fold.terms)}
    return Training(model, language_model, ids, table["idf"], table["default"]), fold


def main() -> None:
    """Train and write `trained.pt` and `train.jsonl`."""
    source, gguf_file, teacher_folder, work, steps = *sys.argv[1:4], Path(sys.argv[4]), int(sys.argv[5])
    torch.manual_seed(0)
    chance = random.Random(0)
    training, _ = build(source, gguf_file, work)
    pairs = [pair for pair in read_pairs(work) if len(pair.query.ids) > 1 and len(pair.document.ids) > 1]
    queries, documents = (
        embed(teacher_folder, [getattr(pair, name) for pair in pairs]) for name in ("query_text", "document_text")
    )
    held_out, learned = range(_HELD_OUT), range(_HELD_OUT, len(pairs))
    calibrate(training, [pairs[position].document for position in chance.sample(learned, _CALIBRATION_TEXTS)])
    near = (documents[_HELD_OUT:] @ documents[_HELD_OUT:].T).topk(_NEIGHBOURS, dim=-1).indices + _HELD_OUT

    model = training.model
    temperature = torch.nn.Parameter(torch.tensor(0.0))
    groups = [
        {"params": top_parameters(training.language_model), "lr": _RATES["top"]},
        {"params": [*model.gate.parameters(), temperature], "lr": _RATES["gates"]},
        {"params": [model.scale, model.shift], "lr": _RATES["calibration"]},
        {"params": [model.strength], "lr": _RATES["strength"]},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [group["lr"] for group in groups], total_steps=steps, pct_start=0.1
    )
    log = (work / "train.jsonl").open("wb")
    for step in (bar := tqdm(range(steps), unit=" steps")):
        if step % 50 == 0 or step == steps - 1:
            told = reciprocal_rank(training, [pairs[position] for position in held_out])
            told |= {"step": step, "strength": model.strength.tolist(), "temperature": temperature.exp().item()}
            log.write(orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))
            log.flush()
            torch.save({"top": top_state(training.language_model), "head": _head_state(model)}, work / "trained.pt")
        chosen = [near[seed - _HELD_OUT].tolist() for seed in chance.sample(learned, _SEEDS)]
        batch = list(dict.fromkeys(position for group in chosen for position in group))
        ours, query_terms, document_terms = scores(training, [pairs[position] for position in batch])
        pruning = sum(
            _FLOPS[role] * flops(terms) for role, terms in ((Role.QUERY, query_terms), (Role.DOCUMENT, document_terms))
        )
        loss = (
            loss_of(ours * temperature.exp(), queries[batch] @ documents[batch].T)
            + min(1.0, step / (steps / 3)) ** 2 * pruning
        )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for group in groups for p in group["params"]], 1.0)
        optimizer.step()
        rates.step()
        bar.set_postfix(loss=loss.item())


def _head_state(model: SparseEncoderModel) -> dict[str, Tensor]:
    return {name: value for name, value in model.state_dict().items() if not name.startswith("backbone.")}


if __name__ == "__main__":
    main()
