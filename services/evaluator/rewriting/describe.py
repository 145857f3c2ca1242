"""Describe in a line how well drafts were rewritten."""

from __future__ import annotations

from scriptorium.contracts.report.rewriting import ContentKept, Rewriting
from scriptorium.contracts.report.voice import RewrittenVoice


def describe_rewriting(rewriting: Rewriting, voice: RewrittenVoice | None) -> str:
    """Return the voice in the rewritten passages, and the content that they keep of their drafts."""
    outlines = f" ({rewriting.outlines} of them outlines)" if rewriting.outlines else ""
    transfer = f"T {voice.tuned.value:.0f} (base {voice.base.value:.0f})" if voice else "T not measured"
    content = ", ".join(describe_kept(rewriting.tuned, rewriting.base))
    return f"Rewriting {rewriting.drafts} drafts{outlines}: {transfer}; kept {content}"


def describe_kept(tuned: ContentKept, base: ContentKept) -> list[str]:
    """Return each measure of the content with the base's behind it."""
    parts = [f"words {tuned.words:.0%} ({base.words:.0%})"]
    if tuned.names is not None and base.names is not None:
        parts.insert(0, f"names {tuned.names:.0%} ({base.names:.0%})")
    if tuned.meaning is not None and base.meaning is not None:
        parts.append(f"meaning {tuned.meaning:.2f} ({base.meaning:.2f})")
    return parts
