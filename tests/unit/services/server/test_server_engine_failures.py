"""The cause of an engine's end, in logs as vLLM writes them (the messages are those of its sources)."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from scriptorium.process.child import wait_until
from scriptorium.process.log_files import rotate_log
from scriptorium.settings import Settings
from scriptorium.store.serving import WantedModel
from services.server import engine
from services.server.engine import VllmEngine
from services.server.engine_failures import append_mark, find_cause, read_since

CORE = "(EngineCore pid=5611) ERROR 11-26 04:26:31 [core.py:1510] "
SERVER = "(APIServer pid=5549) "
FRAMES = 'File "/usr/local/lib/python3.12/dist-packages/vllm/v1/engine/core.py", line 718, in run_engine_core'
SUMMARY = (
    "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore_0': 1}"
)


def failed_start(error: str) -> list[str]:
    """Return the log of an engine whose core failed with `error`: 120 lines further down stands the server's own."""
    return [
        "(APIServer pid=5549) INFO 11-26 04:26:19 [model.py:733] Resolved architecture: LlamaForCausalLM",
        "(EngineCore pid=5611) WARNING 11-26 04:26:30 [topk_topp_sampler.py:133] FlashInfer top-p/top-k sampling "
        "unavailable: Could not find nvcc and default cuda_home='/usr/local/cuda' doesn't exist; falling back.",
        f"{CORE}EngineCore failed to start.",
        f"{CORE}Traceback (most recent call last):",
        *(f"{CORE}  {FRAMES}" for _ in range(20)),
        f"{CORE}{error}",
        "(EngineCore pid=5611) Process EngineCore_0:",
        "(EngineCore pid=5611) Traceback (most recent call last):",
        *(f"(EngineCore pid=5611)   {FRAMES}" for _ in range(20)),
        f"(EngineCore pid=5611) {error}",
        f"{SERVER}Traceback (most recent call last):",
        *(f"{SERVER}  {FRAMES}" for _ in range(80)),
        f"{SERVER}{SUMMARY}",
    ]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            "ValueError: Free memory on device cuda:0 (3.22/31.36 GiB) on startup is less than desired GPU memory "
            "utilization (0.85, 26.66 GiB). Decrease GPU memory utilization or reduce GPU memory used by others.",
            ["out of memory", "3.22 of the GPU's 31.36 GiB", "26.66", "SCRIPTORIUM_ENGINE_MEMORY_SHARE (0.85)"],
        ),
        (
            "ValueError: To serve at least one request with the model's max seq len (131072), (16.0 GiB KV cache is "
            "needed, which is larger than the available KV cache memory (9.41 GiB). Based on the available memory, the "
            "estimated maximum model length is 77072. Try increasing `gpu_memory_utilization` (which also controls CPU "
            "memory on the CPU backend) or decreasing `max_model_len` when initializing the engine.",
            ["131072 tokens needs 16.0 GiB", "9.41 are left", "77072 tokens fit", "SCRIPTORIUM_ENGINE_CONTEXT=77072"],
        ),
        (
            "ValueError: To serve at least one request with the model's max seq len (4096), (1.0 GiB KV cache is "
            "needed, which is larger than the available KV cache memory (0.01 GiB). Try decreasing `max_model_len`",
            ["4096 tokens needs 1.0 GiB", "lower SCRIPTORIUM_ENGINE_CONTEXT"],
        ),
        (
            "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when "
            "initializing the engine",
            ["out of memory", "smaller base model"],
        ),
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 224.00 MiB. GPU 0 has a total capacity of "
            "31.36 GiB of which 101.88 MiB is free.",
            ["out of memory on the GPU (Tried to allocate 224.00 MiB)"],
        ),
        (
            "RuntimeError: The NVIDIA driver on your system is too old (found version 12080). Please update your GPU "
            "driver",
            ["driver is too old", "580", "scriptorium doctor"],
        ),
        (
            "torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device",
            ["no code for the GPU's architecture"],
        ),
        (
            "RuntimeError: Failed to find C compiler. Please specify via CC environment variable or set "
            "triton.knobs.build.impl.",
            ["gcc"],
        ),
        (
            "RuntimeError: Could not find nvcc and default cuda_home='/usr/local/cuda' doesn't exist",
            ["nvcc", "VLLM_USE_FLASHINFER_SAMPLER=0"],
        ),
        (
            "ImportError: /tmp/torchinductor_scriptorium/ab/cab.so: failed to map segment from shared object",
            ["noexec", "SCRIPTORIUM_CACHE_DIR"],
        ),
        ("KeyError: 'model.layers.0.self_attn.qkv_proj.weight_scale'", ["KeyError: 'model.layers.0.self_attn"]),
    ],
)
def test_the_cause_is_found_far_above_the_last_lines(error: str, words: list[str]) -> None:
    cause = find_cause(failed_start(error)) or ""
    assert [word for word in words if word not in cause] == []


