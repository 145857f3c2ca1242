"""Every step of cleaning: its changes have a place and are counted, and nothing else is changed."""

import textwrap
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scriptorium.text.words import ALPHANUMERIC_WORD
from services.data.cleaning.chapters import Chapter
from services.data.cleaning.clean import clean_book, clean_passage
from services.data.cleaning.steps import CleaningLog

LINE = "The old man went down to the river with his lamp and looked at the water."
STORY = f"{LINE} He said nothing. {LINE} Nobody answered him. {LINE}"


def wrap(text: str, width: int = 60) -> str:
    return "\n\n".join(textwrap.fill(part, width, break_on_hyphens=False) for part in text.split("\n\n"))


def clean(text: str) -> tuple[list[Chapter], dict[str, list[tuple[str, str, str]]]]:
    log = CleaningLog(examples=None)
    chapters = clean_book(text, log)
    steps = {
        step.name: [(change.place, change.before, change.after) for change in step.examples] for step in log.steps()
    }
    return chapters, steps


def line_of(text: str, phrase: str) -> str:
    return f"line {text[: text.index(phrase)].count(chr(10)) + 1}"


BODY = wrap("\n\n".join([STORY] * 6))
SURROUNDED = f"CHAPTER I\n\n{BODY}\n\n%s\n\n{BODY}\n"


@pytest.mark.parametrize(
    ("step", "text", "before", "after"),
    [
        ("encoding", SURROUNDED % "The cafÃ© was &quot;open&quot;.", "The cafÃ© was", 'The café was "open".'),
        ("licence", f"*** END OF THE PROJECT GUTENBERG EBOOK X ***\n{BODY}", "*** END OF", None),
        ("front_matter", f"The River\n\nCopyright 1912 by A. Nobody.\n\nCHAPTER I\n\n{BODY}", "Copyright 1912", ""),
        ("contents", f"CONTENTS\n\n   I  The Old Man\n  II  The Lamp\n\nCHAPTER I\n\n{BODY}", "CONTENTS", ""),
        ("back_matter", f"CHAPTER I\n\n{BODY}\n\nINDEX\n\nlamp, 4, 12\nriver, 1", "INDEX", ""),
        ("back_matter", f"CHAPTER I\n\n{BODY}\n\nTHE END", "THE END", ""),
        ("back_matter", f"CHAPTER I\n\n{BODY}\n\nTranscriber's Note: one comma was moved.", "Transcriber's Note", ""),
        ("headings", SURROUNDED % "CHAPTER II", "CHAPTER II", ""),
        ("scene_breaks", SURROUNDED % "*       *       *", "*       *       *", ""),
        ("page_numbers", SURROUNDED % "A word[Pg 12] or two were said here.", "[Pg 12]", ""),
        (
            "torn_paragraphs",
            SURROUNDED % "He saw the lamp and the\n\nriver, he said.",
            "He saw the lamp and the\n\nri",
            None,
        ),
        ("hyphens", SURROUNDED % "It was a for-\nester with his axe.", "for-\nester", "forester"),
        ("notes", SURROUNDED % "He said so.[12]", "[12]", ""),
        ("notes", SURROUNDED % "[Illustration: The old man,\nand his lamp.]", "[Illustration: The old man,\nand", None),
        ("emphasis", SURROUNDED % "It was _not at all_ so.", "_not at all_", "not at all"),
        ("emphasis", SURROUNDED % "It was **not\nat all** so.", "**not\nat all**", "not\nat all"),
        ("capitals", f"CHAPTER I\n\nTHE OLD man went on.\n\n{BODY}", "THE OLD man went on.", "The old man went on."),
    ],
)
def test_a_step_is_found_at_its_line(step: str, text: str, before: str, after: str | None) -> None:
    _, steps = clean(text)
    changes = [change for change in steps[step] if change[1].startswith(before[:20])]
    assert changes
    place, actual_before, actual_after = changes[0]
    assert actual_before.startswith(before)
    assert after is None or actual_after == after
    phrase = (
        "river, he said" if step == "torn_paragraphs" else before.partition(" ")[0] if step == "capitals" else before
    )
    assert place == line_of(text, phrase)
    account(text)


