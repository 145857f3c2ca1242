"""How much a manuscript may hold: files, bytes once unpacked, and how far packing may have shrunk it."""

from __future__ import annotations

from dataclasses import dataclass

from scriptorium.errors import FileTooLarge

MIB = 1 << 20
MAX_ENTRIES = 20_000  # a book is some hundreds of passages; a bomb is millions of names
MAX_BYTES = 128 * MIB  # of text, unpacked: two hundred long novels
MAX_MARKUP = 32 * MIB  # of one file with markup: the longest novel is 4 MiB, and some formats are read at once
MAX_RATIO = 200  # prose packs to a third; more than this is made to fill a disk
SMALL = MIB  # below this no ratio is suspicious: a few equal lines pack to nothing


@dataclass
class Budget:
    """What is left of a manuscript's limits; every file of it, and every file inside these, is charged here."""

    filename: str
    files: int = 0
    size: int = 0

    def count(self, files: int) -> None:
        """Charge for files; raises FileTooLarge."""
        self.files += files
        if self.files > MAX_ENTRIES:
            self.refuse(f"holds {self.files:,} files; {MAX_ENTRIES:,} is the limit")

    def charge(self, size: int, place: str, packed: int | None = None) -> None:
        """Charge for a file's bytes, before they are unpacked; raises FileTooLarge."""
        self.size += size
        if self.size > MAX_BYTES:
            held = -(-self.size // MIB)
            self.refuse(f"holds {held:,} MiB of text or more; {MAX_BYTES // MIB:,} MiB is the limit")
        if packed is not None and size > max(SMALL, MAX_RATIO * packed):
            self.refuse(f"holds {place}, which is packed to less than a {MAX_RATIO}th, as no text is")

    def refuse(self, what: str) -> None:
        """Raise FileTooLarge."""
        raise FileTooLarge(f"{self.filename} {what}.", param="training_file", next_step="Send it in several parts.")


def check_markup(size: int, place: str) -> None:
    """Raise FileTooLarge where one file with markup is larger than any book."""
    if size > MAX_MARKUP:
        message = f"{place} has {size / MIB:,.0f} MiB; {MAX_MARKUP // MIB} MiB is the limit for a file of its kind."
        raise FileTooLarge(message, param=place, next_step="Send it in several parts, or as .txt.")
