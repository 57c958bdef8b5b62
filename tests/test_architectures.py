"""Language models of each architecture, from wherever they are, become encoders through the commands themselves."""

from pathlib import Path

import orjson
import pytest
import torch
from csplade.pipelines.backbone import open_language_model
from csplade.pipelines.encode import Encoder
from csplade.pipelines.trained_folder import read_trained
from csplade.tests.command_run import Run, runner
from csplade.tests.tiny_architectures import HUB_ID, write_architecture, write_gguf, write_hub_cache
from csplade.tests.tiny_backbone import TOPICS, write_backbone, write_pairs
from csplade.tests.training_process import WAIT_SECONDS, settings, start
from transformers import AutoModelForCausalLM

pytestmark = pytest.mark.model

STEPS = 2
# Qwen's tokenizers have no BOS.
WITHOUT_BOS = {"qwen2", "qwen3"}
DOCUMENT = TOPICS["kitchen"][1]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("data") / "pairs.jsonl", 32)


@pytest.mark.parametrize(
    ("kind", "attention", "space"),
    [
        ("llama", "echo", "pieces"),
        ("qwen2", "causal", "words"),
        ("qwen3", "bidirectional", "words"),
        ("mistral", "bidirectional", "pieces"),
        ("gemma", "bidirectional", "words"),
        ("smollm3", "causal", "pieces"),
    ],
)
def test_a_model_is_trained_exported_and_encodes(
    run: Run, tmp_path: Path, data: Path, kind: str, attention: str, space: str
) -> None:
    bos = kind not in WITHOUT_BOS
    backbone = write_architecture(tmp_path / "model", kind, bos)
    changed = settings(
        reading__attention=attention, reading__term_space=space, reading__bos=str(bos).lower(), tune__lora_rank=2
    )
    trained = run("train", data, "--backbone", backbone, "--output", tmp_path / "run", "--steps", STEPS, *changed)
    assert trained.code == 0, trained.err
    exported = run("export", tmp_path / "run" / "model", "--output", tmp_path / "encoder", "--json")
    assert exported.code == 0, exported.err
    assert orjson.loads(exported.out)["largest"] < 1e-3
    encoder = Encoder.open(tmp_path / "encoder")
    assert (encoder.contract.attention, encoder.contract.add_bos) == (attention, bos)
    (vector,) = encoder.documents([DOCUMENT])
    assert vector.weights


def test_a_gguf_file_is_the_model_that_it_was_made_from(run: Run, tmp_path: Path, data: Path) -> None:
    folder = write_backbone(tmp_path / "model")
    path = write_gguf(tmp_path / "tiny.gguf", folder)
    model, tokenizer = open_language_model(str(path))
    original = AutoModelForCausalLM.from_pretrained(folder)
    ids = torch.tensor([tokenizer.encode(DOCUMENT, add_special_tokens=False)])
    assert tokenizer.decode(ids[0]) == DOCUMENT
    with torch.inference_mode():
        torch.testing.assert_close(model(ids).logits, original(ids).logits, atol=1e-4, rtol=1e-4)
    done = run("train", data, "--backbone", path, "--output", tmp_path / "run", "--steps", STEPS, *settings())
    assert done.code == 0, done.err
    assert read_trained(tmp_path / "run" / "model").about.base_model == str(path)


def test_a_hub_id_is_read_from_the_cache_of_the_hub(tmp_path: Path, data: Path) -> None:
    write_hub_cache(tmp_path / "home", write_backbone(tmp_path / "model"))
    arguments = (data, "--backbone", HUB_ID, "--output", tmp_path / "run", "--steps", STEPS, *settings())
    done = start(*arguments, environment={"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"})
    _, err = done.communicate(timeout=WAIT_SECONDS)
    assert done.returncode == 0, err
    about = read_trained(tmp_path / "run" / "model").about
    assert (about.base_model, about.base_revision) == (HUB_ID, "0" * 40)
