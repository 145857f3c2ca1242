"""`scriptorium serve`: what is refused before vLLM starts, and what it is asked to serve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from scriptorium.cli.models import serve
from scriptorium.cli.models.find_model import FoundModel
from scriptorium.errors import Conflict, InvalidRequest
from scriptorium.settings import Settings

CONFIG: dict[str, Any] = {
    "model_type": "llama", "vocab_size": 128256, "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "max_position_embeddings": 131072,
}  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> FoundModel:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(json.dumps(CONFIG))
    return FoundModel("model", tmp_path / "model")


def context(model: FoundModel, wanted: int | None, cache_gib: int) -> int:
    settings = Settings(device="cpu", engine_kv_cache_gib=cache_gib)
    return serve.choose_context(model, settings, wanted, rank=0, value_bytes=2)


def test_the_context_is_the_old_scripts_where_it_fits(model: FoundModel, capsys: pytest.CaptureFixture[str]) -> None:
    assert context(model, None, 8) == 64_000
    assert capsys.readouterr().err == ""
    assert context(model, None, 1) == 8064
    assert "64,000 tokens need 7.8 GiB of key-value cache, and there are 1.0 GiB" in capsys.readouterr().err


def test_a_context_that_is_asked_for_and_does_not_fit_is_refused_with_one_that_does(model: FoundModel) -> None:
    assert context(model, 8000, 1) == 8000
    with pytest.raises(InvalidRequest, match="A context of 9,000 tokens does not fit") as caught:
        context(model, 9000, 1)
    assert caught.value.next_step == "The longest that fits is --max-model-len 8064."


def test_a_model_without_room_for_any_context_is_refused(model: FoundModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "0.02")
    with pytest.raises(InvalidRequest, match="model does not fit"):
        context(model, None, 1)


def test_a_strength_is_served_from_a_copy_that_goes_away(tmp_path: Path, model: FoundModel) -> None:
    adapter = tmp_path / "voice"
    adapter.mkdir()
    save_file({"base_model.model.x.lora_A.weight": np.ones((2, 2), np.float32)}, adapter / "adapter_model.safetensors")
    (adapter / "adapter_config.json").write_text(json.dumps({"r": 2, "lora_alpha": 10}))
    source = FoundModel("voice", model.folder, adapter, tuned=True)
    settings = Settings(device="cpu", data_dir=tmp_path)
    with serve.scaled(source, 0.5, settings) as copy:
        assert copy
        assert json.loads((copy / "adapter_config.json").read_text())["lora_alpha"] == 5
        plan = serve.make_plan(source, "my-voice", copy)
    assert [(entry.name, entry.adapter) for entry in plan] == [("model", None), ("my-voice", str(copy))]
    assert not copy.exists()
    with serve.scaled(source, None, settings) as whole:
        assert whole == adapter


def test_an_adapter_of_the_bases_name_would_hide_it(tmp_path: Path, model: FoundModel) -> None:
    source = FoundModel("model", model.folder, tmp_path / "adapter", tuned=True)
    with pytest.raises(Conflict, match="The base is called model, too"):
        serve.make_plan(source, "model", source.adapter)
