"""A Scrivener project (.scriv): the texts of its Draft folder in the order of the binder, under their titles.

The project is a folder, or a .zip of it; its index (.scrivx) names the texts, which are rich text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from lxml import etree

from scriptorium.contracts import Finding
from services.data.readers.decode import Unreadable
from services.data.readers.formats.rtf import feed_rtf
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry
from services.data.readers.structure import Structure
from services.data.readers.xml import parse_xml

MAX_DEPTH = 9  # of headings; what is deeper has the last level
TEXT_PATHS = ("Files/Data/{}/content.rtf", "Files/Docs/{}.rtf")  # of version 3, and of those before it
MARKED_PIECES = (
    ("comments", re.compile(r"\{\\Scrv_annot(?:(?!\{\\Scrv_annot).)*?\\end_Scrv_annot\}", re.DOTALL)),
    ("footnotes", re.compile(r"\{\\Scrv_fn(?:(?!\{\\Scrv_fn).)*?\\end_Scrv_fn\}", re.DOTALL)),
    ("", re.compile(r"<!?\$Scr_\w+::\d+>")),  # where one of its styles begins or ends
)


def read_scrivener(entry: Entry, findings: list[Finding]) -> Iterator[Part]:
    """Read a project by its index; raises Unreadable or FileTooLarge."""
    if not entry.siblings:
        raise Unreadable(
            "is the index of a Scrivener project without its texts; send the .scriv folder, or a .zip of it"
        )
    root = parse_xml(entry.read())
    draft = next((item for item in root.iter("{*}BinderItem") if item.get("Type") == "DraftFolder"), None)
    if draft is None:
        raise Unreadable("lists no Draft folder, which every Scrivener project has; save it again")
    structure = Structure(entry.name)
    structure.title = read_child(root, ".//{*}ProjectTitle") or entry.stem
    outside = count_outside(root, draft, entry)
    for item, depth in walk_binder(draft, 1):
        if read_child(item, "{*}MetaData/{*}IncludeInCompile").lower() != "yes":
            outside["documents that are not included in the compiled book"] += 1
            continue
        structure.add_heading(min(depth, MAX_DEPTH) + 1, read_child(item, "{*}Title"))
        findings += read_document(item, entry, structure)
    structure.left_out.update(outside)
    findings += structure.findings()
    yield structure.make_part()


def walk_binder(folder: etree._Element, depth: int) -> Iterator[tuple[etree._Element, int]]:
    """Yield the documents and folders in a folder of the binder, in order, with their depth."""
    for item in folder.iterfind("{*}Children/{*}BinderItem"):
        yield item, depth
        yield from walk_binder(item, depth + 1)


def read_child(element: etree._Element, path: str) -> str:
    """Return the text of an element inside another one; "" if there is none."""
    return str(element.findtext(path) or "").strip()


def find_text(item: etree._Element, entry: Entry) -> Entry | None:
    """Return the file of a document's text, if it has one."""
    key = str(item.get("UUID") or item.get("ID") or "")
    return next((entry.siblings[path] for form in TEXT_PATHS if (path := form.format(key)) in entry.siblings), None)


def read_document(item: etree._Element, entry: Entry, structure: Structure) -> list[Finding]:
    """Add the text of a document; one that only holds others has none."""
    text = find_text(item, entry)
    if text is None:
        return []
    start = len(structure.pieces)
    try:
        findings = feed_rtf(text.read(), structure, f"{entry.name}, {read_child(item, '{*}Title')}")
    except Unreadable as error:
        raise Unreadable(f"has a damaged text, {text.name}, which {error}") from None
    structure.pieces[start:] = [(level, strip_marks(piece, structure)) for level, piece in structure.pieces[start:]]
    return findings


def strip_marks(text: str, structure: Structure) -> str:
    """Return a text without the program's marks in it, and count what they enclose."""
    for name, pattern in MARKED_PIECES:
        for match in pattern.finditer(text) if name else ():
            structure.leave_out(name, match.group())
        text = pattern.sub("", text)
    return text


def count_outside(root: etree._Element, draft: etree._Element, entry: Entry) -> Counter[str]:
    """Count the documents beside the Draft: research, notes and what was thrown away."""
    inside = {item for item, _ in walk_binder(draft, 1)}
    others = (item for item in root.iter("{*}BinderItem") if item is not draft and item not in inside)
    count = sum(find_text(item, entry) is not None for item in others)
    return Counter({"documents outside the Draft": count} if count else {})
