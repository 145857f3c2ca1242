"""Parameters and FLOPs from a config.json, against published and computed numbers."""

import json
from pathlib import Path

import pytest
from planned import LLAMA_8B, SMOLLM2_135M, llama, smollm

from scriptorium.errors import BaseModelUnusable
from scriptorium.planning.model_shape import known_shape, read_shape, shape_of


def test_the_parameters_are_those_of_the_models_cards() -> None:
    assert llama().parameters == 8_030_261_248
    assert smollm().parameters == 134_515_008
    assert llama().lora_parameters(64) == 167_772_160  # what peft prints for r=64 on all seven projections


def test_the_flops_of_a_token_are_those_of_the_facts() -> None:
    assert llama().training_flops(64, 4096, recompute=True) == pytest.approx(50.1e9, rel=0.005)
    assert llama().training_flops(64, 4096, recompute=False) == pytest.approx(34.8e9, rel=0.005)


def test_qwen_has_wider_heads_than_its_hidden_size_says() -> None:
    config = {**LLAMA_8B, "model_type": "qwen3", "hidden_size": 1024, "num_attention_heads": 16, "head_dim": 128}
    assert shape_of(config, "Qwen3").projections[0] == (1024, 2048)


def test_the_default_model_is_known_before_it_is_fetched() -> None:
    shape = known_shape("meta-llama/Llama-3.1-8B-Instruct")
    assert shape is not None
    assert shape.parameters == llama().parameters
    assert known_shape("somebody/else") is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"model_type": "mixtral"}, "it is a 'mixtral'"), ({"hidden_size": None}, "its config.json lacks hidden_size")],
)
def test_a_model_of_another_kind_is_not_planned(change: dict[str, object], reason: str) -> None:
    with pytest.raises(BaseModelUnusable, match=reason):
        shape_of({**SMOLLM2_135M, **change}, "m")


def test_a_shape_is_read_from_a_folder(tmp_path: Path) -> None:
    with pytest.raises(BaseModelUnusable, match="no readable config"):
        read_shape(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(SMOLLM2_135M))
    assert read_shape(tmp_path, "SmolLM2-135M") == smollm()


@pytest.mark.parametrize(
    ("key", "value"), [("num_attention_heads", 0), ("hidden_size", -1), ("head_dim", "x"), ("vocab_size", 10**400),
                       ("num_key_value_heads", []), ("num_hidden_layers", True)],
)  # fmt: skip
def test_a_size_that_is_none_is_named(key: str, value: object) -> None:
    with pytest.raises(BaseModelUnusable, match=key):
        shape_of({**LLAMA_8B, key: value}, "odd")


@pytest.mark.parametrize("text", ["[]", "[" * 100_000, "{"])
def test_a_configuration_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(BaseModelUnusable, match=r"config\.json"):
        read_shape(tmp_path)
