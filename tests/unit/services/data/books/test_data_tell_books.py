import pytest

from services.data.books.remarks import note_books
from services.data.books.tell_books import ChapterSize, SourceFile, list_files, tell_books
from services.data.readers import Part


def file(name: str, words: int = 60_000, chapters: int = 20, title: str = "") -> SourceFile:
    return SourceFile(name, title, chapters, words)


def chapter_file(name: str) -> SourceFile:
    return file(name, words=4_000, chapters=1)


def name_books(*files: SourceFile) -> dict[str, list[str]]:
    return {book.name: [member.name for member in book.files] for book in tell_books(files, "My works.zip")}


@pytest.mark.parametrize(
    "files",
    [
        [file("novel.txt")],
        [chapter_file(f"{number}.txt") for number in range(30)],
        [chapter_file(f"The Sea/{number}.txt") for number in range(3)],
        [chapter_file(f"Part {number}/a.txt") for number in ("One", "Two")] + [chapter_file("Prologue.txt")],
        [chapter_file(f"{number:02}/a.txt") for number in range(3)],
        [file(f"part-{number}.txt", words=30_000) for number in range(1, 4)],
        [file(f"part{number}.docx", words=30_000, title=f"The Sea {number}") for number in range(1, 4)],
        [file(f"{name}.docx", words=5_000, chapters=1, title=f"Scene {name}") for name in "abc"],
        [file(f"{name}.txt", words=5_000, chapters=5) for name in "abc"],  # scenes with headings
        [file("novel.docx"), chapter_file("a.txt"), chapter_file("b.txt")],  # what the others are is not clear
        [file(f"chunk_{number}.txt", words=900, chapters=1) for number in range(40)],
    ],
)
def test_one_book_stays_one(files: list[SourceFile]) -> None:
    assert name_books(*files) == {}
    assert list(note_books(tell_books(files, "x"), "x")) == []


def test_files_with_whole_books_are_books() -> None:
    assert name_books(
        file("works/the_sea.txt"), file("works/b.docx", title="The Wood"), chapter_file("works/c.txt")
    ) == {
        "The sea": ["works/the_sea.txt"],
        "The Wood": ["works/b.docx"],
        "C": ["works/c.txt"],
    }
    assert len(name_books(*[file(f"{name}.epub", words=3_000, chapters=1) for name in "ab"])) == 2
    assert len(name_books(*[file(f"{name}.docx", words=3_000, chapters=4, title=f"Book {name}") for name in "ab"])) == 2
    assert len(name_books(*[file(f"{name}.txt", words=20_000, chapters=1) for name in "ab"])) == 2


def test_folders_are_books() -> None:
    sea, wood = [[chapter_file(f"{book}/{number}.txt") for number in (1, 2)] for book in ("the_sea", "St. Ives")]
    assert name_books(*sea, *wood) == {
        "The sea": ["the_sea/1.txt", "the_sea/2.txt"],
        "St. Ives": [f.name for f in wood],
    }
    assert list(name_books(*sea, chapter_file("a.txt"), chapter_file("b.txt"))) == ["The sea", "My works"]


def test_a_long_folder_named_like_a_part_is_a_book() -> None:
    books = [file(f"Book {number}/{part}.txt", words=15_000, chapters=1) for number in (1, 2) for part in "abc"]
    assert list(name_books(*books)) == ["Book 1", "Book 2"]
    assert name_books(*[chapter_file(f"Book {number}/{part}.txt") for number in (1, 2) for part in "ab"]) == {}
    parts = [chapter_file(f"The Sea/Part {number}/a.txt") for number in (1, 2)]
    assert name_books(*parts, chapter_file("The Wood/1.txt"), chapter_file("The Wood/2.txt")) == {
        "The Sea": ["The Sea/Part 1/a.txt", "The Sea/Part 2/a.txt"],
        "The Wood": ["The Wood/1.txt", "The Wood/2.txt"],
    }


def test_books_of_one_name_are_told_apart_by_their_paths() -> None:
    books = name_books(file("a/sea.epub", title="The Sea"), file("b/sea.epub", title="The Sea"), file("b/wood.epub"))
    assert list(books) == ["The Sea (a/sea.epub)", "The Sea (b/sea.epub)", "Wood"]


@pytest.mark.parametrize("name", ["/etc/sea.epub", "../sea.epub", "//x/sea.epub", "./sea.epub"])
def test_a_name_in_an_archive_is_only_a_label(name: str) -> None:
    assert list(name_books(file(name), file("wood.epub"))) == ["Sea", "Wood"]


def test_pen_names_by_folder_are_named_with_what_to_do() -> None:
    anna = [file(f"all/Anna Gray/{name}.epub") for name in ("Sea", "Wood")]
    books = tell_books([*anna, file("all/Tom Bell/Stars.epub")], "all.zip")
    assert [(book.name, book.shelf) for book in books] == [
        ("Sea", "Anna Gray"), ("Wood", "Anna Gray"), ("Stars", "Tom Bell"),
    ]  # fmt: skip
    several, voices = note_books(books, "all.zip")
    assert (several.code, several.place, several.message) == (
        "several_books", "all.zip", "has 3 books: Sea, Wood, Stars",
    )  # fmt: skip
    assert voices.code == "several_voices"
    assert "2 folder(s): Anna Gray, Tom Bell; all of them train as one voice" in voices.message


def test_a_folder_for_each_book_is_no_shelf() -> None:
    books = tell_books([file("a/Sea.epub"), file("b/Wood.epub")], "x")
    assert [book.shelf for book in books] == ["", ""]
    assert [finding.code for finding in note_books(books, "x")] == ["several_books"]
    many = tell_books([file(f"Novel {number:02}.epub") for number in range(20)], "x")
    assert next(note_books(many, "x")).message.endswith("Novel 11, and 8 more")


def test_the_files_are_listed_with_what_is_in_them() -> None:
    parts = [
        Part("a.docx", "x", title=" The  Sea "),
        Part("b.docx", "x", title="Microsoft Word - b"),
        Part("b.docx", "y"),
    ]
    chapters = [ChapterSize("a.docx", "a: I", 5), ChapterSize("b.docx", "b: I", 7), ChapterSize("b.docx", "b: II", 8)]
    assert list_files(parts, chapters) == [SourceFile("a.docx", "The Sea", 1, 5), SourceFile("b.docx", "", 2, 15)]
