"""Published models say here what they say in the library of their makers."""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from csplade.pipelines.development import encoder_of
from csplade.pipelines.encode import Encoder
from csplade.pipelines.errors import CspladeError, SourceError, UsageError
from csplade.pipelines.export_folder import Exported, export_folder
from csplade.pipelines.layout_kinds import Layout
from csplade.pipelines.layout_policy import LayoutPolicy
from csplade.pipelines.layouts import detect, read_layout
from csplade.pipelines.sparse import SparseVector
from csplade.pipelines.vocab import decode_key
from csplade.tests.published_models import (
    EOS,
    bert,
    llama,
    llama_tokenizer,
    query_weights,
    write_adapter,
    write_doc_only,
    write_splade,
)
from csplade.tests.tiny_encoder import TEXTS
from csplade.tests.tiny_trained import tiny_trained
from sentence_transformers import SparseEncoder
from sentence_transformers.base.modules import Router
from sentence_transformers.sparse_encoder.modules import MLMTransformer, SparseStaticEmbedding, SpladePooling
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

pytestmark = pytest.mark.model

PLAIN = LayoutPolicy()


def exported(folder: Path, output: Path, policy: LayoutPolicy = PLAIN, layout: Layout | None = None) -> Encoder:
    export_folder(read_layout(folder, layout, policy), output, quantize=False)
    return Encoder.open(output)


def by_piece(vector: SparseVector, terms: tuple[str, ...]) -> Tensor:
    """Return the weights by vocabulary id."""
    dense = torch.zeros(len(terms))
    for term, weight in vector:
        dense[terms.index(term)] = weight
    return dense


def same(found: Iterable[SparseVector], wanted: Tensor, terms: tuple[str, ...]) -> None:
    """Check vectors of `TEXTS` against a matrix (texts, vocabulary), within 1e-4."""
    ours = torch.stack([by_piece(vector, terms) for vector in found])
    assert (wanted > 0).sum(dim=1).min() >= 1
    torch.testing.assert_close(ours, wanted[:, : len(terms)], atol=1e-4, rtol=1e-4)


def splade(folder: Path, **settings: str) -> SparseEncoder:
    return SparseEncoder(modules=[MLMTransformer(str(folder)), SpladePooling("max", **settings)], device="cpu")


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_a_masked_language_model_says_what_its_library_says(kind: str, tmp_path: Path) -> None:
    write_splade(tmp_path / "model", kind)
    assert detect(tmp_path / "model") is Layout.SPLADE
    trained = read_layout(tmp_path / "model", None, PLAIN)
    encoder = exported(tmp_path / "model", tmp_path / "out")
    wanted = splade(tmp_path / "model").encode(TEXTS, convert_to_sparse_tensor=False)
    same(encoder.documents(TEXTS), wanted, trained.terms)
    same(encoder.queries(TEXTS), wanted, trained.terms)
    same((next(encoder.documents([text])) for text in TEXTS), wanted, trained.terms)
    assert (encoder.contract.add_bos, encoder.contract.add_eos) == (True, True)


@pytest.mark.parametrize("as_text", [False, True])
def test_a_doc_only_model_looks_queries_up(as_text: bool, tmp_path: Path) -> None:
    tokenizer = write_doc_only(tmp_path / "model", as_text)
    assert detect(tmp_path / "model") is Layout.DOC_ONLY
    trained = read_layout(tmp_path / "model", None, PLAIN)
    encoder = exported(tmp_path / "model", tmp_path / "out")
    assert encoder.contract.query_path == "table"
    weights = query_weights(tokenizer)
    numbers = tokenizer.get_vocab()
    table = torch.zeros(len(tokenizer))
    for piece, weight in weights.items():
        table[numbers[piece]] = weight
    static = SparseEncoder(modules=[SparseStaticEmbedding(tokenizer, table)], device="cpu")
    known = [text for text in TEXTS if "東" not in text]
    same(encoder.queries(known), static.encode(known, convert_to_sparse_tensor=False), trained.terms)
    documents = splade(tmp_path / "model").encode(TEXTS, convert_to_sparse_tensor=False)
    same(encoder.documents(TEXTS), documents, trained.terms)


