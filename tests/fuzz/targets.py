"""The parsers that a stranger can reach, each with small valid seeds and the way in that the services use."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random

from scriptorium.jobs.reporter import SilentReporter
from scriptorium.planning.manuscript_words import size_of_manuscript
from scriptorium.planning.model_shape import read_shape
from scriptorium.recipe import Recipe, load_recipe
from scriptorium.recipe_overrides import apply_overrides, parse_assignments
from services.data.cleaning.steps import CleaningLog
from services.data.cut_manuscript import gather_chapters
from services.data.readers import Manuscript, read_manuscript
from services.merger.exporting.export import export_model
from services.merger.inputs.adapter import read_adapter
from tests.fuzz.mutations import Mutator, change_archive, change_bytes, change_text, find_kind, pack
from tests.unit.services.data.readers import test_data_read_docx as docx_files
from tests.unit.services.data.readers import test_data_read_epub as epub_files
from tests.unit.services.data.readers import test_data_read_formats as formats
from tests.unit.services.data.readers import test_data_read_more_formats as more_formats
from tests.unit.services.data.readers import test_data_read_rich_text as rich_text
from tests.unit.services.merger.exporting.test_merger_export import write_model
from tests.unit.services.merger.merger_models import write_adapter

PACKED = (".zip", ".docx", ".odt", ".epub", ".fbz", ".scriv.zip")
MARKDOWN = """---
title: The Sea
tags: [a, b]
---
# One

It *rained*.[^1] "No," she said. <b>Then</b> [[home|he went]] home. %%note%% ==lit==

[^1]: A note.

| a | b |
|---|---|
| 1 | 2 |

~~~
x = 1
~~~

Two
---

![x](y.png) They left. <!-- c --> [a]: http://a.b
"""
FOUNTAIN = """Title: The Sea
Author:
    Ann

# Act

INT. HOUSE - DAY #1#

@ANN ^
(softly)
It *rained*. _So_ it did. [[a note]]

/* gone */
> THE END <

===

