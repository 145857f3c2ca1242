"""Changes to the tree of an XML file, which stays well-formed: what only a reader that goes by its meaning notices."""

from __future__ import annotations

from copy import deepcopy
from random import Random

from lxml import etree

VALUES = [
    "",
    "0",
    "-1",
    "1",
    "9" * 400,
    "9" * 5000,
    "²",
    "٣",
    "none",
    "true",
    "../a",
    "%ff",
    "#",
    "a" * 300,
    "1e9",
    "\u200b",
]
MAX_DEPTH = 255  # libxml2's own limit is one more, unless a parser lifts it
DEEP = 3000
MAX_COPIES = 2000
MAX_COPIED_BYTES = 1 << 18


def change_tree(random: Random, raw: bytes) -> bytes:
    """Drop, double, move, nest and rename elements, and change attributes and texts; raises XMLSyntaxError."""
    root = etree.fromstring(raw, etree.XMLParser(resolve_entities=False, huge_tree=True))
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        change_element(random, root)
    return bytes(etree.tostring(root, encoding=random.choice(("utf-8", "utf-8", "utf-16", "windows-1251"))))


def change_element(random: Random, root: etree._Element) -> None:
    """Change one element of a tree."""
    elements = [element for element in root.iter() if isinstance(element.tag, str)]
    element, other = random.choice(elements), random.choice(elements)
    parent = element.getparent()
    match random.randrange(9):
        case 0 if parent is not None:
            parent.remove(element)
        case 1 if parent is not None:
            copies = random.choice((1, 1, 2, MAX_COPIES))
            for _ in range(min(copies, MAX_COPIED_BYTES // len(etree.tostring(element)))):
                element.addnext(deepcopy(element))
        case 2:
            other.append(deepcopy(element))
        case 3:
            element.tag = other.tag
        case 4 | 5 if element.attrib:
            element.attrib[random.choice(sorted(map(str, element.attrib)))] = random.choice(VALUES)
        case 6:
            element.attrib.update(dict(other.attrib))
        case 7 if len(elements) < 1000:
            wrap(element, random.choice((2, 20, MAX_DEPTH, DEEP)) if random.random() < 0.3 else 1, str(other.tag))
        case _:
            element.text = random.choice((*VALUES, other.text, other.tail))


def wrap(element: etree._Element, depth: int, tag: str) -> None:
    """Put an element's text that many elements deep."""
    inner = element
    for _ in range(depth):
        inner = etree.SubElement(inner, tag)
    inner.text, element.text = element.text, None
