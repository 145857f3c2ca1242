"""The limits of a manuscript: files, bytes once unpacked, and the compression ratio."""

from __future__ import annotations

from dataclasses import dataclass

from scriptorium.archives import MAX_ENTRIES, MIB
from scriptorium.errors import FileTooLarge

MIN_EXAMPLES = 10  # to train on, as the hosted fine-tuning API requires
MAX_BYTES = 128 * MIB  # of text, unpacked: two hundred long novels
MAX_MARKUP = 32 * MIB  # of one file with markup: the longest novel is 4 MiB, and some formats are read at once
MAX_RATIO = 200  # prose packs to a third; more than this is made to fill a disk
MIN_SUSPICIOUS_BYTES = MIB  # below this no ratio is suspicious: a few equal lines pack to nothing


@dataclass
class Budget:
    """The remaining limits of a manuscript; every file, and every file inside an archive, is charged here."""

    filename: str
    files: int = 0
    size: int = 0

    def count(self, files: int) -> None:
        """Charge for files; raises FileTooLarge."""
        self.files += files
        if self.files > MAX_ENTRIES:
            self.refuse(f"contains {self.files:,} files; the limit is {MAX_ENTRIES:,}")

    def charge(self, size: int, place: str, packed: int | None = None) -> None:
        """Charge for a file's bytes, before they are unpacked; raises FileTooLarge."""
        self.size += size
        if self.size > MAX_BYTES:
            mebibytes = -(-self.size // MIB)
            self.refuse(f"contains {mebibytes:,} MiB of text or more; the limit is {MAX_BYTES // MIB:,} MiB")
        if packed is not None and size > max(MIN_SUSPICIOUS_BYTES, MAX_RATIO * packed):
            self.refuse(f"contains {place}, which is packed to less than a {MAX_RATIO}th; text never is")

    def refuse(self, reason: str) -> None:
        """Raise FileTooLarge."""
        raise FileTooLarge(f"{self.filename} {reason}.", param="training_file", next_step="Send it in several parts.")


def check_markup(size: int, place: str) -> None:
    """Raise FileTooLarge if one file with markup is larger than any book."""
    if size > MAX_MARKUP:
        message = f"{place} has {size / MIB:,.0f} MiB; the limit for a file of its type is {MAX_MARKUP // MIB} MiB."
        raise FileTooLarge(message, param=place, next_step="Send it in several parts, or as .txt.")
