"""Curricula: what is refused before the first stage, what a resumed one may change, when they measure, who teaches."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import orjson
import pytest
from csplade.pipelines import curriculum
from csplade.pipelines.curriculum import Stage, TrainRequest, run_stages
from csplade.pipelines.errors import SourceError, UsageError
from csplade.pipelines.recipes import load_recipe, overridden
from csplade.pipelines.teacher import Teacher, open_teacher
from csplade.pipelines.teacher_bm25 import word_idf
from csplade.pipelines.trained import Trained
from csplade.pipelines.trained_folder import read_trained, write_trained
from csplade.pipelines.training_data import read_examples
from csplade.pipelines.training_log import LOG_FILE, read_log
from csplade.pipelines.training_options import Recipe
from csplade.tests.tiny_backbone import write_backbone, write_collection, write_pairs
from csplade.tests.training_process import QUICK, same_weights


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_backbone(tmp_path_factory.mktemp("backbone") / "llama")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("data") / "pairs.jsonl", 32)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, backbone: Path, data: Path) -> Path:
    """Return the output folder of a training of two steps, with a development collection beside it."""
    folder = tmp_path_factory.mktemp("trained")
    collection = write_collection(folder / "collection")
    _run(TrainRequest((data,), str(backbone), folder / "run", (_recipe(),), development=collection))
    return folder / "run"


def _recipe(*changed: str) -> Recipe:
    quick = [f"{name}={value}" for name, value in QUICK.items()]
    return overridden(
        load_recipe("csplade-mini").stages[0],
        [*quick, "run.steps=3", "run.save_every=2", "run.evaluate_every=0", *changed],
    )


def _run(request: TrainRequest) -> list[Stage]:
    return run_stages(request, lambda text: None)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("batch.negatives=3", "the stage csplade-mini: .*batch.negatives"),
        ("batch.queries=64", "the stage csplade-mini: there are 32 examples and batch.queries asks for 64"),
        ("loss.kl=1", "the stage csplade-mini: .*line 1 of pairs has none: name a --teacher"),
    ],
)
def test_a_second_stage_that_cannot_run_is_refused_before_the_first(
    tmp_path: Path, backbone: Path, data: Path, changed: str, said: str
) -> None:
    stages = _recipe(), _recipe(changed)
    with pytest.raises(UsageError, match=said):
        _run(TrainRequest((data,), str(backbone), tmp_path / "run", stages))
    assert not (tmp_path / "run").exists()


def test_a_teacher_that_no_stage_asks_is_refused(tmp_path: Path, backbone: Path, data: Path) -> None:
    with pytest.raises(UsageError, match=r"distils nothing: set loss\.kl or loss\.margin_mse, or leave --teacher out"):
        _run(TrainRequest((data,), str(backbone), tmp_path / "run", (_recipe(),), ("bm25",)))
    assert not (tmp_path / "run").exists()


def test_an_idf_for_an_encoder_that_has_one_is_refused(tmp_path: Path, data: Path, trained: Path) -> None:
    idf = tmp_path / "idf.json"
    idf.write_bytes(b'{"idf": {"bread": 5.1}, "default": 9.0}')
    with pytest.raises(UsageError, match="leave --idf out, or begin with a language model"):
        _run(TrainRequest((data,), str(trained / "model"), tmp_path / "run", (_recipe(),), idf=idf))


def test_without_an_interval_each_checkpoint_is_measured(trained: Path) -> None:
    assert [line["step"] for line in read_log(trained / LOG_FILE) if "development" in line] == [0, 2, 3]


def test_a_refused_resume_leaves_what_was_asked_for(tmp_path: Path, backbone: Path, data: Path, trained: Path) -> None:
    noted = (trained / "run.json").read_bytes()
    assert orjson.loads(noted)["stages"][0]["run"]["steps"] == 3
    development = trained.parent / "collection"
    changed = TrainRequest(
        (data,), str(backbone), trained, (_recipe("loss.flops_query=0.5"),), development=development, resume=True
    )
    with pytest.raises(SourceError, match=r"recipe\.loss\.flops_query is 0\.003 there and 0\.5 here"):
        _run(changed)
    other = write_collection(tmp_path / "other", seed=5)
    with pytest.raises(SourceError, match=r"is of another training: development is '\w+' there and '\w+' here"):
        _run(TrainRequest((data,), str(backbone), trained, (_recipe(),), development=other, resume=True))
    assert (trained / "run.json").read_bytes() == noted
    kept = TrainRequest((data,), str(backbone), trained, (_recipe("run.keep=5"),), development=development, resume=True)
    assert _run(kept)[0].outcome.step == 3
    assert orjson.loads((trained / "run.json").read_bytes())["stages"][0]["run"]["keep"] == 5


@pytest.mark.parametrize("space", ["pieces", "words"])
def test_bm25_teaches_with_the_idf_of_words_in_either_term_space(
    tmp_path: Path, backbone: Path, data: Path, monkeypatch: pytest.MonkeyPatch, space: str
) -> None:
    given: list[Mapping[str, float] | None] = []

    def watched(specs: Sequence[str], idf: Mapping[str, float] | None = None, default: float | None = None) -> Teacher:
        given.append(idf)
        return open_teacher(specs, idf, default)

    monkeypatch.setattr(curriculum, "open_teacher", watched)
    recipe = _recipe("loss.kl=1", f"reading.term_space={space}", "start.calibrate=false", "run.steps=1")
    _run(TrainRequest((data,), str(backbone), tmp_path / "run", (recipe,), ("bm25",)))
    documents = [text for example in read_examples([data]) for text in example.documents]
    encoder = read_trained(tmp_path / "run" / "model")
    counted, _ = word_idf(documents, encoder.tokenizer)
    assert given == [counted]
    assert "bread" not in counted and "yeast" in counted
    assert (encoder.idf == counted) is (space == "words")


def test_stages_read_data_of_their_own_and_a_stopped_one_is_resumed_with_it(
    tmp_path: Path, backbone: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = write_pairs(tmp_path / "other.jsonl", 24, seed=9)
    stages = _named(_recipe(), "first"), _named(_recipe(), "second")
    whole = TrainRequest((data,), str(backbone), tmp_path / "whole", stages, stage_paths={"second": (other,)})
    first, second = _run(whole)
    assert read_trained(first.folder / "model").about.training == ("pairs",)
    assert read_trained(second.folder / "model").about.training == ("pairs", "other")
    noted = orjson.loads((tmp_path / "whole" / "run.json").read_bytes())
    assert noted["stage_paths"] == {"second": [str(other)]}

    stopped = dataclasses.replace(whole, output=tmp_path / "stopped")
    with monkeypatch.context() as patched:
        patched.setattr(curriculum, "write_trained", _failing_after(1))
        with pytest.raises(SourceError, match="full"):
            _run(stopped)
    with pytest.raises(SourceError, match=r"stage-2.* data\.digest is '\w+' there"):
        _run(dataclasses.replace(stopped, resume=True, stage_paths={}))
    _run(dataclasses.replace(stopped, resume=True))
    assert same_weights(tmp_path / "whole" / "model", tmp_path / "stopped" / "model")


def test_a_stage_without_data_is_refused(tmp_path: Path, backbone: Path, data: Path) -> None:
    stages = _named(_recipe(), "first"), _named(_recipe(), "second")
    with pytest.raises(UsageError, match="the stage second has no data: give it a --stage-data"):
        _run(TrainRequest((), str(backbone), tmp_path / "run", stages, stage_paths={"first": (data,)}))


def _named(recipe: Recipe, name: str) -> Recipe:
    return dataclasses.replace(recipe, name=name)


def _failing_after(whole: int) -> Callable[..., None]:
    """Return a writer of models on whose disk there is room for so many."""
    written = list[Path]()

    def write(folder: Path, trained: Trained, recipe: Mapping[str, object] | None = None) -> None:
        if len(written) == whole:
            raise SourceError("the disk is full")
        written.append(folder)
        write_trained(folder, trained, recipe)

    return write
