"""No text on both sides: what trains and what is held out are compared by runs of eight words.

Of two passages with much wording in common, one held out and one not, the latter does not train; what is left in
common is counted and told, and a passage that is held out in name only is a finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scriptorium.artifacts.dataset import SPLITS
from scriptorium.contracts import Finding
from services.data.passage import Passage
from services.data.splits.near_duplicates import RUN, Pair, Runs, is_new

LEAKED = (
    0.1  # of a passage's runs; what an author writes anew shares one in a thousand, unless a letter is quoted twice
)
FEW = 0.05  # of the held-out passages: these are left out; more come of passages that overlap

Splits = dict[str, list[Passage]]


@dataclass(frozen=True)
class Comparison:
    """How many passages were compared, how many different runs are held out, and how many of these train, too."""

    training: int
    held_out: int
    runs: int
    shared: int

    def __str__(self) -> str:
        return (
            f"{self.training:,} train against {self.held_out:,} held-out passages, {RUN}-word runs: "
            f"{self.shared:,} of {self.runs:,} shared"
        )


def part_twins(splits: Splits, pairs: Sequence[Pair], passages: Sequence[Passage]) -> tuple[Splits, list[Finding]]:
    """The splits without what is nearly held out elsewhere, test before dev before train.

    `pairs` are indexes into `passages`.
    """
    rank = {passage.place: SPLITS.index(name) for name, held in splits.items() for passage in held}
    twins: dict[str, str] = {}
    for pair in pairs:
        low, high = sorted((passages[pair.first].place, passages[pair.second].place), key=lambda place: rank[place])
        if rank[low] != rank[high]:
            twins[low] = high
    findings = [
        Finding(
            code="twin_left_out", place=place, message=f"left out: {other} is held out and shares much of its wording"
        )
        for place, other in twins.items()
    ]
    return {name: [each for each in held if each.place not in twins] for name, held in splits.items()}, findings


def compare_splits(splits: Splits, runs: Runs, passages: Sequence[Passage]) -> tuple[Comparison, list[Finding]]:
    """What training and held-out passages have in common, and a finding for each that is held out in name only.

    `runs` are those of `passages`, which may be more than the splits have.
    """
    side = {passage.place: name == "train" for name, held in splits.items() for passage in held}
    trains = np.array([side.get(passage.place) is True for passage in passages], bool)
    held = np.array([side.get(passage.place) is False for passage in passages], bool)
    taken = np.zeros(len(passages), np.int64)
    different = shared = 0
    for shelf in runs.shelves():
        groups = np.cumsum(is_new(shelf.hashes)) - 1  # of equal runs
        trained = np.bincount(groups, trains[shelf.owners]) > 0
        outside = held[shelf.owners]
        tested = np.bincount(groups, outside) > 0
        taken += np.bincount(shelf.owners[outside & trained[groups]], minlength=len(passages))
        different += int(tested.sum())
        shared += int((tested & trained).sum())
    findings = [
        Finding(
            code="text_leaked",
            place=passage.place,
            message=f"{part / own:.0%} of its runs of {RUN} words train, too",
        )
        for passage, part, own in zip(passages, taken, runs.counts, strict=True)
        if part > LEAKED * own
    ]
    return Comparison(int(trains.sum()), int(held.sum()), different, shared), findings


def mend_leaks(splits: Splits, leaks: Sequence[Finding]) -> tuple[Splits, list[Finding]]:
    """The splits without held-out passages that leak, if these are few; else as they are, for the text is at fault."""
    held_out = len(splits["dev"]) + len(splits["test"])
    places = {leak.place for leak in leaks}
    mended = {name: [each for each in held if each.place not in places] for name, held in splits.items()}
    if len(places) > max(1, FEW * held_out) or not (mended["dev"] and mended["test"]):
        return splits, list(leaks)
    return mended, [
        leak.model_copy(update={"code": "twin_left_out", "message": f"left out: {leak.message}"}) for leak in leaks
    ]
