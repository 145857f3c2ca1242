"""All inputs of a measurement of the voice, and the check that they fit together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from scriptorium.errors import EvaluationFailed, Problem
from scriptorium.text.languages.detect import detect_book_language
from scriptorium.text.languages.language import Language
from scriptorium.text.words import count_words
from services.evaluator.voice.features.chunk import CHUNK

TRAINING_TEXT, CALIBRATION_TEXT = "the training text", "what the base wrote for choosing"
HELD_OUT_PASSAGES, SEEN_AUTHORS = "held-out passages", "other authors to learn from"
NEXT_STEP = (
    "Give more text of the author, hold chapters out for choosing and for the test, and add other authors "
    "(`scriptorium impostors install`)."
)

NO_SPACES = "The voice cannot be measured in {}: its words are not separated by spaces, and every score counts words."
READ_INSTEAD = (
    "Judge by the passages side by side and the blind reading; the loss on held-out text is measured as ever."
)


@dataclass(frozen=True)
class HeldOutPassage:
    """A held-out passage of the author, and the brief that both models got for it."""

    text: str
    brief: str
    chapter: str = ""


@dataclass(frozen=True)
class VoiceImpostor:
    """Another author. `alike`: of the same period and genre, so that a likeness to the author means something."""

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
class VoiceInputs:
    """Texts of the author, of both models and of other authors.

    base[i] and tuned[i] were written from held_out[i].brief with the same settings. `base_calibration` is what the base
    wrote from other briefs. The scores learn from the seen impostors what the author is not; the unseen ones are only
    measured. `author_other`: other text of the author, such as training passages with other names, which a model may
    have copied as well. Without a `book_language`, it is detected.
    """

    author_train: Sequence[str]
    held_out: Sequence[HeldOutPassage]
    base: Sequence[str]
    tuned: Sequence[str]
    base_calibration: Sequence[str]
    seen_impostors: Sequence[VoiceImpostor]
    unseen_impostors: Sequence[VoiceImpostor]
    author_other: Sequence[str] = ()
    losses: Losses | None = None
    endings: Endings | None = None
    book_language: Language | None = None

    @cached_property
    def language(self) -> Language:
        """The language of the author's book."""
        return self.book_language or detect_book_language(self.author_train)

    def __post_init__(self) -> None:
        """Raise EvaluationFailed with all problems at once."""
        if not self.language.separates_words:
            raise EvaluationFailed(NO_SPACES.format(self.language.name), next_step=READ_INSTEAD)
        problems = [*self._find_scarce_texts(), *self._find_uneven_lengths(), *self._find_divided_impostors()]
        if problems:
            raise EvaluationFailed(
                "The voice cannot be measured with these texts.", problems=problems, next_step=NEXT_STEP
            )

    def _find_scarce_texts(self) -> list[Problem]:
        texts_by_name = {TRAINING_TEXT: self.author_train, CALIBRATION_TEXT: self.base_calibration}
        texts_by_name |= {impostor.name: impostor.texts for impostor in (*self.seen_impostors, *self.unseen_impostors)}
        words = {name: sum(map(count_words, texts)) for name, texts in texts_by_name.items()}
        scarce = [
            Problem(name, f"has {count} words; {CHUNK} are needed") for name, count in words.items() if count < CHUNK
        ]
        required = {HELD_OUT_PASSAGES: self.held_out, SEEN_AUTHORS: self.seen_impostors}
        return [*scarce, *(Problem(name, "are missing") for name, entries in required.items() if not entries)]

    def _find_uneven_lengths(self) -> list[Problem]:
        lengths = {"base": len(self.base), "tuned": len(self.tuned)}
        if self.endings is not None:
            lengths |= {"endings.base": len(self.endings.base), "endings.tuned": len(self.endings.tuned)}
        count = len(self.held_out)
        return [
            Problem(name, f"has {length} passages for {count} held-out ones")
            for name, length in lengths.items()
            if length != count
        ]

    def _find_divided_impostors(self) -> list[Problem]:
        seen_names = {impostor.name for impostor in self.seen_impostors}
        both = seen_names & {impostor.name for impostor in self.unseen_impostors}
        return [Problem(name, "is among the seen and the unseen impostors") for name in sorted(both)]
