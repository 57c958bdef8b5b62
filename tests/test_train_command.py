"""`csplade train` on a tiny Llama: it learns, from teachers too, and it can be killed and resumed."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import torch
from csplade.pipelines.jsonl import write_line
from csplade.pipelines.trained_folder import read_trained
from csplade.pipelines.training_log import read_log
from csplade.pipelines.training_options import QueryPath
from csplade.tests import slow_training
from csplade.tests.command_run import Run, runner
from csplade.tests.tiny_backbone import pairs, write_backbone, write_collection, write_pairs
from csplade.tests.tiny_teachers import write_cross_encoder, write_dense
from csplade.tests.training_process import WAIT_SECONDS, same_weights, settings, start, wait_for_step


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Keep to one thread: sums in another order would be other weights, and tiny models are faster so."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_backbone(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("data") / "pairs.jsonl", 128)


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teachers")
    write_dense(folder / "dense")
    write_cross_encoder(folder / "cross")
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


def _lines(output: Path) -> list[dict[str, Any]]:  # Any: JSON values
    return read_log(output / "log.jsonl")


def test_a_small_training_beats_its_own_untrained_start_on_held_out_queries(
    run: Run, tmp_path: Path, backbone: Path, data: Path
) -> None:
    development = write_collection(tmp_path / "development")
    changed = settings(tune__tuned="full", batch__queries=16)
    common = ("--backbone", backbone, "--development", development, "--steps", 60, *changed)
    done = run("train", data, "--output", tmp_path / "run", *common, "--json")
    assert done.code == 0, done.err
    stage = orjson.loads(done.out)["stages"][0]
    assert stage["nDCG@10"] > stage["untrained"] + 0.15
    assert stage["document_terms"] > 0
    losses = [line["losses"]["total"] for line in _lines(tmp_path / "run") if "losses" in line]
    assert len(losses) == 60
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])
    assert {path.name for path in (tmp_path / "run" / "plots").iterdir()} >= {"loss.png", "development.png"}
    assert read_trained(tmp_path / "run" / "model").about.training == ("pairs",)


def test_killed_and_resumed_gives_the_weights_of_never_killed(
    run: Run, tmp_path: Path, backbone: Path, data: Path
) -> None:
    changed = settings(tune__lora_dropout=0.2, run__save_every=4)
    arguments = (data, "--backbone", backbone, "--steps", 16, *changed)
    assert run("train", *arguments, "--output", tmp_path / "whole").code == 0
    killed = start(*arguments, "--output", tmp_path / "killed", module=slow_training.MODULE)
    wait_for_step(killed, tmp_path / "killed" / "log.jsonl", 6)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    killed.communicate()
    assert not (tmp_path / "killed" / "model").exists()
    resumed = run("train", *arguments, "--output", tmp_path / "killed", "--resume")
    assert resumed.code == 0, resumed.err
    assert same_weights(tmp_path / "whole" / "model", tmp_path / "killed" / "model")
    assert [line["step"] for line in _lines(tmp_path / "killed")] == list(range(1, 17))


def test_ctrl_c_leaves_a_checkpoint_and_says_how_to_go_on(tmp_path: Path, backbone: Path, data: Path) -> None:
    output = tmp_path / "run"
    stopped = start(data, "--backbone", backbone, "--steps", 5000, *settings(run__save_every=5000), "--output", output)
    wait_for_step(stopped, output / "log.jsonl", 2)
    stopped.send_signal(signal.SIGINT)
    _, err = stopped.communicate(timeout=WAIT_SECONDS)
    assert stopped.returncode == 1
    done = len((output / "log.jsonl").read_bytes().splitlines())
    assert f"Stopped after step {done} of 5000: the same command with --resume goes on." in err
    assert [path.name for path in (output / "checkpoints").iterdir()] == [f"step-{done:06d}.pt"]


def test_stages_follow_each_other_and_the_last_is_the_model(
    run: Run, tmp_path: Path, backbone: Path, data: Path
) -> None:
    recipe = tmp_path / "two.toml"
    recipe.write_text(
        'extends = "csplade-mini"\n[[stage]]\nname = "first"\n[stage.run]\nsteps = 3\n'
        '[[stage]]\nname = "second"\n[stage.run]\nsteps = 2\n'
    )
    output = tmp_path / "run"
    done = run("train", data, "--backbone", backbone, "--output", output, "--recipe", recipe, *settings(), "--json")
    assert done.code == 0, done.err
    assert [(stage["name"], stage["step"]) for stage in orjson.loads(done.out)["stages"]] == [
        ("two-first", 3),
        ("two-second", 2),
    ]
    assert same_weights(output / "model", output / "stage-2" / "model")
    assert not same_weights(output / "model", output / "stage-1" / "model")


def test_stages_may_read_data_of_their_own(run: Run, tmp_path: Path, backbone: Path, data: Path) -> None:
    recipe = tmp_path / "two.toml"
    recipe.write_text('extends = "csplade-mini"\n[[stage]]\nname = "first"\n[[stage]]\nname = "second"\n')
    more = [write_pairs(tmp_path / f"{name}.jsonl", 16, seed) for seed, name in enumerate(("one", "two"), start=5)]
    common = ("train", "--backbone", backbone, "--output", tmp_path / "run", "--recipe", recipe, "--steps", 1)
    own = ("--stage-data", f"second={more[0]}", "--stage-data", f"two-second={more[1]}")
    done = run(*common, data, *own, *settings())
    assert done.code == 0, done.err
    named = [read_trained(tmp_path / "run" / f"stage-{n}" / "model").about.training for n in (1, 2)]
    assert named == [("pairs",), ("pairs", "one", "two")]
    for arguments, said in (
        (("--stage-data", "third=x"), "there is no stage 'third' to be run, only two-first, two-second"),
        (("--stage-data", "first"), "must be a stage and its file, like pairs=pairs.jsonl"),
        (("--stage-data", "first=none.jsonl"), "there is no file none.jsonl"),
        ((*own, "--stage-data", f"first={data}"), "so that none would read"),
    ):
        refused = run(*common, data, *arguments, *settings())
        assert (refused.code, said in refused.err) == (2, True)


def test_a_trained_model_can_be_trained_on(run: Run, tmp_path: Path, backbone: Path, data: Path) -> None:
    assert run("train", data, "--backbone", backbone, "--output", tmp_path / "a", "--steps", 2, *settings()).code == 0
    earlier = tmp_path / "a" / "model"
    done = run("train", data, "--backbone", earlier, "--output", tmp_path / "b", "--steps", 2, *settings())
    assert done.code == 0, done.err
    changed = settings(reading__lowercase="false")
    refused = run("train", data, "--backbone", earlier, "--output", tmp_path / "c", "--steps", 2, *changed)
    assert (refused.code, "reading.lowercase = True and the recipe has False" in refused.err) == (2, True)


@pytest.mark.parametrize("attention", ["causal", "echo", "bidirectional"])
@pytest.mark.parametrize("tuned", ["lora", "top"])
def test_every_attention_trains_in_pieces(
    run: Run, tmp_path: Path, backbone: Path, data: Path, attention: str, tuned: str
) -> None:
    changed = settings(
        reading__term_space="pieces",
        reading__attention=attention,
        start__calibrate="false",
        start__strength=1.0,
        tune__tuned=tuned,
        tune__top_layers=1,
        batch__micro_queries=3,
        batch__checkpointing="true",
    )
    done = run("train", data, "--backbone", backbone, "--output", tmp_path / "run", "--steps", 2, *changed)
    assert done.code == 0, done.err
    assert read_trained(tmp_path / "run" / "model").reading.attention == attention


def test_learned_weights_of_queries_become_the_table(run: Run, tmp_path: Path, backbone: Path, data: Path) -> None:
    changed = settings(reading__query_path="learned", reading__term_space="pieces", loss__flops_query=0)
    done = run("train", data, "--backbone", backbone, "--output", tmp_path / "run", "--steps", 3, *changed)
    assert done.code == 0, done.err
    found = read_trained(tmp_path / "run" / "model")
    assert found.reading.query_path is QueryPath.LEARNED
    assert found.idf.keys() == set(found.terms)


@pytest.mark.parametrize(
    "specs",
    [("bm25",), ("dense:{}/dense",), ("cross-encoder:{}/cross",), ("cross-encoder:{}/cross@0.7", "bm25@0.3")],
)
def test_every_teacher_can_teach_alone(
    run: Run, tmp_path: Path, backbone: Path, data: Path, teachers: Path, specs: tuple[str, ...]
) -> None:
    named = [part for spec in specs for part in ("--teacher", spec.format(teachers))]
    changed = settings(loss__contrastive=0, loss__kl=1, loss__margin_mse=0.1, loss__teacher_temperature=1)
    done = run("train", data, "--backbone", backbone, "--output", tmp_path / "run", "--steps", 2, *named, *changed)
    assert done.code == 0, done.err
    losses = _lines(tmp_path / "run")[0]["losses"]
    assert losses["kl"] > 0 and losses["margin_mse"] > 0
    assert "contrastive" not in losses


def test_scores_of_a_file_teach_beside_the_contrastive_loss(run: Run, tmp_path: Path, backbone: Path) -> None:
    found = pairs(24)
    lines = [
        {**pair, "negatives": [found[number - 1]["positive"]], "scores": [4.0, 1.0]}
        for number, pair in enumerate(found)
    ]
    scored = tmp_path / "scored.jsonl"
    scored.write_bytes(b"".join(map(write_line, lines)))
    changed = settings(loss__kl=1, loss__margin_mse=0.1, batch__negatives=1)
    done = run("train", scored, "--backbone", backbone, "--output", tmp_path / "run", "--steps", 2, *changed)
    assert done.code == 0, done.err
    losses = _lines(tmp_path / "run")[0]["losses"]
    assert losses["kl"] > 0 and losses["margin_mse"] > 0 and losses["contrastive"] > 0


def test_the_seed_decides_the_weights(run: Run, tmp_path: Path, backbone: Path, data: Path) -> None:
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        changed = settings(run__seed=seed)
        assert run("train", data, "--backbone", backbone, "--output", tmp_path / name, "--steps", 2, *changed).code == 0
    assert same_weights(tmp_path / "one" / "model", tmp_path / "again" / "model")
    assert not same_weights(tmp_path / "one" / "model", tmp_path / "other" / "model")


def test_bfloat16_gives_nearly_the_loss_of_float32(
    run: Run, tmp_path: Path, backbone: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where the processor has none, it would be float32 both times.
    monkeypatch.setattr("csplade.pipelines.precision.read_processor", lambda: None)
    for bf16 in ("true", "false"):
        arguments = ("--output", tmp_path / bf16, "--steps", 2, *settings(batch__bf16=bf16))
        assert run("train", data, "--backbone", backbone, *arguments).code == 0
    half, whole = ([line["losses"]["total"] for line in _lines(tmp_path / bf16)] for bf16 in ("true", "false"))
    assert half == pytest.approx(whole, rel=0.03)
    assert half != whole


def test_help_shows_examples_and_an_unknown_stage_is_wrong_usage(
    run: Run, tmp_path: Path, backbone: Path, data: Path
) -> None:
    assert "accelerate launch -m csplade.cli train" in run("train", "--help").out
    refused = run("train", data, "--backbone", backbone, "--output", tmp_path / "run", "--stage", 4)
    assert (refused.code, "has 1 stages, not 4" in refused.err) == (2, True)
