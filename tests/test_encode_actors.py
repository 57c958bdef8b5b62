"""The workers of a Ray cluster as an encoder: what they counted comes back, and GPUs that are not there are told."""

from pathlib import Path

import pytest
from csplade.pipelines.encode_options import EncodeOptions
from csplade.pipelines.encode_ray import Workers, ray_cluster
from csplade.pipelines.errors import UsageError
from csplade.tests.command_run import runner
from csplade.tests.tiny_encoder import TEXTS

pytestmark = pytest.mark.model
pytest.importorskip("ray", reason="this is about the extra [ray]: pip install 'csplade[ray]'")


@pytest.mark.usefixtures("one_gpu")
@pytest.mark.parametrize(
    ("count", "gpus", "places"),
    [(2, 1.0, 1), (1, 2.0, 0), (2, 0.6, 1), (3, 0.5, 2)],
    ids=["two of one", "one of two", "no room for two larger parts", "three halves"],
)
def test_gpus_that_the_cluster_has_not_are_refused(encoder_folder: Path, count: int, gpus: float, places: int) -> None:
    from csplade.pipelines.encode_actors import ActorEncoder

    told = rf"{count} workers with {gpus:g} GPUs each .* the Ray cluster has 1 GPUs, room for {places} of them"
    with pytest.raises(UsageError, match=told):
        ActorEncoder(encoder_folder, EncodeOptions(), Workers(count, gpus))


@pytest.mark.usefixtures("one_gpu")
@pytest.mark.parametrize(("count", "gpus"), [(1, 1.0), (2, 0.5), (5, 0.2), (4, 0.0)])
def test_gpus_that_it_has_are_not(count: int, gpus: float) -> None:
    with ray_cluster():
        Workers(count, gpus).check_gpus(count)


def test_parts_of_several_gpus_are_refused_as_ray_refuses_them() -> None:
    with pytest.raises(UsageError, match=r"a part of one GPU or whole ones, not 1\.5"):
        Workers(1, 1.5)


@pytest.mark.usefixtures("one_gpu")
def test_what_the_workers_cut_is_counted_here(encoder_folder: Path) -> None:
    from csplade.pipelines.encode_actors import ActorEncoder

    encoder = ActorEncoder(encoder_folder, EncodeOptions(threads=1, window=2), Workers(2, 0.0))
    texts = [TEXTS[0], "bread and salt " * 100, "", TEXTS[1], "pump " * 200]
    assert len(list(encoder.documents(texts))) == len(texts)
    assert (encoder.counts.texts, encoder.counts.cut, encoder.counts.passages) == (5, 2, 4)
    assert encoder.runs_on == ("CPUExecutionProvider",)


@pytest.mark.usefixtures("one_gpu")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Ray Data's own, of its options
def test_the_command_says_what_was_cut_and_which_gpus_are_missing(
    encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runner(monkeypatch, capsys)
    monkeypatch.setenv("CSPLADE_ENCODER", str(encoder_folder))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.tsv").write_text(f"_id\ttext\n1\tbread\n2\t{'pump ' * 200}\n")
    ours = ("encode", "a.tsv", "--engine", "ray", "--output", "out", "--workers", 1)
    refused = run(*ours, "--gpus-per-worker", 2)
    assert (refused.code, refused.out) == (2, "") and "the Ray cluster has 1 GPUs" in refused.err
    assert "Run again" not in refused.err and not Path("out").exists()
    done = run(*ours)
    assert done.code == 0 and "cut" in done.out
    assert "Of 1 text the model did not see the end: --stride reads texts whole" in done.err
