"""Small good files of every kind, which bad ones are made of; most come from the tests of the readers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tests.fuzz.mutations import pack
from tests.unit.services.data.readers import test_data_read_docx as docx_files
from tests.unit.services.data.readers import test_data_read_epub as epub_files
from tests.unit.services.data.readers import test_data_read_formats as formats
from tests.unit.services.data.readers import test_data_read_more_formats as more_formats
from tests.unit.services.data.readers import test_data_read_rich_text as rich_text

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
    paragraph = docx_files.p("It rained.", properties=docx_files.NUMBERED.format(0))
    body = docx_files.p("One", "Heading1") + paragraph + docx_files.table("a", "b")
    notes = r"{\info{\title A}}\u8220 a\'94\par{\footnote n}b"
    folder = [("Chapter 1.txt", TEXT.encode()), ("b/Chapter Two.md", MARKDOWN.encode()), ("c.jsonl", ROWS.encode())]
    return {
        ".txt": [
            TEXT.encode(), TEXT.encode("cp1252", "replace"), TEXT.encode("utf-16"), "第一回\n\n雨。\n".encode() * 3,
        ],
        ".md": [MARKDOWN.encode(), formats.write_markdown(formats.SAMPLE)],
        ".docx": [docx_files.write(body), formats.BYTES[".docx"]],
        ".odt": [more_formats.write_odt(formats.SAMPLE)],
        ".rtf": [more_formats.write_rtf(formats.SAMPLE), rich_text.rtf(notes)],
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
        ".zip": [pack(folder)],
    }  # fmt: skip
