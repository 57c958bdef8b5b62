"""What of encoding goes into a text's own words: finding them, and weighing them by the model's gates.

    python benchmarks/encode_literal.py [ENCODER_FOLDER] [--tokens 16,128,512] [--json]

Both are Python and NumPy outside of the graph. They are timed beside the graph and the tokenizer, all on one thread, on
texts of the Python library's documentation; texts longer than the encoder reads go through the graph cut, and have all
of their words weighed.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
from csplade.benchmarks.encode_texts import texts_of
from csplade.commands.options import SHIPPED_ENCODER
from csplade.commands.output import print_json, print_table
from csplade.pipelines.contract import Contract, read_contract
from csplade.pipelines.encode_batches import batches
from csplade.pipelines.encode_options import DEFAULT
from csplade.pipelines.encode_reading import Reader, Reading
from csplade.pipelines.encode_vectors import PassageOutput, VectorMaker
from csplade.pipelines.errors import UsageError
from csplade.pipelines.folder import MODEL_FILE, TOKENIZER_FILE, read_tables
from csplade.pipelines.graph import Graph, Role
from csplade.pipelines.words import find_words
from tokenizers import Tokenizer

_TEXTS = 24
_PASSES = 3


@dataclass(frozen=True)
class Share:
    """Microseconds of one text, the least of some passes."""

    tokens: int
    words: float
    """To find its words."""
    weighing: float
    """To weigh them, and to add them to the expansion."""
    expansion: float
    """To make a vector of the expansion alone."""
    tokenizing: float
    graph: float

    @property
    def literal(self) -> float:
        """Return the share of the own words of all of it."""
        own = self.words + self.weighing
        return own / (own + self.expansion + self.tokenizing + self.graph)


def measure(folder: Path, tokens: int, texts: int = _TEXTS) -> Share:
    """Time the parts of encoding so many documents of so many tokens.

    Raises:
        UsageError: the encoder's terms are no words.
    """
    contract, tables = read_contract(folder), read_tables(folder)
    if contract.literal is None:
        raise UsageError(f"the terms of {contract.name} are no words, so that no time goes into them: name another")
    described = (folder / TOKENIZER_FILE).read_text(encoding="utf-8")
    chosen, profile = texts_of(Tokenizer.from_str(described), tokens, texts), contract.literal.analysis
    reader, plain = (_reader(described, each) for each in (contract, replace(contract, literal=None)))
    readings, bare = ([one for one in each.read(chosen) if one] for each in (reader, plain))
    graph = Graph.open(folder / MODEL_FILE, threads=1)
    outputs = _outputs(graph, readings)
    # The same outputs with and without words: what is between them is the weighing.
    whole, without = VectorMaker(contract, tables, "it"), VectorMaker(replace(contract, literal=None), tables, "it")
    seconds = _least(
        lambda: [find_words(text, profile) for text in chosen],
        lambda: _vectors(whole, readings, outputs),
        lambda: _vectors(without, bare, outputs),
        lambda: plain.read(chosen),
        lambda: _outputs(graph, readings),
    )
    words, vectors, expansion, tokenizing, run = (1e6 * each / len(readings) for each in seconds)
    return Share(tokens, words, vectors - expansion, expansion, tokenizing, run)


def _reader(described: str, contract: Contract) -> Reader:
    reader = Reader(described, contract, contract.document, None, contract.name)
    reader.prepare()
    return reader


def _outputs(graph: Graph, readings: Sequence[Reading]) -> list[PassageOutput]:
    """Run the batches of `csplade encode`; return what the graph says of each text."""
    passages = [reading.passages[0] for reading in readings]
    found: dict[int, PassageOutput] = {}
    for group in batches({number: len(each.ids) for number, each in enumerate(passages)}, DEFAULT.batch_tokens):
        output = graph.run([passages[number].ids for number in group], Role.DOCUMENT)
        for row, number in enumerate(group):
            of_row = PassageOutput(output.term_ids[row], output.weights[row], output.gates[row])
            found[number] = of_row.cut(passages[number])
    return [found[number] for number in range(len(passages))]


def _vectors(maker: VectorMaker, readings: Iterable[Reading], outputs: Iterable[PassageOutput]) -> None:
    for reading, output in zip(readings, outputs, strict=True):
        maker.of_model(reading, [output], Role.DOCUMENT)


def _least(*parts: Callable[[], object]) -> list[float]:
    """Return the least seconds of each part, which take turns."""
    seconds = [float("inf")] * len(parts)
    for _ in range(_PASSES):
        for number, part in enumerate(parts):
            began = time.perf_counter()
            part()
            seconds[number] = min(seconds[number], time.perf_counter() - began)
    return seconds


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("encoder", type=click.Path(path_type=Path, exists=True), default=SHIPPED_ENCODER)
@click.option("--tokens", default="16,128,512", show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(encoder: Path, tokens: str, as_json: bool) -> None:
    """Print the table."""
    found = [measure(encoder, int(each)) for each in tokens.split(",")]
    if as_json:
        print_json([{**asdict(each), "literal": each.literal} for each in found])
        return
    columns = ("tokens", "finding words", "weighing them", "expansion", "tokenizing", "graph", "share of words")
    rows = [
        (
            each.tokens,
            *(f"{part:.0f}" for part in (each.words, each.weighing, each.expansion, each.tokenizing, each.graph)),
            f"{each.literal:.2%}",
        )
        for each in found
    ]
    print_table("Microseconds of one document, one thread", columns, rows)


if __name__ == "__main__":
    main()
