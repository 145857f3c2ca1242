"""The licences of all that is installed: `python -m deploy.supply.licences` writes docs/licences.md.

They are what the packages themselves state. Forbidden is what would bind our own code or its users: the GPL and its
relatives (the LGPL is fine for libraries that stay separate), licences for sources that are not free, and proprietary
ones, except those of a maker's own run-time libraries.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from scriptorium.local.environments import ENVS, PROJECT

PAGE = PROJECT / "docs" / "licences.md"
ENVIRONMENTS = {
    "Our own code, and what tests it": PROJECT / ".venv",
    "Training: Axolotl's environment": ENVS / "axolotl",
    "Serving: vLLM's environment": ENVS / "vllm",
}
FORBIDDEN = re.compile(
    r"\bA?GPL|(?<!LESSER )GENERAL PUBLIC|AFFERO|SSPL|SERVER SIDE PUBLIC|BUSL|BUSINESS SOURCE|COMMONS CLAUSE|"
    r"NON-?COMMERCIAL|-NC\b|PROPRIETARY|END USER LICENSE",
    re.IGNORECASE,
)
# Run-time libraries of makers of processors, which may be passed on with a program that uses them.
MAKERS = re.compile(r"(intel-(openmp|cmplr)|mkl|tcmlib|umf|tbb|nvidia|cuda)([-_].*)?", re.IGNORECASE)
LICENCE_FILE = re.compile(r"\.dist-info/(licenses/)?.*(licen[cs]e|copying)[^/]*$", re.IGNORECASE)
LONGEST = 120  # characters of a licence's name; some packages have its text there
OURS = "scriptorium"
INTRODUCTION = """# Licences of what we depend on

Made by `make licences` from what is installed on a machine without a GPU; a test fails if a package of ours is missing
here or has a licence that is forbidden (deploy/supply/licences.py says which those are). Libraries of NVIDIA's, which
a GPU needs, have licences of NVIDIA's own. `make sbom` writes the same with versions, as CycloneDX.
"""


def licence_of(package: Distribution) -> str:
    """Return a package's licence: as an expression, by its classifiers, by its field, or by its licence file."""
    expression, field = (
        first_line("\n".join(package.metadata.get_all(name) or [])) for name in ("License-Expression", "License")
    )
    classifiers = [line for line in package.metadata.get_all("Classifier") or [] if line.startswith("License ::")]
    stated = expression or "; ".join(sorted(line.rpartition(" :: ")[2] for line in classifiers)) or field
    return stated or read_licence_file(package) or "not stated"


def read_licence_file(package: Distribution) -> str:
    """Return the first line of a package's licence file, "" if it has none."""
    files = [file for file in package.files or () if LICENCE_FILE.search(str(file))]
    return next((line for file in files if (line := first_line(file.read_text()))), "")


def first_line(text: str | None) -> str:
    """Return the first line that says something, cut."""
    return next((line.strip()[:LONGEST] for line in (text or "").splitlines() if line.strip()), "")


def read_environment(folder: Path) -> dict[str, str]:
    """Return the licence of each package in an environment."""
    paths = [str(path) for path in sorted(folder.glob("lib/python3*/site-packages"))]
    return {
        normalise(package.name): licence_of(package)
        for package in distributions(path=paths)
        if normalise(package.name) != OURS
    }


def normalise(name: str) -> str:
    """Return a package's name as requirement files have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def find_forbidden(licences: dict[str, str]) -> dict[str, str]:
    """Return the packages whose licence is forbidden; one of several alternatives that is not suffices."""
    return {
        name: licence
        for name, licence in licences.items()
        if not MAKERS.fullmatch(name) and all(FORBIDDEN.search(choice) for choice in licence.split(" OR "))
    }


def render(environments: dict[str, dict[str, str]]) -> Iterator[str]:
    """Yield the lines of the page: a table for each environment, a row for each licence."""
    yield INTRODUCTION
    for title, licences in environments.items():
        names_by_licence = defaultdict(list)
        for name, licence in sorted(licences.items()):
            names_by_licence[licence].append(name)
        yield f"## {title}\n\n| licence | packages |\n|---|---|"
        yield from (f"| {licence} | {', '.join(names)} |" for licence, names in sorted(names_by_licence.items()))
        yield ""


def main() -> int:
    """Write the page; return 1 if a licence is forbidden."""
    environments = {title: read_environment(folder) for title, folder in ENVIRONMENTS.items() if folder.exists()}
    PAGE.write_text("\n".join(render(environments)), "utf-8")
    forbidden = {name: text for licences in environments.values() for name, text in find_forbidden(licences).items()}
    for name, text in forbidden.items():
        sys.stdout.write(f"forbidden: {name}: {text}\n")
    count = sum(map(len, environments.values()))
    sys.stdout.write(f"licences: environments={len(environments)} packages={count} forbidden={len(forbidden)}\n")
    return int(bool(forbidden))


if __name__ == "__main__":
    sys.exit(main())