def test_a_sparse_encoder_folder_keeps_its_prompts(tmp_path: Path) -> None:
    write_splade(tmp_path / "model")
    library = SparseEncoder(
        modules=[MLMTransformer(str(tmp_path / "model")), SpladePooling("max")],
        device="cpu",
        prompts={"query": "pump: ", "document": "bread: "},
    )
    library.save(str(tmp_path / "saved"))
    assert detect(tmp_path / "saved") is Layout.SPARSE_ENCODER
    trained = read_layout(tmp_path / "saved", None, PLAIN)
    encoder = exported(tmp_path / "saved", tmp_path / "out")
    assert (encoder.contract.name, encoder.contract.query.prefix) == ("saved", "pump: ")
    same(encoder.queries(TEXTS), library.encode_query(TEXTS, convert_to_sparse_tensor=False), trained.terms)
    same(encoder.documents(TEXTS), library.encode_document(TEXTS, convert_to_sparse_tensor=False), trained.terms)


def test_a_sparse_encoder_folder_cuts_texts_where_its_library_does(tmp_path: Path) -> None:
    write_splade(tmp_path / "model")
    splade(tmp_path / "model").save(str(tmp_path / "saved"))
    config = tmp_path / "saved" / "sentence_bert_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "max_seq_length": 9}))
    long = [" ".join(TEXTS), *TEXTS]
    wanted = SparseEncoder(str(tmp_path / "saved"), device="cpu").encode(long, convert_to_sparse_tensor=False)
    uncut = splade(tmp_path / "model").encode(long, convert_to_sparse_tensor=False)
    assert (wanted[0] - uncut[0]).abs().max() > 0.01
    trained = read_layout(tmp_path / "saved", None, PLAIN)
    same(exported(tmp_path / "saved", tmp_path / "out").documents(long), wanted, trained.terms)
    config.write_text('{"max_seq_length": "long"}')
    refused(tmp_path / "saved", "max_seq_length is 'long'")


def test_an_inference_free_sparse_encoder_folder_has_both_its_routes(tmp_path: Path) -> None:
    tokenizer = write_splade(tmp_path / "model")
    torch.manual_seed(1)
    table = torch.rand(len(tokenizer)) + 0.1
    pooling = SpladePooling("max", activation_function="log1p_relu")
    documents = [MLMTransformer(str(tmp_path / "model")), pooling]
    router = Router.for_query_document(
        query_modules=[SparseStaticEmbedding(tokenizer, table)], document_modules=documents
    )
    library = SparseEncoder(modules=[router], device="cpu")
    library.save(str(tmp_path / "saved"))
    trained = read_layout(tmp_path / "saved", None, PLAIN)
    encoder = exported(tmp_path / "saved", tmp_path / "out")
    same(encoder.queries(TEXTS), library.encode_query(TEXTS, convert_to_sparse_tensor=False), trained.terms)
    same(encoder.documents(TEXTS), library.encode_document(TEXTS, convert_to_sparse_tensor=False), trained.terms)


@torch.inference_mode()
def formula(folder: Path, base: Path, texts: list[str], bos: bool, scale: float = 1.0, limit: int = 256) -> Tensor:
    """Return log(1 + relu(max over tokens of the logits)) of a Llama that reads both ways: (texts, vocabulary)."""
    from peft import PeftModel

    model = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base, attn_implementation="eager"), folder
    ).merge_and_unload()
    tokenizer = llama_tokenizer()
    rows = []
    for text in texts:
        ids = torch.tensor([tokenizer.encode(text, add_special_tokens=bos)[:limit]])
        open_mask = torch.zeros(1, 1, ids.shape[1], ids.shape[1])
        logits = model(input_ids=ids, attention_mask=open_mask, use_cache=False).logits * scale
        rows.append(torch.log1p(torch.relu(logits)).amax(dim=1)[0])
    return torch.stack(rows)


