"""The known causes of a failed training: how each shows in Axolotl's log, which error it becomes, and its remedies.

The remedies are the seed workflow's and those that upstream's projects give. The order counts: a cause further up
brings about what is further down (a full disk, then a checkpoint that cannot be read).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Cause:
    """A cause: the error that it becomes, its sign in a line of the log, and the next step if it is not the error's."""

    failure: type[ScriptoriumError]
    text: str
    sign: re.Pattern[str]
    next_step: str | None = None


def _cause(failure: type[ScriptoriumError], text: str, *signs: str, next_step: str | None = None) -> Cause:
    return Cause(failure, text, re.compile("|".join(signs)), next_step)


CAUSES = (
    _cause(
        TrainingFailed,
        "Training ran out of shared memory",
        r"insufficient shared memory",
        r"No space left on device: '/dev/shm",
        next_step="Give the container more shared memory (`ipc: host` or `shm_size: 10g`).",
    ),
    _cause(
        DiskFull,
        "There is no space left to train",
        r"No space left on device",
        r"\[Errno 28\]",
        r"os error 28",
        r"Disk quota exceeded",
        r"PytorchStreamWriter failed writing file",
        r"inline_container\.cc.*unexpected pos",  # torch.save hides the reason
        r"basic_ios::clear: iostream error",
    ),
    _cause(
        DriverMismatch,
        "The GPU's driver does not fit PyTorch",
        r"The NVIDIA driver on your system is too old",
        r"CUDA driver version is insufficient",
        r"driver/library version mismatch",
        r"Driver/library version mismatch",
        r"Found no NVIDIA driver",
        r"no CUDA-capable device is detected",
        r"CUDA unknown error",
    ),
    _cause(
        DriverMismatch,
        "PyTorch has no kernels for this GPU",
        r"no kernel image is available for execution on the device",
        r"CUDA capability sm_\d+ is not compatible",
        r"CUDA error: the provided PTX was compiled with an unsupported toolchain",
        next_step="Install a PyTorch that is built for this GPU: `scriptorium doctor` names the version. An RTX 5090 "
        "(sm_120) needs one for CUDA 12.8 or later.",
    ),
    _cause(
        OutOfMemory,
        "Training ran out of memory",
        r"CUDA out of memory",
        r"torch\.(cuda\.)?OutOfMemoryError",
        r"CUDA error: out of memory",
        r"CUBLAS_STATUS_ALLOC_FAILED",
        r"cudaErrorMemoryAllocation",
    ),
    _cause(
        MachineOutOfMemory,
        "Training ran out of the machine's memory",
        r"DefaultCPUAllocator: (can't|not enough memory)",
        r"Cannot allocate memory",
        r"std::bad_alloc",
        r"^MemoryError",
        r"ArrowMemoryError",
        r"memory allocation of \d+ bytes failed",
        r"could not create a primitive$",  # oneDNN: its compiled code or scratch space found no memory
    ),
    _cause(
        BaseModelUnusable,
        "The base model may not be downloaded",
        r"GatedRepoError",
        r"403 Client Error.*huggingface",
        r"401 Client Error.*huggingface",
        next_step="Accept the model's licence on its page, set HF_TOKEN, then create the job again.",
    ),
    _cause(
        BaseModelUnusable,
        "The base model is not complete on this machine",
        r"LocalEntryNotFoundError",
        r"OfflineModeIsEnabled",
        r"RepositoryNotFoundError",
        r"SafetensorError",
        r"does not appear to have a file named",
        next_step="Delete the base model's folder, then create the job again: it is fetched anew and verified.",
    ),
    _cause(
        InvalidTrainingFile,
        "The rows do not fit the base model's chat template",
        r"jinja2\.exceptions",
        r"TemplateError: ",
        r"TemplateSyntaxError",
        r"Conversation roles must alternate",
        next_step="See what `scriptorium prepare BOOK` reports; user and assistant must take turns in every row.",
    ),
    _cause(
        InvalidTrainingFile,
        "The rows cannot be read",
        r"DatasetGenerationError",
        r"ArrowInvalid",
        r"JSONDecodeError",
        r"[Ee]mpty dataset",
        next_step="See what `scriptorium prepare BOOK` reports about the text.",
    ),
    _cause(
        TrainingKilled,
        "A process of the training was killed",
        r"is killed by signal: Killed",
        r"A process in the process pool was terminated abruptly",
        r"BrokenProcessPool",
    ),
)
