"""Check an image while it is built: `python check_packages.py 'axolotl==0.19.*' axolotl.cli.main [--compiler]`.

Runs with the interpreter that is checked. Imports each module, compares its version where one is asked for, and with
--compiler looks for what Triton compiles with. One line for each problem, all at once, and status 1.
"""

from __future__ import annotations

import importlib
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

COMPILER = "--compiler"


def find_problems(words: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with the modules, and with the compiler if it is asked for."""
    for word in words:
        if word != COMPILER:
            yield from check_module(Requirement(word))
    if COMPILER in words:
        yield from check_compiler()


def check_module(required: Requirement) -> Iterator[str]:
    """Yield the reason why a module cannot be imported, or that its version is not one that is tested."""
    try:
        module = importlib.import_module(required.name)
    except Exception as error:  # noqa: BLE001  whatever an import raises, the image is not usable
        yield f"{required.name} cannot be imported: {type(error).__name__}: {error}"
        return
    version = str(getattr(module, "__version__", "unknown"))
    if required.specifier and not is_tested(version, required):
        yield f"{required.name} {version} is installed, Scriptorium is tested with {required}"


def is_tested(version: str, required: Requirement) -> bool:
    """Return whether a version is one of those that are tested; one that cannot be read is not."""
    try:
        return required.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False


def check_compiler() -> Iterator[str]:
    """Yield what Triton lacks."""
    if not any(map(shutil.which, ("gcc", "clang"))):
        yield "Triton needs gcc or clang, and there is none"
    scheme = sysconfig.get_default_scheme().replace("posix_local", "posix_prefix")
    header = Path(sysconfig.get_paths(scheme=scheme)["include"]) / "Python.h"
    if not header.exists():
        yield f"Triton needs {header}"


if __name__ == "__main__":
    problems = list(find_problems(sys.argv[1:]))
    for problem in problems:
        sys.stderr.write(f"image: {problem}\n")
    if problems:
        sys.stderr.write("image: use the base images that compose.yaml names (AXOLOTL_IMAGE, VLLM_IMAGE in .env).\n")
    sys.exit(bool(problems))
