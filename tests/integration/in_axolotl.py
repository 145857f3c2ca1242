"""Our scripts that run in Axolotl's own environment, beside the tests that read what they wrote."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
PROJECT = FOLDER.parents[1]
PYTHON = Path(os.environ.get("SCRIPTORIUM_AXOLOTL_PYTHON", PROJECT / ".envs/axolotl/bin/python"))
AXOLOTL_MARKS = [
    pytest.mark.environments,
    pytest.mark.skipif(not PYTHON.exists(), reason=f"the Axolotl environment is missing: {PYTHON}"),
]


def run_in_axolotl(script: str, *arguments: object, **variables_of_test: str) -> None:
    """Run a script of this folder to its end, offline and on the CPU."""
    variables = {
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "AXOLOTL_DO_NOT_TRACK": "1",
        "PYTHONPATH": str(PROJECT),
    }
    command = [str(PYTHON), str(FOLDER / script), *map(str, arguments)]
    process = subprocess.run(
        command,
        env=os.environ | variables | variables_of_test,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]
