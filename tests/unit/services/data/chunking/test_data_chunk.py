import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from scriptorium.models.tokenizer import ChatTokenizer, chat_tokenizer
from scriptorium.recipe import Chunking
from scriptorium.text.sentences import split_sentences
from scriptorium.text.word_spans import has_unspaced
from services.data.checks.lengths import find_out_of_range
from services.data.chunking.chunk import chunk_text
from services.data.chunking.cut import cut_chapters
from services.data.chunking.token_offsets import Positions, UnitOffsets, word_offsets
from services.data.cleaning.chapters import Chapter
from services.data.passage import PARAGRAPH_BREAK

RANGE = Chunking(unit="words", minimum=40, maximum=100)

sentence = st.integers(1, 12).map(lambda words: " ".join(["Word", *["word"] * (words - 1)]) + ".")
paragraphs = st.lists(st.lists(sentence, min_size=1, max_size=20).map(" ".join), min_size=1, max_size=15)
some_text = st.lists(st.text(max_size=200).map(str.strip).filter(bool), min_size=1, max_size=6).map(
    PARAGRAPH_BREAK.join
)
ranges = st.tuples(st.integers(20, 60), st.integers(40, 200)).map(
    lambda pair: Chunking(unit="words", minimum=min(pair), maximum=max(pair))
)


def cut(text: str, chunking: Chunking = RANGE) -> list[str]:
    return [text[start:end] for start, end in chunk_text(text, word_offsets(text), chunking)]


def count(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


@given(paragraphs)
@settings(max_examples=60)
def test_passages_are_in_range_wherever_the_chapter_is_long_enough(chapter: list[str]) -> None:
    sizes = count(cut(PARAGRAPH_BREAK.join(chapter)))
    assert max(sizes) <= RANGE.maximum
    # With sentences of at most 12 words and a maximum over twice the minimum, only a short chapter has no division.
    if sum(sizes) >= RANGE.minimum:
        assert min(sizes) >= RANGE.minimum


@given(some_text, ranges)
def test_passages_are_the_text_with_nothing_but_white_space_between(text: str, chunking: Chunking) -> None:
    spans = chunk_text(text, word_offsets(text), chunking)
    gaps = [(0, 0), *spans, (len(text), len(text))]
    assert all(end <= start and not text[end:start].strip() for (_, end), (start, _) in pairwise(gaps))
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)


@given(paragraphs, ranges)
def test_only_a_sentence_over_the_maximum_is_cut(chapter: list[str], chunking: Chunking) -> None:
    sentences = {part.strip() for paragraph in chapter for part in split_sentences(paragraph)}
    for passage in cut(PARAGRAPH_BREAK.join(chapter), chunking):
        assert all(
            part.strip() in sentences
            for paragraph in passage.split(PARAGRAPH_BREAK)
            for part in split_sentences(paragraph)
        )


@given(st.lists(st.integers(1, 300), min_size=1, max_size=12), ranges)
def test_a_cut_sentence_was_over_the_maximum(sizes: list[int], chunking: Chunking) -> None:
    text = " ".join(" ".join(["Word", *["word"] * (size - 1)]) + "." for size in sizes)
    unfinished = [passage for passage in cut(text, chunking) if not passage.endswith(".")]
    assert not unfinished or max(sizes) > chunking.maximum
    assert all(size <= chunking.maximum for size in count(cut(text, chunking)))


@given(st.lists(paragraphs, min_size=1, max_size=4), ranges)
@settings(max_examples=40)
def test_every_passage_is_of_one_chapter_and_in_range_or_a_finding(
    base: Path, texts: list[list[str]], chunking: Chunking
) -> None:
    chapters = [Chapter(f"Chapter {number}", text) for number, text in enumerate(texts)]
    cut = list(cut_chapters(chapters, chunking, chat_tokenizer(base)))
    for chapter, passages in zip(chapters, cut, strict=True):
        assert " ".join(passage.text for passage in passages).split() == " ".join(chapter.paragraphs).split()
        assert {passage.chapter for passage in passages} == {chapter.title}
        assert [passage.before for passage in passages] == ["", *(passage.text for passage in passages[:-1])]
    flat = [passage for passages in cut for passage in passages]
    out_of_range = {finding.place for finding in find_out_of_range(flat, chunking, curated=False)}
    for passage in flat:
        assert passage.words == passage.tokens == len(passage.text.split())  # this tokenizer's tokens are words
        assert (chunking.minimum <= passage.words <= chunking.maximum) != (passage.place in out_of_range)


