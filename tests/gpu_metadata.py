"""Record what every package of the lists for a GPU requires: `python -m tests.gpu_metadata` (minutes; `make lock`).

pip reads the packages' metadata from the index and downloads no wheel of several GB, so no GPU is needed. A test reads
the record and compares the lists with it (tests/unit/scriptorium/local/test_gpu_requirements.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[1]
LISTS = ("services/trainer/requirements-gpu.txt", "services/server/requirements-gpu.txt")
RECORD = PROJECT / "tests" / "unit" / "scriptorium" / "local" / "gpu_metadata.json"
# An x86-64 Linux with the Python that the lists are compiled for, whatever machine this is.
GPU_HOST = {
    "os_name": "posix", "platform_machine": "x86_64", "platform_python_implementation": "CPython",
    "platform_system": "Linux", "python_full_version": "3.11.9", "python_version": "3.11", "sys_platform": "linux",
}  # fmt: skip


def applies(requirement: Requirement, extras: Iterable[str] = ()) -> bool:
    """Return whether a GPU host needs it, for a package that is installed with these extras."""
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**GPU_HOST, "extra": extra}) for extra in ("", *extras))


def read_metadata(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each package of a list as `name==version`, with all that it may require, extras included."""
    environment = {name: value for name, value in os.environ.items() if name != "PIP_FIND_LINKS"}
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
        command += ["--requirement", str(path), "--report", report.name]
        subprocess.run(command, env={**environment, "PIP_CONFIG_FILE": os.devnull}, check=True)
        for package in json.loads(Path(report.name).read_text("utf-8"))["install"]:
            metadata = package["metadata"]
            yield f"{canonicalize_name(metadata['name'])}=={metadata['version']}", metadata.get("requires_dist", [])


def record(packages: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return what a GPU host needs of each package; its extras only if another package asks for them."""
    requirements = {name: [Requirement(text) for text in texts] for name, texts in packages.items()}
    extras: dict[str, set[str]] = {}
    for required in (requirement for texts in requirements.values() for requirement in texts if applies(requirement)):
        extras.setdefault(canonicalize_name(required.name), set()).update(required.extras)
    return {
        name: sorted({f"{r.name}{r.specifier}" for r in needed if applies(r, extras.get(name.split("==")[0], ()))})
        for name, needed in sorted(requirements.items())
    }


if __name__ == "__main__":
    RECORD.write_text(
        json.dumps({name: record(dict(read_metadata(PROJECT / name))) for name in LISTS}, indent=1) + "\n", "utf-8"
    )
