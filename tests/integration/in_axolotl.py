"""Our scripts that run in Axolotl's own environment, beside the tests that read what they wrote."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
PYTHON = Path(os.environ.get("SCRIPTORIUM_AXOLOTL_PYTHON", PROJECT / ".envs/axolotl/bin/python"))
NEEDED = [
    pytest.mark.environments,
    pytest.mark.skipif(not PYTHON.exists(), reason=f"the Axolotl environment is not there: {PYTHON}"),
]


def run_in_axolotl(script: str, *arguments: object) -> None:
    """Run a script of this folder to its end, offline and on the CPU."""
    own = {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "AXOLOTL_DO_NOT_TRACK": "1", "PYTHONPATH": str(PROJECT)}
    line = [str(PYTHON), str(HERE / script), *map(str, arguments)]
    done = subprocess.run(line, env=os.environ | own, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
