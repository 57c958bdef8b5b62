"""A tiny Llama in a folder, as `csplade train --backbone` takes it, and pairs whose words never meet.

Each topic has words of its own; a query has some of them, its document others. What ties them together is only in the
pairs, so that an encoder which knows no more than the words of a text finds little.
"""

import random
from pathlib import Path

import orjson
from csplade.tests.tiny_llama import tiny_llama
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

BOS = "<s>"
TOPICS = {
    "kitchen": ("bread oven flour loaf", "baker dough crust yeast"),
    "sea": ("ship harbour sailor anchor", "boat captain voyage wave"),
    "garden": ("plant flower soil seed", "bloom root leaf petal"),
    "money": ("bank loan credit interest", "debt payment mortgage account"),
    "music": ("piano song melody chord", "violin orchestra rhythm concert"),
    "health": ("doctor fever illness patient", "hospital medicine nurse treatment"),
    "law": ("court judge trial lawyer", "verdict evidence witness sentence"),
    "school": ("teacher pupil lesson exam", "student classroom homework grade"),
}
_WORDS = [word for sides in TOPICS.values() for side in sides for word in side.split()]
_FILLERS = "about very often there where some other many good small large early".split()


def pairs(count: int, seed: int = 0) -> list[dict[str, str]]:
    """Return pairs of a query and a document of the same topic, in different words."""
    chance = random.Random(seed)
    return [_pair(chance.choice(list(TOPICS.values())), chance) for _ in range(count)]


def write_pairs(path: Path, count: int = 64, seed: int = 0) -> Path:
    """Write the pairs as JSON lines."""
    path.write_bytes(b"".join(orjson.dumps(pair, option=orjson.OPT_APPEND_NEWLINE) for pair in pairs(count, seed)))
    return path


def write_collection(folder: Path, documents: int = 40, queries: int = 24, seed: int = 1) -> Path:
    """Write a BEIR folder: every document of a query's topic is relevant."""
    chance, topics = random.Random(seed), list(TOPICS)
    (folder / "qrels").mkdir(parents=True)
    subjects = [topics[number % len(topics)] for number in range(documents)]
    corpus = [{"_id": f"d{n}", "text": _text(TOPICS[topic][1], chance)} for n, topic in enumerate(subjects)]
    asked = [topics[number % len(topics)] for number in range(queries)]
    questions = [{"_id": f"q{n}", "text": _text(TOPICS[topic][0], chance, 3)} for n, topic in enumerate(asked)]
    rows = [f"q{q}\td{d}\t1" for q, topic in enumerate(asked) for d, other in enumerate(subjects) if topic == other]
    for name, lines in (("corpus", corpus), ("queries", questions)):
        (folder / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(rows) + "\n")
    return folder


def write_backbone(
    folder: Path, seed: int = 3, layers: int = 2, tokenizer: Tokenizer | None = None, bos: str | None = BOS
) -> Path:
    """Write a random Llama, by default with a byte-level tokenizer that has every word of the topics as a piece."""
    chosen = tokenizer or _byte_level()
    model = tiny_llama(chosen.get_vocab_size(), seed, layers=layers)
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=chosen, bos_token=bos, eos_token=BOS).save_pretrained(folder)
    return folder


def topic_tokenizer(
    pre_tokenizer: pre_tokenizers.PreTokenizer, decoder: decoders.Decoder, alphabet: list[str]
) -> Tokenizer:
    """Return a tokenizer of byte pairs that has every word of the topics, with a space before it, as a piece."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoder
    trainer = trainers.BpeTrainer(vocab_size=800, special_tokens=[BOS], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([" " + " ".join(_WORDS + _FILLERS)] * 5, trainer)
    return tokenizer


def _byte_level() -> Tokenizer:
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return topic_tokenizer(pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel(), alphabet)


def _pair(sides: tuple[str, str], chance: random.Random) -> dict[str, str]:
    return {"query": _text(sides[0], chance, 3), "positive": _text(sides[1], chance)}


def _text(words: str, chance: random.Random, fillers: int = 5) -> str:
    chosen = [*chance.sample(words.split(), 3), *chance.sample(_FILLERS, fillers)]
    chance.shuffle(chosen)
    return " ".join(chosen)
