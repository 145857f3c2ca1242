"""A short form of the fault matrix, with the real Axolotl and vLLM on a tiny model, where it is asked for.

It takes ten minutes on two cores, and `make test` takes too long already: `SCRIPTORIUM_FAULTS=1` runs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

INJECTIONS = 25


@pytest.mark.environments
@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif("SCRIPTORIUM_FAULTS" not in os.environ, reason="SCRIPTORIUM_FAULTS=1 runs it: ten minutes")
def test_after_twenty_five_faults_nothing_is_lost_duplicated_corrupted_or_stuck(project: Path) -> None:
    line = [sys.executable, "-m", "tests.faults.matrix", "--quick", "--injections", str(INJECTIONS), "--seed", "25"]
    outcome = subprocess.run(line, cwd=project, capture_output=True, text=True, check=False)
    last_line = f"faults: injected={INJECTIONS} lost=0 duplicated=0 corrupted=0 stuck=0"
    assert outcome.stdout.splitlines()[-1:] == [last_line], outcome.stdout + outcome.stderr
    assert outcome.returncode == 0