def account(text: str) -> list[Chapter]:
    """Check that every word of a text is in a chapter or in a counted change, and that the order stays."""
    chapters, steps = clean(text)
    expected = Counter(ALPHANUMERIC_WORD.findall(text))
    for step, changes in steps.items():
        for _, before, after in changes if step not in ("wrapped_lines", "torn_paragraphs") else ():
            expected.subtract(ALPHANUMERIC_WORD.findall(before))
            expected.update(ALPHANUMERIC_WORD.findall(after))
    words = [
        word
        for chapter in chapters
        for paragraph in chapter.paragraphs
        for word in ALPHANUMERIC_WORD.findall(paragraph)
    ]
    assert +expected == Counter(words)
    assert min(expected.values(), default=0) >= 0
    if not steps.keys() & {"encoding", "hyphens", "capitals", "emphasis"}:
        source = iter(ALPHANUMERIC_WORD.findall(text))
        assert all(word in source for word in words)
    return chapters


pieces = st.one_of(
    st.integers(1, 12).map(lambda number: f"CHAPTER {number}"),
    st.sampled_from(
        ["* * *", "CONTENTS", "THE RIVER", "[12]", "[Illustration: A\n\nlamp.]", "7", "- 8 -", "\f", "INDEX"]
    ),
    st.sampled_from(
        ["THE END", "Produced by nobody at all.", "Note: this is it.", "*** END OF THE PROJECT GUTENBERG X"]
    ),
    st.lists(
        st.sampled_from(
            [LINE, "He _did_ it.", "for-\nester", "NASA", "red-\nfaced", '"I am--', "a forester,", "it[3] is", "12"]
        ),
        min_size=1,
        max_size=8,
    ).map(lambda parts: textwrap.fill(" ".join(parts), 40, break_on_hyphens=False)),
)


@given(st.lists(st.tuples(pieces, st.sampled_from(["\n\n", "\n\n\n\n", "\n"])), max_size=25))
@settings(max_examples=200)
def test_no_word_is_lost_without_being_counted(parts: list[tuple[str, str]]) -> None:
    account("".join(piece + gap for piece, gap in parts))


@given(st.text(alphabet=st.sampled_from('aB .\n\t-*#I1\f\xa0"_[]“Ω'), max_size=300))
def test_a_clean_passage_is_clean(text: str) -> None:
    words = [word for word in clean_passage(text).split() if word.isalpha()]
    assert len(words) <= len(text.split())


prose = st.lists(
    st.sampled_from([STORY, LINE, "“No,” he said.", "It was red-faced--as always--and NASA knew."]),
    min_size=12,
    max_size=20,
)
books = st.lists(prose, min_size=1, max_size=4)


@given(books, st.sampled_from([60, 72, 10_000]), st.booleans())
@settings(max_examples=60)
def test_cleaning_what_is_clean_changes_nothing(chapters: list[list[str]], width: int, verse: bool) -> None:
    song = "A is for Archer\nWho shoots with a bow.\nB is for Boy,\nHis first name is Joe."
    texts = [[*paragraphs, song] if verse else paragraphs for paragraphs in chapters]
    typed = "\n\n\n".join(
        f"CHAPTER {number}\n\n" + "\n\n".join(text if text == song else wrap(text, width) for text in paragraphs)
        for number, paragraphs in enumerate(texts, start=1)
    )
    once = clean_book(typed)
    assert [chapter.paragraphs for chapter in once] == texts
    again = clean_book("\n\n".join("\n\n".join([chapter.title, *chapter.paragraphs]) for chapter in once))
    titles_and_paragraphs = [(chapter.title, chapter.paragraphs) for chapter in again]
    assert titles_and_paragraphs == [(chapter.title, chapter.paragraphs) for chapter in once]


def test_a_paragraph_has_its_line() -> None:
    text = (
        f"CHAPTER I\n\n{BODY}\n\nHe stopped at the\n\nriver, then he went on.\n\nIt was late.\n\nCHAPTER II\n\n{BODY}"
    )
    log = CleaningLog(source="book.txt")
    first, second = clean_book(text, log, line=100)
    assert first.locate(0) == "book.txt:102, CHAPTER I"
    torn = next(number for number, text in enumerate(first.paragraphs) if text.startswith("He stopped"))
    assert first.paragraphs[torn].endswith("went on.")
    late = int(line_of(text, "It was late").split()[1]) + 99
    assert first.locate(torn + 1) == f"book.txt:{late}, CHAPTER I"
    assert second.locate(0).endswith(", CHAPTER II")


