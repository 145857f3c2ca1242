"""The main document of a .docx, tag by tag: paragraphs, tables and text boxes, and what is not prose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.data.readers.formats.docx.looks import Look, Looks
from services.data.readers.formats.docx.numbers import Numbers
from services.data.readers.formats.docx.styles import (
    DIGIT,
    FALSE_VALUES,
    Styles,
    find_level,
    find_number,
    heading_level,
    is_bold,
    is_centred,
)
from services.data.readers.structure import Structure
from services.data.readers.xml_target import XmlTarget

LEFT_OUT = {
    "oMath": "formulas", "oMathPara": "formulas", "del": "deleted pieces", "moveFrom": "", "rt": "readings",
    "footnoteReference": "footnote marks", "endnoteReference": "footnote marks", "instrText": "",
    "commentReference": "comments", "annotationRef": "", "Fallback": "",
}  # fmt: skip
FRAMES = ("drawing", "pict", "object")  # of a picture, or of a box with text
TEXTS = ("t", "delText")
SIGNS = {"tab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
STYLE_LEFT_OUT = re.compile(
    r"^(?:toc(?: heading|\s*\d)|table of (?:figures|authorities)|index(?: heading| \d)|caption)$"
)
LABEL_END = re.compile(r"\w$")  # of a number without a sign behind it


@dataclass
class Paragraph:
    """The paragraph that is being read, and those of the text boxes in it, which come after it."""

    text: list[str] = field(default_factory=list)
    style: str = ""
    level: int | None = None
    number: str | None = None  # the list that numbers it; "0" is none
    number_level: int = 0
    centred: bool | None = None
    ends_section: bool = False
    continues: bool = False  # in the next one, as its end was deleted
    hidden: bool = False
    bold: bool | None = None  # of the run that is being read
    plain: bool = False  # some of its text is not bold
    boxed: list[Paragraph] = field(default_factory=list)

    def take_property(self, name: str, value: str) -> None:
        """Take a property of the paragraph: its style, level, number, alignment, or that a section ends with it."""
        if name == "pStyle":
            self.style = value
        elif name == "outlineLvl" and DIGIT.match(value):
            self.level = heading_level(int(value))
        elif name == "jc":
            self.centred = value == "center"
        elif name == "sectPr":
            self.ends_section = True


class DocxTarget(XmlTarget):
    """Collects the text of the document."""

    def __init__(self, structure: Structure, styles: Styles, numbers: Numbers) -> None:
        super().__init__(structure)
        self.styles = styles
        self.numbers = numbers
        self.looks = Looks()
        self.paragraphs = [Paragraph()]  # those inside text boxes lie on the one with the box
        self.continued: Paragraph | None = None
        self.tables: list[int] = []  # the pieces before each
        self.frames: list[bool] = []  # whether each has text

    def classify(self, name: str, values: Mapping[str, str]) -> str | None:
        """Return what an element is if it is not prose, "" if it is not worth reporting; None if it is prose."""
        marks_end = name == "del" and "pPr" in self.stack  # of the paragraph, which was deleted
        return None if marks_end else LEFT_OUT.get(name)

    def begin(self, name: str, values: Mapping[str, str]) -> None:
        """Take the begin of a paragraph, a table or a frame, a sign, or a property."""
        if name == "p":
            self.paragraphs.append(self.continue_paragraph() if len(self.paragraphs) == 1 else Paragraph())
        elif name == "tbl":
            self.end_continued()
            self.tables.append(len(self.structure.pieces))
        elif name in FRAMES:
            self.frames.append(False)
        elif name == "txbxContent":
            self.frames = [True] * len(self.frames)
        elif name == "br" and values.get("type") in ("page", "column"):
            self.structure.add_page_break()
        elif name in SIGNS and self.stack[-1:] == ["r"]:
            self.paragraphs[-1].text.append(SIGNS[name])
        else:
            self.take_property(name, values)

    def take_property(self, name: str, values: Mapping[str, str]) -> None:
        """Take a property of the paragraph or run from its tag."""
        value, paragraph = values.get("val", ""), self.paragraphs[-1]
        parent = self.stack[-1] if self.stack else ""
        if parent == "pPr":
            paragraph.take_property(name, value)
            if name == "pageBreakBefore" and value not in FALSE_VALUES:
                self.structure.add_page_break()
        elif name == "del":
            paragraph.continues = True
        elif parent == "numPr" and name == "numId":
            paragraph.number = value
        elif parent == "numPr" and name == "ilvl" and DIGIT.match(value):
            paragraph.number_level = int(value)
        elif parent == "rPr" and "pPr" not in self.stack:
            if name == "vanish" and value not in FALSE_VALUES:
                paragraph.hidden = True
            elif name == "b":
                paragraph.bold = value not in FALSE_VALUES
            elif name == "rStyle" and paragraph.bold is None and is_bold(value, self.styles):
                paragraph.bold = True
        elif name == "r":
            paragraph.hidden, paragraph.bold = False, None

    def add_text(self, text: str) -> None:
        """Take text, which may begin in the middle of a word."""
        if self.stack[-1] not in TEXTS:
            return
        paragraph = self.paragraphs[-1]
        if paragraph.hidden:
            self.structure.leave_out("hidden pieces", text)
        else:
            paragraph.text.append(text)
            bold = is_bold(paragraph.style, self.styles) if paragraph.bold is None else paragraph.bold
            paragraph.plain |= not bold and bool(text.strip())

    def finish(self, name: str) -> None:
        """Add what an element stands for that is not left out."""
        if name == "p" and len(self.paragraphs) > 1:
            paragraph = self.paragraphs.pop()
            if len(self.paragraphs) > 1:  # in a text box
                self.paragraphs[-1].boxed += [paragraph, *paragraph.boxed]
            elif paragraph.continues:
                self.continued = paragraph
            else:
                self.add_blocks(paragraph)
        elif name in ("tc", "body"):
            self.end_continued()
        elif name == "tbl" and (start := self.tables.pop()) < len(self.structure.pieces):
            self.structure.drop_table(start)
            self.looks.forget(len(self.structure.pieces))
        elif name in FRAMES and not self.frames.pop():
            self.structure.leave_out("images")

    def continue_paragraph(self) -> Paragraph:
        """Return a new paragraph, with the content of the one before if the end of that was deleted."""
        before, self.continued = self.continued or Paragraph(), None
        return Paragraph(text=before.text, plain=before.plain, boxed=before.boxed)

    def end_continued(self) -> None:
        """Add a paragraph whose end was deleted, though no other one follows it."""
        if self.continued:
            self.add_blocks(self.continued)
            self.continued = None

    def add_blocks(self, paragraph: Paragraph) -> None:
        """Add a paragraph and those in its text boxes."""
        for block in [paragraph, *paragraph.boxed]:
            self.add(block)

    def add(self, paragraph: Paragraph) -> None:
        """Add a paragraph: as a heading if its style makes it one, with the number that Word shows before it."""
        text = "".join(paragraph.text)
        style = self.styles.get(paragraph.style)
        level = find_level(paragraph.style, self.styles) if paragraph.level is None else paragraph.level
        label = self.next_label(paragraph)
        if STYLE_LEFT_OUT.match(style.name if style else paragraph.style.lower()):
            if text.strip():
                self.structure.leave_out("lines of contents", text)
        elif level and (text.strip() or label):
            sign = ":" if LABEL_END.search(label) else ""
            self.structure.add_heading(level, f"{label}{sign} {text}" if label and text.strip() else label or text)
        else:
            self.note_look(paragraph)
            shown = label if any(map(str.isalpha, label)) else ""  # "Chapter 1", not a stray item of a list
            self.structure.add_paragraph(text if text.strip() else shown)
        if paragraph.ends_section:
            self.structure.add_page_break()

    def next_label(self, paragraph: Paragraph) -> str:
        """Return the number that Word shows before a paragraph; empty if none."""
        number, level = find_number(paragraph.style, self.styles)
        if paragraph.number is not None:
            number, level = paragraph.number, paragraph.number_level
        return self.numbers.next_label(number, level) if number else ""

    def note_look(self, paragraph: Paragraph) -> None:
        """Remember the look of a paragraph that is about to be added."""
        centred = is_centred(paragraph.style, self.styles) if paragraph.centred is None else paragraph.centred
        look = Look(paragraph.style, not paragraph.plain, centred)
        self.looks.by_piece[len(self.structure.pieces)] = look
