"""Step 2: run the whole language model once over the pairs and keep two of its hidden states.

The state behind the lower layers, which stay frozen, is what the trained top layers read; the last state is what they
are healed towards. Kept in shards of `SHARD` pairs, so that a stopped run goes on where it was.

    python -m csplade.models.recipe.states MODEL_FOLDER GGUF_FILE WORK_FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import orjson
import torch
from csplade.models.recipe.plan import BOS, DOCUMENT_TOKENS, LOWER_LAYERS, QUERY_TOKENS, VOCABULARY
from csplade.pipelines.backbone import cut_tokenizer, cut_vocabulary, load_language_model, load_tokenizer
from tokenizers import Tokenizer
from tqdm import tqdm
from transformers import PreTrainedModel

SHARD = 250
_BATCH_TOKENS = 2048


def batches(token_ids: list[list[int]]) -> list[list[int]]:
    """Return the positions of the texts, grouped by similar length."""
    grouped: list[list[int]] = [[]]
    for position in sorted(range(len(token_ids)), key=lambda position: len(token_ids[position])):
        if (len(grouped[-1]) + 1) * len(token_ids[position]) > _BATCH_TOKENS:
            grouped.append([])
        grouped[-1].append(position)
    return [group for group in grouped if group]


@torch.inference_mode()
def hidden_states(model: PreTrainedModel, token_ids: list[list[int]]) -> dict[str, np.ndarray]:
    """Return token ids, lengths, and both states of all texts, one after the other: (tokens, hidden), float16."""
    lower: dict[int, np.ndarray] = {}
    last: dict[int, np.ndarray] = {}
    for group in batches(token_ids):
        longest = max(len(token_ids[position]) for position in group)
        padded = torch.tensor([token_ids[position] + [0] * (longest - len(token_ids[position])) for position in group])
        # Causal attention: what stands before the padding does not see it.
        found = model.model(padded, output_hidden_states=True, use_cache=False)
        for row, position in enumerate(group):
            length = len(token_ids[position])
            lower[position] = found.hidden_states[LOWER_LAYERS][row, :length].half().numpy()
            last[position] = found.last_hidden_state[row, :length].half().numpy()
    order = range(len(token_ids))
    return {
        "ids": np.concatenate([np.array(ids, dtype=np.int32) for ids in token_ids]),
        "lengths": np.array([len(ids) for ids in token_ids]),
        "lower": np.concatenate([lower[position] for position in order]),
        "last": np.concatenate([last[position] for position in order]),
    }


def token_ids(tokenizer: Tokenizer, texts: list[str], longest: int) -> list[list[int]]:
    """Return the ids of each text, cut to `longest`."""
    return [encoding.ids[:longest] for encoding in tokenizer.encode_batch(texts)]


def main() -> None:
    """Write `tokenizer.json` and `states/NUMBER.npz`, queries before documents in each."""
    source, gguf_file, work = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    tokenizer = cut_tokenizer(load_tokenizer(source, gguf_file), VOCABULARY, lowercase=True, bos=BOS)
    tokenizer.save(str(work / "tokenizer.json"))
    model = load_language_model(source, gguf_file)
    cut_vocabulary(model, VOCABULARY)
    pairs = [orjson.loads(line) for line in (work / "pairs.jsonl").read_bytes().splitlines()]
    (work / "states").mkdir(exist_ok=True)
    for number in tqdm(range(len(pairs) // SHARD), unit=" shards"):
        path = work / "states" / f"{number:03d}.npz"
        if path.exists():
            continue
        shard = pairs[number * SHARD : (number + 1) * SHARD]
        queries = token_ids(tokenizer, [pair["query"] for pair in shard], QUERY_TOKENS)
        documents = token_ids(tokenizer, [pair["positive"] for pair in shard], DOCUMENT_TOKENS)
        states = hidden_states(model, queries + documents)
        np.savez(
            path.with_suffix(".part.npz"),
            ids=states["ids"],
            lengths=states["lengths"],
            lower=states["lower"],
            last=states["last"],
        )
        path.with_suffix(".part.npz").rename(path)


if __name__ == "__main__":
    main()
