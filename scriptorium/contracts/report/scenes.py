"""New scenes in report.json: whether names of the book turn up in stories that did not ask for them."""

from __future__ import annotations

from typing import Literal

from scriptorium.contracts.base import Contract


class LeakShare(Contract):
    """The passages of a model from new scenes, how many name somebody or some place of the book, and their share.

    The share is between 0 and 1, with its 95 % interval (Wilson).
    """

    passages: int
    leaking: int
    share: float
    low: float
    high: float


class LeakedName(Contract):
    """A name of the book, and in how many passages of the tuned model it turned up."""

    name: str
    passages: int


class SceneLeak(Contract):
    """A passage of the tuned model with names of the book; `index` counts the scenes."""

    index: int
    names: list[str]


class NewScenes(Contract):
    """The leak rate in new scenes. `language` is a code; `skipped` scenes of the bank share a name with the book.

    `own_names` is the number of names that were looked for. If the book has none, nothing is measured.
    """

    language: str
    skipped: int
    own_names: int
    tuned: LeakShare
    base: LeakShare
    names: list[LeakedName]
    leaking: list[SceneLeak]
    outcome: Literal["pass", "warn", "not_measured"]
    finding: str
    next_step: str = ""
