"""The voice in report.json: T, the scores behind it, markers, gates and the verdict. docs/voice.md has the formulas."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from scriptorium.contracts.base import Contract
from scriptorium.contracts.evaluate import VoiceName


class FiniteContract(Contract):
    """A result with finite numbers: one that could not be measured is None, never NaN."""

    model_config = ConfigDict(allow_inf_nan=False)


class Estimate(FiniteContract):
    """A T with its two-sided 95 % interval; `lower_bound` is the one-sided 95 % bound."""

    value: float
    low: float
    high: float
    lower_bound: float


class ScoreTransfer(FiniteContract):
    """One of the three scores: T as measured and folded at 100, and whether the text is a caricature."""

    score: str
    raw: Estimate
    folded: Estimate
    caricature: bool


class Transfer(FiniteContract):
    """T: 0 is the base, 100 the author's held-out text. `folded` is the headline: too much counts as too little."""

    prompts: int
    draws: int
    raw: Estimate
    folded: Estimate
    scores: list[ScoreTransfer]


class Marker(FiniteContract):
    """One marker; `low` to `high` is the author's interval.

    `recovered` is the share of the gap between base and author that the tuned model has closed; None if there is no
    clear gap, and then there is no overshoot. `z` is that of a mined word.
    """

    name: str
    kind: Literal["habit", "word"]
    unit: str
    author: float
    low: float
    high: float
    base: float
    tuned: float
    recovered: float | None
    base_present: bool
    present: bool
    overshoot: bool
    z: float | None = None


class Markers(FiniteContract):
    """All markers, the shares present in each model's text, and the exaggerated ones. The aim is 60 % present."""

    markers: list[Marker]
    present: float
    base_present: float
    overshoot: list[str]


GateCode = Literal[
    "measurable", "memorisation", "degeneration", "coherence", "length", "caricature", "adherence", "retention"
]


GateOutcome = Literal["pass", "warn", "fail"]


class Gate(FiniteContract):
    """One gate. `measured` is False if its input is missing; then it cannot pass.

    `samples` are the indices of the passages concerned; `next_step` is empty if all is well.
    """

    code: GateCode
    outcome: GateOutcome
    measured: bool = True
    finding: str
    next_step: str = ""
    numbers: dict[str, float] = {}
    samples: list[int] = []


class ImpostorTransfer(FiniteContract):
    """The T of another author, unseen by every score."""

    name: str
    alike: bool
    chunks: int
    transfer: Estimate


class VoiceVerdict(FiniteContract):
    """The verdict, the reasons why it is not better, the failed gates, and the next steps."""

    name: VoiceName
    reasons: list[str]
    gates: list[GateCode]
    next_steps: list[str]


class CopiedRun(FiniteContract):
    """A copied run in a tuned passage; `start` and `end` are its characters in the passage."""

    start: int
    end: int
    words: int
    text: str


class SampleVoice(FiniteContract):
    """The scores of one prompt. The T of a single passage decides nothing; it helps to find passages worth reading.

    `compared` is the number of words compared of each of the three texts, `words` the length of the tuned model's text.
    """

    index: int
    chapter: str
    words: int
    compared: int
    counted_as_base: bool
    scores: dict[str, float]
    copied: list[CopiedRun]


class ChapterTransfer(FiniteContract):
    """The raw T of one held-out chapter of the author: how far the author strays from their own mean."""

    chapter: str
    passages: int
    transfer: float


class Separation(FiniteContract):
    """The AUC of author against base (it must be high) and of tuned against genuine text (0.5: indistinguishable)."""

    author_base_auc: float
    tuned_genuine_auc: float
    drift: float | None


class Attribution(FiniteContract):
    """The share of passages that a classifier over all authors and the base attributes to the author.

    `hands` is the number of authors that it chooses from, the base included.
    """

    hands: int
    genuine: float
    base: float
    tuned: float


class VoiceSettings(FiniteContract):
    """The settings of this measurement."""

    seed: int
    length_words: int
    chunk_words: int
    run_words: int
    frequent_words: int
    author_chunks: int
    base_chunks: int
    seen: list[str]
    unseen: list[str]
    scores: list[str]


class Voice(FiniteContract):
    """All results on the voice, written to JSON unchanged."""

    verdict: VoiceVerdict
    transfer: Transfer
    impostors: list[ImpostorTransfer]
    author_range: list[ChapterTransfer]
    separation: Separation
    attribution: Attribution
    markers: Markers
    gates: list[Gate]
    samples: list[SampleVoice]
    measured: VoiceSettings


class RewrittenVoice(FiniteContract):
    """The folded T of what base and tuned model made of the same drafts, with the same 0 and 100 as for briefs."""

    passages: int
    base: Estimate
    tuned: Estimate


LanguageSupport = Literal["supported", "plain", "unmeasurable"]


class VoiceLanguage(FiniteContract):
    """The manuscript's language, "" if unknown, and what can be measured in it.

    "supported": T was checked on mixtures of novels in this language; "plain": it works by what every language has, and
    was not checked; "unmeasurable": words are not separated by spaces. `left_out` lists what is missing in detail.
    """

    code: str
    name: str
    support: LanguageSupport
    note: str
    left_out: list[str] = []


class VoiceOutcome(BaseModel):
    """The verdict on the voice and its evidence; `measured` is None if there was too little text.

    `prompted` is the folded T of the base model, asked to imitate excerpts. `rewritten` is how much of the voice is in
    rewritten drafts. `language` is None in reports of before.
    """

    verdict: VoiceVerdict
    measured: Voice | None = None
    prompted: Estimate | None = None
    rewritten: RewrittenVoice | None = None
    language: VoiceLanguage | None = None
