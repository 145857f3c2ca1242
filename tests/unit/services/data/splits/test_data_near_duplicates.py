import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.text.ngrams import NGRAM
from scriptorium.text.words import ALPHANUMERIC_WORD
from services.data.splits import near_duplicates
from services.data.splits.near_duplicates import (
    CROWD_SIZE,
    SimilarPair,
    cluster_texts,
    find_near_duplicates,
    find_pairs,
    index_ngrams,
)


def write(seed: int, words: int = 200) -> str:
    chance = random.Random(seed)  # noqa: S311  # no secret
    return " ".join(f"word{chance.randrange(5000)}" for _ in range(words))


def compare(one: str, other: str) -> float:
    """Return the share of the shorter text's n-grams that both have, the slow way."""
    ngrams = [
        {tuple(words[at : at + NGRAM]) for at in range(len(words) - NGRAM + 1)}
        for words in map(ALPHANUMERIC_WORD.findall, (one, other))
    ]
    return len(ngrams[0] & ngrams[1]) / max(1, min(map(len, ngrams)))


def test_a_copy_with_changes_and_an_overlap_are_found_and_nothing_else() -> None:
    texts = [write(seed) for seed in range(6)]
    changed = " ".join(word if at % 25 else "changed" for at, word in enumerate(texts[1].split()))
    overlapping = " ".join([*texts[2].split()[-80:], *write(9).split()])
    pairs = find_near_duplicates([*texts, changed, overlapping])
    assert [(pair.first, pair.second) for pair in pairs] == [(1, 6), (2, 7)]
    assert pairs[1].shared == compare(texts[2], overlapping)


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=30).map(" ".join), max_size=6), st.floats(0.01, 1))
def test_shares_are_those_of_the_slow_way(texts: list[str], min_shared: float) -> None:
    expected = {
        (one, other): share
        for one, other in combinations(range(len(texts)), 2)
        if (share := compare(texts[one], texts[other])) >= min_shared
    }
    assert {(pair.first, pair.second): pair.shared for pair in find_near_duplicates(texts, min_shared)} == expected


def test_white_space_punctuation_and_capitals_do_not_count() -> None:
    text = write(3)
    assert find_near_duplicates([text, text.upper().replace(" ", ",\n\n")]) == [SimilarPair(0, 1, 1.0)]


def test_a_crowd_is_one_cluster_at_the_cost_of_a_chain() -> None:
    count = CROWD_SIZE + 10
    pairs = find_near_duplicates([write(0)] * count)
    assert len(pairs) == count - 1
    assert cluster_texts(pairs, count) == [0] * count


def test_clusters_join_through_others() -> None:
    assert cluster_texts([SimilarPair(1, 3, 1.0), SimilarPair(3, 4, 1.0)], 6) == [0, 1, 2, 1, 1, 5]


def test_few_words_have_no_duplicates() -> None:
    assert find_near_duplicates([]) == find_near_duplicates(["", "a b"]) == find_near_duplicates(["one two"] * 2) == []


@pytest.mark.parametrize("size", [300, 7_000, 10**9])
def test_several_partitions_give_the_same_pairs(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [write(seed, words=2000) for seed in range(10)]
    texts.append(" ".join([*texts[4].split()[:1000], *write(99, words=1000).split()]))
    expected = find_near_duplicates(texts)
    monkeypatch.setattr(near_duplicates, "NGRAMS_PER_PARTITION", size)
    with index_ngrams(texts, 22_000) as index:
        assert len(index.files) == 1 + 22_000 // size
        hashes = [partition.hashes for partition in index.partitions()]
        assert index.counts.sum() == sum(map(len, hashes))
        assert find_pairs(index) == expected
    together = np.concatenate(hashes)
    assert (together[1:] >= together[:-1]).all()
    assert [(pair.first, pair.second) for pair in expected] == [(4, 10)]
