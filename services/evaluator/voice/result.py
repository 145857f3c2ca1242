"""Everything that a measurement of the voice found out; goes to JSON as it is."""

from __future__ import annotations

from services.evaluator.voice.copies import RUN
from services.evaluator.voice.features.chunk import CHUNK
from services.evaluator.voice.features.frequencies import TOP
from services.evaluator.voice.frozen import Frozen
from services.evaluator.voice.gates.gate import Gate
from services.evaluator.voice.markers import Markers
from services.evaluator.voice.scorer import SCORES
from services.evaluator.voice.transfer import Transfer
from services.evaluator.voice.verdict import ImpostorTransfer, VoiceVerdict


class Copied(Frozen):
    """A copied run in a tuned passage; `start` and `end` are characters of the passage."""

    start: int
    end: int
    words: int
    text: str


class SampleVoice(Frozen):
    """One prompt. T of a single passage decides nothing; it helps to find passages worth reading.

    `compared` is the number of words that were read of each of the three, `words` what the tuned model wrote.
    """

    index: int
    chapter: str
    words: int
    compared: int
    counted_as_base: bool
    scores: dict[str, float]
    copied: list[Copied]


class ChapterTransfer(Frozen):
    """The raw T of one held-out chapter of the author: how far the author strays from their own mean."""

    chapter: str
    passages: int
    transfer: float


class Separation(Frozen):
    """AUC of author against base (it must be high) and of tuned against genuine text (0.5: nobody can tell)."""

    author_base_auc: float
    tuned_genuine_auc: float
    drift: float | None


class Attribution(Frozen):
    """The share of passages that a classifier over all hands, the base among them, gives to the author."""

    hands: int
    genuine: float
    base: float
    tuned: float


class HowMeasured(Frozen):
    """The settings of this measurement."""

    seed: int
    length_words: int
    chunk_words: int = CHUNK
    run_words: int = RUN
    frequent_words: int = TOP
    author_chunks: int
    base_chunks: int
    seen: list[str]
    unseen: list[str]
    scores: list[str] = list(SCORES)


class Voice(Frozen):
    """Everything that was found out; goes to JSON as it is."""

    verdict: VoiceVerdict
    transfer: Transfer
    impostors: list[ImpostorTransfer]
    author_range: list[ChapterTransfer]
    separation: Separation
    attribution: Attribution
    markers: Markers
    gates: list[Gate]
    samples: list[SampleVoice]
    measured: HowMeasured
