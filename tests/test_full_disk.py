"""A disk that is full when a model is written gives a sentence, whichever library writes."""

import dataclasses
from pathlib import Path

import pytest
from csplade.pipelines.adapt_folder import write_model
from csplade.pipelines.errors import SourceError
from csplade.pipelines.trained_folder import write_trained
from csplade.tests.small_disk import room_for
from csplade.tests.tiny_encoder import tiny_tokenizer
from csplade.tests.tiny_llama import tiny_llama
from csplade.tests.tiny_trained import tiny_trained
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

pytestmark = pytest.mark.model

# Bytes of a file: the weights of either model take 118 to 141 kB, the tokenizer below over 1 MB.
_NO_WEIGHTS, _NO_TOKENIZER = 50_000, 500_000


def _large_tokenizer() -> Tokenizer:
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens([f"<piece{number}>" for number in range(10_000)])
    return tokenizer


@pytest.mark.parametrize("room", [_NO_WEIGHTS, _NO_TOKENIZER])
def test_a_trained_model_finds_no_room(tmp_path: Path, room: int) -> None:
    trained = dataclasses.replace(tiny_trained(), tokenizer=_large_tokenizer())
    with room_for(room), pytest.raises(SourceError, match=r"the trained model cannot be written to .*make room there"):
        write_trained(tmp_path / "model", trained)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("room", [_NO_WEIGHTS, _NO_TOKENIZER])
def test_an_adapted_model_finds_no_room(tmp_path: Path, room: int) -> None:
    model, tokenizer = (
        tiny_llama(600, seed=1, spread=0.02),
        PreTrainedTokenizerFast(tokenizer_object=_large_tokenizer()),
    )
    with room_for(room), pytest.raises(SourceError, match=r"the model cannot be written to .*run again with --resume"):
        write_model(tmp_path, model, tokenizer)
    assert not [*tmp_path.iterdir()]
