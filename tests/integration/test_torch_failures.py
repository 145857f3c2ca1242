"""What torch really says if there is no space or no memory left is recognised."""

from pathlib import Path

import pytest
from in_axolotl import AXOLOTL_MARKS, run_in_axolotl

from scriptorium.errors import DiskFull, MachineOutOfMemory, OutOfMemory
from scriptorium.recipe import ResolvedTraining
from services.trainer.failures.explain import Ending, explain_failure

pytestmark = AXOLOTL_MARKS


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a log of each failure."""
    folder = tmp_path_factory.mktemp("failures")
    run_in_axolotl("torch_failures.py", folder)
    return folder


@pytest.mark.parametrize(
    ("log", "on_gpu", "on_cpu"),
    [
        ("disk", DiskFull, DiskFull),
        ("torch_memory", MachineOutOfMemory, OutOfMemory),
        ("python_memory", MachineOutOfMemory, OutOfMemory),
    ],
)
def test_a_real_failure_is_recognised(log: str, on_gpu: type, on_cpu: type, logs: Path) -> None:
    for gpu, failure in ((True, on_gpu), (False, on_cpu)):
        assert type(explain_failure(Ending(logs / log, 0, 1, 3), ResolvedTraining(), gpu=gpu)) is failure
