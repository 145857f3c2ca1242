"""Everything that a measurement of the voice needs, and whether it fits together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scriptorium.errors import EvaluationFailed, Problem
from services.evaluator.voice.features.chunk import CHUNK
from services.evaluator.voice.features.words import count_words

TRAINING, CALIBRATION = "the training text", "what the base wrote from dev briefs"
NEXT = (
    "Give more text of the author, hold chapters out for dev and test, and add other authors "
    "(`scriptorium impostors install`)."
)
HELD_OUT, SEEN = "held-out passages", "other authors to learn from"


@dataclass(frozen=True)
class Passage:
    """A held-out passage of the author, and the brief that both models were given for it."""

    text: str
    brief: str
    chapter: str = ""


@dataclass(frozen=True)
class Impostor:
    """Another author. `alike`: of the same period and genre, so that their likeness to the author means something."""

    name: str
    texts: Sequence[str]
    alike: bool = False


@dataclass(frozen=True)
class Losses:
    """The base model's negative log-likelihood (nats per token) of texts, each without its brief."""

    genuine: Sequence[float]
    base: Sequence[float]
    tuned: Sequence[float]


@dataclass(frozen=True)
class Endings:
    """Whether each passage ended by itself (not at the limit of tokens)."""

    base: Sequence[bool]
    tuned: Sequence[bool]


@dataclass(frozen=True)
class Material:
    """Texts of the author, of both models and of others.

    base[i] and tuned[i] were written from held_out[i].brief with the same settings. `base_calibration` is what the base
    wrote from other briefs; `seen` impostors teach what the author is not, `unseen` ones are only measured.
    `author_other`: the author's text that is in none of the splits, which a model may have copied as well.
    """

    author_train: Sequence[str]
    held_out: Sequence[Passage]
    base: Sequence[str]
    tuned: Sequence[str]
    base_calibration: Sequence[str]
    seen: Sequence[Impostor]
    unseen: Sequence[Impostor]
    author_other: Sequence[str] = ()
    losses: Losses | None = None
    endings: Endings | None = None

    def __post_init__(self) -> None:
        """Raise EvaluationFailed with everything that does not fit."""
        problems = [*self._scarce(), *self._uneven(), *self._doubled()]
        if problems:
            raise EvaluationFailed(
                "The voice cannot be measured with this material.", problems=problems, next_step=NEXT
            )

    def _scarce(self) -> list[Problem]:
        given = {TRAINING: self.author_train, CALIBRATION: self.base_calibration}
        given |= {impostor.name: impostor.texts for impostor in (*self.seen, *self.unseen)}
        words = {name: sum(map(count_words, texts)) for name, texts in given.items()}
        scarce = [
            Problem(name, f"has {count} words; {CHUNK} are needed") for name, count in words.items() if count < CHUNK
        ]
        needed = {HELD_OUT: self.held_out, SEEN: self.seen}
        return [*scarce, *(Problem(name, "are missing") for name, found in needed.items() if not found)]

    def _uneven(self) -> list[Problem]:
        lengths = {"base": len(self.base), "tuned": len(self.tuned)}
        if self.endings is not None:
            lengths |= {"endings.base": len(self.endings.base), "endings.tuned": len(self.endings.tuned)}
        count = len(self.held_out)
        return [
            Problem(name, f"has {length} passages for {count} held-out ones")
            for name, length in lengths.items()
            if length != count
        ]

    def _doubled(self) -> list[Problem]:
        twice = {impostor.name for impostor in self.seen} & {impostor.name for impostor in self.unseen}
        return [Problem(name, "is among the seen and the unseen impostors") for name in sorted(twice)]
