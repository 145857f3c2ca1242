"""Styles of paragraphs and runs: what they are called and based on, and how they look."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from services.data.readers.xml_target import local_name

STYLE_HEADING = re.compile(r"^heading ?([1-9])$")
STYLE_TITLES = {"title": 1, "subtitle": 10}
MAX_STYLE_CHAIN = 20  # styles, each based on the next
DIGIT = re.compile(r"[0-9]$")
FALSE_VALUES = ("0", "false", "off", "none")


@dataclass(frozen=True)
class Style:
    """A style: its name, the style that it is based on, its level in the outline, its look and its numbers."""

    name: str = ""
    base: str = ""
    level: int | None = None
    bold: bool | None = None
    centred: bool | None = None
    number: str = ""
    number_level: int = 0


Styles = Mapping[str, Style]


def read_styles(root: etree._Element) -> Styles:
    """Return the styles by their ids."""
    return {read_attribute(style, "styleId"): read_style(style) for style in root.iter("{*}style")}


def read_style(element: etree._Element) -> Style:
    """Return one style."""
    level = read_attribute(element.find("{*}pPr/{*}outlineLvl"), "val")
    bold, alignment = element.find("{*}rPr/{*}b"), read_attribute(element.find("{*}pPr/{*}jc"), "val")
    number_level = read_attribute(element.find("{*}pPr/{*}numPr/{*}ilvl"), "val")
    return Style(
        name=read_attribute(element.find("{*}name"), "val").lower(),
        base=read_attribute(element.find("{*}basedOn"), "val"),
        level=int(level) if DIGIT.match(level) else None,
        bold=None if bold is None else read_attribute(bold, "val") not in FALSE_VALUES,
        centred=alignment == "center" if alignment else None,
        number=read_attribute(element.find("{*}pPr/{*}numPr/{*}numId"), "val"),
        number_level=int(number_level) if DIGIT.match(number_level) else 0,
    )


def walk_chain(style: str, styles: Styles) -> Iterator[Style]:
    """Yield a style and those it is based on."""
    current = styles.get(style, Style(style.lower()))
    for _ in range(MAX_STYLE_CHAIN):
        yield current
        if current.base not in styles:
            return
        current = styles[current.base]


def find_level(style: str, styles: Styles) -> int:
    """Return the level of a style's headings, by the styles it is based on; 0 is ordinary text."""
    for current in walk_chain(style, styles):
        if heading := STYLE_HEADING.match(current.name):
            return int(heading[1]) + 1
        if current.name in STYLE_TITLES:
            return STYLE_TITLES[current.name]
        if current.level is not None:
            return heading_level(current.level)
    return 0


def is_bold(style: str, styles: Styles) -> bool:
    """Return whether a style's text is bold."""
    return bool(next((link.bold for link in walk_chain(style, styles) if link.bold is not None), False))


def is_centred(style: str, styles: Styles) -> bool:
    """Return whether a style's paragraphs are centred."""
    return bool(next((link.centred for link in walk_chain(style, styles) if link.centred is not None), False))


def find_number(style: str, styles: Styles) -> tuple[str, int]:
    """Return the list that a style's paragraphs are numbered by, and their level in it; "" if by none."""
    chain = walk_chain(style, styles)
    return next(((link.number, link.number_level) for link in chain if link.number), ("", 0))


def heading_level(level: int) -> int:
    """Convert a level in the outline, of which 9 is ordinary text, to a heading's level; level 1 is the title's."""
    return level + 2 if level < 9 else 0


def read_attribute(element: etree._Element | None, name: str) -> str:
    """Return an attribute of Word's namespace, whichever of the two it is; "" if there is none."""
    if element is None:
        return ""
    return next((str(value) for key, value in element.attrib.items() if local_name(str(key)) == name), "")
