"""Markup that is nested without end, in every format that has some: read or refused, in bounded time and memory.

Each is read in a process of its own, with a limit on its memory: a parser in C that overflows its stack would take the
tests with it.
"""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

DEPTH = 400_000
MEMORY = 3 << 30  # bytes of addresses: libraries alone reserve one
SECONDS = 15  # of a processor, most of which are imports
TIMEOUT = 300  # seconds by the clock, on a machine that is busy with something else
CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
PACKAGE = (
    '<package><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
    '<spine><itemref idref="a"/></spine></package>'
)
READ = """
import sys
from pathlib import Path
from scriptorium.errors import FileTooLarge, InvalidTrainingFile
from services.data.readers import read_manuscript
try:
    print("parts", len(read_manuscript(Path(sys.argv[1]), sys.argv[2]).parts))
except (FileTooLarge, InvalidTrainingFile) as error:
    print("refused", error)
"""


def nest(tag: str, inside: str = "rain") -> str:
    return f"<{tag}>" * DEPTH + inside + f"</{tag}>" * DEPTH


def pack(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:  # stored: the ratio of compression is another test's
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return buffer.getvalue()


NESTED: dict[str, Callable[[], bytes]] = {
    "book.docx": lambda: pack(word__document_xml=f"<document><body>{nest('p')}</body></document>"),
    "styles.docx": lambda: pack(word__document_xml="<document/>", word__styles_xml=nest("style")),
    "book.odt": lambda: pack(content_xml=nest("p")),
    "document.epub": lambda: pack_epub(PACKAGE, f"<html><body>{nest('div')}</body></html>"),
    "package.epub": lambda: pack_epub(nest("package"), "<html/>"),
    "book.fb2": lambda: bytes(f"<FictionBook><body>{nest('section')}</body></FictionBook>", "ascii"),
    "book.html": lambda: bytes(f"<html><body>{nest('div')}</body></html>", "ascii"),
    "book.rtf": lambda: b"{\\rtf1 " + b"{" * DEPTH + b"rain" + b"}" * DEPTH + b"}",
    "book.md": lambda: b">" * DEPTH + b" rain",
    "Sea.scriv.zip": lambda: pack(Sea_scrivx=f"<ScrivenerProject>{nest('Children')}</ScrivenerProject>"),
}


def pack_epub(package: str, document: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("OPS/book.opf", package)
        archive.writestr("OPS/a.xhtml", document)
    return buffer.getvalue()


def set_limits() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@pytest.mark.parametrize("name", NESTED)
def test_markup_that_is_nested_without_end_is_read_or_refused(name: str, project: Path, tmp_path: Path) -> None:
    (tmp_path / "content").write_bytes(NESTED[name]())
    process = subprocess.run(
        [sys.executable, "-c", READ, tmp_path / "content", name], cwd=project, capture_output=True, text=True,
        timeout=TIMEOUT, preexec_fn=set_limits, check=False,
    )  # fmt: skip
    assert process.returncode == 0, process.stderr[-1500:]
    assert process.stdout.startswith(("parts", "refused"))
