"""The lists for a GPU host are complete: they are installed with --no-deps, and no machine of ours has a GPU.

What the packages require is recorded from the index by `python -m tests.gpu_metadata`, which `make lock` runs.
"""

import json
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.gpu_metadata import GPU_HOST, LISTS, RECORD, applies, record


def pinned_versions(path: Path) -> dict[str, Version]:
    pins = [Requirement(line) for line in path.read_text().splitlines()]
    assert all(str(pin.specifier).startswith("==") and pin.marker is None for pin in pins)
    return {canonicalize_name(pin.name): Version(str(pin.specifier)[2:]) for pin in pins}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_for_a_gpu_holds_all_that_its_packages_require(name: str, project: Path) -> None:
    pins, recorded = pinned_versions(project / name), json.loads(RECORD.read_text())[name]
    assert {f"{package}=={version}" for package, version in pins.items()} == set(recorded), "run make lock"
    missing = []
    for package, requirements in recorded.items():
        for requirement in map(Requirement, requirements):
            version = pins.get(canonicalize_name(requirement.name))
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                missing.append(f"{package} needs {requirement}, the list has {version}")
    assert missing == []


@pytest.mark.parametrize("name", LISTS)
def test_torch_brings_cuda_13_and_its_own_triton(name: str, project: Path) -> None:
    pins, recorded = pinned_versions(project / name), json.loads(RECORD.read_text())[name]
    required = {re.split(r"[<>=!~]", text)[0] for text in recorded[f"torch=={pins['torch']}"]}
    assert {"cuda-toolkit", "nvidia-cudnn-cu13", "nvidia-nccl-cu13", "nvidia-cusparselt-cu13", "triton"} <= required
    assert {"nvidia-cublas", "nvidia-cuda-runtime", "nvidia-cuda-nvrtc"} <= pins.keys(), "extras of cuda-toolkit"
    assert pins["cuda-toolkit"].major == 13
    assert not {"nvidia-cublas-cu12", "nvidia-cudnn-cu12", "nvidia-nccl-cu12"} & pins.keys()
    assert all(version.local is None for version in pins.values()), "no build of the CPU"


def test_what_is_tested_on_a_cpu_is_what_trains_on_a_gpu(project: Path) -> None:
    pins = pinned_versions(project / LISTS[0])
    cpu = pinned_versions(project / "services/trainer/requirements.txt")
    assert {name for name, version in cpu.items() if pins.get(name) != version} <= {"triton"}  # torch's own on a GPU
    assert all(name.startswith(("cuda-", "nvidia-")) for name in pins.keys() - cpu.keys())
    assert Version("2.11") <= pins["torch"] <= Version("2.13")
    assert (pins["axolotl"], pins["bitsandbytes"]) == (Version("0.19.0"), Version("0.50.2"))
    assert "liger-kernel" in pins


def test_an_extra_counts_if_a_package_asks_for_it() -> None:
    packages = {
        "torch==2.13.0": [
            "toolkit[cublas]==13; platform_system == 'Linux'",
            "pyyaml; extra == 'yaml'",
            "w; os_name=='nt'",
        ],
        "toolkit==13": ["nvidia-cublas; extra == 'cublas'", "nvidia-cufft; extra == 'cufft'"],
    }
    assert record(packages) == {"torch==2.13.0": ["toolkit==13"], "toolkit==13": ["nvidia-cublas"]}
    assert not applies(Requirement("x; python_version < '3.11'"))
    assert GPU_HOST["python_version"] == "3.11"
