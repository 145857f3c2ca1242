from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scriptorium.recipe import Chunking
from services.data.chunk import PARAGRAPH, chunk_paragraphs, count_words
from services.data.sentences import split_sentences

RANGE = Chunking(unit="words", minimum=40, maximum=100)

sentence = st.integers(1, 12).map(lambda words: " ".join(["Word", *["word"] * (words - 1)]) + ".")
paragraphs = st.lists(st.lists(sentence, min_size=1, max_size=20).map(" ".join), min_size=1, max_size=15)


def count_characters(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


@given(paragraphs)
@settings(max_examples=60, deadline=None)
def test_passages_joined_are_the_chapter_and_all_are_in_range(chapter: list[str]) -> None:
    passages = chunk_paragraphs(chapter, RANGE, count_words)
    assert " ".join(passages).split() == PARAGRAPH.join(chapter).split()
    sizes = count_words(passages)
    assert max(sizes) <= RANGE.maximum
    # With sentences of at most 12 words and a maximum over twice the minimum, only a short chapter has no division.
    if sum(sizes) >= RANGE.minimum:
        assert min(sizes) >= RANGE.minimum


@given(st.lists(st.text(max_size=200).map(str.strip).filter(bool), min_size=1, max_size=6))
@settings(deadline=None)
def test_any_text_survives(chapter: list[str]) -> None:
    passages = chunk_paragraphs(chapter, Chunking(unit="words", minimum=20, maximum=40), count_characters)
    assert "".join("".join(passages).split()) == "".join("".join(chapter).split())


def test_paragraphs_are_not_torn_where_they_need_not_be() -> None:
    chapter = [" ".join(["Five words are in this."] * 10)] * 4
    assert (
        chunk_paragraphs(chapter, RANGE, count_words) == [PARAGRAPH.join(chapter[:2])] * 2
        or chunk_paragraphs(chapter, RANGE, count_words) == chapter
    )


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    chapter = [" ".join(["Seven words are in this one sentence."] * 40)]
    passages = chunk_paragraphs(chapter, RANGE, count_words)
    assert len(passages) >= 3
    assert all(passage.endswith("sentence.") for passage in passages)


def test_a_sentence_over_the_maximum_is_cut_between_words() -> None:
    passages = chunk_paragraphs(["word " * 249 + "end."], RANGE, count_words)
    assert all(RANGE.minimum <= size <= RANGE.maximum for size in count_words(passages))


def test_one_passage_is_short_rather_than_two() -> None:
    chapter = ["One word is not enough here at all, no."] * 12  # 108 words, and two passages need 100 each
    sizes = count_words(chunk_paragraphs(chapter, Chunking(unit="words", minimum=70, maximum=100), count_words))
    assert sorted(size >= 70 for size in sizes) == [False, True]


def test_the_gap_between_paragraphs_counts_only_inside_a_passage() -> None:
    def count(texts: Sequence[str]) -> list[int]:
        return [len(text.split()) + text.count(PARAGRAPH) for text in texts]

    chapter = [" ".join(["word"] * 20)] * 4
    narrow = Chunking(minimum=41, maximum=41)
    assert count(chunk_paragraphs(chapter, narrow, count)) == [41, 41]


@pytest.mark.parametrize(
    ("paragraph", "sentences"),
    [
        ("Mr. Bell saw Dr. Rome. He ran!", ["Mr. Bell saw Dr. Rome.", " He ran!"]),
        ('"Are you ill?" he asked. "No."', ['"Are you ill?" he asked.', ' "No."']),
        (
            "J. R. Smith came... and went. “Stop!” Then silence.",
            ["J. R. Smith came... and went.", " “Stop!”", " Then silence."],
        ),
        ("One line.\nAnother line.", ["One line.", "\nAnother line."]),
        ("no end", ["no end"]),
    ],
)
def test_sentences_begin_where_a_reader_says(paragraph: str, sentences: list[str]) -> None:
    assert split_sentences(paragraph) == sentences


@given(st.text(alphabet=st.sampled_from("aB.!? \n\"'”"), max_size=100))
def test_sentences_joined_are_the_paragraph(paragraph: str) -> None:
    assert "".join(split_sentences(paragraph)) == paragraph
