"""The proof of a served model with the real vLLM: a weak adapter, and one with foreign module names."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from scriptorium.artifacts.checkpoint_losses import ReferenceTokens
from scriptorium.contracts import Endpoint
from scriptorium.errors import MergeFailed
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.local.environments import DEMO
from scriptorium.models.tokenizer import chat_tokenizer
from scriptorium.process.child import tail, wait_until
from scriptorium.settings import PROJECT, Settings
from scriptorium.store.serving import WantedModel
from services.server.engine import VllmEngine
from services.server.proof.compare import compare, score_tokens
from services.server.proof.endings import PROMPTS, check_endings
from services.server.proof.token_ids import CHATS, compare_token_ids

PYTHON = Path(os.environ.get("SCRIPTORIUM_VLLM_PYTHON", PROJECT / ".envs/vllm/bin/python"))
BASE = DEMO / "models" / "SmolLM2-135M-Instruct"
pytestmark = [
    pytest.mark.environments,
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="vLLM's environment is missing"),
    pytest.mark.usefixtures("demo_base"),
]
HIDDEN, RANK = 576, 8
TEXT = "The old man went down to the river before it was light, and the river was cold and ran on. " * 3


def write_adapter(folder: Path, prefix: str) -> Path:
    """Write an adapter that changes little, for queries of two layers of the base, or of another model's."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    tensors = {}
    for layer in (3, 17):
        module = f"base_model.model.{prefix}layers.{layer}.self_attn.q_proj"
        tensors[f"{module}.lora_A.weight"] = rng.normal(0, 0.02, (RANK, HIDDEN)).astype(np.float32)
        tensors[f"{module}.lora_B.weight"] = rng.normal(0, 0.02, (HIDDEN, RANK)).astype(np.float32)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": RANK, "target_modules": ["q_proj"], "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "base"}))
    return folder


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmEngine]:
    """Serve the base with both adapters."""
    folder = tmp_path_factory.mktemp("vllm")
    settings = Settings(device="cpu", vllm_env=PYTHON.parents[1], cache_dir=folder / "cache", engine_context=1024)
    adapters = {
        "own": write_adapter(folder / "own", "model."),
        "foreign": write_adapter(folder / "foreign", "language_model.model."),
    }
    plan = (
        WantedModel(name="base", folder=str(BASE)),
        *(WantedModel(name=name, folder=str(BASE), adapter=str(path)) for name, path in adapters.items()),
    )
    running = VllmEngine(plan, settings, folder / "vllm.log")
    try:
        assert wait_until(lambda: (running.check_health(), running.ready or running.dead)[1], timedelta(minutes=8))
        assert running.ready, tail(folder / "vllm.log")
        yield running
    finally:
        running.stop()


def test_an_adapter_without_effect_is_told_from_one_with_a_small_effect(engine: VllmEngine) -> None:
    base, own, foreign = (Endpoint(url=engine.url, model=name) for name in ("base", "own", "foreign"))
    ids = chat_tokenizer(BASE).encode_text(TEXT)
    (without, _), (tuned, likeliest) = score_tokens(base, ids, 4), score_tokens(own, ids, 4)
    reference = ReferenceTokens(ids=ids, start=4, log_probabilities=tuned, likeliest=likeliest, without=without)
    agreement = compare("The adapter", own, [reference], 1024, SilentReporter(), base=base)
    assert agreement
    assert agreement.effect == pytest.approx(1, abs=0.05)
    assert agreement.served_change
    assert 1e-4 < agreement.served_change < 0.1, "it changes little"
    with pytest.raises(MergeFailed, match="answers exactly like its base: the engine has loaded the adapter without"):
        compare("The adapter", foreign, [reference], 1024, SilentReporter(), base=base)


def test_chats_are_read_as_in_training_and_answers_end(engine: VllmEngine) -> None:
    base = Endpoint(url=engine.url, model="base")
    token_ids = compare_token_ids(base, BASE, SilentReporter())
    assert token_ids.chats == len(CHATS)
    assert compare_token_ids(Endpoint(url=engine.url, model="own"), BASE, SilentReporter()) == token_ids
    endings = check_endings(base, 0.7, 1024, SilentReporter())
    assert 0 < endings.ended <= len(PROMPTS)
