from scriptorium.text.languages.language import ENGLISH, read_language
from scriptorium.text.words import count_words, plain
from services.evaluator.voice.features.chunk import cut_chunks, cut_to
from services.evaluator.voice.features.frequencies import distort, find_frequent
from services.evaluator.voice.features.names import find_names


def test_chunks_contain_every_word_once():
    text = ["one two three.", "four five six seven", "eight nine ten eleven"]
    assert cut_chunks(text, 4) == ["one two three.\n\nfour ", "five six seven\n\neight ", "nine ten eleven"]
    assert [count_words(chunk) for chunk in cut_chunks(text, 5)] == [5, 5]  # one word is no chunk
    assert cut_chunks([], 4) == []


def test_a_text_is_cut_before_the_next_word():
    assert cut_to("one, two; three", 2) == "one, two; "
    assert cut_to("one, two; three", 3) == "one, two; three"


def test_typography_is_nobodys_style():
    assert plain("“Don’t”—he said…") == plain('"Don\'t" -- he\n said...')


def test_names_titles_and_pronouns_are_no_frequent_words():
    texts = ["When John saw Mr. Dark he ran, John said, to the house of the dark. I saw the house in the dark."] * 3
    assert {"john", "mr"} <= find_names(texts, ENGLISH)
    assert not {"the", "when", "dark"} & find_names(texts, ENGLISH)
    frequent = find_frequent(texts, ENGLISH)
    assert frequent[0] == "the"
    assert not {"john", "mr", "he", "i"} & set(frequent)


def test_french_words_are_counted_without_what_leans_on_them():
    french = read_language("fr")
    texts = [
        french.separate("Alors l'Angleterre et l'homme, d'Artagnan et M. Paul, que j'aime, sont l'un à l'autre.")
    ] * 3
    assert {"angleterre", "artagnan"} <= find_names(texts, french)
    frequent = find_frequent(texts, french)
    assert frequent[0] == "l"
    assert {"d", "autre"} <= set(frequent)
    assert not {"j", "m", "angleterre", "artagnan"} & set(frequent)


def test_german_nouns_are_no_names():
    texts = ["Da ging Anton in das Haus, und das Haus, sagte Anton, war die Stadt, und der Anton, mein Freund, lief."]
    texts += [
        "Dann sah Anton den Garten, und im Garten stand, sagte Anton, ein Baum, und Anton, Anton, Anton lief."
    ] * 3
    names = find_names(texts, read_language("de"))
    assert "anton" in names
    assert not {"haus", "garten", "baum", "stadt"} & names


def test_distorted_text_shows_the_style_and_hides_the_subject():
    assert distort("The Queen of 1066 - the cat!", frozenset(["the", "of"])) == "the * of #### - the *!"
