"""What vLLM, PyTorch and Triton write when an engine does not start, and what it means here.

The kind of a cause decides what follows: another start helps against some, and not against others; and if the model's
folder may be at fault, transformers is asked whether it loads it (see `transformers_check`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import floor
from typing import Literal

FailureKind = Literal[
    "memory", "driver", "architecture", "context", "weights", "compiler", "port", "killed", "unknown"
]  # fmt: skip
LASTING: set[FailureKind] = {"driver", "architecture", "context", "weights"}
IN_FOLDER: set[FailureKind] = {"architecture", "weights", "unknown"}


@dataclass(frozen=True)
class FailureCause:
    """Why an engine failed, in words that say what to do."""

    text: str
    kind: FailureKind = "unknown"

    @property
    def lasts(self) -> bool:
        """True if another start would end in the same way."""
        return self.kind in LASTING

    @property
    def may_be_in_folder(self) -> bool:
        """True if the model's folder may be at fault."""
        return self.kind in IN_FOLDER


# By kind: a pattern, and an explanation that a group of the pattern is filled into by its name.
KNOWN_CAUSES: dict[FailureKind, tuple[tuple[str, str], ...]] = {
    "memory": (
        (
            r"Available memory on node \d+ \((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\).*requested memory for kv "
            r"\((?P<needed>[\d.]+)",
            "out of memory: {free} of the machine's {total} GiB are free and the engine's KV cache takes {needed}; "
            "close other programs, or set SCRIPTORIUM_ENGINE_KV_CACHE_GIB to less than {free}",
        ),
        (
            r"Free memory on device.*?\((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\).*utilization "
            r"\((?P<share>[\d.]+), (?P<needed>[\d.]+) GiB\)",
            "out of memory: {free} of the GPU's {total} GiB are free and the engine takes {needed}; close what else "
            "uses the GPU, or set SCRIPTORIUM_ENGINE_MEMORY_SHARE to {fitting_share} or less (it is {share})",
        ),
        (
            r"max seq len \((?P<context>\d+)\), \(?(?P<needed>[\d.]+) GiB KV.*memory \((?P<free>[\d.]+) GiB\)\. "
            r"Based on.*length is (?P<fitting>\d+)",
            "out of memory: a context of {context} tokens needs {needed} GiB of KV cache and {free} are left; "
            "{fitting} tokens fit: set SCRIPTORIUM_ENGINE_CONTEXT={fitting}, or raise SCRIPTORIUM_ENGINE_MEMORY_SHARE",
        ),
        (
            r"max seq len \((?P<context>\d+)\), \(?(?P<needed>[\d.]+) GiB KV.*memory \((?P<free>[\d.]+) GiB\)",
            "out of memory: a context of {context} tokens needs {needed} GiB of KV cache and {free} are left: lower "
            "SCRIPTORIUM_ENGINE_CONTEXT, or raise SCRIPTORIUM_ENGINE_MEMORY_SHARE",
        ),
        (
            r"No available memory for the cache blocks",
            "out of memory: the weights leave none for the KV cache; raise SCRIPTORIUM_ENGINE_MEMORY_SHARE, or take a "
            "smaller base model",
        ),
        (
            r"OutOfMemoryError: CUDA out of memory\. (?P<detail>Tried to allocate [\d.]+ \w+"
            r"(?:\. GPU \d+ has a total capacity of [\d.]+ \w+ of which [\d.]+ \w+ is free)?)",
            "out of memory on the GPU ({detail}); close what else uses it, or lower SCRIPTORIUM_ENGINE_MEMORY_SHARE",
        ),
        (
            r"CUDA (?:error: )?out of memory|CUDA_ERROR_OUT_OF_MEMORY",
            "out of memory on the GPU; close what else uses it, or lower SCRIPTORIUM_ENGINE_MEMORY_SHARE",
        ),
        (
            r"DefaultCPUAllocator: .*allocate (?P<bytes>\d+) bytes",
            "out of memory: the machine has no {bytes} bytes left; close other programs, or take a smaller base model",
        ),
    ),
    "driver": (
        (
            r"NVIDIA driver on your system is too old|driver version is insufficient|"
            r"forward compatibility was attempted|CUDA_ERROR_SYSTEM_DRIVER_MISMATCH|unsupported display driver",
            "the NVIDIA driver is too old: CUDA 13 needs 580 or newer; `scriptorium doctor` says how to install it",
        ),
        (
            r"no kernel image is available|is not compatible with the current PyTorch",
            "this build has no code for the GPU's architecture; `scriptorium doctor` shows its compute capability",
        ),
        (
            r"No CUDA GPUs are available|Failed to infer device type|Found no NVIDIA driver|no CUDA-capable device",
            "no GPU can be seen; `scriptorium doctor` says what is missing",
        ),
    ),
    "architecture": (
        (
            r"Model architectures? \[?'?(?P<architecture>\w+)'?.* (?:is|are) not supported",
            "this vLLM does not know the architecture {architecture}: take another base model",
        ),
        (
            r"model type `(?P<architecture>[^`]+)` but Transformers does not recognize",
            "this vLLM does not know the architecture {architecture}: take another base model",
        ),
    ),
    "context": (
        (
            r"max_model_len \((?P<context>\d+)\) is greater than the derived max_model_len \(\w+=(?P<fitting>\d+)",
            "a context of {context} tokens is longer than the model's own {fitting}: set "
            "SCRIPTORIUM_ENGINE_CONTEXT={fitting}",
        ),
    ),
    "weights": (
        (
            r"Error while deserializing header: (?P<detail>.+)",
            "a shard of the model is truncated or broken ({detail}): fetch the model again, or merge it again",
        ),
        (
            r"Following weights were not initialized from checkpoint: \{(?P<names>[^}]{1,160})",
            "the model's files lack weights that its config.json asks for ({names}): fetch the model again",
        ),
        (
            r"Cannot find any (?:safetensors )?model weights",
            "the model's folder holds no weights: fetch the model again",
        ),
        (
            r"Attempted to load weight \((?P<stored>[^)]*\))\) into parameter \((?P<wanted>[^)]*\))\)",
            "a weight has another shape ({stored}) than config.json says ({wanted}): fetch the model again",
        ),
    ),
    "compiler": (
        (
            r"Failed to find C(?:\+\+)? compiler|No such file or directory: 'gcc'",
            "Triton finds no C compiler: install gcc (Debian: apt install gcc), or set CC",
        ),
        (
            r"Python\.h: No such file",
            "Triton finds no Python.h: install Python's headers (Debian: apt install python3-dev)",
        ),
        (
            r"[Cc]ould not find nvcc|nvcc: not found|No such file or directory: '[^']*nvcc'|nvcc fatal|"
            r"CUDA_HOME environment variable is not set",
            "a kernel is compiled at run time and the CUDA compiler nvcc is missing: leave "
            "VLLM_USE_FLASHINFER_SAMPLER=0 as it is, or install the CUDA toolkit and set CUDA_HOME",
        ),
        (
            r"failed to map segment from shared object",
            "compiled code lies on a disk that is mounted noexec: set SCRIPTORIUM_CACHE_DIR to another folder",
        ),
    ),
    "port": (
        (
            r"[Aa]ddress already in use",
            "another program took the engine's port while it was starting; the next start takes another one",
        ),
    ),
    "killed": (
        (
            r"died unexpectedly \(exit code: -9\)|Failed core proc\(s\): \{[^}]*: -9",
            "a process of the engine was killed, as the kernel does when the machine's memory runs out (in containers: "
            "SERVER_MEMORY)",
        ),
    ),
}
COMPILED = [
    (kind, re.compile(pattern), explanation) for kind, causes in KNOWN_CAUSES.items() for pattern, explanation in causes
]


def find_known_cause(messages: list[str]) -> FailureCause | None:
    """Return the first known cause that one of the messages names."""
    for kind, pattern, explanation in COMPILED:
        for message in messages:
            if match := pattern.search(message):
                values = match.groupdict()
                return FailureCause(explanation.format(**values, fitting_share=largest_share(values)), kind)
    return None


def largest_share(values: dict[str, str]) -> str:
    """Return the largest share of a memory that is free, rounded down; "" if the numbers are not known."""
    if not {"free", "total"} <= values.keys():
        return ""
    return f"{floor(100 * float(values['free']) / float(values['total'])) / 100:.2f}"
