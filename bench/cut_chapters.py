"""Cut the novels of bench/novels/languages: the first chapters of public-domain novels, one compressed file a language.

`python -m bench.cut_chapters FOLDER`, where FOLDER has checkouts of the collections (bench/novels/README.md). A file
is the JSON of a `ChapteredNovel`: what is heading and what is story is known, so a benchmark can write it as any
manuscript and count what comes back. The files are in the repository, so nobody needs this but a reviewer.
"""

from __future__ import annotations

import argparse
import json
import lzma
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from lxml import etree

from scriptorium.text.word_spans import count_running_words

FOLDER = Path(__file__).with_name("novels") / "languages"
TEI = "{http://www.tei-c.org/ns/1.0}"


@dataclass(frozen=True)
class TrueChapter:
    """The lines of a chapter's heading, and its paragraphs."""

    heading: list[str]
    paragraphs: list[str]


@dataclass(frozen=True)
class ChapteredNovel:
    """The beginning of a novel in a language (ISO 639-1), as its chapters are in truth."""

    language: str
    title: str
    author: str
    chapters: list[TrueChapter]


@dataclass(frozen=True)
class NovelSource:
    """A novel's file in FOLDER, the chapters to cut, and the pattern of a heading if the file is plain text."""

    language: str
    title: str
    author: str
    path: str
    chapters: int
    heading: str = ""


NOVELS = [
    NovelSource("en", "Fern's Hollow", "Hesba Stretton", "ELTeC-eng/level1/ENG18641_Stretton.xml", 9),
    NovelSource("de", "Grete Minde", "Theodor Fontane", "ELTeC-deu/level1/DEU046.xml", 6),
    NovelSource("fr", "Monsieur Lecoq", "Émile Gaboriau", "ELTeC-fra/level1/FRA01902_Gaboriau.xml", 4),
    NovelSource(
        "es", "Marianela", "Benito Pérez Galdós", "ELTeC-spa/level1/SPA2009_PerezGaldos_Marianela.xml", 6
    ),
    NovelSource("pt", "A Rosa do Adro", "Manuel Maria Rodrigues", "ELTeC-por/level1/POR0025_ManMRod_Rosa.xml", 5),
    NovelSource("it", "Fosca", "Iginio Ugo Tarchetti", "ELTeC-ita/level1/IT18691_Tarchetti_Fosca.xml", 14),
    NovelSource("pl", "Faraon", "Bolesław Prus", "ELTeC-pol/level1/POL0062_prus_faraon.xml", 4),
    NovelSource("cs", "Skaláci", "Alois Jirásek", "ELTeC-cze/level1/CS0016_1875_Jirasek_Skalaci.xml", 5),
    NovelSource("sv", "I Stockholm", "Alfhild Agrell", "ELTeC-swe/level1/SWE1620755_Agrell.xml", 7),
    NovelSource("ru", "Дубровский", "Александр Пушкин", "RussianNovels/corpus/Pushkin_Dubrovsky.txt", 5, "ГЛАВА .+"),
    NovelSource("zh", "水浒传", "施耐庵", "corpus/水浒传.txt", 3, "第.{1,3}回.*"),
    NovelSource("ja", "こころ", "夏目漱石", "Sohseki/kokoro.txt", 12, "[一二三四五六七八九十]+"),
]  # fmt: skip


def main() -> None:
    """Write every file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="checkouts of the collections, under the names of NOVELS")
    folder = parser.parse_args().folder
    FOLDER.mkdir(exist_ok=True)
    for source in NOVELS:
        read = read_plain if source.heading else read_tei
        chapters = list(islice(read(folder / source.path, source.heading), source.chapters))
        novel = ChapteredNovel(source.language, source.title, source.author, chapters)
        path = FOLDER / f"{source.language}.json.xz"
        raw = json.dumps(asdict(novel), ensure_ascii=False).encode()
        path.write_bytes(lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME))
        words = sum(count_running_words(text) for chapter in chapters for text in chapter.paragraphs)
        print(f"{path.name}: {len(chapters)} chapters, {words} words, {path.stat().st_size} bytes")


def read_novels(folder: Path = FOLDER) -> list[ChapteredNovel]:
    """Return every novel."""
    return [read_novel(path) for path in sorted(folder.glob("*.json.xz"))]


def read_novel(path: Path) -> ChapteredNovel:
    """Return one novel."""
    novel = json.loads(lzma.decompress(path.read_bytes()))
    return ChapteredNovel(**{**novel, "chapters": [TrueChapter(**chapter) for chapter in novel["chapters"]]})


def read_tei(path: Path, _: str = "") -> Iterator[TrueChapter]:
    """Yield the chapters of a TEI file that have a heading, without notes and their marks."""
    root = etree.parse(path)
    etree.strip_elements(root, f"{TEI}note", f"{TEI}ref", with_tail=False)
    for part in root.iterfind(f".//{TEI}body//{TEI}div[@type='chapter']"):
        heading = [join_text(head) for head in part.iterfind(f"{TEI}head")]
        paragraphs = [text for paragraph in part.iter(f"{TEI}p") if (text := join_text(paragraph))]
        if heading and paragraphs:
            yield TrueChapter(heading, paragraphs)


def join_text(element: etree._Element) -> str:
    """Return the text of an element in one line."""
    return " ".join("".join(element.itertext()).split())


def read_plain(path: Path, heading: str) -> Iterator[TrueChapter]:
    """Yield the chapters of a text whose lines are paragraphs, from the first line that is a heading."""
    chapter: TrueChapter | None = None
    for line in path.read_text("utf-8-sig").splitlines():
        text = " ".join(line.split())
        if re.fullmatch(heading, text):
            if chapter:
                yield chapter
            chapter = TrueChapter([text], [])
        elif text and chapter:
            chapter.paragraphs.append(text)


if __name__ == "__main__":
    main()
