import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scriptorium.errors import InvalidRecipe
from scriptorium.recipe import Split
from services.data.passage import Passage
from services.data.splits.decontaminate import LeakCheck
from services.data.splits.split import divide_passages, split_passages

WORDS = [f"word{number}" for number in range(5000)]


def make(lengths: list[int], words: int = 100) -> list[Passage]:
    """Make chapters of so many passages."""
    return [
        Passage(f"{chapter}.{number}", f"Chapter {chapter}", f"{chapter}.{number}", words, words)
        for chapter, count in enumerate(lengths)
        for number in range(count)
    ]


@given(st.lists(st.integers(1, 6), min_size=3, max_size=30), st.integers(0, 5))
@settings(max_examples=40)
def test_no_chapter_is_on_two_sides_and_nothing_is_lost(lengths: list[int], seed: int) -> None:
    passages = make(lengths)
    splits, _ = split_passages(passages, Split(), seed)
    in_splits = [passage.place for members in splits.values() for passage in members]
    assert sorted(in_splits) == sorted(passage.place for passage in passages)
    chapters = [{passage.chapter for passage in members} for members in splits.values()]
    assert all(chapters)
    assert sum(map(len, chapters)) == len(set.union(*chapters))
    assert all(passages.index(a) < passages.index(b) for members in splits.values() for a, b in pairwise(members))


@pytest.mark.parametrize("lengths", [[6], [3, 3], [4] * 20])
def test_with_validation_passages_dev_has_these_alone(lengths: list[int]) -> None:
    passages = make(lengths)
    validation = [replace(passage, place=f"v{passage.place}", chapter="v") for passage in make([2])]
    divided = divide_passages(passages, Split(dev=0.1, test=0.2), 1, None, validation)
    assert divided.splits["dev"] == validation
    both = [passage.place for name in ("train", "test") for passage in divided.splits[name]]
    assert sorted(both) == sorted(passage.place for passage in passages)
    assert divided.splits["train"]
    assert divided.splits["test"]


def test_shares_are_near_and_the_seed_decides() -> None:
    passages = make([4] * 20)
    splits, findings = split_passages(passages, Split(dev=0.1, test=0.2), 1)
    assert {name: len(members) for name, members in splits.items()} == {"train": 56, "dev": 8, "test": 16}
    assert not findings
    assert split_passages(passages, Split(), 1)[0] == splits
    assert split_passages(passages, Split(), 2)[0] != splits


def test_an_uneven_split_of_long_chapters_is_a_finding() -> None:
    _, findings = split_passages(make([5, 5, 5]), Split(dev=0.1, test=0.2), 0)
    assert [(finding.code, finding.place) for finding in findings] == [("uneven_split", "dev")]


@pytest.mark.parametrize("lengths", [[20], [10, 10]])
def test_without_chapters_the_ends_are_held_out(lengths: list[int]) -> None:
    passages = make(lengths)
    splits, findings = split_passages(passages, Split(dev=0.1, test=0.2), 0)
    assert splits == {"train": passages[:14], "dev": passages[14:16], "test": passages[16:]}
    assert [finding.code for finding in findings] == ["split_in_blocks"]


def novel(seed: int, chapters: int = 12, passages: int = 5, words: int = 200) -> list[Passage]:
    """Make chapters of words in random order."""
    generator = random.Random(seed)  # noqa: S311  # no secret
    return [
        Passage(" ".join(generator.choices(WORDS, k=words)), f"Chapter {chapter}", f"{chapter}.{number}", words, words)
        for chapter in range(chapters)
        for number in range(passages)
    ]


def again(passage: Passage, text: str, number: int) -> Passage:
    return replace(passage, stored_text=text, chapter=f"Again {number}", place=f"again {number}")


def changed(text: str, every: int) -> str:
    return " ".join("other" if at % every == 0 else word for at, word in enumerate(text.split()))


