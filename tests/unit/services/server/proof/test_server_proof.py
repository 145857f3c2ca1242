"""Which model is compared with which references, on a CPU and on a GPU; its parts have tests of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scriptorium.artifacts.checkpoint_losses import BaseLosses, CheckpointLosses, ReferenceTokens
from scriptorium.contracts import Agreement, AnswerEndings, Endpoint, ServeRequest, TokenIds
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.settings import Settings
from services.server.proof import prove

BASE, TUNED = Endpoint(url="http://engine", model="base"), Endpoint(url="http://engine", model="tuned")
STORED, NF4 = (
    ReferenceTokens(ids=[token, 1], start=1, log_probabilities=[-1.0], likeliest=[1], without=[-2.0])
    for token in (10, 20)
)
AGREEMENT = Agreement(tokens=1, token_agreement=1, mean_difference=0, effect=1, adapter_change=1)
Compared = list[tuple[str, list[ReferenceTokens], Endpoint | None]]


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Compared:
    """Replace the engine's parts, and return what was compared with what."""
    calls: Compared = []

    def compare(subject: str, _: Endpoint, references: Any, *__: Any, base: Endpoint | None = None) -> Agreement:
        calls.append((subject, list(references), base))
        return AGREEMENT

    monkeypatch.setattr(prove, "compare", compare)
    monkeypatch.setattr(prove, "try_canary", lambda _: "Yes.")
    monkeypatch.setattr(prove, "read_context", lambda *_: 2048)
    monkeypatch.setattr(prove, "compare_token_ids", lambda *_: TokenIds(chats=1, tokens=1, begin_of_text=0))
    monkeypatch.setattr(prove, "check_endings", lambda *_: AnswerEndings(questions=1, ended=1, max_tokens=1))
    return calls


@pytest.fixture
def request_(tmp_path: Path) -> ServeRequest:
    """A model that was merged with the NF4 base."""
    losses = {"stored": BaseLosses(passages=[], references=[STORED]), "nf4": BaseLosses(passages=[], references=[NF4])}
    measured = tmp_path / "checkpoint-3.json"
    measured.write_text(CheckpointLosses.model_validate({"step": 3, "bases": losses}).model_dump_json())
    paths = dict.fromkeys(("base", "merged", "adapter"), tmp_path)
    return ServeRequest(base_name="base", tuned_name="tuned", measured=measured, merged_on="nf4", **paths)


def test_on_a_cpu_the_merged_model_is_compared_beside_the_base_that_it_was_merged_onto(
    request_: ServeRequest, compared: Compared
) -> None:
    stored = request_.model_copy(update={"merged_on": "stored"})
    proof = prove.prove_served(BASE, TUNED, stored, Settings(device="cpu"), SilentReporter())
    assert compared == [("The merged model", [STORED], BASE)]
    assert (proof.agreement, proof.adapter) == (AGREEMENT, None)
    prove.prove_served(BASE, TUNED, request_, Settings(device="cpu"), SilentReporter())
    assert compared[1:] == [("The merged model", [NF4], None)]  # the base beside it is the stored one


def test_on_a_gpu_the_merged_model_stands_alone_and_the_adapter_is_compared_over_the_stored_base(
    request_: ServeRequest, compared: Compared
) -> None:
    settings, reporter = Settings(device="cuda"), SilentReporter()
    merged = prove.prove_merged(TUNED, request_, settings, reporter)
    found = prove.prove_served(BASE, TUNED, request_, settings, reporter, merged=merged)
    assert compared == [("The merged model", [NF4], None), ("The adapter as it is served", [STORED], BASE)]
    assert (found.agreement, found.adapter) == (AGREEMENT, AGREEMENT)
