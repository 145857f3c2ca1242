"""The encodings of rich text: by the number of a font's character set, and by the code page of the document."""

from __future__ import annotations

import codecs

WINDOWS = "cp1252"
BY_CHARSET = {
    77: "mac_roman", 78: "shift_jis", 79: "big5", 80: "euc_kr", 83: "mac_greek", 84: "mac_cyrillic", 85: "gb18030",
    87: "mac_cyrillic", 88: "mac_latin2", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "cp950",
    161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251",
    222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip  # 0 and 1 are the document's own
BY_WORD = {"ansi": WINDOWS, "mac": "mac_roman", "pc": "cp437", "pca": "cp850"}
BY_CODE_PAGE = {10000: "mac_roman", 65001: "utf-8", 936: "gb18030"}


FONT_WORDS = ("f", "fcharset", "ansicpg", *BY_WORD)


class Fonts:
    """The encodings of a document and of its fonts, as far as it was read."""

    def __init__(self) -> None:
        self.codec = WINDOWS
        self.font = 0
        self.by_font: dict[int, str] = {}

    def take_word(self, word: str, number: int, *, in_table: bool) -> str:
        """Take one of FONT_WORDS, `in_table` if it describes a font; return the encoding from here on, or ""."""
        if word == "fcharset":
            self.by_font[self.font] = BY_CHARSET.get(number, "")
        elif word == "f" and in_table:
            self.font = number
        elif word == "f":
            return self.by_font.get(number) or self.codec
        else:
            self.codec = find_code_page(number) if word == "ansicpg" else BY_WORD[word]
            return self.codec
        return ""


def find_code_page(number: int) -> str:
    """Return Python's name of a code page; Windows' Western one if Python does not know it."""
    name = BY_CODE_PAGE.get(number, f"cp{number}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return WINDOWS
