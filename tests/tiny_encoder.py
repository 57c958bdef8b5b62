"""A real encoder folder of a tiny random Llama, made by the same path as the shipped one: Optimum, ONNX, contract."""

import dataclasses
from pathlib import Path

import torch
from csplade.pipelines.contract import Contract, Literal, Side
from csplade.pipelines.export import OPSET, export_graph
from csplade.pipelines.fold import Fold, fold_vocabulary
from csplade.pipelines.folder import MODEL_FILE, TOKENIZER_FILE, Tables, deciding_files, write_tables
from csplade.pipelines.model import HeadOptions, SparseEncoderModel
from csplade.tests.tiny_llama import tiny_llama
from csplade.tests.word_encoder import word_contract
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

BOS = "<s>"
TEXTS = [
    "Bread goes stale because its starch crystallises; wrap the loaf in cloth.",
    "The pump failed when valve XJ-4400B stuck half open and pressure rose.",
    "Plants turn light into sugar. Plants, plants, plants!",
    "Zürich, 東京 and Москва joined in 2019",
    "running runs runner: the same word, three times",
    "ok",
]
IDF = {"plant": 4.0, "bread": 3.0, "pump": 2.5, "run": 1.5}
DOCUMENT_TERMS, QUERY_TERMS = 20, 8


def tiny_tokenizer() -> Tokenizer:
    """Return a byte-level tokenizer trained on `TEXTS`, with words as pieces."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=[BOS], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXTS * 5, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 0)])
    return tokenizer


def tiny_model(tokenizer: Tokenizer, fold: Fold) -> SparseEncoderModel:
    """Return a random model whose expansion and gates are alive."""
    language_model = tiny_llama(tokenizer.get_vocab_size(), seed=7)
    options = HeadOptions(bos_id=0, document_terms=DOCUMENT_TERMS, query_terms=QUERY_TERMS, strength=0.5)
    model = SparseEncoderModel(language_model.model, language_model.lm_head.weight, fold, options)
    with torch.no_grad():
        model.gate.weight.normal_(0, 0.2)
        model.scale.uniform_(0.5, 1.5)
        model.shift.uniform_(-0.5, 0.5)
    return model.eval()


def literal_path() -> Literal:
    """Return the literal path of the tiny encoder."""
    return Literal(k1=1.2, b=0.75, average_words=10.0, default_idf=6.0, analysis="english")


def write_contract(folder: Path, literal: Literal | None, document: Side, query: Side) -> Contract:
    """Write and return the contract of the files in the folder."""
    contract = dataclasses.replace(
        word_contract("tiny"),
        base_model="random Llama",
        base_revision="seed 7",
        add_bos=True,
        vocabulary_size=600,
        document=document,
        query=query,
        literal=literal,
        opset=OPSET,
        tolerance=0.01,
        expansion_tolerance=0.01,
        files=deciding_files(folder),
    )
    contract.write(folder)
    return contract


def write_tiny_encoder(folder: Path) -> SparseEncoderModel:
    """Write the folder and return the torch model behind it."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tiny_tokenizer()
    fold = fold_vocabulary(tokenizer, "english")
    model = tiny_model(tokenizer, fold)
    export_graph(model, folder / MODEL_FILE)
    tokenizer.save(str(folder / TOKENIZER_FILE))
    write_tables(folder, Tables(fold.terms, IDF))
    write_contract(folder, literal_path(), Side("", 40, DOCUMENT_TERMS), Side("", 12, QUERY_TERMS))
    return model
