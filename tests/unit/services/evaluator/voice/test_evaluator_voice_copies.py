from hypothesis import given
from hypothesis import strategies as st

from services.evaluator.voice.copies import RUN, Copies, mask

GIVEN = "It was a bright cold day in April and the clocks were striking thirteen when he came home."
WORDS = st.lists(st.sampled_from(["a", "b", "c", "it's", "Über"]), max_size=40)


def slowly(words: list[str], given: list[str]) -> set[int]:
    """Places of words inside any shared run, looked for one by one."""
    known = {tuple(given[at : at + RUN]) for at in range(len(given) - RUN + 1)}
    starts = [at for at in range(len(words) - RUN + 1) if tuple(words[at : at + RUN]) in known]
    return {at + offset for at in starts for offset in range(RUN)}


@given(WORDS, WORDS)
def test_what_is_masked_is_what_a_slow_search_finds(words, given):
    text = " ".join(words)
    left = mask(text, Copies([" ".join(given)]).find(text)).split()
    inside = slowly([word.lower() for word in words], [word.lower() for word in given])
    assert left == [word for at, word in enumerate(words) if at not in inside]


@given(WORDS)
def test_a_text_is_a_copy_of_itself(words):
    spans = Copies([" ".join(words)]).find(" ".join(words))
    assert [span.words for span in spans] == ([len(words)] if len(words) >= RUN else [])


def test_signs_capitals_and_curly_apostrophes_do_not_hide_a_copy():
    text = "He said: a bright, cold day in April - and THE clocks were striking! And then"
    (span,) = Copies([GIVEN]).find(text)
    assert span.words == 11
    assert text[span.start : span.end] == span.text == "a bright, cold day in April - and THE clocks were striking"
    assert Copies(["don't you see that it's all over now"]).find("don’t you see that it’s all over now")


def test_no_run_goes_over_the_end_of_a_text():
    assert not Copies(["a b c d e", "f g h i j"]).find("a b c d e f g h i j")


def test_two_copies_side_by_side_are_two():
    copies = Copies(["a b c d e f g h", "s t u v w x y z"])
    assert [span.words for span in copies.find("a b c d e f g h s t u v w x y z")] == [8, 8]


def test_nothing_given_nothing_found():
    assert Copies([]).find(GIVEN) == []
    assert mask(GIVEN) == GIVEN