def sides(splits: dict[str, list[Passage]]) -> dict[str, str]:
    return {passage.place: name for name, members in splits.items() for passage in members}


@given(st.integers(0, 30), st.lists(st.integers(0, 59), min_size=1, max_size=8, unique=True))
@settings(max_examples=30)
def test_near_duplicates_are_never_on_two_sides(seed: int, copied: list[int]) -> None:
    book = novel(seed)
    copies = [again(book[index], changed(book[index].text, 15), index) for index in copied]
    divided = divide_passages([*book, *copies], Split(), seed)
    side = sides(divided.splits)
    assert len(divided.near_duplicates) == len(copied)
    for index in copied:
        assert len({side[place] for place in (book[index].place, f"again {index}") if place in side}) == 1
    left_out = {finding.place for finding in divided.findings if finding.code == "twin_left_out"}
    assert left_out == {passage.place for passage in (*book, *copies)} - set(side)
    assert divided.leak_check.shared == 0
    assert not [finding for finding in divided.findings if finding.code == "text_leaked"]


def test_the_copy_that_trains_is_left_out() -> None:
    book = novel(1)
    tested = split_passages([*book, again(book[0], "x", 0)], Split(), 1)[0]["test"][0]
    divided = divide_passages([*book, again(tested, tested.text, 0)], Split(), 1)
    side = sides(divided.splits)
    assert side[tested.place] == "test"
    assert side.get("again 0", "test") == "test"


def test_the_leak_check_reports_what_it_compared() -> None:
    book = novel(2)
    check = divide_passages(book, Split(), 2).leak_check
    assert check.training + check.held_out == len(book)
    assert check.ngrams == check.held_out * (200 - 7)
    assert str(check) == (
        f"{check.training} train against {check.held_out} held-out passages, 8-word runs: 0 of {check.ngrams:,} shared"
    )


def sew(book: list[Passage], count: int) -> tuple[list[Passage], list[str]]:
    """Return a book with `count` held-out passages made of pieces of others, but near-duplicates of none, and where."""
    splits, _ = split_passages(book, Split(), 3)
    pieces = [" ".join(passage.text.split()[:15]) for passage in splits["train"]]
    sewn = [passage.place for passage in splits["test"][:count]]
    return [
        replace(passage, stored_text=" ".join([*passage.text.split()[:100], *pieces]))
        if passage.place in sewn
        else passage
        for passage in book
    ], sewn


def test_a_held_out_passage_whose_text_trains_is_left_out() -> None:
    book, (place,) = sew(novel(3), 1)
    divided = divide_passages(book, Split(), 3)
    assert [(finding.code, finding.place) for finding in divided.findings] == [("twin_left_out", place)]
    assert place not in sides(divided.splits)
    assert divided.leak_check.shared == 0


def test_many_held_out_passages_whose_text_trains_are_a_fault_of_the_text() -> None:
    book, sewn = sew(novel(3), 3)
    divided = divide_passages(book, Split(), 3)
    assert [finding.place for finding in divided.findings if finding.code == "text_leaked"] == sewn
    assert set(sewn) <= set(sides(divided.splits))
    assert divided.leak_check.shared > 100


def test_a_few_words_in_common_are_counted_but_no_finding() -> None:
    book = novel(4)
    splits, _ = split_passages(book, Split(), 4)
    tested = splits["test"][0]
    saying = " ".join(splits["train"][0].text.split()[:10])
    patched = replace(tested, stored_text=f"{tested.text} {saying}")
    divided = divide_passages([patched if passage is tested else passage for passage in book], Split(), 4)
    assert divided.leak_check.shared == 3
    assert not divided.findings


@pytest.mark.parametrize("texts", [[], ["too short"], ["one two three four five six seven eight"] * 5])
def test_hardly_any_text_divides_without_a_fault(texts: list[str]) -> None:
    passages = [Passage(text, f"{number}", f"{number}", 9, 9) for number, text in enumerate(texts)]
    assert isinstance(divide_passages(passages, Split(), 0).leak_check, LeakCheck)


