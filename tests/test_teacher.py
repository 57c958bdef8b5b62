"""Teachers against plain formulas, mixes of them, and folders and specs that are no teacher."""

import math
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from csplade.pipelines.errors import MissingExtraError, SourceError, UsageError
from csplade.pipelines.literal import Floats
from csplade.pipelines.teacher import Mix, TeacherSpec, open_teacher, parse_specs, standardised
from csplade.pipelines.teacher_models import DenseTeacher
from csplade.tests.tiny_teachers import logit, unit_vector, write_cross_encoder, write_dense, write_plain
from sentence_transformers import SentenceTransformer
from transformers import PreTrainedModel

QUERIES = ["keep bread fresh", "the valve of a pump", "salt"]
DOCUMENTS = ["Keep the loaf in a cloth", "stale bread keeps in the oven", "a warm pump", "butter", "salt salt rye"]
LISTS = [DOCUMENTS[:2], [], DOCUMENTS[1:]]
IDF = {"bread": 2.0, "salt": 3.0, "keep": 0.5, "pump": 4.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("teachers")


@pytest.fixture(scope="module")
def dense(folder: Path) -> PreTrainedModel:
    """Return the model in the folder `dense`."""
    return write_dense(folder / "dense")


@pytest.fixture(scope="module")
def cross(folder: Path) -> PreTrainedModel:
    """Return the model in the folder `cross`."""
    return write_cross_encoder(folder / "cross")


def cosines(model: PreTrainedModel, prefix: str = "") -> list[list[float]]:
    asked = [unit_vector(model, prefix + query) for query in QUERIES]
    return [[float(one @ unit_vector(model, document)) for document in DOCUMENTS] for one in asked]


def bm25(query: str, document: str, default: float) -> float:
    """Write BM25 out for words that the analysis leaves as the test writes them."""
    words, score = document.split(), 0.0
    for word in query.split():
        tf = words.count(word)
        norm = 1.2 * (1 - 0.75 + 0.75 * len(words) / 90.0)
        score += IDF.get(word, default) * tf * 2.2 / (tf + norm)
    return score


def plain_standard(scores: Sequence[float]) -> list[float]:
    mean = sum(scores) / len(scores)
    deviation = math.sqrt(sum((score - mean) ** 2 for score in scores) / len(scores))
    return [(score - mean) / deviation for score in scores]


def test_a_dense_teacher_gives_cosines_of_mean_pooled_states(folder: Path, dense: PreTrainedModel) -> None:
    expected = np.array(cosines(dense))
    assert np.ptp(expected) > 0.1
    teacher = open_teacher([f"dense:{folder / 'dense'}"])
    scores = teacher.matrix(QUERIES, DOCUMENTS)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    lists = teacher.lists(QUERIES, LISTS)
    assert [scores.dtype for scores in lists] == [np.float32] * 3
    assert [scores.shape for scores in lists] == [(2,), (0,), (4,)]
    np.testing.assert_allclose(lists[0], expected[0, :2], atol=1e-5)
    np.testing.assert_allclose(lists[2], expected[2, 1:], atol=1e-5)


def test_a_dense_teacher_reads_queries_and_documents_with_the_prompts_of_its_folder(folder: Path) -> None:
    model = write_dense(folder / "prompted", {"query": "a stale oven of ", "document": ""})
    scores = open_teacher([f"dense:{folder / 'prompted'}"]).matrix(QUERIES, DOCUMENTS)
    # The prompt counts in the mean, as the folder's pooling says.
    np.testing.assert_allclose(scores, cosines(model, "a stale oven of "), atol=1e-5)
    assert np.abs(scores - cosines(model)).max() > 0.01


def test_a_dense_teacher_encodes_a_text_once_as_long_as_it_remembers_it(
    folder: Path, dense: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = SentenceTransformer(str(folder / "dense"), local_files_only=True)
    teacher, encoded = DenseTeacher(model, folder / "dense", kept=4), list[str]()
    encode = model.encode_document

    def watched(texts: list[str], normalize_embeddings: bool, show_progress_bar: bool) -> Floats:
        encoded.extend(texts)
        found: Floats = encode(texts, normalize_embeddings=normalize_embeddings, show_progress_bar=show_progress_bar)
        return found

    monkeypatch.setattr(model, "encode_document", watched)
    a, b, c, d, e = DOCUMENTS
    teacher.lists(["salt"], [[a, b, a]])
    teacher.lists(["salt"], [[b, a, c]])
    assert encoded == [a, b, c]
    # Four fit: the query, and the three used last.
    teacher.lists(["salt"], [[a, d]])
    teacher.lists(["salt"], [[a]])
    teacher.lists(["salt"], [[b]])
    assert encoded == [a, b, c, d, b]
    # One call may need more than fits.
    scores = teacher.matrix(QUERIES, DOCUMENTS)
    np.testing.assert_allclose(scores, cosines(dense), atol=1e-5)
    assert e in encoded


def test_a_cross_encoder_gives_logits_whatever_activation_its_folder_names(
    folder: Path, cross: PreTrainedModel
) -> None:
    expected = np.array([[logit(cross, query, document) for document in DOCUMENTS] for query in QUERIES])
    assert (expected.min() < 0 or expected.max() > 1) and np.ptp(expected) > 0.1
    teacher = open_teacher([f"cross-encoder:{folder / 'cross'}"])
    scores = teacher.matrix(QUERIES, DOCUMENTS)
    assert scores.dtype == np.float32
    assert scores.shape == (3, 5)
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    lists = teacher.lists(QUERIES, LISTS)
    assert [scores.shape for scores in lists] == [(2,), (0,), (4,)]
    np.testing.assert_allclose(lists[2], expected[2, 1:], atol=1e-5)


@pytest.mark.parametrize(("default", "used"), [(7.0, 7.0), (None, 4.0)])
def test_bm25_is_robertsons_formula_with_the_given_idf(default: float | None, used: float) -> None:
    queries, documents = ["bread salt", "rye pump rye"], ["bread bread keep salt", "rye", "rye rye pump bread cloth"]
    expected = [[bm25(query, document, used) for document in documents] for query in queries]
    teacher = open_teacher(["bm25"], IDF, default)
    np.testing.assert_allclose(teacher.matrix(queries, documents), expected, rtol=1e-5)
    first, second = teacher.lists(queries, [documents, documents[1:]])
    assert first.dtype == np.float32
    assert (first.shape, second.shape) == ((3,), (2,))
    np.testing.assert_allclose(first, expected[0], rtol=1e-5)
    np.testing.assert_allclose(second, expected[1][1:], rtol=1e-5)


def test_a_mix_is_the_weighted_sum_of_scores_standardised_per_query(folder: Path, dense: PreTrainedModel) -> None:
    documents = [text.lower() for text in DOCUMENTS]
    queries = ["bread", "salt"]
    alone = [
        open_teacher([spec], IDF).matrix(queries, documents).tolist() for spec in (f"dense:{folder / 'dense'}", "bm25")
    ]
    mix = open_teacher([f"dense:{folder / 'dense'}@0.25", "bm25@2"], IDF)
    assert isinstance(mix, Mix)
    expected = [
        [0.25 * one + 2 * two for one, two in zip(plain_standard(first), plain_standard(second), strict=True)]
        for first, second in zip(*alone, strict=True)
    ]
    np.testing.assert_allclose(mix.matrix(queries, documents), expected, atol=1e-4)
    # In a list only its own documents decide what is standard.
    (found,) = mix.lists(["bread"], [documents[1:]])
    parts = [plain_standard(scores[0][1:]) for scores in alone]
    np.testing.assert_allclose(found, 0.25 * np.array(parts[0]) + 2 * np.array(parts[1]), atol=1e-4)


def test_a_query_whose_scores_are_all_equal_counts_nothing_in_a_mix() -> None:
    scores = np.array([[0.1, 0.1, 0.1], [1.0, 2.0, 3.0], [0.3, 0.3 + 1e-8, 0.3], [0, 0, 0]], dtype=np.float32)
    found = standardised(scores)
    assert found[[0, 2, 3]].tolist() == [[0.0] * 3] * 3
    np.testing.assert_allclose(found[1], [-math.sqrt(1.5), 0, math.sqrt(1.5)], rtol=1e-6)
    mix = Mix([open_teacher(["bm25"], IDF)] * 2, [1.0, 3.0])
    assert mix.matrix(["butter"], ["bread", "salt"]).tolist() == [[0.0, 0.0]]
    assert mix.lists(["bread"], [["bread"]])[0].tolist() == [0.0]


def test_one_spec_gives_raw_scores_whatever_its_weight() -> None:
    asked = (["bread salt"], ["bread", "salt salt"])
    raw = open_teacher(["bm25"], IDF).matrix(*asked)
    assert open_teacher(["bm25@9"], IDF).matrix(*asked).tolist() == raw.tolist()
    assert raw.min() > 0


@pytest.mark.parametrize("specs", [["bm25"], ["bm25", "bm25"], ["dense:{}/dense"], ["cross-encoder:{}/cross", "bm25"]])
def test_nothing_to_score_gives_arrays_of_that_shape(
    folder: Path, dense: PreTrainedModel, cross: PreTrainedModel, specs: list[str]
) -> None:
    teacher = open_teacher([spec.format(folder) for spec in specs], IDF)
    assert teacher.matrix([], DOCUMENTS).shape == (0, 5)
    assert teacher.matrix(QUERIES, []).shape == (3, 0)
    assert teacher.lists([], []) == []
    assert [scores.shape for scores in teacher.lists(["salt", "rye"], [[], []])] == [(0,), (0,)]


def test_specs_are_read_with_kind_folder_and_weight(tmp_path: Path) -> None:
    (tmp_path / "a@b:c").mkdir()
    assert parse_specs(
        [f"dense:{tmp_path}", f"cross-encoder:{tmp_path}@0.5", "bm25@2", f"dense:{tmp_path}/a@b:c@1"]
    ) == (
        TeacherSpec("dense", tmp_path, 1.0),
        TeacherSpec("cross-encoder", tmp_path, 0.5),
        TeacherSpec("bm25", None, 2.0),
        TeacherSpec("dense", tmp_path / "a@b:c", 1.0),
    )


@pytest.mark.parametrize(
    "spec", ["", "dense", "dense:", "sparse:.", "bm25:.", "bm25:", ".", "dense@2", "bm25@", "bm25@much", "Dense:."]
)
def test_a_spec_of_another_form_is_wrong_usage_and_named(spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_teacher(["bm25", spec], IDF)
    assert repr(spec) in str(caught.value)


@pytest.mark.parametrize("weight", ["0", "-1", "nan", "inf"])
def test_a_weight_must_be_a_number_above_zero(weight: str) -> None:
    with pytest.raises(UsageError, match=f"'bm25@{weight}' has the weight '{weight}': write a number above 0"):
        open_teacher([f"bm25@{weight}"], IDF)


def test_no_spec_and_bm25_without_idf_are_wrong_usage() -> None:
    with pytest.raises(UsageError, match="needs at least one spec: write dense:FOLDER"):
        open_teacher([])
    with pytest.raises(UsageError, match="'bm25' needs a table of idf"):
        open_teacher(["bm25"])


@pytest.mark.parametrize("kind", ["dense", "cross-encoder"])
def test_a_folder_that_does_not_exist_is_named_and_nothing_is_downloaded(kind: str) -> None:
    with pytest.raises(UsageError, match="needs a folder sentence-transformers/all-MiniLM-L6-v2, and there is none"):
        open_teacher([f"{kind}:sentence-transformers/all-MiniLM-L6-v2"])


@pytest.mark.parametrize("kind", ["dense", "cross-encoder"])
@pytest.mark.parametrize("damage", ["empty", "weights"])
def test_a_folder_without_a_readable_model_is_named(
    folder: Path, dense: PreTrainedModel, cross: PreTrainedModel, tmp_path: Path, kind: str, damage: str
) -> None:
    broken = tmp_path / "broken"
    if damage == "empty":
        broken.mkdir()
        if kind == "cross-encoder":
            (broken / "config.json").write_text('{"architectures": ["BertForSequenceClassification"]}')
    else:
        shutil.copytree(folder / {"dense": "dense", "cross-encoder": "cross"}[kind], broken)
        (broken / "model.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(SourceError, match=f"can be read from {broken} .*: save the model there again"):
        open_teacher([f"{kind}:{broken}"])


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("dense:{}/cross", "is a CrossEncoder, not a SentenceTransformer: write cross-encoder:"),
        ("dense:{}/cross-plain", "is a CrossEncoder, not a SentenceTransformer: write cross-encoder:"),
        ("cross-encoder:{}/dense", "is a SentenceTransformer, not a CrossEncoder: write dense:"),
        ("cross-encoder:{}/dense-plain", "is a SentenceTransformer, not a CrossEncoder: write dense:"),
    ],
)
def test_a_folder_of_the_other_kind_is_refused_as_its_head_would_be_random(
    folder: Path, dense: PreTrainedModel, cross: PreTrainedModel, spec: str, said: str
) -> None:
    with pytest.raises(SourceError, match=said):
        open_teacher([spec.format(folder)])


def test_a_folder_of_an_older_sentence_transformers_opens(folder: Path, dense: PreTrainedModel, tmp_path: Path) -> None:
    old = shutil.copytree(folder / "dense", tmp_path / "old")
    (old / "config_sentence_transformers.json").unlink()
    scores = open_teacher([f"dense:{old}"]).matrix(QUERIES, DOCUMENTS)
    np.testing.assert_allclose(scores, cosines(dense), atol=1e-5)


def test_a_classifier_of_several_labels_is_no_teacher(folder: Path) -> None:
    write_plain(folder / "three", labels=3)
    with pytest.raises(SourceError, match="sorts into 3 labels, a teacher gives one score"):
        open_teacher([f"cross-encoder:{folder / 'three'}"])


@pytest.mark.parametrize("kind", ["dense", "cross-encoder"])
def test_damaged_weights_that_give_no_numbers_are_told(tmp_path: Path, kind: str) -> None:
    model = write_plain(tmp_path / "nan", labels=0 if kind == "dense" else 1)
    next(iter(model.parameters())).data.fill_(math.nan)
    model.save_pretrained(tmp_path / "nan")
    teacher = open_teacher([f"{kind}:{tmp_path / 'nan'}"])
    with pytest.raises(SourceError, match="nan gives scores that are no numbers"):
        teacher.matrix(QUERIES, DOCUMENTS)
    with pytest.raises(SourceError, match="nan gives scores that are no numbers"):
        teacher.lists(QUERIES, LISTS)


@pytest.mark.parametrize("kind", ["dense", "cross-encoder"])
def test_without_sentence_transformers_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'csplade\[train\]'"):
        open_teacher([f"{kind}:{tmp_path}"])