def pages(heads: bool) -> str:
    """Return thirty pages whose sentences run over, with numbers below and running heads above, left and right."""
    words = " ".join(f"{LINE} It was the {number}th time that he had come here alone." for number in range(400))
    lines = textwrap.wrap(words, 60)
    made = []
    for number in range(30):
        head = ["THE RIVER\n\n", "A. Nobody\n\n"][number % 2] if heads and number else ""
        text = "\n".join(lines[number * 25 : number * 25 + 25])
        made.append(f"{head}{text}\n\n{number + 7:>30}\n\f")
    return "CHAPTER I\n\n" + "".join(made)


@pytest.mark.parametrize("heads", [True, False])
def test_page_furniture_is_left_out_and_the_text_is_joined(heads: bool) -> None:
    text = pages(heads)
    (chapter,) = account(text)
    _, steps = clean(text)
    assert len(steps["page_numbers"]) == 30
    assert len(steps.get("running_heads", ())) == 29 * heads
    assert all(paragraph.startswith(("The old man", "It was the")) for paragraph in chapter.paragraphs)
    assert all(paragraph.endswith(("water.", "alone.")) for paragraph in chapter.paragraphs[:-1])
    assert steps["page_numbers"][0][0] == line_of(text, "   7\n")
    if heads:
        assert steps["running_heads"][0][0] == line_of(text, "A. Nobody")


def test_running_heads_with_numbers_need_no_page_breaks() -> None:
    story = [f"{LINE} It was the {number}th time, and he was not glad of it at all." for number in range(40)]
    text = "CHAPTER I\n\n"
    for number, paragraph in enumerate(story):
        text += wrap(paragraph * 3) + "\n\n" + f"THE RIVER  {number + 10}\n\n" * (number % 4 == 3)
    chapters = account(text)
    _, steps = clean(text)
    assert len(steps["running_heads"]) == 10
    assert not any("RIVER" in paragraph for chapter in chapters for paragraph in chapter.paragraphs)


def test_chapter_numbers_and_repeated_titles_are_not_furniture() -> None:
    chapters = "\n\n".join(f"{number}\n\n{wrap(STORY * 2)}" for number in range(1, 9))
    assert len(account(chapters)) == 8
    titled = "".join(
        f"\f{name}\n\n{wrap(STORY * 30)}\n\n" for name in ["CLARA", "TOM", "CLARA", "TOM", "CLARA", "CLARA"]
    )
    _, steps = clean(titled)
    assert "running_heads" not in steps


def test_all_books_of_a_collection_are_kept() -> None:
    book = (
        "The Project Gutenberg EBook of {0}\n\n*** START OF THE PROJECT GUTENBERG EBOOK {0} ***\n\nCHAPTER I\n\n{1}\n\n"
    )
    book += "*** END OF THE PROJECT GUTENBERG EBOOK {0} ***\n\nFull licence text.\n\n"
    text = book.format("ONE", BODY) + book.format("TWO", BODY.replace("lamp", "rope"))
    first, second = account(text)
    assert "lamp" in first.paragraphs[0]
    assert "rope" in second.paragraphs[0]
    _, steps = clean(text)
    last = text[: text.rindex("*** END")].count("\n") + 1
    assert [place for place, _, _ in steps["licence"]] == ["line 1", line_of(text, "*** END"), f"line {last}"]


def test_a_book_whose_licence_has_no_start_is_kept() -> None:
    story = wrap("\n\n".join([STORY] * 80))
    licence = wrap(" ".join(["You may copy the Project Gutenberg eBook, and give it away."] * 200))
    ended = f"CHAPTER {{}}\n\n{story}\n\nEnd of Project Gutenberg's {{}}\n\n{licence}\n\n"
    text = "\n".join(ended.format(number, name) for number, name in [("I", "One"), ("II", "Two"), ("III", "Three")])
    chapters, steps = clean(text)
    assert [chapter.title for chapter in chapters] == ["CHAPTER I", "CHAPTER II", "CHAPTER III"]
    assert [len(chapter.paragraphs) for chapter in chapters] == [80] * 3
    assert len(steps["licence"]) == 3


