"""Give a language model's logits another offset, for benchmarks/adaptation.py: the same model, fewer units that fire.

    python benchmarks/adaptation_offset.py PAIRS... --backbone FOLDER --output LOWERED [--share 0.1]

Softmax does not see what is added to all logits of a position, log(1 + relu(.)) sees nothing else. Taken away are each
position's mean logit, which is that of the head's mean row, and a constant: c u for a direction u in which the states
of documents of the pairs are nearly 1 long. c is such that pooled over a document the given share of the (document,
unit) pairs stays above 0.
"""

from pathlib import Path

import click
import torch
from csplade.commands.output import print_json
from csplade.pipelines.errors import CspladeError
from csplade.pipelines.training_data import read_examples
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

_DOCUMENTS = 200
_TOKENS = 64


def lowered(head: Tensor, states: list[Tensor], share: float) -> tuple[Tensor, float]:
    """Return the head (vocabulary, width) with the new offset, and c; states are (length, width) per document."""
    centred = head - head.mean(dim=0)
    everywhere = torch.cat(states)
    direction = torch.linalg.lstsq(everywhere, torch.ones(len(everywhere), 1)).solution[:, 0]
    pooled = torch.stack([(each @ centred.T).amax(dim=0) for each in states])
    constant = float(pooled.flatten().quantile(1 - share))
    return centred - constant * direction, constant


@click.command(epilog="Example:  python benchmarks/adaptation_offset.py pairs.jsonl --backbone small --output low")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PAIRS...")
@click.option("--backbone", required=True, type=click.Path(path_type=Path), metavar="FOLDER")
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="FOLDER")
@click.option(
    "--share", default=0.1, show_default=True, type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Fire."
)
@torch.no_grad()
def main(paths: tuple[Path, ...], backbone: Path, output: Path, share: float) -> None:
    """Lower the logits and say how many units a document has left, and that the language model is the same."""
    try:
        documents = [example.documents[0] for example in read_examples(paths)]
    except CspladeError as error:
        raise click.ClickException(str(error)) from error
    tokenizer, model = AutoTokenizer.from_pretrained(backbone), AutoModelForCausalLM.from_pretrained(backbone).eval()
    ids = [tokenizer(text)["input_ids"][:_TOKENS] for text in documents[:: max(1, len(documents) // _DOCUMENTS)]]
    states = [model.model(torch.tensor([each])).last_hidden_state[0] for each in ids if each]
    before = model.lm_head.weight.detach().clone()
    after, constant = lowered(before, states, share)
    model.config.tie_word_embeddings = False
    model.lm_head.weight = torch.nn.Parameter(after)
    model.save_pretrained(output)
    tokenizer.save_pretrained(output)
    fires = torch.stack([(each @ after.T).amax(dim=0) > 0 for each in states])
    apart = max(float((_log_p(each, before) - _log_p(each, after)).abs().max()) for each in states[:10])
    print_json(
        {"constant": constant, "terms": float(fires.sum(dim=1).float().mean()), "largest_change_of_log_p": apart}
    )


def _log_p(states: Tensor, head: Tensor) -> Tensor:
    return (states @ head.T).log_softmax(dim=-1)


if __name__ == "__main__":
    main()
