import pytest

from scriptorium.errors import Conflict
from scriptorium.local import impostors


@pytest.fixture
def corpora(tmp_path, monkeypatch):
    """Create a package with a work of every author."""
    root = tmp_path / "demo" / "packages" / impostors.CORPORA
    for pattern in impostors.AUTHORS.values():
        path = root / pattern.replace("*", "1")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("It was.")
    monkeypatch.setattr(impostors, "DEMO", tmp_path / "demo")
    return root


def test_every_author_gets_a_folder_and_existing_ones_stay(corpora, tmp_path):
    folder = tmp_path / "impostors"
    (folder / "twain").mkdir(parents=True)
    assert set(impostors.install(folder).values()) == {1}
    assert {path.name for path in folder.iterdir()} == set(impostors.AUTHORS)
    assert list((folder / "twain").iterdir()) == []
    assert len(list((folder / "crane").glob("*.txt"))) == 1


def test_half_of_the_nine_without_the_author_leave_four_unseen(corpora, tmp_path):
    assert (len(impostors.install(tmp_path / "impostors")) - 1) // 2 >= 4


def test_a_file_in_the_way(corpora, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Conflict):
        impostors.install(tmp_path / "file")
