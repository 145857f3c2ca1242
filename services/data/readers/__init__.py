"""Readers of a manuscript as it arrives: books, curated passages or ready rows; one file, a folder or a .zip.

Nothing is ever extracted to disk; a name inside an archive is only a label. A reader takes one file and yields its
parts; anything unreadable is a problem with a place, and all sizes are charged to one budget.
"""

from services.data.readers.manuscript import Manuscript, ManuscriptSection, Part, ReadyRow
from services.data.readers.read_manuscript import READERS, read_manuscript
from services.data.readers.sources import is_visible

KINDS = tuple(READERS)

__all__ = ["KINDS", "Manuscript", "ManuscriptSection", "Part", "ReadyRow", "is_visible", "read_manuscript"]
