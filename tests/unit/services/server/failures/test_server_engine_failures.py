"""The cause of an engine's end, in logs as vLLM writes them (the messages are those of its sources)."""

import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from scriptorium.errors import BaseModelUnusable
from scriptorium.process.child import wait_until
from scriptorium.process.log_files import rotate_log
from scriptorium.settings import Settings
from scriptorium.store.serving import WantedModel
from services.server import engine
from services.server.engine import VllmEngine
from services.server.failures.engine_failures import append_mark, find_cause, has_final_error, read_since

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


def text_of(lines: list[str]) -> str:
    cause = find_cause(lines)
    return cause.text if cause else ""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            "ValueError: Free memory on device cuda:0 (3.22/31.36 GiB) on startup is less than desired GPU memory "
            "utilization (0.85, 26.66 GiB). Decrease GPU memory utilization or reduce GPU memory used by others.",
            ["out of memory", "3.22 of the GPU's 31.36 GiB", "26.66", "MEMORY_SHARE to 0.10 or less (it is 0.85)"],
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
            [
                "out of memory on the GPU (Tried to allocate 224.00 MiB. GPU 0 has a total capacity of 31.36 GiB of "
                "which 101.88 MiB is free)"
            ],
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
        (
            "ValueError: Available memory on node 0 (2.50/24.00 GiB) on kv cache allocation is less than requested "
            "memory for kv (8.0 GiB). Decrease --kv-cache-memory-bytes, VLLM_CPU_KVCACHE_SPACE, or reduce CPU memory "
            "used by other processes.",
            ["out of memory: 2.50 of the machine's 24.00 GiB", "takes 8.0", "ENGINE_KV_CACHE_GIB to less than 2.50"],
        ),
        (
            "RuntimeError: [enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: "
            "you tried to allocate 56623104 bytes. Error code 12 (Cannot allocate memory)",
            ["out of memory", "56623104 bytes"],
        ),
        (
            "safetensors_rust.SafetensorError: Error while deserializing header: incomplete metadata, file not fully "
            "covered",
            ["truncated or broken (incomplete metadata, file not fully covered)", "fetch the model again"],
        ),
        (
            "ValueError: Following weights were not initialized from checkpoint: {'model.layers.3.mlp.down_proj.weight'"
            ", 'model.norm.weight'}",
            ["lack weights", "model.layers.3.mlp.down_proj.weight"],
        ),
        ("RuntimeError: Cannot find any model weights with `/models/base`", ["holds no weights"]),
        (
            "AssertionError: Attempted to load weight (torch.Size([8, 4])) into parameter (torch.Size([8, 2]))",
            ["another shape (torch.Size([8, 4]))", "(torch.Size([8, 2]))"],
        ),
        (
            "OSError: [Errno 98] error while attempting to bind on address ('127.0.0.1', 8123): address already in use",
            ["took the engine's port"],
        ),
        ("KeyError: 'model.layers.0.self_attn.qkv_proj.weight_scale'", ["KeyError: 'model.layers.0.self_attn"]),
    ],
)
def test_the_cause_is_found_far_above_the_last_lines(error: str, words: list[str]) -> None:
    cause = text_of(failed_start(error))
    assert [word for word in words if word not in cause] == []


def test_a_compilation_without_pythons_headers_is_explained() -> None:
    lines = failed_start("subprocess.CalledProcessError: Command '['/usr/bin/gcc', 'cuda_utils.c']' failed")
    lines.insert(3, "cuda_utils.c:6:10: fatal error: Python.h: No such file or directory")
    assert "python3-dev" in text_of(lines)


def test_an_error_of_the_configuration_is_shown_with_its_second_line() -> None:
    lines = [
        f"{SERVER}pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig",
        f"{SERVER}  Value error, The checkpoint is broken [type=value_error, input_value=ArgsKwargs((), {{}})]",
    ]
    assert "The checkpoint is broken" in text_of(lines)
    lines[1] = (
        f"{SERVER}  Value error, Model architectures ['DiffuserX'] are not supported for now. Supported: dict_keys"
    )
    assert "DiffuserX" in text_of(lines)
    lines[1] = (
        f"{SERVER}  Value error, User-specified max_model_len (4096) is greater than the derived max_model_len "
        "(max_position_embeddings=2048 or model_max_length=None in model's config.json)."
    )
    assert "SCRIPTORIUM_ENGINE_CONTEXT=2048" in text_of(lines)


