"""A served model against base and adapter, with an engine's answers as vLLM gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from scriptorium.artifacts.checkpoint_losses import BaseLosses, CheckpointLosses, ReferenceTokens
from scriptorium.contracts import Agreement, Endpoint, ServeRequest
from scriptorium.errors import EngineFailed, MergeFailed
from scriptorium.jobs.reporter import SilentReporter
from services.server.proof.compare import compare as compare_served
from services.server.proof.compare import fit_slope, read_references

ENDPOINT = Endpoint(url="http://engine", model="tuned")
IDS = [7, 8, 9, 10, 11]
REFERENCE = ReferenceTokens(
    ids=IDS, start=2, log_probabilities=[-1.0, -2.0, -3.0], likeliest=[9, 4, 11], without=[-2.0, -2.5, -4.0]
)


def compare(
    endpoint: Endpoint, serve_request: ServeRequest, context: int, reporter: SilentReporter
) -> Agreement | None:
    references = read_references(serve_request, serve_request.merged_on)
    return compare_served("The merged model", endpoint, references, context, reporter)


def write_references(serve_request: ServeRequest, **changes: Any) -> None:
    assert serve_request.measured
    losses_on_base = BaseLosses(passages=[], references=[REFERENCE.model_copy(update=changes)])
    serve_request.measured.write_text(CheckpointLosses(step=3, bases={"stored": losses_on_base}).model_dump_json())


def request(tmp_path: Path, **changes: Any) -> ServeRequest:
    path = tmp_path / "checkpoint-3.json"
    losses_on_base = BaseLosses(passages=[], references=[REFERENCE])
    path.write_text(CheckpointLosses(step=3, bases={"stored": losses_on_base}).model_dump_json())
    paths = dict.fromkeys(("base", "merged", "adapter"), tmp_path)
    return ServeRequest(base_name="b", tuned_name="tuned", measured=path, **paths, **changes)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Replace the engine by prepared scores, and return the requests that it gets."""
    requests: list[dict[str, Any]] = []

    def post(url: str, json: dict[str, Any], **_: Any) -> httpx.Response:
        requests.append(json)
        entries: list[Any] = [None, {"8": {"logprob": -9.0, "rank": 5}, "1": {"logprob": -0.1, "rank": 1}}]
        entries.append({"9": {"logprob": -1.05, "rank": 1}})
        entries.append({"10": {"logprob": -1.95, "rank": 2}, "4": {"logprob": -0.5, "rank": 1}})
        entries.append({"11": {"logprob": -3.05, "rank": 1}})
        body = {"choices": [{"prompt_logprobs": entries[: len(json["prompt"])]}]}
        return httpx.Response(200, json=body, request=httpx.Request("POST", url))

    monkeypatch.setattr("services.server.proof.compare.httpx.post", post)
    return requests


def test_the_numbers_of_a_correct_merge(tmp_path: Path, engine: list[dict[str, Any]]) -> None:
    reporter = SilentReporter()
    agreement = compare(ENDPOINT, request(tmp_path), 100, reporter)
    assert agreement
    assert (agreement.tokens, agreement.token_agreement) == (3, 1.0)
    assert agreement.mean_difference == pytest.approx(0.05)
    assert agreement.effect == pytest.approx((0.95 * 1 + 0.55 * 0.5 + 0.95 * 1) / (1 + 0.25 + 1))
    assert engine[0]["prompt"] == IDS
    assert reporter.messages == [
        "[SERVE] The merged model against base and adapter: 100.0 % of 3 likeliest tokens agree, "
        "log-probabilities differ by 0.050 on average, the effect is 0.97 of the adapter's"
    ]


