"""Step 3: heal the cut model: its top layers learn the whole model's last hidden states.

The head is the whole model's own, so a state that is near gives logits that are near, for every vocabulary row at once.

    python -m csplade.models.recipe.heal MODEL_FOLDER GGUF_FILE WORK_FOLDER EPOCHS
"""

import random
import sys
from pathlib import Path

import numpy as np
import torch
from csplade.models.recipe.corpus import Text, padded, read_pairs
from csplade.models.recipe.states import batches
from csplade.models.recipe.top import cut_model, run_top, top_parameters, top_state
from torch import Tensor
from tqdm import tqdm
from transformers import PreTrainedModel

_RATE = 6e-4
_WARM_UP = 20
_HELD_OUT = 100


def distance(model: PreTrainedModel, texts: list[Text]) -> Tensor:
    """Return the squared distance to the whole model's states, as a share of their own length; BOS left out."""
    lower, mask = padded([text.lower for text in texts])
    last, _ = padded([text.last for text in texts])
    found = run_top(model, lower)
    counted = mask[:, 1:, None]
    return ((found - last)[:, 1:].square() * counted).sum() / (last[:, 1:].square() * counted).sum()


def main() -> None:
    """Train and write `healed.pt`."""
    source, gguf_file, work, epochs = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    torch.manual_seed(0)
    pairs = read_pairs(work)
    texts = [text for pair in pairs for text in (pair.query, pair.document) if len(text.ids) > 1]
    held_out, texts = texts[:_HELD_OUT], texts[_HELD_OUT:]
    model = cut_model(source, gguf_file)
    optimizer = torch.optim.AdamW(top_parameters(model), lr=_RATE, weight_decay=0.01)
    groups = [group for _ in range(epochs) for group in _shuffled(texts)]
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, _RATE, total_steps=len(groups), pct_start=_WARM_UP / len(groups)
    )
    for step, group in enumerate(bar := tqdm(groups, unit=" steps")):
        loss = distance(model, [texts[position] for position in group])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(top_parameters(model), 1.0)
        optimizer.step()
        rates.step()
        if step % 25 == 0 or step == len(groups) - 1:
            with torch.inference_mode():
                bar.set_postfix(train=loss.item(), held_out=distance(model, held_out).item())
    torch.save(top_state(model), work / "healed.pt")


def _shuffled(texts: list[Text]) -> list[list[int]]:
    groups = batches([text.ids.tolist() for text in texts])
    random.Random(len(groups)).shuffle(groups)
    return [list(np.array(group)) for group in groups]


if __name__ == "__main__":
    main()
