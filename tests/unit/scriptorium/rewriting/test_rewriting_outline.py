"""An outline says who and what, in the order of events, and never quotes; whatever the passage is."""

from hypothesis import given
from hypothesis import strategies as st

from scriptorium.rewriting.book_words import BookWords, read_book
from scriptorium.rewriting.outline import write_outline
from scriptorium.text.languages.language import ENGLISH, read_language
from scriptorium.text.quotation import QUOTE_LENGTH, join_words, quotes_passage
from scriptorium.text.words import COMPOUND_WORD

NAMES = ["Tarzan", "Kala", "Dejah Thoris", "Anne-Marie", "Élodie"]
WORDS = ["and", "the", "crouched", "branch", "river", "screamed", "well-known", "knife", "it", "forest", "waited"]
COMMON = ["and", "the", "it", "then"]
BOOK = BookWords(frozenset(word for name in NAMES for word in name.split()), dict.fromkeys(COMMON, 90), 100, ENGLISH)

sentences = st.lists(st.sampled_from([*NAMES, *WORDS]), min_size=1, max_size=14).map(
    lambda words: f"Then {' '.join(words)}."
)
passages = st.lists(sentences, min_size=1, max_size=9).map(
    lambda parts: "\n\n".join(map(" ".join, [parts[:4], parts[4:]]))
)


def words_in(text: str) -> list[str]:
    return COMPOUND_WORD.findall(text.lower())


@given(passages)
def test_an_outline_never_shares_six_words_in_a_row_with_its_passage(passage: str) -> None:
    outline = write_outline(passage, BOOK)
    assert not quotes_passage(outline, join_words(words_in(passage)))
    assert set(words_in(outline)) <= set(words_in(passage)) - set(COMMON)


def longest_run_of_names(passage: str) -> int:
    """Return the most words in a row that are names, whatever stands between sentences."""
    longest = run = 0
    for word in COMPOUND_WORD.findall(passage):
        run = run + 1 if word in BOOK.names else 0
        longest = max(longest, run)
    return longest


@given(passages)
def test_every_name_is_in_it_and_names_come_in_their_order(passage: str) -> None:
    if longest_run_of_names(passage) >= QUOTE_LENGTH:
        return  # a list of names can only be broken by leaving one out
    outline = write_outline(passage, BOOK)
    assert {word for word in words_in(outline) if word in BOOK.lower_names} == {
        word for word in words_in(passage) if word in BOOK.lower_names
    }
    first_places = [words_in(passage).index(name) for name in order_of_names(outline)]
    assert first_places == sorted(first_places)


def order_of_names(text: str) -> list[str]:
    return list(dict.fromkeys(word for word in words_in(text) if word in BOOK.lower_names))


@given(st.permutations(WORDS[2:8]), st.permutations(NAMES[:2]))
def test_the_words_of_a_step_come_in_their_order(words: list[str], names: list[str]) -> None:
    passage = f"And {names[0]} {words[0]} the {words[1]} and {words[2]}. It {words[3]} {names[1]} {words[4]}."
    who, what = write_outline(passage, BOOK).split(": ")
    assert who.split(", ") == names
    assert what.split(", ") == list(words[:5])


def test_each_few_sentences_are_a_line() -> None:
    passage = " ".join(f"Then Kala {word}." for word in ("crouched", "screamed", "waited", "screamed"))
    assert write_outline(passage, BOOK) == "Kala: crouched, screamed, waited\nKala: screamed"
    assert write_outline("It and the.", BOOK) == ""


def test_a_passage_of_six_content_words_in_a_row_loses_one_but_no_name() -> None:
    passage = "Then Kala crouched waited screamed branch river."
    outline = write_outline(passage, BOOK)
    assert outline.startswith("Kala: ")
    assert len(words_in(outline)) == QUOTE_LENGTH - 1


def test_names_and_common_words_are_learned_from_the_book() -> None:
    texts = [f"When he came, Kala saw the {thing}. They called Kala, and it was late." for thing in WORDS]
    book = read_book(texts, ENGLISH)
    assert book.names == {"Kala"}
    assert book.list_items("They called Kala's brother to the river, called Kala.") == ["kala", "broth", "river"]


def test_in_german_nouns_are_content_and_names_are_names():
    texts = ["Da sah Effi das Haus und den Garten. Dann ging Effi in den Garten, und Effi war froh."] * 3
    book = read_book([*texts, *["Der Tag war lang und still."] * 20], read_language("de"))
    assert book.names == {"Effi"}
    assert {"Haus", "Garten"} <= set(book.list_content(texts[0]))


def test_in_french_an_elided_word_is_no_part_of_a_name_or_word():
    texts = ["Puis il vit l’épée d’Artagnan, et l’homme partit."] * 3
    book = read_book([*texts, *["La nuit fut longue."] * 20], read_language("fr"))
    assert book.list_names(texts[0]) == ["Artagnan"]
    assert {"épée", "homme"} <= set(book.list_content(texts[0]))