def test_a_compilation_without_pythons_headers_is_explained() -> None:
    lines = failed_start("subprocess.CalledProcessError: Command '['/usr/bin/gcc', 'cuda_utils.c']' failed")
    lines.insert(3, "cuda_utils.c:6:10: fatal error: Python.h: No such file or directory")
    assert "python3-dev" in (find_cause(lines) or "")


def test_an_error_of_the_configuration_is_shown_with_its_second_line() -> None:
    lines = [
        f"{SERVER}pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig",
        f"{SERVER}  Value error, The checkpoint is broken [type=value_error, input_value=ArgsKwargs((), {{}})]",
    ]
    assert "The checkpoint is broken" in (find_cause(lines) or "")
    lines[1] = (
        f"{SERVER}  Value error, Model architectures ['DiffuserX'] are not supported for now. Supported: dict_keys"
    )
    assert "DiffuserX" in (find_cause(lines) or "")
    lines[1] = (
        f"{SERVER}  Value error, User-specified max_model_len (4096) is greater than the derived max_model_len "
        "(max_position_embeddings=2048 or model_max_length=None in model's config.json)."
    )
    assert "SCRIPTORIUM_ENGINE_CONTEXT=2048" in (find_cause(lines) or "")


def test_an_engine_whose_process_was_killed_says_so() -> None:
    killed = [f"{SERVER}{SUMMARY.replace(': 1}', ': -9}')}"]
    assert "memory runs out" in (find_cause(killed) or "")
    lines = [
        f"{SERVER}ERROR 11-26 04:36:46 [async_llm.py:906] vllm.v1.engine.exceptions.EngineDeadError: EngineCore died"
    ]
    assert "EngineDeadError" in (find_cause(lines) or ""), "better than nothing"


def test_a_log_without_an_error_has_no_cause() -> None:
    lines = [*failed_start("")[:2], "Triton is installed, but doesn't include CPU backend. Disabling Triton."]
    assert find_cause(lines) is None


def test_only_the_lines_of_this_start_count_also_after_a_rotation(tmp_path: Path) -> None:
    log = tmp_path / "vllm-base.log"
    log.write_text("ValueError: of an earlier start")  # without an end of line, as a killed engine leaves it
    append_mark(log, "start 1")
    with log.open("a") as file:
        file.write("one\n")
    append_mark(log, "start 2")
    with log.open("a") as file:
        file.write("two\n")
    assert [line for line in read_since(log, "start 2") if line] == ["two"]
    assert rotate_log(log, 1)
    with log.open("a") as file:
        file.write("three\n")
    assert [line for line in read_since(log, "start 2") if line] == ["two", "three"]
    assert read_since(log, "start 3") == []


def test_a_real_engine_that_ends_reports_its_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log").write_text("KeyError: of yesterday\n")
    script = "print('ValueError: the cause', *['x'] * 200, 'RuntimeError: See root cause above.', sep='\\n')"
    monkeypatch.setattr(engine, "make_command", lambda plan, settings, port: [sys.executable, "-c", script])
    vllm = VllmEngine((WantedModel(name="base", folder="/base"),), Settings(device="cpu"), tmp_path / "log")
    assert wait_until(lambda: vllm.dead, timedelta(seconds=10))
    assert vllm.failure_reason() == "ValueError: the cause"
