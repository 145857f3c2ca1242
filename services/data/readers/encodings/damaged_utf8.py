"""UTF-8 with a few bytes that are not: it stays UTF-8, for no other encoding forms its characters by chance."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

SLICE_SIZE = 1 << 18
MAX_SHOWN_BYTES = 5
BAD_BYTE = re.compile("[\udc80-\udcff]")  # as Python's surrogateescape decodes it
CHARACTER = re.compile("[\x80-\ud7ff\ue000-\U0010ffff]")


@dataclass(frozen=True)
class BadBytes:
    """The bytes of a file that are not UTF-8: their number, the first few by line and value, and what is UTF-8."""

    count: int
    first: tuple[tuple[int, int], ...]
    characters: int

    @property
    def are_exceptions(self) -> bool:
        """Whether the file is UTF-8 otherwise: it has more whole characters outside ASCII than bad bytes."""
        return self.characters > self.count

    def __str__(self) -> str:
        shown = ", ".join(f"0x{byte:02X} in line {line:,}" for line, byte in self.first)
        return f"{shown} and {self.count - len(self.first):,} more" if self.count > len(self.first) else shown


def find_bad_bytes(opener: Callable[[], BinaryIO]) -> BadBytes:
    """Read a file as UTF-8 to its end, and return the bytes that are not."""
    count = characters = 0
    line, first = 1, list[tuple[int, int]]()
    with io.TextIOWrapper(opener(), "utf-8", "surrogateescape") as text:
        while piece := text.read(SLICE_SIZE):
            for match in BAD_BYTE.finditer(piece):
                count += 1
                if len(first) < MAX_SHOWN_BYTES:
                    first.append((line + piece.count("\n", 0, match.start()), ord(match.group()) - 0xDC00))
            characters += len(CHARACTER.findall(piece))
            line += piece.count("\n")
    return BadBytes(count, tuple(first), characters)
