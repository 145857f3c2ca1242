"""Nothing is fetched at run time but a base model that a job names: the light parts work without any network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNSHARE = ["unshare", "--map-root-user", "--net"]  # a network of its own, with nothing in it


def test_importing_preparing_and_serving_pages_asks_nobody(project: Path, tmp_path: Path) -> None:
    can_unshare = shutil.which("unshare") and subprocess.run([*UNSHARE, "true"], check=False).returncode == 0
    command = [sys.executable, "-m", "tests.integration.without_network", tmp_path]
    process = subprocess.run(
        [*(UNSHARE if can_unshare else []), *command], cwd=project, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr[-3000:]
    outcome = json.loads(process.stdout.splitlines()[-1])
    assert outcome["asked"] == []
    assert outcome["watched"], "the look-out saw the one connection that was tried"
    assert not outcome["reached"]
    assert outcome["modules"] > 400
    assert outcome["rows"] > 20
    assert set(outcome["statuses"]) == {200}


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "DO_NOT_TRACK"])
def test_the_tools_are_told_that_there_is_no_hub(name: str) -> None:
    from scriptorium.process.tool_environment import FIXED

    assert FIXED[name] == "1"
