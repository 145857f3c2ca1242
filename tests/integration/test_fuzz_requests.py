"""A part of `make fuzz`: bad requests, and what is no HTTP, are never answered with an unexpected error."""

from tests.fuzz.attempt import attempt, make_case
from tests.fuzz.requests import API, PLACEHOLDER, judge_answer, list_requests, send, serve

INPUTS = 150


def test_no_request_is_answered_with_an_unexpected_error() -> None:
    with serve(is_needed=True):
        assert len(API.file_id) == len(PLACEHOLDER)
        assert [failure for failure in map(send, list_requests()) if failure] == []
        cases = [make_case(1, number, ("http",)) for number in range(INPUTS)]
        assert [finding for finding in map(attempt, cases) if finding] == []


def test_an_answer_of_5xx_must_be_an_error_of_ours_with_its_own_status() -> None:
    API.codes = {"gpu_busy": 503}
    head = b"HTTP/1.1 %d Odd\r\nA: b\r\n\r\n"
    request = b"GET /a/17?b HTTP/1.1\r\n\r\n"
    assert judge_answer(head % 503 + b'{"error": {"code": "gpu_busy"}}', request) == ""
    assert judge_answer(head % 500 + b'{"error": {"code": "gpu_busy"}}', request) == "500 from GET /a/N"
    assert judge_answer(head % 500 + b'{"error": {"code": "internal_error"}}', request) == "500 from GET /a/N"
    assert judge_answer(head % 500 + b"Internal Server Error", request) == "500 from GET /a/N"
