"""A manuscript as it arrives: books, curated passages or ready rows; one file, a folder or a .zip.

Nothing is ever extracted to disk; a name inside an archive is only a label. A reader takes one file and tells its
parts; what it cannot read is a problem with a place, and everything is charged to one budget.
"""

from services.data.readers.manuscript import Example, Manuscript, Part, Section
from services.data.readers.read_manuscript import READERS, read_manuscript
from services.data.readers.sources import visible

KINDS = tuple(READERS)

__all__ = ["KINDS", "Example", "Manuscript", "Part", "Section", "read_manuscript", "visible"]
