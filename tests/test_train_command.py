"""`csplade train` on a tiny Llama: it learns, it can be killed and resumed, and it says what it cannot do."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import torch
from csplade.pipelines.trained_folder import read_trained
from csplade.pipelines.training_options import QueryPath
from csplade.tests.command_run import Run, runner
from csplade.tests.tiny_backbone import write_backbone, write_collection, write_pairs
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


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


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
    log = [orjson.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_bytes().splitlines()]
    losses = [line["losses"]["total"] for line in log if "losses" in line]
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
    killed = start(*arguments, "--output", tmp_path / "killed")
    wait_for_step(killed, tmp_path / "killed" / "log.jsonl", 6)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    killed.communicate()
    assert not (tmp_path / "killed" / "model").exists()
    resumed = run("train", *arguments, "--output", tmp_path / "killed", "--resume")
    assert resumed.code == 0, resumed.err
    assert same_weights(tmp_path / "whole" / "model", tmp_path / "killed" / "model")
    log = [orjson.loads(line)["step"] for line in (tmp_path / "killed" / "log.jsonl").read_bytes().splitlines()]
    assert log == list(range(1, 17))


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


def test_a_checkpoint_of_another_recipe_is_refused_with_the_difference(
    run: Run, tmp_path: Path, backbone: Path, data: Path
) -> None:
    arguments = (data, "--backbone", backbone, "--output", tmp_path / "run", "--steps", 2)
    assert run("train", *arguments, *settings()).code == 0
    refused = run("train", *arguments, *settings(loss__flops_query=0.5), "--resume")
    assert refused.code == 1
    assert "is of another training: recipe.loss.flops_query is 0.003 there and 0.5 here" in refused.err
    more = write_pairs(tmp_path / "more.jsonl", 70, seed=9)
    refused = run("train", more, *arguments[1:], *settings(), "--resume")
    assert (refused.code, "data.digest is" in refused.err) == (1, True)
    other = write_backbone(tmp_path / "other", seed=5)
    refused = run("train", data, "--backbone", other, *arguments[3:], *settings(), "--resume")
    assert (refused.code, "backbone.name is" in refused.err) == (1, True)


def test_an_output_folder_with_something_in_it_is_refused(run: Run, tmp_path: Path, backbone: Path, data: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    refused = run("train", data, "--backbone", backbone, "--output", tmp_path, *settings())
    assert (refused.code, "is not empty and holds no training" in refused.err) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    output = tmp_path / "run"
    assert run("train", data, "--backbone", backbone, "--output", output, "--steps", 1, *settings()).code == 0
    refused = run("train", data, "--backbone", backbone, "--output", output, "--steps", 1, *settings())
    assert (refused.code, "go on with --resume" in refused.err) == (1, True)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(
    run: Run, tmp_path: Path, backbone: Path, data: Path
) -> None:
    output = tmp_path / "run"
    changed = settings(tune__learning_rate=1e30, tune__tuned="full", run__save_every=1)
    failed = run("train", data, "--backbone", backbone, "--output", output, "--steps", 30, *changed)
    assert failed.code == 1
    newest = sorted((output / "checkpoints").iterdir())[-1]
    step = int(newest.stem.removeprefix("step-")) + 1
    assert f"at step {step}; the last good checkpoint is {newest}: train anew with a lower tune.learning" in failed.err


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (b'{"query": "bread"}\n', "line 1 of"),
        (b'{"query": "bread", "positive": "loaf"}\n', "there are 1 examples and batch.queries asks for 8"),
    ],
)
def test_data_that_cannot_be_used_is_refused(run: Run, tmp_path: Path, backbone: Path, lines: bytes, said: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(lines)
    refused = run("train", path, "--backbone", backbone, "--output", tmp_path / "run", *settings())
    assert refused.code in (1, 2)
    assert said in refused.err


def test_distillation_without_scores_or_teacher_is_refused(
    run: Run, tmp_path: Path, backbone: Path, data: Path
) -> None:
    refused = run("train", data, "--backbone", backbone, "--output", tmp_path / "run", *settings(loss__kl=1))
    assert refused.code == 2
    assert "line 1 of pairs has none: name a --teacher, or set loss.kl=0" in refused.err
    assert not (tmp_path / "run").exists()


def test_bm25_can_teach(run: Run, tmp_path: Path, backbone: Path, data: Path) -> None:
    arguments = ("--output", tmp_path / "run", "--steps", 2, "--teacher", "bm25", *settings(loss__kl=1))
    done = run("train", data, "--backbone", backbone, *arguments)
    assert done.code == 0, done.err
    first = orjson.loads((tmp_path / "run" / "log.jsonl").read_bytes().splitlines()[0])
    assert first["losses"]["kl"] > 0


def test_a_tokenizer_that_does_not_match_is_refused(run: Run, tmp_path: Path, backbone: Path, data: Path) -> None:
    wrong = shutil.copytree(backbone, tmp_path / "wrong")
    path = wrong / "tokenizer.json"
    described = orjson.loads(path.read_bytes())
    described["model"]["vocab"] |= {f"more{number}": 800 + number for number in range(600)}
    path.write_bytes(orjson.dumps(described))
    refused = run("train", data, "--backbone", wrong, "--output", tmp_path / "run", *settings())
    assert (refused.code, "do not belong together" in refused.err) == (1, True)


def test_help_shows_examples_and_an_unknown_stage_is_wrong_usage(
    run: Run, tmp_path: Path, backbone: Path, data: Path
) -> None:
    assert "accelerate launch -m csplade.cli train" in run("train", "--help").out
    refused = run("train", data, "--backbone", backbone, "--output", tmp_path / "run", "--stage", 4)
    assert (refused.code, "has 1 stages, not 4" in refused.err) == (2, True)