= synopsis
"""
ROWS = """{"messages": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c", "weight": 1}], "chapter": "1"}
{"instruction": "a", "input": "b", "output": "c", "book": "d"}
{"prompt": "a", "completion": "b"}
{"input": {"messages": [{"role": "user", "content": "a"}]}, "preferred_output": [{"role": "assistant", "content": "b"}], "non_preferred_output": [{"role": "assistant", "content": [{"type": "text", "text": "c"}]}]}
"""  # noqa: E501
TEXT = """*** START OF THE PROJECT GUTENBERG EBOOK THE SEA ***

CONTENTS

I. Rain . . . 1
II. Sun . . . 9

CHAPTER I

RAIN

It rained all night, and the old man went down to the sea, which was
grey; nobody had told him so. “Alone,” he said. _Never_ again.

                                  12

     * * *

CHAPTER II

The sun rose (see note 1). â€™ &amp; caf\xe9, “no.”

*** END OF THE PROJECT GUTENBERG EBOOK THE SEA ***
"""


@dataclass(frozen=True)
class Target:
    """A parser: how often it is drawn, what makes bad input of a seed, and the way in, given a folder of its own."""

    weight: int
    seeds: Callable[[], Sequence[bytes]]
    mutate: Mutator
    run: Callable[[bytes, Path], None]


def read_text_of(suffix: str, raw: bytes, folder: Path) -> None:
    """Read a file as the data service does, clean what was read, and count its words as an estimate does."""
    path = folder / "content"
    path.write_bytes(raw)
    filename = f"book{suffix}"
    try:
        size_of_manuscript(path, filename, Recipe(name="fuzz"))
    finally:
        manuscript = read_manuscript(path, filename)
        check_writable(manuscript)
        for chapter in gather_chapters(manuscript, CleaningLog(), SilentReporter()):
            "\n".join([chapter.title, *chapter.paragraphs]).encode()


def check_writable(manuscript: Manuscript) -> None:
    """Raise UnicodeEncodeError if a text, a name or a finding could not be written to a file."""
    for part in manuscript.parts:
        f"{part.name}{part.title}{part.text}".encode()
        for section in part.sections:
            "\n".join([section.heading, *section.paragraphs]).encode()
    for row in manuscript.rows:
        f"{row.place}{row.chapter}{row.book}{row.stored_rejected}{json.dumps(row.messages, ensure_ascii=False)}".encode()
    for finding in manuscript.findings:
        finding.model_dump_json()


def read_recipe(raw: bytes, folder: Path) -> None:
    """Read a recipe, its values as overrides of another, and its first line as an assignment."""
    path = folder / "fuzz.yaml"
    path.write_bytes(raw)
    try:
        load_recipe(path)
    finally:
        line = raw.split(b"\n")[-2:][0].decode("utf-8", "replace")
        apply_overrides(Recipe(name="fuzz"), parse_assignments([f"training.learning_rate={line.partition(':')[2]}"]))


def read_adapter_folder(raw: bytes, folder: Path) -> None:
    """Read an adapter as the merge does."""
    unpack(raw, folder)
    read_adapter(folder)


def export_folder(raw: bytes, folder: Path) -> None:
    """Read the shape of a model as a plan does, and write its GGUF file as an export does."""
    unpack(raw, folder / "model")
    try:
        read_shape(folder / "model")
    finally:
        export_model(folder / "model", "gguf-q8_0", folder / "model.gguf", SilentReporter())


def unpack(raw: bytes, folder: Path) -> None:
    """Write the members of an archive that was made here."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for name in archive.namelist():
            (folder / name).write_bytes(archive.read(name))


def change_member(random: Random, raw: bytes) -> bytes:
    """Change one file of a folder, or drop it; what is packed stays a good archive."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice(list(members))
    if random.random() < 0.03:
        del members[name]
    elif name.endswith(".safetensors"):
        members[name] = change_tensors(random, members[name])
    else:
        members[name] = change_text(find_kind(name))(random, members[name])
    return pack(list(members.items()))


def change_tensors(random: Random, raw: bytes) -> bytes:
    """Change the header of a safetensors file, mostly with its length put right, or any of its bytes."""
    if random.random() < 0.3:
        return change_bytes(random, raw)
    length = int.from_bytes(raw[:8], "little")
    header = change_text("json")(random, raw[8 : 8 + length])
    stated = len(header) if random.random() < 0.9 else random.choice((0, 1, len(header) - 1, 1 << 40, (1 << 64) - 1))
    return max(0, stated).to_bytes(8, "little") + header + raw[8 + length :]


def pack_folder(write: Callable[[Path], Path]) -> list[bytes]:
    """Return a folder that a function writes, packed."""
    with tempfile.TemporaryDirectory() as name:
        folder = write(Path(name) / "folder")
        return [pack([(path.name, path.read_bytes()) for path in sorted(folder.iterdir())])]


def list_recipes() -> list[bytes]:
    """Return the recipes of the project."""
    return [path.read_bytes() for path in sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))]


@cache
def manuscripts() -> dict[str, list[bytes]]:
    """Return small files of every type, by extension."""
    fb2 = more_formats.write_fb2(formats.SAMPLE)
    numbered = docx_files.NUMBERED.format(0)
    body = (
        docx_files.p("One", "Heading1") + docx_files.p("It rained.", properties=numbered) + docx_files.table("a", "b")
    )
    return {
        ".txt": [TEXT.encode(), TEXT.encode("cp1252", "replace"), TEXT.encode("utf-16"), "第一回\n\n雨。\n".encode() * 3],
        ".md": [MARKDOWN.encode(), formats.write_markdown(formats.SAMPLE)],
        ".docx": [docx_files.write(body), formats.BYTES[".docx"]],
        ".odt": [more_formats.write_odt(formats.SAMPLE)],
        ".rtf": [more_formats.write_rtf(formats.SAMPLE), rich_text.rtf(r"{\info{\title A}}\u8220 a\'94\par{\footnote n}b")],
        ".fb2": [fb2, more_formats.fb2("<poem><stanza><v>a</v></stanza></poem><table><tr><td>b</td></tr></table>")],
        ".fbz": [pack([("book.fb2", fb2)])],
        ".epub": [
            formats.write_epub(formats.SAMPLE),
            epub_files.write({"a.xhtml": epub_files.ONE_FILE}, ncx=epub_files.THREE, nav=epub_files.THREE),
        ],
        ".html": [formats.write_html(formats.SAMPLE), epub_files.ONE_FILE.encode()],
        ".pdf": [more_formats.write_pdf([more_formats.page(number) for number in range(2)])],
        ".fountain": [FOUNTAIN.encode()],
        ".scriv.zip": [pack([(name, text.encode()) for name, text in rich_text.project().items()])],
        ".jsonl": [ROWS.encode()],
        ".zip": [pack([("Chapter 1.txt", TEXT.encode()), ("b/Chapter Two.md", MARKDOWN.encode()), ("c.jsonl", ROWS.encode())])],
    }  # fmt: skip


def find_manuscripts(suffix: str) -> Sequence[bytes]:
    """Return the small files of a type."""
    return manuscripts()[suffix]


TYPES = (".txt", ".md", ".docx", ".odt", ".rtf", ".fb2", ".fbz", ".epub", ".html", ".pdf", ".fountain", ".scriv.zip",
         ".jsonl", ".zip")  # fmt: skip
TARGETS = {
    suffix.removeprefix("."): Target(
        6,
        partial(find_manuscripts, suffix),
        change_archive if suffix in PACKED else change_text(find_kind(suffix)),
        partial(read_text_of, ".zip" if suffix == ".scriv.zip" else suffix),
    )
    for suffix in TYPES
} | {
    "recipe": Target(5, list_recipes, change_text("yaml"), read_recipe),
    "adapter": Target(6, lambda: pack_folder(write_adapter), change_member, read_adapter_folder),
    "gguf": Target(4, lambda: pack_folder(write_model), change_member, export_folder),
}


@cache
def find_seeds(name: str) -> Sequence[bytes]:
    """Return the seeds of a target, made once in a process."""
    return TARGETS[name].seeds()
