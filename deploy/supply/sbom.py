"""A bill of materials of each environment, in CycloneDX' JSON: `python -m deploy.supply.sbom` writes build/sbom/."""

from __future__ import annotations

import subprocess
import sys

from deploy.supply.audit import SUPPLY
from deploy.supply.licences import ENVIRONMENTS
from scriptorium.local.environments import PROJECT, build

FOLDER = PROJECT / "build" / "sbom"


def main() -> int:
    """Write the bills of the environments that are installed."""
    build(SUPPLY, gpu=False)
    FOLDER.mkdir(parents=True, exist_ok=True)
    written = []
    for folder in filter(lambda folder: folder.exists(), ENVIRONMENTS.values()):
        target = FOLDER / f"{folder.name.lstrip('.')}.cdx.json"
        options = ["--output-reproducible", "--output-format", "JSON", "--output-file", str(target)]
        if folder.name == ".venv":
            options += ["--pyproject", str(PROJECT / "pyproject.toml")]
        program = str(SUPPLY.folder / "bin" / "cyclonedx-py")
        subprocess.run([program, "environment", *options, str(folder / "bin" / "python")], check=True)
        written.append(target.name)
    sys.stdout.write(f"sbom: {' '.join(written)} in {FOLDER.relative_to(PROJECT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
