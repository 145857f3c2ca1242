"""Why vLLM ended, from its log: the cause in our words if it is a known one, else the error that came first.

An engine is several processes. The one that fails logs its error; a hundred lines further down those that waited for
it log theirs, which say only that there is a cause above. A warning may read like a cause and is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile, pairwise, takewhile
from pathlib import Path

from scriptorium.process.log_files import old_log

MAX_LENGTH = 400  # characters of an error that is passed on as it is
PREFIX = re.compile(
    r"^(?:\([\w ]+ pid=\d+\) )?(?:(?P<level>[A-Z]+) [\d-]+ [\d:]+ \[[^\]]*\] ?)?"  # (EngineCore pid=9) ERROR 11-26 ...
)
HARMLESS_LEVELS = {"DEBUG", "INFO", "WARNING"}
ERROR = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception)(?::|$)")
CONSEQUENCES = ("See root cause above", "See stack trace", "EngineDeadError", "CancelledError")

# What vLLM, PyTorch and Triton write, and what it means here. A group's text is filled in by its name.
KNOWN_CAUSES = tuple(
    (re.compile(pattern), explanation)
    for pattern, explanation in (
        (
            r"Free memory on device.*?\((?P<free>[\d.]+)/(?P<total>[\d.]+) GiB\).*utilization "
            r"\((?P<share>[\d.]+), (?P<needed>[\d.]+) GiB\)",
            "out of memory: {free} of the GPU's {total} GiB are free and the engine takes {needed}; close what else "
            "uses the GPU, or lower SCRIPTORIUM_ENGINE_MEMORY_SHARE ({share})",
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
            r"OutOfMemoryError: CUDA out of memory\. (?P<detail>Tried to allocate [\d.]+ \w+)",
            "out of memory on the GPU ({detail}); close what else uses it, or lower SCRIPTORIUM_ENGINE_MEMORY_SHARE",
        ),
        (
            r"CUDA (?:error: )?out of memory|CUDA_ERROR_OUT_OF_MEMORY",
            "out of memory on the GPU; close what else uses it, or lower SCRIPTORIUM_ENGINE_MEMORY_SHARE",
        ),
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
        (
            r"Model architectures? \[?'?(?P<architecture>\w+)'?.* (?:is|are) not supported",
            "this vLLM does not know the architecture {architecture}: take another base model",
        ),
        (
            r"model type `(?P<architecture>[^`]+)` but Transformers does not recognize",
            "this vLLM does not know the architecture {architecture}: take another base model",
        ),
        (
            r"max_model_len \((?P<context>\d+)\) is greater than the derived max_model_len \(\w+=(?P<fitting>\d+)",
            "a context of {context} tokens is longer than the model's own {fitting}: set "
            "SCRIPTORIUM_ENGINE_CONTEXT={fitting}",
        ),
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
        (
            r"died unexpectedly \(exit code: -9\)|Failed core proc\(s\): \{[^}]*: -9",
            "a process of the engine was killed, as the kernel does when the machine's memory runs out (in containers: "
            "SERVER_MEMORY)",
        ),
    )
)


def find_cause(lines: Iterable[str]) -> str | None:
    """Return why an engine ended, from the lines of its log; None if they hold no error."""
    messages = list(_errors_and_output(lines))
    return _known_cause(messages) or _first_error(messages)


def append_mark(log: Path, mark: str) -> None:
    """Append a line of its own to a log, at which the output of a new engine begins."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        file.write(f"\n{mark}\n")


def read_since(log: Path, mark: str) -> list[str]:
    """Return a log's lines after the last one that is `mark`, also if the log was rotated since; [] without a mark."""
    lines: list[str] = []
    for path in (log, old_log(log, 1)):
        if path.exists():
            lines = path.read_text("utf-8", errors="replace").split("\n") + lines
        if mark in lines:
            return lines[len(lines) - lines[::-1].index(mark) :]
    return []


def _errors_and_output(lines: Iterable[str]) -> Iterator[str]:
    """Yield the messages without their prefixes, and without those of a level that does no harm."""
    for line in lines:
        prefix = PREFIX.match(line)
        if prefix is None or prefix["level"] not in HARMLESS_LEVELS:
            yield line[prefix.end() if prefix else 0 :].strip()


def _known_cause(messages: Sequence[str]) -> str | None:
    for pattern, explanation in KNOWN_CAUSES:
        for message in messages:
            if match := pattern.search(message):
                return explanation.format(**match.groupdict())
    return None


def _first_error(messages: Sequence[str]) -> str | None:
    """Return the last error before the first one that points to a cause above; without such a one, the last error."""
    errors = [
        f"{message} {detail}" if "validation error" in message else message  # pydantic's words are on the next line
        for message, detail in pairwise([*messages, ""])
        if ERROR.match(message)
    ]
    causes = list(takewhile(lambda error: not _is_consequence(error), dropwhile(_is_consequence, errors)))
    return next((error[:MAX_LENGTH] for error in reversed(causes or errors)), None)


def _is_consequence(error: str) -> bool:
    return any(text in error for text in CONSEQUENCES)