@pytest.mark.parametrize(("lengths", "sizes"), [([4] * 10, [28, 4, 8]), ([3] * 9, [18, 3, 6]), ([40], [28, 4, 8])])
def test_a_conversation_is_on_one_side_unless_it_is_the_only_one(lengths: list[int], sizes: list[int]) -> None:
    passages = [replace(passage, conversation=passage.chapter, chapter="rows.jsonl") for passage in make(lengths)]
    splits, _ = split_passages(passages, Split(dev=0.1, test=0.2), 1)
    assert [len(splits[name]) for name in ("train", "dev", "test")] == sizes
    if len(lengths) > 1:
        sides = [{passage.conversation for passage in members} for members in splits.values()]
        assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])


def make_books(*sizes: int, chapters: int = 5) -> list[Passage]:
    """Make books of chapters with so many passages."""
    return [
        replace(
            passage, book=f"Book {book}", chapter=f"Book {book}: {passage.chapter}", place=f"{book} {passage.place}"
        )
        for book, size in enumerate(sizes)
        for passage in make([size] * chapters)
    ]


def list_books(splits: dict[str, list[Passage]]) -> dict[str, list[str]]:
    return {name: sorted({passage.book for passage in members}) for name, members in splits.items()}


@given(st.lists(st.integers(1, 6), min_size=2, max_size=12), st.integers(0, 5))
@settings(max_examples=40)
def test_no_book_of_the_test_is_on_another_side_and_nothing_is_lost(sizes: list[int], seed: int) -> None:
    passages = make_books(*sizes)
    splits, _ = split_passages(passages, Split(by="book"), seed)
    assert sorted(passage.place for members in splits.values() for passage in members) == sorted(
        passage.place for passage in passages
    )
    assert all(splits.values())
    books = list_books(splits)
    assert not set(books["test"]) & {*books["train"], *books["dev"]}
    chapters = [{passage.chapter for passage in members} for members in splits.values()]
    assert sum(map(len, chapters)) == len(set.union(*chapters))


def test_many_books_are_held_out_as_near_to_the_shares_as_they_allow() -> None:
    splits, findings = split_passages(make_books(*[2] * 10), Split(by="book", dev=0.1, test=0.2), 1)
    assert {name: len(books) for name, books in list_books(splits).items()} == {"train": 7, "dev": 1, "test": 2}
    assert not findings
    assert split_passages(make_books(*[2] * 10), Split(by="book"), 2)[0] != splits


@pytest.mark.parametrize("sizes", [(4, 4, 4), (3, 1)])
def test_a_few_books_are_not_used_up_by_dev(sizes: tuple[int, ...]) -> None:
    splits, _ = split_passages(make_books(*sizes), Split(by="book", dev=0.1, test=0.2), 1)
    books = list_books(splits)
    assert len(books["test"]) == 1
    assert set(books["dev"]) < set(books["train"]) or books["dev"] == books["train"]
    total = sum(map(len, splits.values()))
    assert len(splits["train"]) / total > 0.5


def test_books_of_a_chapter_each_are_dev_as_a_whole() -> None:
    splits, findings = split_passages(make_books(4, 4, 4, chapters=1), Split(by="book"), 1)
    assert sorted(map(len, splits.values())) == [4, 4, 4]
    assert [finding.place for finding in findings] == ["dev"]
    assert "data.split.by" in findings[0].next_step


@pytest.mark.parametrize("passages", [make([3, 3, 3]), make_books(5), make_books(5, 5, chapters=1)])
def test_too_few_books_are_refused(passages: list[Passage]) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        split_passages(passages, Split(by="book"), 1)
    assert (caught.value.code, caught.value.param) == ("invalid_recipe", "data.split.by")
    assert "more books" in str(caught.value.next_step)