@pytest.fixture(scope="module")
def byte_level(tmp_path_factory: pytest.TempPathFactory, prose: Callable[..., str]) -> ChatTokenizer:
    """A tokenizer of the kind that large models have: a word and the space before it are one token."""
    folder = tmp_path_factory.mktemp("base")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator([prose(20)], trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template="x").save_pretrained(folder)
    return ChatTokenizer(folder)


def test_the_tokens_of_a_passage_are_those_of_its_text_alone(
    byte_level: ChatTokenizer, prose: Callable[..., str]
) -> None:
    texts = [prose(30, seed=number).replace(" He ", " “Él—” ") for number in range(4)]
    chapters = [Chapter(f"{number}", text.split(PARAGRAPH_BREAK)) for number, text in enumerate(texts)]
    chunking = Chunking(minimum=200, maximum=400)
    passages = [
        passage for chapter_passages in cut_chapters(chapters, chunking, byte_level) for passage in chapter_passages
    ]
    alone = byte_level.count([passage.text for passage in passages])
    assert all(abs(passage.tokens - tokens) <= 1 for passage, tokens in zip(passages, alone, strict=True))
    assert all(chunking.minimum <= passage.tokens <= chunking.maximum for passage in passages)


def test_the_work_grows_with_the_words(prose: Callable[..., str]) -> None:
    def cost(text: str) -> float:
        offsets = word_offsets(text)
        started = time.process_time()
        chunk_text(text, offsets, Chunking(unit="words", minimum=350, maximum=480))
        return time.process_time() - started

    text = prose(400)  # one chapter of 20,000 words
    cost(text)
    once = min(cost(text) for _ in range(3))
    assert min(cost(PARAGRAPH_BREAK.join([text] * 8)) for _ in range(2)) < 8 * once * 2  # a square would be 64 times


def test_paragraphs_are_not_cut_without_need() -> None:
    chapter = [" ".join(["Five words are in this."] * 10)] * 4
    assert cut(PARAGRAPH_BREAK.join(chapter)) in ([PARAGRAPH_BREAK.join(chapter[:2])] * 2, chapter)


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    passages = cut(" ".join(["Seven words are in this one sentence."] * 40))
    assert len(passages) >= 3
    assert all(passage.endswith("sentence.") for passage in passages)


def test_a_sentence_over_the_maximum_is_cut_between_words() -> None:
    assert all(RANGE.minimum <= size <= RANGE.maximum for size in count(cut("word " * 249 + "end.")))


def test_one_passage_is_short_rather_than_two() -> None:
    text = PARAGRAPH_BREAK.join(
        ["One word is not enough here at all, no."] * 12
    )  # 108 words, and two passages need 100 each
    sizes = count(cut(text, Chunking(unit="words", minimum=70, maximum=100)))
    assert sorted(size >= 70 for size in sizes) == [False, True]


def test_the_gap_between_paragraphs_counts_only_inside_a_passage() -> None:
    text = PARAGRAPH_BREAK.join([" ".join(["word"] * 20)] * 4)
    gaps = [at for at in range(len(text)) if text.startswith(PARAGRAPH_BREAK, at)]

    def with_gaps(positions: Positions, after: int) -> Positions:
        return np.sort(np.concatenate((positions, np.array(gaps) + after)))

    words = word_offsets(text)
    offsets = UnitOffsets(with_gaps(words.starts, 0), with_gaps(words.ends, len(PARAGRAPH_BREAK)))
    spans = chunk_text(text, offsets, Chunking(minimum=41, maximum=41))
    assert [offsets.length(*span) for span in spans] == [41, 41]


@given(st.text(max_size=300).filter(lambda text: not has_unspaced(text)), st.data())
def test_words_are_those_of_split(text: str, data: st.DataObject) -> None:
    offsets = word_offsets(text)
    assert [text[start:end] for start, end in zip(offsets.starts, offsets.ends, strict=True)] == text.split()
    cuts = [
        at
        for at in range(len(text) + 1)
        if at in (0, len(text)) or text[at - 1 : at + 1].strip() != text[at - 1 : at + 1]
    ]
    start, end = sorted((data.draw(st.sampled_from(cuts)), data.draw(st.sampled_from(cuts))))
    assert offsets.length(start, end) == len(text[start:end].split())


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
        ("彼は言った。「行くぞ！」雨が降る。", ["彼は言った。", "「行くぞ！」", "雨が降る。"]),
    ],
)
def test_sentences_begin_where_a_reader_says(paragraph: str, sentences: list[str]) -> None:
    assert split_sentences(paragraph) == sentences


@given(st.text(alphabet=st.sampled_from("aB.!? \n\"'”。」"), max_size=100))
def test_sentences_joined_are_the_paragraph(paragraph: str) -> None:
    assert "".join(split_sentences(paragraph)) == paragraph
