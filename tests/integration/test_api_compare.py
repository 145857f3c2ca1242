"""Comparing over the real API: all problems of a request come in one response."""

from __future__ import annotations

import httpx
from blind import make_evaluated_job
from work import submit

from scriptorium.jobs.runner import Context

COMPARE = "/v1/x/compare"


def test_jobs_that_cannot_be_compared(http: httpx.Client, context: Context) -> None:
    make_evaluated_job(context, "ftjob-1")
    submit(context, "ftjob-2")
    for jobs, status, code in [
        (["ftjob-1"], 400, "invalid_request"),
        (["ftjob-1", "ftjob-1"], 400, "invalid_request"),
        (["ftjob-1", "ftjob-0"], 404, "job_not_found"),
        (["ftjob-1", "ftjob-2"], 409, "conflict"),
    ]:
        answer = http.get(COMPARE, params={"job": jobs})
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert "ftjob-2: has no report yet" in answer.json()["error"]["message"]
