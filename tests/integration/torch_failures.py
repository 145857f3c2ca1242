"""Torch's own words for a full disk and for a lack of memory: `python torch_failures.py FOLDER`.

It runs in Axolotl's environment.

FOLDER gets a log for each. Only `torch.save` may write to /dev/full: other writers rename a file over it.
"""

import resource
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import torch

MEMORY = 2 * 1024**3


def record(log: Path, fail: Callable[[], object]) -> None:
    """Write the traceback of a call that fails."""
    try:
        fail()
    except (RuntimeError, MemoryError):
        log.write_text(traceback.format_exc())


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    record(folder / "disk", lambda: torch.save(torch.zeros(1_000_000), "/dev/full"))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    record(folder / "torch_memory", lambda: torch.zeros(MEMORY))
    record(folder / "python_memory", lambda: bytearray(2 * MEMORY))
