"""The error of a training that ended early, from the whole log of its last start and the way in which it ended."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scriptorium.errors import (
    MachineOutOfMemory,
    ModelTooLarge,
    OutOfMemory,
    ScriptoriumError,
    TrainingFailed,
    TrainingKilled,
)
from scriptorium.recipe import ResolvedTraining
from services.trainer.failures.causes import CAUSES, Cause

KERNEL_COUNTERS = Path("/proc/vmstat")
KILLING_SIGNALS = (signal.SIGKILL, signal.SIGTERM)
SHELL_OFFSET = 128  # a shell between us and the program adds it to the signal's number
EXCEPTION_LINE = re.compile(r"(\w+\.)*\w*(Error|Exception|Interrupt)\b")
WRAPPERS = ("ChildFailedError", "CalledProcessError", "SystemExit")  # they only say that another process failed
MAX_REASON_CHARACTERS = 300


@dataclass(frozen=True)
class Ending:
    """How a training ended: its log, where this start's lines begin in it, the exit status, and the last step.

    `begun` once the model was loaded; `kernel_kills` counts the processes that the kernel killed meanwhile because
    there was no memory left.
    """

    log: Path
    log_start: int
    returncode: int | None
    step: int
    begun: bool = True
    kernel_kills: int = 0


def explain_failure(ending: Ending, training: ResolvedTraining, *, gpu: bool) -> ScriptoriumError:
    """Return the error: its code, the step, the settings, the log's own words, and the next step.

    Without a GPU the machine's memory is the device's. Before the first step no option of training helps.
    """
    place = f"at step {ending.step}" if ending.begun else "before its first step"
    context = f"{place} ({describe_settings(training)})"
    device_lack: type[ScriptoriumError] = OutOfMemory if ending.begun else ModelTooLarge
    machine_lack = MachineOutOfMemory if gpu else device_lack
    cause, line = find_cause(ending)
    if cause:
        lacks: dict[type[ScriptoriumError], type[ScriptoriumError]]
        lacks = {OutOfMemory: device_lack, MachineOutOfMemory: machine_lack}
        return lacks.get(cause.failure, cause.failure)(f"{cause.text} {context}: {line}", next_step=cause.next_step)
    number = ending_signal(ending.returncode)
    if number in KILLING_SIGNALS and ending.kernel_kills:
        return machine_lack(f"The kernel ended the training {context}, because the machine had no memory left.")
    if number in KILLING_SIGNALS:
        return TrainingKilled(f"Training was killed by another program {context}.")
    crash = f" with {signal.Signals(number).name}" if number else ""
    return TrainingFailed(f"Training ended{crash} {context}: {line}")


def find_cause(ending: Ending) -> tuple[Cause | None, str]:
    """Return the first of the known causes that the log shows, with its line; else None and the last exception."""
    lines: dict[Cause, str] = {}
    last_line, exception = "no output", ""
    for line in read_lines(ending.log, ending.log_start):
        last_line = line
        if EXCEPTION_LINE.match(line) and not any(wrapper in line for wrapper in WRAPPERS):
            exception = line
        for cause in CAUSES:
            if cause not in lines and cause.sign.search(line):
                lines[cause] = line
    first = next((cause for cause in CAUSES if cause in lines), None)
    reason = lines[first] if first else exception or last_line
    return first, reason[:MAX_REASON_CHARACTERS]


def read_lines(log: Path, start: int) -> Iterator[str]:
    """Yield the lines of a log from a place on, without the overwritten states of progress bars."""
    if not log.exists():
        return
    with log.open("rb") as file:
        file.seek(start)
        for raw in file:
            line = raw.decode("utf-8", errors="replace").rstrip().rpartition("\r")[2].strip()
            if line:
                yield line


def ending_signal(returncode: int | None) -> int | None:
    """Return the number of the signal that ended a process, or None; a shell in between adds 128 to it."""
    if returncode is None or -SHELL_OFFSET <= returncode < 0:
        return -returncode if returncode else None
    number = returncode - SHELL_OFFSET
    return number if number in set(signal.Signals) else None


def count_kernel_kills(path: Path = KERNEL_COUNTERS) -> int:
    """Return how many processes the kernel has killed since its start for want of memory; 0 if it does not tell."""
    try:
        counters = dict(line.split() for line in path.read_text("ascii").splitlines())
    except (OSError, ValueError):
        return 0
    return int(counters.get("oom_kill", 0))


def describe_settings(training: ResolvedTraining) -> str:
    """Describe the settings that matter when something goes wrong."""
    return (
        f"{training.adapter}, rank {training.lora_r}, micro-batch {training.micro_batch_size}, "
        f"accumulation {training.gradient_accumulation_steps}, sequence_len {training.sequence_len}"
    )
