"""One list says which types of files a manuscript may have; whatever names them agrees with it."""

from pathlib import Path

from scriptorium.errors import InvalidTrainingFile
from scriptorium.manuscript_types import CONTENTS, TYPE_NAMES, TYPES, find_suffix
from services.data.readers.read_manuscript import CONVERSION_HINTS, READERS, READERS_BY_TYPE


def test_every_type_has_a_reader_and_every_reader_a_type() -> None:
    assert set(READERS_BY_TYPE) == {kind.suffix for kind in TYPES}
    assert set(READERS) == set(CONTENTS)
    assert all(find_suffix(f"a book{suffix}") == suffix for suffix in CONTENTS)
    assert not set(CONVERSION_HINTS) & set(READERS)


def test_documents_and_errors_name_every_type(project: Path) -> None:
    assert TYPE_NAMES in InvalidTrainingFile.default_next_step
    for page in ("data.md", "api.md"):
        text = (project / "docs" / page).read_text()
        assert [kind.label for kind in TYPES if f"`{kind.label}`" not in text] == [], page
    text = (project / "docs" / "data.md").read_text()
    assert [alias for kind in TYPES for alias in kind.aliases if f"`{alias}`" not in text] == []
