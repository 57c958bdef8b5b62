"""A pupil, a corpus and a dictionary of a few texts, as the steps of csplade-mini's recipe make them."""

import numpy as np
import torch
from csplade.models.recipe.corpus import Corpus
from csplade.models.recipe.dictionary import Dictionary, begin
from csplade.models.recipe.expansion import Expansion
from csplade.models.recipe.llama import Llama
from csplade.models.recipe.plan import Stage
from csplade.models.recipe.pupil import Pupil
from csplade.models.recipe.reader import Reader
from csplade.pipelines.fold import Fold
from csplade.pipelines.model import HeadOptions, SparseEncoderModel
from csplade.tests.tiny_encoder import IDF, TEXTS, tiny_tokenizer
from csplade.tests.tiny_llama import tiny_llama

TERMS = ("bread", "light", "plant", "pump", "run", "sugar")
STAGE = Stage(10, 1, 32, None, ranking=1.0, contrastive=0.5, rate=1e-3, head_rate=1e-3, warm_up=4, decay=0.5)


def tiny_pupil(frozen: int = 0) -> Pupil:
    tokenizer = tiny_tokenizer()
    language_model = tiny_llama(tokenizer.get_vocab_size(), seed=7)
    rows = np.arange(len(TERMS))
    head = torch.zeros(len(TERMS), language_model.config.hidden_size)
    options = HeadOptions(bos_id=0, document_terms=4, query_terms=2, centred=False)
    model = SparseEncoderModel(language_model.model, head, Fold(rows, TERMS, rows[:, None]), options)
    model.backbone = Llama(language_model.model, frozen)
    return Pupil(language_model, model, Reader(tokenizer, TERMS, IDF))


def tiny_corpus() -> Corpus:
    chance = torch.Generator().manual_seed(1)
    queries = [" ".join(text.split(" ")[:3]) for text in TEXTS]
    vectors = torch.nn.functional.normalize(torch.randn(len(TEXTS), 8, generator=chance), dim=-1)
    neighbours = (vectors @ vectors.T).topk(4).indices.numpy()
    return Corpus(TEXTS, queries, [[n] for n in range(len(TEXTS))], vectors, vectors.clone(), neighbours)


def tiny_dictionary(corpus: Corpus) -> Dictionary:
    generator = torch.Generator().manual_seed(2)
    expansion = Expansion(TERMS, torch.randn(len(TERMS), 8, generator=generator))
    rows = begin(expansion, corpus.document_vectors, firing=3)
    return Dictionary(rows.rows, rows.biases, rows.strength, rows.log_scale)
