"""llama.cpp's own quantiser, for the formats that the package `gguf` cannot write: Q4_K_M.

    quantise(source, target, gguf.LlamaFileType.MOSTLY_Q4_K_M, ConsoleReporter())

It runs as a child process in an environment of its own (`.envs/llama`), because its native code is nobody else's.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import gguf

from scriptorium.errors import DiskFull, EnvironmentMissing, MergeFailed
from scriptorium.jobs.reporter import Reporter
from scriptorium.process.child import Child, tail, wait_until
from scriptorium.settings import get_settings

PACKAGE = "lib/python3*/site-packages/cyllama"
PROGRAM = Path(__file__).with_name("inside_llama") / "quantise_file.py"
TIMEOUT = timedelta(hours=2)  # an 8B takes a few minutes
POLL_INTERVAL = 0.2  # seconds
NO_SPACE = ("No space left on device", "failed to write", "write error")
OTHER_QUANTISER = (
    "Run `make setup` if this machine runs Linux on x86-64. Anywhere else export gguf-f16 and let Ollama quantise it: "
    "`ollama create NAME --quantize q4_K_M -f model-f16.Modelfile`."
)


def require_quantiser(environment: Path) -> Path:
    """Return the interpreter of the quantiser's environment; raises EnvironmentMissing."""
    if not any(environment.glob(PACKAGE)):
        message = f"llama.cpp's quantiser is not installed: {environment} has no package cyllama."
        raise EnvironmentMissing(message, next_step=OTHER_QUANTISER)
    return environment / "bin" / "python"


def quantise(source: Path, target: Path, file_type: gguf.LlamaFileType, reporter: Reporter) -> None:
    """Write a quantised copy of a GGUF file, which appears complete or not at all.

    Raises EnvironmentMissing, MergeFailed, DiskFull and what `reporter.check` raises.
    """
    python = require_quantiser(get_settings().llama_env)
    temporary = target.with_name(f"{target.name}.part")
    try:
        with TemporaryDirectory(prefix="quantise-") as folder:
            run_quantiser([python, PROGRAM, source, temporary, str(int(file_type))], Path(folder) / "log", reporter)
        make_durable(temporary)
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)


def run_quantiser(command: list[str | Path], log: Path, reporter: Reporter) -> None:
    """Run the child process to its end, or stop it with the phase; raises MergeFailed and DiskFull."""
    settings = get_settings()
    child = Child(command, log, {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(log.parent)})

    def ended() -> bool:
        reporter.check()
        return child.returncode is not None

    try:
        wait_until(ended, TIMEOUT, POLL_INTERVAL)
    finally:
        child.stop(settings.stop_grace)
    if child.returncode != 0:
        lines = tail(log, 3)
        if any(reason in line for reason in NO_SPACE for line in lines):
            raise DiskFull("The disk became full while llama.cpp quantised the model.")
        message = f"llama.cpp could not quantise the model (status {child.returncode}): {' '.join(lines)}"
        raise MergeFailed(message, next_step=OTHER_QUANTISER)


def make_durable(path: Path) -> None:
    """Write a file that another process wrote from memory to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
