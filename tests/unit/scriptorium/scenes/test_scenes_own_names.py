"""The names that are a book's own."""

from hypothesis import given
from hypothesis import strategies as st

from scriptorium.scenes.bank import read_bank
from scriptorium.scenes.own_names import find_own_names, list_capitalised

EN = read_bank("en")


def test_a_name_is_capitalised_inside_sentences_of_three_passages():
    passages = [
        "Then the man saw Numa, and Numa roared. The day was long.",
        "He spoke to Tarzan’s friend, and Numa was near. He went to Opar.",
        "A tree fell upon Tarzan; he ran from Numa to Opar. Suddenly the day ended.",
        "What the day did to Tarzan, nobody knew.",
    ]
    assert find_own_names(passages, [], EN) == {"numa", "tarzan"}


def test_a_word_that_is_mostly_small_is_no_name():
    passages = ["He asked the count and the Count.", "the count, the Count, the count"] * 3
    assert find_own_names(passages, [], EN) == frozenset()


def test_ordinary_names_and_their_plurals_are_not_the_books_own():
    passages = ["So it was John, a Mr Clayton, who met the Germans on a Monday."] * 3
    assert find_own_names(passages, [], EN) == {"clayton"}


def test_what_another_author_names_twice_is_not_the_books_own():
    passages = ["It was Clayton who saw Numa and Opar."] * 3
    others = [["And here was Clayton.", "And there was Clayton, too."], ["Once there was Numa.", "Opar! Opar!"]]
    assert find_own_names(passages, others, EN) == {"numa", "opar"}


def test_names_behind_elisions_and_apostrophes_count():
    passages = ["Puis il vit l’épée d’Artagnan et l’hôtel, dit Aramis."] * 3
    assert find_own_names(passages, [], read_bank("fr")) == {"artagnan", "aramis"}


def test_german_nouns_are_no_names():
    passage = (
        "Da sah der Vater in das Haus, und dort war Effi mit dem Hund. Doch nun ging Effi in das Haus, wo Geert mit "
        "dem Hund war. Und wieder sah er Effi vor dem Haus, dann Geert und noch einmal Geert. Er hatte selten Geduld."
    )
    assert find_own_names([passage] * 3, [], read_bank("de")) == {"effi", "geert"}


def test_capitals_are_listed_wherever_they_stand():
    assert list_capitalised("Tarzan’s ape. I'll go, TARZAN! McRae, d’Arnot") == {"tarzan", "mcrae", "arnot"}


@given(st.lists(st.text(max_size=60), max_size=5))
def test_any_text_gives_lower_case_words(texts):
    assert all(name == name.lower() and len(name) > 2 for name in find_own_names(texts, [texts], EN))
