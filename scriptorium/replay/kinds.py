"""The kinds of plain request: how long an answer is, which kinds of the retention gate it resembles, how it is checked.

A kind resembles one of the gate if answering it practises what the gate asks for. At most half of the gate's kinds may
be resembled, so that the others still show what the tuned model can do that it was not reminded of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from scriptorium.instructions.instruction import Check
from scriptorium.replay import checks


@dataclass(frozen=True)
class ReplayKind:
    """A kind of request; `most_words` bounds a short answer, None stands for a long one, of as many words as asked."""

    most_words: int | None = None
    resembles: tuple[str, ...] = ()
    check: Callable[[checks.Fields], Check] | None = None


LENGTH = ("words between",)  # every long request names a number of words
REPLAY_KINDS: dict[str, ReplayKind] = {
    "explain": ReplayKind(resembles=LENGTH),
    "describe": ReplayKind(resembles=LENGTH),
    "story": ReplayKind(resembles=LENGTH),
    "how-to": ReplayKind(resembles=LENGTH),
    "essay": ReplayKind(resembles=LENGTH),
    "advice": ReplayKind(resembles=LENGTH),
    "e-mail": ReplayKind(resembles=(*LENGTH, "placeholders")),  # of the kind [your name]
    "letter": ReplayKind(resembles=(*LENGTH, "placeholders")),
    "recipe": ReplayKind(resembles=LENGTH),
    "dialogue": ReplayKind(resembles=LENGTH),
    "compare": ReplayKind(resembles=LENGTH),
    "arguments": ReplayKind(resembles=LENGTH),
    "speech": ReplayKind(resembles=LENGTH),
    "paragraphs": ReplayKind(resembles=(*LENGTH, "paragraphs"), check=checks.paragraphs),
    "definition": ReplayKind(60, ("sentences",), checks.few_sentences),
    "headline": ReplayKind(20, ("words at most",), checks.headline),
    "bullet list": ReplayKind(120, ("bullets",), checks.bullets),
    "steps": ReplayKind(150, ("numbered list",), checks.steps),
    "JSON record": ReplayKind(60, ("JSON",), checks.json_object),
    "poem": ReplayKind(90, ("lines",), checks.lines),
    "summary": ReplayKind(60, ("sentences",), checks.few_sentences),
    "politer": ReplayKind(40, (), checks.reworded),
    "translation": ReplayKind(40, ("language",), checks.translated),
    "addition": ReplayKind(60, (), checks.total),
    "subtraction": ReplayKind(60, (), checks.difference),
    "multiplication": ReplayKind(60, (), checks.product),
    "praise or complaint": ReplayKind(10, ("choice",), checks.exactly),
    "fact": ReplayKind(40, (), checks.contains),
    "opposite": ReplayKind(25, (), checks.contains),
    "questions and answers": ReplayKind(120, ("questions",), checks.questions),
    "closing words": ReplayKind(80, ("end with",), checks.ends_with),
}


def replayed_gate_kinds(kinds: Iterable[str]) -> set[str]:
    """Return the kinds of the retention gate that replayed kinds resemble; of foreign kinds none are known."""
    return {gate for kind in kinds if kind in REPLAY_KINDS for gate in REPLAY_KINDS[kind].resembles}
