"""Does transformers load a model's folder, if vLLM does not? It tells a broken folder from an engine that is at fault.

The question takes a quarter of a minute, so it is answered by a child process while the server goes on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from scriptorium.process.child import Child, tail

SCRIPT = Path(__file__).with_name("load_with_transformers.py")
LIMIT = 180.0  # seconds: importing torch from a cold disk takes most of one
STOP_GRACE = timedelta(seconds=1)


class TransformersCheck:
    """A running check of one folder, by the Python of vLLM's environment."""

    def __init__(self, python: Path, folder: str, log: Path, environment: Mapping[str, str]) -> None:
        """Start the check; its output replaces what was in `log`. Raises EnvironmentMissing."""
        log.unlink(missing_ok=True)
        self._child = Child([python, "-I", SCRIPT, folder], log, {**environment, "CUDA_VISIBLE_DEVICES": ""})
        self._deadline = time.monotonic() + LIMIT

    def outcome(self) -> str | None:
        """Return what transformers said, as the end of a sentence; None while it is at work."""
        if self._child.returncode is None:
            if time.monotonic() < self._deadline:
                return None
            self.stop()
            return "transformers was asked whether it loads the model, and did not answer in time"
        return describe_outcome(tail(self._child.log, 1))

    def stop(self) -> None:
        """End the check."""
        self._child.stop(STOP_GRACE)


def describe_outcome(output: list[str]) -> str:
    """Return what the script's last line says, as the end of a sentence."""
    try:
        error = json.loads(output[-1])["error"]
    except (LookupError, ValueError, TypeError):
        return "transformers could not be asked whether it loads the model"
    if error:
        return f"transformers does not load the model either: {error}"
    return "transformers loads the model: its folder is good, so the engine is at fault"