def test_laconic_reads_its_prefixes_without_bos(tmp_path: Path) -> None:
    folder, base = tmp_path / "laconic-tiny", tmp_path / "llama"
    write_adapter(folder, base)
    assert detect(folder) is Layout.LACONIC
    trained = read_layout(folder, None, PLAIN)
    encoder = exported(folder, tmp_path / "out")
    assert not encoder.contract.add_bos and encoder.contract.attention == "bidirectional"
    queries = formula(folder, base, [f"query: {text}" for text in TEXTS], bos=False)
    documents = formula(folder, base, [f"passage: {text}" for text in TEXTS], bos=False)
    same(encoder.queries(TEXTS), queries, trained.terms)
    same(encoder.documents(TEXTS), documents, trained.terms)
    with_bos = formula(folder, base, [f"query: {text}" for text in TEXTS], bos=True)
    assert (with_bos - queries).abs().max() > 0.01


def test_the_policy_of_bos_prefix_and_length_can_be_overridden(tmp_path: Path) -> None:
    folder, base = tmp_path / "laconic-tiny", tmp_path / "llama"
    write_adapter(folder, base)
    policy = LayoutPolicy(name="mine", licence="MIT", bos=True, query_prefix="", query_tokens=5)
    trained = read_layout(folder, None, policy)
    encoder = exported(folder, tmp_path / "out", policy)
    same(encoder.queries(TEXTS), formula(folder, base, TEXTS, bos=True, limit=5), trained.terms)
    contract = encoder.contract
    assert (contract.name, contract.licence, contract.add_bos, contract.query.max_tokens) == ("mine", "MIT", True, 5)
    assert contract.document.prefix == "passage: "


def test_lion_reads_bos_and_scales_its_logits(tmp_path: Path) -> None:
    folder, base = tmp_path / "Lion-SP-tiny", tmp_path / "llama"
    write_adapter(folder, base)
    trained = read_layout(folder, None, PLAIN)
    encoder = exported(folder, tmp_path / "out")
    same(encoder.documents(TEXTS), formula(folder, base, TEXTS, bos=True, scale=32**-0.25), trained.terms)


