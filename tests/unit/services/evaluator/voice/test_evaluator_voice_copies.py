from hypothesis import given
from hypothesis import strategies as st

from scriptorium.text.ngrams import NGRAM
from services.evaluator.voice.copies import CopyFinder, mask

SOURCE = "It was a bright cold day in April and the clocks were striking thirteen when he came home."
WORDS = st.lists(st.sampled_from(["a", "b", "c", "it's", "Über"]), max_size=40)


def indices_of_copies(words: list[str], source: list[str]) -> set[int]:
    """Find the indices of words inside any shared run, one by one."""
    source_runs = {tuple(source[at : at + NGRAM]) for at in range(len(source) - NGRAM + 1)}
    starts = [at for at in range(len(words) - NGRAM + 1) if tuple(words[at : at + NGRAM]) in source_runs]
    return {at + offset for at in starts for offset in range(NGRAM)}


@given(WORDS, WORDS)
def test_the_mask_is_what_a_slow_search_finds(words, source):
    text = " ".join(words)
    left = mask(text, CopyFinder([" ".join(source)]).find(text)).split()
    copied = indices_of_copies([word.lower() for word in words], [word.lower() for word in source])
    assert left == [word for at, word in enumerate(words) if at not in copied]


@given(WORDS)
def test_a_text_is_a_copy_of_itself(words):
    runs = CopyFinder([" ".join(words)]).find(" ".join(words))
    assert [run.words for run in runs] == ([len(words)] if len(words) >= NGRAM else [])


def test_signs_capitals_and_curly_apostrophes_do_not_hide_a_copy():
    text = "He said: a bright, cold day in April - and THE clocks were striking! And then"
    (run,) = CopyFinder([SOURCE]).find(text)
    assert run.words == 11
    assert text[run.start : run.end] == run.text == "a bright, cold day in April - and THE clocks were striking"
    assert CopyFinder(["don't you see that it's all over now"]).find("don’t you see that it’s all over now")


def test_no_run_crosses_the_end_of_a_text():
    assert not CopyFinder(["a b c d e", "f g h i j"]).find("a b c d e f g h i j")


def test_two_copies_side_by_side_are_two():
    copies = CopyFinder(["a b c d e f g h", "s t u v w x y z"])
    assert [run.words for run in copies.find("a b c d e f g h s t u v w x y z")] == [8, 8]


def test_without_sources_there_are_no_copies():
    assert CopyFinder([]).find(SOURCE) == []
    assert mask(SOURCE) == SOURCE
