"""What a model is asked: to rewrite a draft in the voice, and a base to retell a passage as such a draft.

Training rows, the evaluation and a writer's own request use these words: REWRITE_INSTRUCTION, a blank line, the draft.
"""

from __future__ import annotations

REWRITE_INSTRUCTIONS = (
    "Rewrite this draft in your own voice. Keep the names, and what happens in the same order.",
    "Rewrite the draft below as the author would write it. The people and the course of events stay the same.",
    "Here is a plain draft. Write it anew in the author's voice, with the same names and the same events.",
    "Turn this draft into a finished passage of the novel, in your own style. Tell what it tells, in its order.",
    "This is only a draft. Retell it in the author's voice, from its beginning to its end, and keep all names.",
)
REWRITE_INSTRUCTION = REWRITE_INSTRUCTIONS[0]  # the one that the evaluation and the documentation use
RETELL_INSTRUCTION = (
    "Retell the following passage of a novel in plain and simple sentences of your own. Tell everything that happens, "
    "in the same order, at about the same length, and keep all names. Do not copy its sentences, do not imitate its "
    "style, and add nothing. Answer with the retelling only."
)
TEMPERATURES = (0.3, 0.7)  # of each try to retell: the same again would be refused again
BREAK = "\n\n"


def ask_to_rewrite(draft: str, wording: int = 0) -> str:
    """Return the request to rewrite a draft; `wording` counts the instructions, again and again."""
    return REWRITE_INSTRUCTIONS[wording % len(REWRITE_INSTRUCTIONS)] + BREAK + draft


def replace_draft(request: str, draft: str) -> str:
    """Return a request to rewrite with another draft."""
    return request.partition(BREAK)[0] + BREAK + draft


def ask_to_retell(passage: str) -> str:
    """Return the request to retell a passage plainly."""
    return RETELL_INSTRUCTION + BREAK + passage
