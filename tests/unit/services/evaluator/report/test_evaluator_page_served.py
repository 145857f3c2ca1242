"""The report's page on what serving found out about the model."""

from __future__ import annotations

import re

from scriptorium.contracts import Agreement, AnswerEndings, ServeProof, TokenIds
from services.evaluator.report.page import render_page
from tests.report_example import make_pair, make_report

AGREEMENT = Agreement(
    tokens=1327, token_agreement=0.984, mean_difference=0.04, effect=0.97, effect_error=0.01, adapter_change=0.1
)
PROOF = ServeProof(
    canary="Yes.",
    agreement=AGREEMENT,
    token_ids=TokenIds(chats=4, tokens=213, begin_of_text=1),
    endings=AnswerEndings(questions=4, ended=3, max_tokens=1024),
)


def section(proof: ServeProof | None) -> str:
    """Return the words of the section, "" if there is none."""
    page = render_page(make_report().model_copy(update={"served": proof}), [make_pair()])
    _, heading, rest = page.partition('<section aria-labelledby="served">')
    return " ".join(re.sub(r"<[^>]*>", " ", rest.partition("</section>")[0]).split()) if heading else ""


def test_every_number_is_there() -> None:
    words = section(PROOF)
    for text in (
        "98.4 % of 1,327 likeliest tokens are the same; 0.97 of the effect of what was learned (± 0.02)",
        "the same 213 tokens in 4 chats, each with one beginning",
        "3 of 4 short questions, within 1,024 tokens",
    ):
        assert text in words
    assert "The adapter over its base" not in words


def test_a_served_adapter_has_a_line_of_its_own_and_a_weak_one_says_so() -> None:
    weak = AGREEMENT.model_copy(update={"effect": None, "effect_error": 0.4})
    words = section(PROOF.model_copy(update={"adapter": weak}))
    assert "The adapter over its base, as it is served" in words
    assert "what was learned changes too little to be measured exactly" in words


def test_a_report_of_an_older_job_has_no_such_section() -> None:
    assert section(None) == ""
    assert section(ServeProof(canary="Yes.")) == ""
