"""The verdict on the voice as a sentence for the writer, and as a line for the log."""

from __future__ import annotations

from scriptorium.contracts import VoiceScore
from services.evaluator.voice_outcome import VoiceOutcome

OPENINGS = {
    "production": "The voice came through.",
    "promising": "The voice is coming through, but it is not proven yet.",
    "not_there": "The voice is not there yet.",
    "not_measurable": "Whether the voice came through cannot be measured here.",
    "rejected": "Do not use this model as it is.",
}


def headline(outcome: VoiceOutcome) -> str:
    """The verdict in a sentence or two."""
    opening = OPENINGS[outcome.verdict.name]
    if outcome.measured is None:
        return opening
    found = outcome.measured.transfer.folded
    interval = f"95 % interval {_whole(found.low)} to {_whole(found.high)}"
    return (
        f"{opening} On the way from the base model (0) to you (100) it has come to {_whole(found.value)} ({interval})."
    )


def tell(score: VoiceScore) -> str:
    """The voice in a line for the log."""
    if score.folded is None or score.low is None or score.high is None:
        return f"Voice: {score.verdict.replace('_', ' ')}"
    line = f"Voice: T {score.folded:.0f} (95 % interval {score.low:.0f} to {score.high:.0f})"
    closest = f", closest other author {score.closest} {score.impostor:.0f}" if score.closest else ""
    return f"{line}{closest}: {score.verdict.replace('_', ' ')}"


def _whole(number: float) -> str:
    """A number without digits after the point, and with a real minus."""
    return f"{number:.0f}".replace("-0", "0").replace("-", "−")
