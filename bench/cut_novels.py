"""Cut the French novels of bench/novels/fr: the first words of public-domain novels, one compressed file per author.

`python -m bench.cut_novels FOLDER`, where FOLDER is `level1` of a checkout of ELTeC-fra (bench/novels/README.md). The
files are in the repository, so nobody needs this but a reviewer who wants to see where they come from.
"""

from __future__ import annotations

import argparse
import lzma
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from scriptorium.text.words import count_words

FOLDER = Path(__file__).with_name("novels") / "fr"
TEI = "{http://www.tei-c.org/ns/1.0}"
WORDS = 22_000  # of an author: half of 40 chunks for each of two uses; more makes the repository bigger
NOVELS = {
    "balzac": "FRA00502_Balzac",
    "feval": "FRA01201_Feval",
    "flaubert": "FRA01301_Flaubert",
    "gautier": "FRA01701_GautierT",
    "greville": "FRA02301_Greville",
    "malot": "FRA02601_Malot",
    "ohnet": "FRA03001_Ohnet",
    "sand": "FRA03701_Sand",
    "verne": "FRA04001_Verne",
}


def main() -> None:
    """Write every file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="level1 of a checkout of ELTeC-fra")
    folder = parser.parse_args().folder
    for author, name in NOVELS.items():
        text = "\n\n".join(take_words(read_paragraphs(folder / f"{name}.xml"), WORDS)) + "\n"
        path = FOLDER / f"{author}.txt.xz"
        path.write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))
        print(f"{path.name}: {count_words(text)} words, {path.stat().st_size} bytes")


def read_paragraphs(path: Path) -> Iterator[str]:
    """Yield the paragraphs of the body of a TEI file, without notes."""
    body = etree.parse(path).find(f".//{TEI}body")
    for paragraph in [] if body is None else body.iter(f"{TEI}p"):
        etree.strip_elements(paragraph, f"{TEI}note", with_tail=False)
        if text := " ".join("".join(paragraph.itertext()).split()):
            yield text


def take_words(paragraphs: Iterator[str], words: int) -> Iterator[str]:
    """Yield paragraphs until there are `words` words."""
    total = 0
    for paragraph in paragraphs:
        if total >= words:
            return
        total += count_words(paragraph)
        yield paragraph


if __name__ == "__main__":
    main()