def test_an_engine_whose_process_was_killed_says_so() -> None:
    killed = [f"{SERVER}{SUMMARY.replace(': 1}', ': -9}')}"]
    assert "memory runs out" in text_of(killed)
    lines = [
        f"{SERVER}ERROR 11-26 04:36:46 [async_llm.py:906] vllm.v1.engine.exceptions.EngineDeadError: EngineCore died"
    ]
    assert "EngineDeadError" in text_of(lines), "better than nothing"


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


@pytest.mark.parametrize(
    ("error", "lasts", "may_be_in_folder"),
    [
        ("RuntimeError: The NVIDIA driver on your system is too old", True, False),
        ("ValueError: No available memory for the cache blocks.", False, False),
        ("OSError: [Errno 98] Address already in use", False, False),
        ("ValueError: Model architectures ['DiffuserX'] are not supported for now.", True, True),
        ("RuntimeError: Cannot find any model weights with `/models/base`", True, True),
        ("KeyError: 'model.layers.0'", False, True),
    ],
)
def test_the_kind_of_a_cause_says_whether_to_start_again_and_whether_to_ask_transformers(
    error: str, lasts: bool, may_be_in_folder: bool
) -> None:
    cause = find_cause(failed_start(error))
    assert cause
    assert (cause.lasts, cause.may_be_in_folder) == (lasts, may_be_in_folder)


def test_final_errors_are_told_from_warnings() -> None:
    assert has_final_error(failed_start("ValueError: x"))
    assert not has_final_error(failed_start("ValueError: x")[:2])
    assert not has_final_error(["INFO 11-26 04:26:19 [core.py:1] EngineCore failed to start. (a quotation)"])


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Write a model folder that could be served, as far as its files tell."""
    (tmp_path / "base").mkdir()
    (tmp_path / "base/config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    save_file({"norm": np.zeros(4, np.float32)}, tmp_path / "base/model.safetensors")
    return str(tmp_path / "base")


def start(monkeypatch: pytest.MonkeyPatch, log: Path, folder: str, script: str) -> VllmEngine:
    """Start an engine whose process runs a Python script instead of vLLM."""
    monkeypatch.setattr(engine, "make_command", lambda plan, settings, port, gpu: [sys.executable, "-c", script])
    settings = Settings(device="cpu", vllm_env=Path(sys.prefix))
    return VllmEngine((WantedModel(name="base", folder=folder),), settings, log)


def test_an_engine_that_hangs_after_a_final_error_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setattr(engine, "ERROR_GRACE", 0.2)
    script = "import time; print('ValueError: No available memory for the cache blocks'); {}time.sleep(600)"
    hanging = start(monkeypatch, tmp_path / "log", folder, script.format("print('EngineCore failed to start.'); "))
    loading = start(monkeypatch, tmp_path / "other", folder, script.format(""))
    try:
        assert wait_until(
            lambda: (hanging.check_health(), loading.check_health(), hanging.dead)[2], timedelta(seconds=20)
        )
        assert not loading.dead
        cause = hanging.failure_cause()
        assert cause
        assert (cause.kind, hanging.ready) == ("memory", False)
    finally:
        hanging.stop()
        loading.stop()


def test_what_the_files_tell_keeps_an_engine_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    weights = Path(folder) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-3])
    with pytest.raises(BaseModelUnusable, match=r"model\.safetensors is not a complete safetensors file"):
        start(monkeypatch, tmp_path / "log", folder, "print('it was started')")
    assert not (tmp_path / "log").exists()


def test_a_real_engine_that_ends_reports_its_cause_and_what_transformers_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    (tmp_path / "log").write_text("KeyError: of yesterday\n")
    script = "print('ValueError: the cause', *['x'] * 200, 'RuntimeError: See root cause above.', sep='\\n')"
    vllm = start(monkeypatch, tmp_path / "log", folder, script)
    assert wait_until(lambda: vllm.dead, timedelta(seconds=10))
    assert vllm.failure_reason() == "ValueError: the cause"
    causes = []
    assert wait_until(lambda: causes.append(vllm.failure_cause()) or causes[-1], timedelta(seconds=60))
    assert causes[0] is None, "the server does not wait for transformers"
    assert causes[-1]
    # this environment has no torch: tests/integration asks where there is one
    assert causes[-1].text == "ValueError: the cause; transformers could not be asked whether it loads the model"
