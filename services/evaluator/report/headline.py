"""The verdict on the voice: a headline for the writer, and lines for the log."""

from __future__ import annotations

from scriptorium.contracts import VoiceScore
from scriptorium.contracts.report.second_judge import SecondJudge
from scriptorium.contracts.report.voice import VoiceOutcome

VERDICT_OPENINGS = {
    "production": "The voice came through.",
    "promising": "The voice is coming through, but it is not proven yet.",
    "not_there": "The voice is not there yet.",
    "not_measurable": "Whether the voice came through cannot be measured here.",
    "rejected": "Do not use this model as it is.",
}


def write_headline(outcome: VoiceOutcome) -> str:
    """Return the verdict in a sentence or two."""
    opening = VERDICT_OPENINGS[outcome.verdict.name]
    if outcome.measured is None:
        return opening
    transfer = outcome.measured.transfer.folded
    interval = f"95 % interval {_format_whole(transfer.low)} to {_format_whole(transfer.high)}"
    return (
        f"{opening} On the way from the base model (0) to you (100) it has come to {_format_whole(transfer.value)} "
        f"({interval})."
    )


def describe_voice(score: VoiceScore) -> str:
    """Return the result on the voice in one line for the log."""
    if score.folded is None or score.low is None or score.high is None:
        return f"Voice: {score.verdict.replace('_', ' ')}"
    line = f"Voice: T {score.folded:.0f} (95 % interval {score.low:.0f} to {score.high:.0f})"
    closest = f", closest other author {score.closest} {score.impostor:.0f}" if score.closest else ""
    return f"{line}{closest}: {score.verdict.replace('_', ' ')}"


def describe_second_judge(judge: SecondJudge) -> str:
    """Return the second judge's result in one line for the log."""
    if judge.agreement == "cannot_tell":
        return "Second judge: it cannot tell the author from the base"
    transfer = judge.transfer
    line = f"Second judge: T2 {transfer.value:.0f} (95 % interval {transfer.low:.0f} to {transfer.high:.0f})"
    return f"{line}, {judge.agreement} with T"


def _format_whole(number: float) -> str:
    """Format a number without decimals and with a real minus sign."""
    return f"{number:.0f}".replace("-0", "0").replace("-", "−")
