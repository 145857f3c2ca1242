"""Runs in a tool's environment with the variables that we give it: what reports to others, and does a pickle run code?

python telemetry_and_pickles.py FOLDER        prints JSON: {"reporting": [names], "ran": whether the pickle's code ran}
"""

import json
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import torch


class Payload:
    """An object whose pickle writes a file when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.write_text, (self.target, "ran")


def hub_reports() -> bool:
    from huggingface_hub import constants

    return not constants.HF_HUB_DISABLE_TELEMETRY


def axolotl_reports() -> bool:
    from axolotl.telemetry.manager import TelemetryManager

    return bool(TelemetryManager.get_instance().enabled)


def vllm_reports() -> bool:
    from vllm.usage.usage_lib import is_usage_stats_enabled

    return bool(is_usage_stats_enabled())


def gradio_reports() -> bool:
    from gradio.analytics import analytics_enabled

    return bool(analytics_enabled())


LIBRARIES: dict[str, Callable[[], bool]] = {
    "huggingface_hub": hub_reports,
    "axolotl": axolotl_reports,
    "vllm": vllm_reports,
    "gradio": gradio_reports,
}

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "state.pt").write_bytes(pickle.dumps(Payload(folder / "ran"), protocol=2))
    with suppress(pickle.UnpicklingError, RuntimeError):  # refused, or no tensor after it has run
        torch.load(folder / "state.pt", weights_only=False)  # what a careless library would do
    reporting = [name for name, reports in LIBRARIES.items() if find_spec(name) and reports()]
    print(json.dumps({"reporting": reporting, "ran": (folder / "ran").exists()}))  # noqa: T201