def test_a_reference_is_cut_to_what_the_engine_reads(tmp_path: Path, engine: list[dict[str, Any]]) -> None:
    agreement = compare(ENDPOINT, request(tmp_path), 5, SilentReporter())
    assert agreement
    assert (agreement.tokens, len(engine[0]["prompt"])) == (2, 4)
    assert compare(ENDPOINT, request(tmp_path), 3, SilentReporter()) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"likeliest": [9, 5, 11]},
        {"without": [-1.05, -1.95, -3.05]},  # the merged model is the base: the adapter was left out
        {"without": [-1.02, -1.98, -3.02]},  # it is further from the base than the adapter: merged twice
    ],
)
def test_a_merge_that_differs_fails(tmp_path: Path, engine: list[dict[str, Any]], changes: dict[str, Any]) -> None:
    serve_request = request(tmp_path)
    write_references(serve_request, **changes)
    with pytest.raises(MergeFailed, match="differs from base and adapter") as caught:
        compare(ENDPOINT, serve_request, 100, SilentReporter())
    assert "at least 90 % and an effect from 0.75 to 1.25 are expected" in str(caught.value)


def test_an_adapter_that_changes_nothing_fails(tmp_path: Path, engine: list[dict[str, Any]]) -> None:
    serve_request = request(tmp_path)
    write_references(serve_request, without=REFERENCE.log_probabilities)
    with pytest.raises(MergeFailed, match="changes nothing: with and without it all 3 tokens") as caught:
        compare(ENDPOINT, serve_request, 100, SilentReporter())
    assert "more steps" in (caught.value.next_step or "")


def test_a_weak_adapter_whose_effect_drowns_in_rounding_passes_and_says_so(
    tmp_path: Path, engine: list[dict[str, Any]]
) -> None:
    serve_request, reporter = request(tmp_path), SilentReporter()
    write_references(serve_request, without=[-1.02, -2.02, -2.98])
    agreement = compare(ENDPOINT, serve_request, 100, reporter)
    assert agreement
    assert (agreement.effect, agreement.served_change) == (None, None)
    assert agreement.adapter_change == pytest.approx(0.02)
    assert reporter.messages[0].endswith("the effect is too small to measure")


def test_an_adapter_that_the_engine_loads_without_effect_fails_however_weak_it_is(
    tmp_path: Path, engine: list[dict[str, Any]]
) -> None:
    serve_request = request(tmp_path)
    write_references(serve_request, without=[-1.02, -2.02, -2.98])
    references, base = read_references(serve_request, "stored"), Endpoint(url="http://engine", model="base")
    with pytest.raises(MergeFailed, match="The adapter as it is served answers exactly like its base") as caught:
        compare_served("The adapter as it is served", ENDPOINT, references, 100, SilentReporter(), base=base)
    assert [body["model"] for body in engine] == ["tuned", "base"]
    assert "by itself it changes log-probabilities by 0.0200" in str(caught.value)


def test_rounding_that_two_programs_do_not_share_cancels_out_with_the_base_beside_the_model() -> None:
    rng = np.random.default_rng(1)
    change, rounding = rng.normal(0, 0.01, 500), rng.normal(0, 0.2, 500)
    assert fit_slope(change, change + rounding)[1] > 0.3  # against the base as another program scored it
    slope, error = fit_slope(change, change + rng.normal(0, 0.002, 500))
    assert slope == pytest.approx(1, abs=0.1)
    assert error == pytest.approx(0.002 / (0.01 * 500**0.5), rel=0.2)


def test_what_was_not_measured_is_not_compared(tmp_path: Path, engine: list[dict[str, Any]]) -> None:
    assert compare(ENDPOINT, request(tmp_path, merged_on="nf4"), 100, SilentReporter()) is None
    serve_request = request(tmp_path)
    assert serve_request.measured
    serve_request.measured.unlink()
    assert compare(ENDPOINT, serve_request, 100, SilentReporter()) is None
    assert engine == []


@pytest.mark.parametrize(
    "answer", [httpx.Response(500), httpx.Response(200, json={"choices": []}), httpx.ReadError("x")]
)
def test_an_engine_that_does_not_score_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    def post(url: str, **_: Any) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        answer.request = httpx.Request("POST", url)
        return answer

    monkeypatch.setattr("services.server.proof.compare.httpx.post", post)
    with pytest.raises(EngineFailed, match="tuned did not score a passage"):
        compare(ENDPOINT, request(tmp_path), 100, SilentReporter())
