"""How a command fails: one message with a code, a place and a next step, never a traceback; and the exit statuses.

0    done
1    the system failed, or what was asked for did: a job that did not succeed, a check that fails
2    the command line is wrong
3    no stack is running, or its API does not answer
4    there is no such job, file or model
5    refused: what was sent, or what it meets (a state, too little memory or disk), must change
6    not now: a device is busy, or a model is not loaded yet
130  interrupted with Ctrl-C
"""

from __future__ import annotations

import errno
import re
import tempfile
import traceback
from enum import IntEnum
from pathlib import Path

from scriptorium.cli.terminal import err
from scriptorium.errors import (
    Conflict,
    DiskFull,
    FileMissing,
    InternalError,
    JobMissing,
    ModelInUse,
    ModelMissing,
    PathUnusable,
    ScriptoriumError,
    StoreUnavailable,
)

REQUEST_WORDS = re.compile(r"\b(GET|POST|PUT|DELETE|HEAD) /|Retry-After|X-Scriptorium-|docs/api\.md")
NEXT_STEPS = {
    JobMissing.code: "List the jobs with `scriptorium jobs`.",
    FileMissing.code: "List the files with `scriptorium files`.",
    ModelMissing.code: "List the models with `scriptorium models`.",
    ModelInUse.code: "Let it go with `scriptorium serve MODEL --release`, wait a minute, and try again.",
    "gpu_busy": "`scriptorium status` shows which job has the device; try again when it has ended.",
    "model_not_ready": "Try again in a minute; `scriptorium models` shows its state.",
}
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
NO_SPACE_STEP = "Free some space, or name a place on another disk; then run the command again."
OTHER_NEXT_STEP = "`scriptorium COMMAND --help` lists the options and shows an example."


class ExitStatus(IntEnum):
    """What a command ends with."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_RUNNING = 3
    MISSING = 4
    REFUSED = 5
    LATER = 6
    INTERRUPTED = 130


class StackMissing(Conflict):
    """No stack is running, and no address of one is set."""


def exit_status(error: ScriptoriumError) -> ExitStatus:
    """Return the exit status of a command that ends with an error."""
    if isinstance(error, StackMissing) or error.code == StoreUnavailable.code:
        return ExitStatus.NOT_RUNNING
    if error.status == 404:
        return ExitStatus.MISSING
    if error.status == 503:
        return ExitStatus.LATER
    return ExitStatus.REFUSED if 400 <= error.status < 500 or error.status == 507 else ExitStatus.FAILED


def print_failure(error: ScriptoriumError) -> None:
    """Print an error: its code and message, its place if the message does not name it, and the next step."""
    err.print(f"error ({error.code}): {error}", style="red")
    if error.param and error.param not in str(error):
        err.print(f"place: {error.param}")
    if next_step := choose_next_step(error):
        err.print(f"next step: {next_step}")


def choose_next_step(error: ScriptoriumError) -> str | None:
    """Return an error's next step; one that is written for callers of the API becomes a command."""
    if error.next_step and REQUEST_WORDS.search(error.next_step):
        return NEXT_STEPS.get(error.code, OTHER_NEXT_STEP)
    return error.next_step


def explain(error: Exception) -> ScriptoriumError:
    """Return what a command raised as an error of ours."""
    if isinstance(error, ScriptoriumError):
        return error
    return explain_os_error(error) if isinstance(error, OSError) else explain_bug(error)


def explain_os_error(error: OSError) -> ScriptoriumError:
    """Return what the operating system refused as an error of ours, with the path as its place."""
    path = error.filename or error.filename2
    reason = error.strerror or str(error) or type(error).__name__
    place = str(path) if path is not None else None
    message = f"{place}: {reason}." if place else f"The system refused: {reason}."
    if error.errno in NO_SPACE:
        return DiskFull(message, param=place, next_step=NO_SPACE_STEP)
    return PathUnusable(message, param=place)


def explain_bug(error: Exception) -> ScriptoriumError:
    """Return an error for what nobody expected; its traceback goes to a file, for the report."""
    with tempfile.NamedTemporaryFile("w", prefix="scriptorium-", suffix=".log", delete=False, encoding="utf-8") as log:
        log.write("".join(traceback.format_exception(error)).encode("utf-8", "replace").decode())
    summary = " ".join(f"{type(error).__name__}: {error}".split())
    return InternalError(f"This is a bug ({summary}).", next_step=f"Report it, with {Path(log.name)}.")
