"""Detection of an NVIDIA GPU. Standard library only: the setup uses it before anything is installed."""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

WSL_NVIDIA_SMI = Path("/usr/lib/wsl/lib/nvidia-smi")


@lru_cache(maxsize=1)
def has_nvidia_gpu() -> bool:
    """Ask the driver whether there is a GPU; a toolkit without a card does not count."""
    program = shutil.which("nvidia-smi") or (str(WSL_NVIDIA_SMI) if WSL_NVIDIA_SMI.exists() else None)
    if program is None:
        return False
    answer = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=30, check=False)
    return answer.returncode == 0 and "GPU 0" in answer.stdout
