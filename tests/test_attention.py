"""How a model reads: what a token knows, and that padding and batches change nothing."""

import pytest
import torch
from csplade.pipelines.attention import both_ways, check_attention, echoed, read
from csplade.pipelines.attention_kinds import Attention
from csplade.pipelines.errors import UsageError
from transformers import AutoConfig, AutoModel

SIZES = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}


DECODERS = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "smollm3")
READINGS = [
    *(("llama", attention) for attention in Attention),
    *((kind, Attention.BIDIRECTIONAL) for kind in DECODERS[1:]),
]


def tiny_backbone(kind: str) -> torch.nn.Module:
    torch.manual_seed(3)
    heads = {"num_key_value_heads": 2, "head_dim": 8, "pad_token_id": 0} if kind in DECODERS else {}
    config = AutoConfig.for_model(kind, **SIZES, **heads)
    backbone: torch.nn.Module = AutoModel.from_config(config, attn_implementation="eager")
    return backbone.eval()


LONG, SHORT = [1, 11, 12, 13, 14, 15], [1, 21, 22]
IDS = torch.tensor([LONG, [*SHORT, 0, 0, 0]])
MASK = torch.tensor([[1] * 6, [1, 1, 1, 0, 0, 0]])


def alone(backbone: torch.nn.Module, ids: list[int], attention: Attention) -> torch.Tensor:
    return read(backbone, torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.int64), attention, 1)[0]


@pytest.mark.parametrize(("kind", "attention"), [*READINGS, ("bert", Attention.BIDIRECTIONAL)])
def test_a_text_in_a_padded_batch_is_read_as_alone(kind: str, attention: Attention) -> None:
    backbone = tiny_backbone(kind)
    together = read(backbone, IDS, MASK, attention, 1)
    torch.testing.assert_close(together[0], alone(backbone, LONG, attention), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together[1, :3], alone(backbone, SHORT, attention), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("kind", "attention"), READINGS)
def test_an_early_token_knows_what_follows_unless_attention_is_causal(kind: str, attention: Attention) -> None:
    backbone = tiny_backbone(kind)
    one, other = alone(backbone, [1, 11, 12, 13], attention), alone(backbone, [1, 11, 12, 40], attention)
    assert bool((one[1] - other[1]).abs().max() > 1e-4) is (attention is not Attention.CAUSAL)


def test_echo_keeps_the_states_of_the_second_copy() -> None:
    backbone = tiny_backbone("llama")
    twice = backbone(input_ids=torch.tensor([[1, 11, 12, 13, 11, 12, 13]])).last_hidden_state[0]
    torch.testing.assert_close(alone(backbone, [1, 11, 12, 13], Attention.ECHO), twice[[0, 4, 5, 6]])


def test_a_text_is_repeated_behind_its_own_end() -> None:
    twice, second = echoed(IDS, MASK, 1)
    assert twice[0, :11].tolist() == [*LONG, *LONG[1:]]
    assert twice[1, :5].tolist() == [*SHORT, *SHORT[1:]]
    assert second[1, :3].tolist() == [0, 3, 4]


def test_without_head_tokens_the_whole_text_is_repeated() -> None:
    twice, second = echoed(IDS, MASK, 0)
    assert twice[1, :6].tolist() == [*SHORT, *SHORT]
    assert second[1, :3].tolist() == [3, 4, 5]


def test_the_mask_of_both_ways_hides_padding_alone() -> None:
    mask = both_ways(MASK, torch.float32)
    assert mask.shape == (2, 1, 6, 6)
    assert torch.equal(mask[0], torch.zeros(1, 6, 6))
    assert bool((mask[1, 0, :, :3] == 0).all()) and bool((mask[1, 0, :, 3:] < -1e30).all())


def test_what_an_architecture_cannot_do_is_refused() -> None:
    with pytest.raises(UsageError, match="gpt2 cannot be made bidirectional"):
        check_attention("gpt2", Attention.BIDIRECTIONAL)
    with pytest.raises(UsageError, match="bert reads in both directions"):
        check_attention("bert", Attention.CAUSAL)
    check_attention("gpt2", Attention.ECHO)
    for kind in DECODERS:
        check_attention(kind, Attention.BIDIRECTIONAL)
