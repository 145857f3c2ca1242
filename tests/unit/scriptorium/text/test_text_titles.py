import pytest

from scriptorium.text.titles import choose_title, read_name


@pytest.mark.parametrize(
    ("filename", "title"),
    [
        ("book.txt", "Book"),
        ("a_princess_of_mars.txt", "A princess of mars"),
        ("pride-and-prejudice.epub", "Pride and prejudice"),
        ("jean-christophe.epub", "Jean-christophe"),
        ("Jean-Christophe_1904.epub", "Jean-Christophe 1904"),
        ("The River.docx", "The River"),
        ("l%20etranger.txt", "L etranger"),
        ("___.txt", "___"),
        ("über_uns.txt", "Über uns"),
    ],
)
def test_a_name_is_made_readable(filename: str, title: str) -> None:
    assert read_name(filename) == title


@pytest.mark.parametrize(
    "stated", ["", "  ", "Microsoft Word - final.doc", "Untitled", "untitled 2", "Document1", "x.docx"]
)
def test_what_a_program_wrote_is_no_title(stated: str) -> None:
    assert choose_title(stated, "the_sea.docx") == "The sea"


def test_a_stated_title_is_taken_on_one_line_and_not_too_long() -> None:
    assert choose_title(" The\n River\x00 ", "x.epub") == "The River"
    assert len(choose_title("word " * 999, "x.epub")) == 200