def test_a_text_of_which_no_term_fires_gets_its_end_with_laconic_and_nothing_with_lion(tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    write_adapter(folder, tmp_path / "llama")
    for layout, wanted in ((Layout.LACONIC, {EOS.encode(): 1.0}), (Layout.LION, {})):
        trained = read_layout(folder, layout, PLAIN)
        with torch.no_grad():
            trained.model.shift.fill_(-1e4)
        encoder = encoder_of(trained)
        found = [*encoder.documents(["bread", " "]), *encoder.queries(["bread"])]
        assert [{decode_key(term): weight for term, weight in vector} for vector in found] == [wanted, {}, wanted]


def test_a_merged_model_without_tokenizer_wants_one(tmp_path: Path) -> None:
    tokenizer = llama_tokenizer()
    llama(len(tokenizer)).save_pretrained(tmp_path / "laconic-tiny")
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    with pytest.raises(SourceError, match=r"has no tokenizer\.json: .* --tokenizer"):
        read_layout(tmp_path / "laconic-tiny", None, PLAIN)
    trained = read_layout(tmp_path / "laconic-tiny", None, LayoutPolicy(tokenizer=tmp_path / "tokenizer"))
    assert trained.reading.document_prefix == "passage: " and len(trained.terms) == len(tokenizer)


def refused(folder: Path, said: str, policy: LayoutPolicy = PLAIN, kind: type[CspladeError] = SourceError) -> None:
    with pytest.raises(kind, match=said):
        read_layout(folder, None, policy)


def test_folders_of_no_known_layout_are_told_what_was_looked_for(tmp_path: Path) -> None:
    refused(tmp_path / "nothing", "is no folder")
    refused(tmp_path, r"looked for training\.json .*, modules\.json .*, adapter_config\.json .* and config\.json")
    llama(50).save_pretrained(tmp_path / "model")
    refused(tmp_path / "model", "say --layout laconic or --layout lion")


def test_an_adapter_needs_the_base_it_was_trained_on(tmp_path: Path) -> None:
    folder, base = tmp_path / "laconic-tiny", tmp_path / "llama"
    write_adapter(folder, base)
    base.rename(tmp_path / "elsewhere")
    refused(folder, "is an adapter on .*llama, which cannot be read .* with --base")
    assert read_layout(folder, None, LayoutPolicy(base=str(tmp_path / "elsewhere"))).terms
    config = json.loads((tmp_path / "elsewhere" / "config.json").read_text())
    deeper = dataclasses.replace(PLAIN, base=str(tmp_path / "wider"))
    wider = llama(len(llama_tokenizer())).config.__class__(**{**config, "hidden_size": 64})
    AutoModelForCausalLM.from_config(wider).save_pretrained(tmp_path / "wider")
    llama_tokenizer().save_pretrained(tmp_path / "wider")
    refused(folder, "does not fit its base model", deeper)


def test_a_tokenizer_larger_than_the_head_is_told(tmp_path: Path) -> None:
    tokenizer: PreTrainedTokenizerFast = write_splade(tmp_path)
    bert(len(tokenizer) - 7).save_pretrained(tmp_path)
    refused(tmp_path, f"has ids for {len(tokenizer)} pieces, the model's head {len(tokenizer) - 7} rows")


def test_what_a_sparse_encoder_folder_may_not_be_is_told(tmp_path: Path) -> None:
    write_splade(tmp_path / "model")
    splade(tmp_path / "model").save(str(tmp_path / "saved"))
    config = tmp_path / "saved" / "1_SpladePooling" / "config.json"
    config.write_text(json.dumps({"pooling_strategy": "sum"}))
    refused(tmp_path / "saved", "pools by sum, csplade by max only")
    (tmp_path / "saved" / "modules.json").write_text('[{"type": "x.Pooling", "path": ""}]')
    refused(tmp_path / "saved", "reads texts by Pooling; csplade knows MLMTransformer")
    (tmp_path / "saved" / "modules.json").write_text("{")
    refused(tmp_path / "saved", r"modules\.json cannot be read")


@pytest.mark.parametrize("content", ["[1]", "{", '{"bread": "much"}', '{"no such piece": 1.0}'])
def test_damaged_query_weights_are_told(content: str, tmp_path: Path) -> None:
    write_doc_only(tmp_path)
    (tmp_path / "idf.json").write_text(content)
    refused(tmp_path, "idf.json|no such piece")


def test_bos_is_no_wish_for_a_masked_language_model(tmp_path: Path) -> None:
    write_splade(tmp_path)
    refused(tmp_path, "leave out --bos", LayoutPolicy(bos=False), UsageError)


def test_a_base_model_and_a_tokenizer_are_no_wishes_where_they_are_not_read(tmp_path: Path) -> None:
    from csplade.pipelines.trained_folder import write_trained

    write_trained(tmp_path / "ours", tiny_trained())
    refused(tmp_path / "ours", "leave out --tokenizer other", LayoutPolicy(tokenizer=Path("other")), UsageError)
    write_splade(tmp_path / "model")
    for name in ("ours", "model"):
        refused(tmp_path / name, "leave out --base other", LayoutPolicy(base="other"), UsageError)


def test_our_own_folder_is_read_and_its_terms_may_be_cut(tmp_path: Path) -> None:
    from csplade.pipelines.trained_folder import write_trained

    write_trained(tmp_path / "run" / "model", tiny_trained())
    for place in (tmp_path / "run", tmp_path / "run" / "model"):
        assert detect(place) is Layout.TRAINED
    policy = LayoutPolicy(name="cut", document_terms=3)
    result: Exported = export_folder(read_layout(tmp_path / "run", None, policy), tmp_path / "out", quantize=False)
    assert (result.contract.name, result.contract.document.top_k) == ("cut", 3)
    (document,) = Encoder.open(tmp_path / "out").documents(["bread"])
    assert {decode_key(term) for term, _ in document} >= {b"bread"} and len(document) <= 4
