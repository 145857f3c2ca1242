"""Ids may be shortened to what is unique, with or without their prefix, in every command."""

from __future__ import annotations

import httpx
import pytest

from scriptorium.cli.jobs.ids import choose_id, complete_job
from scriptorium.cli.main import run
from scriptorium.errors import Conflict
from tests.unit.scriptorium.cli.api_bodies import JOB, OTHER_JOB, make_job, page
from tests.unit.scriptorium.cli.conftest import UseApi

SIMILAR = f"{JOB[:-1]}a"


@pytest.fixture
def paths(use_api: UseApi) -> list[str]:
    """Let the commands speak to an API with two pages of jobs, and return the paths of their requests."""
    recorded: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        recorded.append(request.url.path.removeprefix("/v1/fine_tuning/jobs"))
        if request.url.path != "/v1/fine_tuning/jobs":
            return httpx.Response(200, json=make_job(OTHER_JOB, "cancelled"))
        if "after" not in request.url.params:
            return httpx.Response(200, json=page(make_job(SIMILAR), make_job(JOB), has_more=True))
        assert request.url.params["after"] == JOB
        return httpx.Response(200, json=page(make_job(OTHER_JOB)))

    use_api(answer)
    return recorded


@pytest.mark.parametrize("text", [OTHER_JOB, OTHER_JOB[:10], "2", "22222", "ftjob-2"])
@pytest.mark.parametrize("name", ["cancel", "pause", "resume"])
def test_the_beginning_is_enough(paths: list[str], text: str, name: str) -> None:
    assert run([name, text]) == 0
    assert paths[-1] == f"/{OTHER_JOB}/{name}"


def test_a_whole_id_is_not_looked_up(paths: list[str]) -> None:
    assert run(["cancel", JOB]) == 0
    assert paths == [f"/{JOB}/cancel"]


def test_what_could_be_several_is_listed(paths: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cancel", "1"]) == 5
    text = capsys.readouterr().err
    assert f"1 could be: {SIMILAR}, {JOB}." in text
    assert "Name one more character" in text


@pytest.mark.parametrize("text", ["x", "ftjob-", "../x", ""])
def test_what_is_no_id_is_refused_with_a_command(
    paths: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["cancel", text]) in (4, 5)
    assert "/cancel" not in "".join(paths)


def test_the_end_is_enough() -> None:
    assert choose_id("ab12", "ftjob-", ["ftjob-0665cd34", "ftjob-0665ab12"]) == "ftjob-0665ab12"
    assert choose_id("0665", "ftjob-", ["ftjob-0665ab12"]) == "ftjob-0665ab12"


def test_a_whole_id_wins_over_longer_ones() -> None:
    assert choose_id("ftjob-1", "ftjob-", ["ftjob-12", "ftjob-1"]) == "ftjob-1"
    assert choose_id("", "ftjob-", ["ftjob-1"]) is None
    with pytest.raises(Conflict, match=r"1, .*\.\.\."):
        choose_id("", "ftjob-", [f"ftjob-{digit}" for digit in range(9)])


def test_a_shell_completes_ids_and_is_never_disturbed(
    paths: list[str], use_api: UseApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert complete_job("ftjob-1") == [SIMILAR, JOB]
    assert complete_job("1111") == [SIMILAR, JOB]
    use_api(lambda request: httpx.Response(500))
    assert complete_job("1") == []
