import json
from pathlib import Path

import pytest

from scriptorium.settings import Settings
from scriptorium.store.serving import WantedModel
from services.server.engine import count_requests, make_command, make_environment, max_lora_rank, plan_engines


def model(name: str, folder: str, adapter: str | None = None) -> WantedModel:
    return WantedModel(name=name, folder=folder, adapter=adapter)


def test_an_adapter_lives_in_the_engine_of_its_base() -> None:
    tuned, base, other = model("tuned", "/base", "/adapter"), model("base", "/base"), model("other", "/merged")
    assert plan_engines([tuned, base, other]) == [(base, tuned), (other,)]


def test_on_a_cpu_the_engine_compiles_nothing_and_has_its_cores_and_its_cache(tmp_path: Path) -> None:
    settings = Settings(device="cpu", vllm_env=tmp_path, engine_context=2048)
    line = [str(part) for part in make_command((model("base", "/base"),), settings, 9000)]
    assert line[line.index("--served-model-name") + 1] == "base"
    assert line[line.index("--host") + 1] == "127.0.0.1"
    assert "--enforce-eager" in line
    assert "--trust-remote-code" not in line
    assert make_environment(settings)["VLLM_CPU_KVCACHE_SPACE"] == "1"
    assert make_environment(settings)["VLLM_CACHE_ROOT"] == str(settings.cache / "vllm")


def test_on_a_gpu_base_and_adapter_share_one_engine(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 48}))
    settings = Settings(device="cuda", vllm_env=tmp_path)
    plan = (model("base", "/base"), model("ft:x", "/base", str(tmp_path)))
    line = [str(part) for part in make_command(plan, settings, 9000)]
    assert line[line.index("--max-lora-rank") + 1] == "64"
    assert line[line.index("--lora-modules") + 1] == f"ft:x={tmp_path}"
    assert line[line.index("--gpu-memory-utilization") + 1] == "0.85"
    assert "--enforce-eager" not in line, "what chats and evaluates is compiled"
    assert "VLLM_CPU_KVCACHE_SPACE" not in make_environment(settings)


def test_on_a_gpu_the_merged_models_few_requests_are_answered_without_compiling() -> None:
    merged = WantedModel(name="ft:x", folder="/runs/x/merged", eager=True)
    assert "--enforce-eager" in make_command((merged,), Settings(device="cuda"), 9000)


def test_on_a_gpu_nothing_needs_nvcc_unless_the_user_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(device="cuda")
    assert make_environment(settings, gpu=3)["CUDA_VISIBLE_DEVICES"] == "3"
    assert make_environment(settings)["VLLM_USE_FLASHINFER_SAMPLER"] == "0"
    monkeypatch.setenv("VLLM_USE_FLASHINFER_SAMPLER", "1")
    assert make_environment(settings)["VLLM_USE_FLASHINFER_SAMPLER"] == "1"


@pytest.mark.parametrize(("rank", "allowed", "on_gpu"), [(4, 8, 64), (16, 16, 64), (64, 64, 64), (100, 128, 128)])
def test_the_rank_is_one_that_vllm_knows(rank: int, allowed: int, on_gpu: int, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": rank}))
    plan = (model("base", "/base"), model("ft:x", "/base", str(tmp_path)))
    assert max_lora_rank(plan, Settings(device="cpu")) == allowed
    assert max_lora_rank(plan, Settings(device="cuda")) == on_gpu
    assert max_lora_rank(plan[:1], Settings(device="cpu")) == 0
    assert max_lora_rank(plan[:1], Settings(device="cuda")) == 64  # for adapters that come later


def test_running_and_waiting_requests_are_counted() -> None:
    metrics = """# HELP vllm:num_requests_running Number of requests.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="base"} 3.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="base"} 1.0
# TYPE vllm:num_preemptions counter
vllm:num_preemptions_total{engine="0",model_name="base"} 7.0
"""
    assert count_requests(metrics) == 4


def test_no_secret_of_ours_reaches_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTORIUM_REDIS_URL", "redis://:secret@host")
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert "secret" not in str(make_environment(Settings(device="cpu")))