def test_a_book_before_the_first_header_is_kept() -> None:
    story = wrap("\n\n".join([STORY] * 80))
    header = "The Project Gutenberg eBook of Two\n\n*** START OF THE PROJECT GUTENBERG EBOOK TWO ***"
    chapters, steps = clean(f"CHAPTER I\n\n{story}\n\n{header}\n\nCHAPTER II\n\n{story}")
    assert [len(chapter.paragraphs) for chapter in chapters] == [80] * 2
    assert len(steps["licence"]) == 1


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("metal-\nshod", "metal-shod"),  # compounds only are cut in this book
        ("four-\nor five-inch", "four- or five-inch"),
        ("1914-\n18", "1914-18"),
        ("it was so--\nor not", "it was so--or not"),
        ("it was so\n--or not", "it was so--or not"),
        ("it was so\n-- or not", "it was so -- or not"),
    ],
)
def test_a_book_that_cuts_only_compounds_keeps_their_hyphens(typed: str, read: str) -> None:
    text = f"{LINE}\nHe was red-faced and light-brown and half-clothed, and so was"
    text += " the\nred-\nfaced boy, half-\nclothed too."
    text += f"\nThen he saw that {typed} and went on to look for the old man at the river."
    assert read in account(text)[0].paragraphs[0]


@pytest.mark.parametrize(("typed", "read"), [("cloud-\nless", "cloudless"), ("broad-\nshouldered", "broad-shouldered")])
def test_a_book_that_cuts_words_has_them_joined(typed: str, read: str) -> None:
    known = "The forester and the mountains and the water were there\nbefore, and a cloud, less broad, but shouldered."
    cut = "He saw the for-\nester and the moun-\ntains and the wa-\nter."
    assert read in account(f"{known}\n{cut} It was a {typed} day for all of them, he said.")[0].paragraphs[0]


@pytest.mark.parametrize(
    ("opening", "read"),
    [
        ("THE OLD MAN had gone", "The old man had gone"),
        ("IT WAS clara who", "It was clara who"),
        ("“I SHALL not go", "“I shall not go"),
        ("TOM'S LAMP was out", "Tom's lamp was out"),
        ("XERXES WAS gone", "XERXES was gone"),
        ("FBI men had gone", "FBI men had gone"),
        ("I had gone", "I had gone"),
    ],
)
def test_capitals_at_an_opening_become_what_the_book_knows(opening: str, read: str) -> None:
    text = (
        f"CHAPTER I\n\n{opening} down to the river.\n\n{BODY}\n\nIt was Tom who said that I shall not go, the FBI said."
    )
    (chapter,) = account(text)
    assert chapter.paragraphs[0] == f"{read} down to the river."


def test_a_paragraph_in_capitals_is_left_alone() -> None:
    (chapter,) = clean_book(f"CHAPTER I\n\n{wrap(STORY).upper()}\n\n{BODY}")
    assert chapter.paragraphs[0].startswith(LINE.upper())


def test_verse_in_unwrapped_text_stays_one_paragraph() -> None:
    song = "A is for Archer\nWho shoots with a bow."
    (chapter,) = clean_book("\n\n".join([STORY, song, STORY]))
    assert chapter.paragraphs == [STORY, song, STORY]


def test_an_author_without_capitals_keeps_the_paragraphs() -> None:
    text = "\n\n".join(["he went down to the river, and the lamp", "it was late, he said"] * 20)
    assert len(clean_book(text)[0].paragraphs) == 40


@pytest.mark.parametrize(
    "text", ["-" * 50_000, "_" * 50_000, "[1" * 20_000, "* " * 20_000, "1 " * 20_000, "\f" * 5_000, ". " * 20_000]
)
@pytest.mark.timeout(10)
def test_strange_text_takes_little_time(text: str) -> None:
    clean_book(text)
    clean_passage(f"{LINE}\n{text}\n{LINE}")


def test_few_examples_are_kept_and_long_ones_shortened() -> None:
    log = CleaningLog(examples=2, source="book.txt")
    clean_book("Chapter 1\n\n" + f"{BODY}\n\n" * 6 + "INDEX\n\n" + "\n\n".join(["lamp, " * 100] * 3), log)
    (back,) = [step for step in log.steps() if step.name == "back_matter"]
    assert back.count == 4
    assert len(back.examples) == 2
    assert len(back.examples[1].before) < 450
    assert back.examples[0].place.startswith("book.txt:")
