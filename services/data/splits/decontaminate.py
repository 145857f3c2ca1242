"""No text on both sides: training and held-out passages are compared by runs of eight words (n-grams).

Of two near-duplicates, one held out and one not, the latter does not train. What they still have in common is counted
and reported, and a held-out passage whose text trains elsewhere is a finding.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np

from scriptorium.artifacts.dataset import SPLITS
from scriptorium.contracts import Finding
from scriptorium.text.ngrams import NGRAM
from services.data.passage import Passage
from services.data.splits.near_duplicates import NgramIndex, SimilarPair, mark_first_of_equals

LEAK_SHARE = 0.1  # of a passage's n-grams; new text shares one in a thousand, unless a letter is quoted twice
MAX_LEFT_OUT_SHARE = 0.05  # of the held-out passages; more are a sign that passages overlap

Splits = dict[str, list[Passage]]


@dataclass(frozen=True)
class LeakCheck:
    """The passages compared, the different n-grams that are held out, and how many of these train, too."""

    training: int
    held_out: int
    ngrams: int
    shared: int

    def __str__(self) -> str:
        return (
            f"{self.training:,} train against {self.held_out:,} held-out passages, {NGRAM}-word runs: "
            f"{self.shared:,} of {self.ngrams:,} shared"
        )


def drop_near_duplicates(
    splits: Splits, pairs: Sequence[SimilarPair], passages: Sequence[Passage]
) -> tuple[Splits, list[Finding]]:
    """Drop passages whose near-duplicate is in another split: test wins over dev, dev over train.

    `pairs` are indexes into `passages`.
    """
    rank = {passage.place: SPLITS.index(name) for name, members in splits.items() for passage in members}
    duplicate_of: dict[str, str] = {}
    for pair in pairs:
        low, high = sorted((passages[pair.first].place, passages[pair.second].place), key=lambda place: rank[place])
        if rank[low] != rank[high]:
            duplicate_of[low] = high
    findings = [
        Finding(
            code="twin_left_out",
            place=place,
            message=f"left out: {original} is held out and shares much of its wording",
        )
        for place, original in duplicate_of.items()
    ]
    return drop_places(splits, duplicate_of), findings


def drop_places(splits: Splits, left_out: Container[str]) -> Splits:
    """Return the splits without the passages at some places."""
    return {name: [passage for passage in members if passage.place not in left_out] for name, members in splits.items()}


def compare_splits(splits: Splits, index: NgramIndex, passages: Sequence[Passage]) -> tuple[LeakCheck, list[Finding]]:
    """Count the n-grams that training and held-out passages share; return a finding for each one that leaks.

    `index` has the n-grams of `passages`, which may be more than the splits have.
    """
    in_training = {passage.place: name == "train" for name, members in splits.items() for passage in members}
    trains = np.array([in_training.get(passage.place) is True for passage in passages], bool)
    held_out = np.array([in_training.get(passage.place) is False for passage in passages], bool)
    leaked = np.zeros(len(passages), np.int64)
    different = shared = 0
    for partition in index.partitions():
        groups = np.cumsum(mark_first_of_equals(partition.hashes)) - 1  # of equal n-grams
        trained = np.bincount(groups, trains[partition.owners]) > 0
        owner_held_out = held_out[partition.owners]
        tested = np.bincount(groups, owner_held_out) > 0
        leaked += np.bincount(partition.owners[owner_held_out & trained[groups]], minlength=len(passages))
        different += int(tested.sum())
        shared += int((tested & trained).sum())
    findings = [
        Finding(
            code="text_leaked",
            place=passage.place,
            message=f"{part / total:.0%} of its runs of {NGRAM} words train, too",
        )
        for passage, part, total in zip(passages, leaked, index.counts, strict=True)
        if part > LEAK_SHARE * total
    ]
    return LeakCheck(int(trains.sum()), int(held_out.sum()), different, shared), findings


def drop_leaking_passages(splits: Splits, findings: Sequence[Finding]) -> tuple[Splits, list[Finding]]:
    """Drop held-out passages that leak if they are few; else change nothing, because the text itself is at fault."""
    held_out = len(splits["dev"]) + len(splits["test"])
    left_out = {finding.place for finding in findings}
    remaining = drop_places(splits, left_out)
    if len(left_out) > max(1, MAX_LEFT_OUT_SHARE * held_out) or not (remaining["dev"] and remaining["test"]):
        return splits, list(findings)
    return remaining, [
        finding.model_copy(update={"code": "twin_left_out", "message": f"left out: {finding.message}"})
        for finding in findings
    ]
