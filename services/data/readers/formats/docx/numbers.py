"""Automatic numbers: the label that Word shows before a paragraph, as "Chapter 4", which is nowhere in its text."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from lxml import etree

from scriptorium.text.digits import read_digits
from services.data.readers.formats.docx.styles import read_attribute

PLACEHOLDER = re.compile(r"%([1-9])")
LETTER_OR_DIGIT = re.compile(r"[^\W_]")
ROMAN_SIGNS = ((100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
MAX_ROMAN = 399
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class NumberLevel:
    """A level of a list: the form of its numbers, their label with a place for each level's, the first one."""

    form: str = "decimal"
    label: str = ""
    start: int = 1


@dataclass
class Numbers:
    """The lists of a document, and how far each is counted."""

    lists: dict[str, dict[int, NumberLevel]] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)  # of a list, the one that it counts with
    counts: defaultdict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))

    def next_label(self, number: str, level: int) -> str:
        """Count a paragraph of a list, and return its label; "" for a bullet or an unknown list."""
        levels = self.lists.get(number, {})
        if level not in levels:
            return ""
        counts = self.counts[self.sources[number]]
        counts[level] = counts.get(level, levels[level].start - 1) + 1
        for deeper in [other for other in counts if other > level]:
            del counts[deeper]
        if levels[level].form == "bullet":
            return ""

        def show(match: re.Match[str]) -> str:
            other = levels.get(int(match[1]) - 1, NumberLevel())
            return show_number(counts.get(int(match[1]) - 1, other.start), other.form)

        label = PLACEHOLDER.sub(show, levels[level].label).strip()
        return label if LETTER_OR_DIGIT.search(label) else ""


def read_numbers(root: etree._Element) -> Numbers:
    """Return the lists of a document, by the names that paragraphs know them by."""
    numbers = Numbers()
    abstract = {read_attribute(one, "abstractNumId"): read_levels(one) for one in root.iter("{*}abstractNum")}
    for one in root.iter("{*}num"):
        name, source = read_attribute(one, "numId"), read_attribute(one.find("{*}abstractNumId"), "val")
        if name != "0":  # which stands for no list
            numbers.lists[name], numbers.sources[name] = abstract.get(source, {}), source
    return numbers


def read_levels(element: etree._Element) -> dict[int, NumberLevel]:
    """Return the levels of a list."""
    levels = {}
    for level in element.iter("{*}lvl"):
        values = {name: read_attribute(level.find(f"{{*}}{name}"), "val") for name in ("numFmt", "lvlText", "start")}
        start = read_digits(values["start"]) if values["start"].isdecimal() else 1
        index = read_attribute(level, "ilvl")
        levels[read_digits(index) if index.isdecimal() else 0] = NumberLevel(values["numFmt"], values["lvlText"], start)
    return levels


def show_number(number: int, form: str) -> str:
    """Return a number in a form of Word's, in digits if the form is a rare one."""
    if form.endswith("Roman") and 0 < number <= MAX_ROMAN:
        signs = ""
        for value, sign in ROMAN_SIGNS:
            signs, number = signs + sign * (number // value), number % value
        return signs if form == "upperRoman" else signs.lower()
    if form.endswith("Letter") and 0 < number <= len(LETTERS):
        return LETTERS[number - 1] if form == "upperLetter" else LETTERS[number - 1].lower()
    return str(number)
