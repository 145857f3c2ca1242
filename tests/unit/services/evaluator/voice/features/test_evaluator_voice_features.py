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
    assert {"john", "mr"} <= find_names(texts)
    assert not {"the", "when", "dark"} & find_names(texts)
    frequent = find_frequent(texts)
    assert frequent[0] == "the"
    assert not {"john", "mr", "he", "i"} & set(frequent)


def test_distorted_text_shows_the_style_and_hides_the_subject():
    assert distort("The Queen of 1066 - the cat!", frozenset(["the", "of"])) == "the * of #### - the *!"
