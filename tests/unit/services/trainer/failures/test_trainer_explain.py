"""What ended a training, from its log and its exit status."""

from pathlib import Path

import pytest

from scriptorium.errors import (
    BaseModelUnusable,
    DiskFull,
    DriverMismatch,
    InvalidTrainingFile,
    MachineOutOfMemory,
    OutOfMemory,
    ScriptoriumError,
    TrainingFailed,
    TrainingKilled,
)
from scriptorium.recipe import ResolvedTraining
from services.trainer.failures.explain import Ending, count_kernel_kills, explain_failure

SETTINGS = r"at step 12 \(qlora, rank 64, micro-batch 1, accumulation 8, sequence_len 4096\)"


def explain(
    log: Path, text: str = "", *, start: int = 0, returncode: int = 1, kernel_kills: int = 0, gpu: bool = True
) -> ScriptoriumError:
    log.write_text(text)
    return explain_failure(Ending(log, start, returncode, 12, kernel_kills=kernel_kills), ResolvedTraining(), gpu=gpu)


@pytest.mark.parametrize(
    ("line", "failure"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 31.36 GiB", OutOfMemory),
        ("RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", OutOfMemory),
        (
            "RuntimeError: [enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: "
            "you tried to allocate 201326592 bytes. Error code 12 (Cannot allocate memory)",
            MachineOutOfMemory,
        ),
        ("MemoryError", MachineOutOfMemory),
        ("RuntimeError: could not create a primitive", MachineOutOfMemory),
        ("OSError: [Errno 28] No space left on device: '/data/runs/x/checkpoint-9/optimizer.pt'", DiskFull),
        ("safetensors_rust.SafetensorError: Error while serializing: I/O error: No space left on device", DiskFull),
        ("RuntimeError: The NVIDIA driver on your system is too old (found version 12020).", DriverMismatch),
        ("RuntimeError: CUDA error: no kernel image is available for execution on the device", DriverMismatch),
        ("huggingface_hub.errors.GatedRepoError: 401 Client Error.", BaseModelUnusable),
        ("huggingface_hub.errors.LocalEntryNotFoundError: Cannot find the requested files", BaseModelUnusable),
        ("jinja2.exceptions.TemplateError: Conversation roles must alternate user/assistant", InvalidTrainingFile),
        ("datasets.exceptions.DatasetGenerationError: An error occurred", InvalidTrainingFile),
        ("RuntimeError: DataLoader worker (pid 77) is killed by signal: Killed.", TrainingKilled),
        ("ERROR: Unexpected bus error. This might be caused by insufficient shared memory (shm).", TrainingFailed),
        ("ValueError: no rows are left", TrainingFailed),
    ],
)
def test_a_cause_is_recognised_by_its_line(line: str, failure: type[ScriptoriumError], tmp_path: Path) -> None:
    error = explain(tmp_path / "log", f"Loading\n{line}\n")
    assert type(error) is failure
    assert line[:200] in error.message
    assert error.next_step
    with pytest.raises(failure, match=SETTINGS):
        raise error


def test_the_cause_may_stand_far_above_the_end_of_the_log(tmp_path: Path) -> None:
    noise = "[rank0]: frame #12: c10::detail::torchCheckFail\n" * 5000
    error = explain(tmp_path / "log", f"RuntimeError: CUDA out of memory.\n{noise}ChildFailedError: rank 0\n")
    assert isinstance(error, OutOfMemory)


def test_a_full_disk_is_named_before_what_it_brings_about(tmp_path: Path) -> None:
    text = "SafetensorError: header too small\nOSError: [Errno 28] No space left on device\n"
    assert isinstance(explain(tmp_path / "log", text), DiskFull)


def test_an_earlier_starts_lines_and_progress_bars_count_for_nothing(tmp_path: Path) -> None:
    earlier = "CUDA out of memory\n"
    error = explain(tmp_path / "log", f"{earlier}  5%|# | 1/20\r 10%|# | 2/20\n", start=len(earlier))
    assert isinstance(error, TrainingFailed)
    assert error.message.endswith(": 10%|# | 2/20")


def test_an_unknown_failure_gives_the_last_exception_that_is_no_wrapper(tmp_path: Path) -> None:
    text = "KeyError: 'a'\nValueError: the reason\ntorch.distributed.elastic.ChildFailedError:\nrank : 0\n"
    assert explain(tmp_path / "log", text).message.endswith(": ValueError: the reason")


def test_without_a_gpu_the_machines_memory_is_the_devices(tmp_path: Path) -> None:
    assert isinstance(explain(tmp_path / "log", "MemoryError\n", gpu=False), OutOfMemory)


@pytest.mark.parametrize("returncode", [-9, 137])
def test_a_kill_is_the_kernels_if_it_says_so(returncode: int, tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert isinstance(explain(log, returncode=returncode, kernel_kills=1), MachineOutOfMemory)
    assert isinstance(explain(log, returncode=returncode, kernel_kills=1, gpu=False), OutOfMemory)
    assert isinstance(explain(log, returncode=returncode), TrainingKilled)


def test_a_crash_names_its_signal(tmp_path: Path) -> None:
    error = explain(tmp_path / "log", returncode=-11)
    assert type(error) is TrainingFailed
    assert error.message.startswith("Training ended with SIGSEGV at step 12")


def test_an_end_without_a_word_is_a_failure_too(tmp_path: Path) -> None:
    assert explain(tmp_path / "log", returncode=0).message.endswith(": no output")
    ending = Ending(tmp_path / "none", 0, 1, 0)
    assert isinstance(explain_failure(ending, ResolvedTraining(), gpu=True), TrainingFailed)


def test_the_kernels_kills_are_counted_where_it_counts_them(tmp_path: Path) -> None:
    (tmp_path / "vmstat").write_text("pgfault 100\noom_kill 3\n")
    assert count_kernel_kills(tmp_path / "vmstat") == 3
    assert count_kernel_kills(tmp_path / "none") == 0
    (tmp_path / "vmstat").write_text("pgfault\n")
    assert count_kernel_kills(tmp_path / "vmstat") == 0
