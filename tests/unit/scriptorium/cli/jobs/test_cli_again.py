"""`rerun`, `clone`, `tag`, `search` and `disk-use` call the API and say what came of it; a shell completes more."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from scriptorium.cli.app import complete_base, complete_model, complete_recipe
from scriptorium.cli.jobs.ids import complete_file, complete_tag
from scriptorium.cli.main import run
from tests.unit.scriptorium.cli.api_bodies import FILE, JOB, OTHER_JOB, make_job, page
from tests.unit.scriptorium.cli.conftest import UseApi

USE = {
    "object": "disk_use", "total_bytes": 17_000_000_000, "free_bytes": 1_000_000_000,
    "kinds": [{"kind": "runs", "bytes": 16_000_000_000}, {"kind": "logs", "bytes": 1_000_000_000}],
    "jobs": [{"job": JOB, "bytes": 15_000_000_000}],
}  # fmt: skip


@pytest.fixture
def requests(use_api: UseApi) -> list[httpx.Request]:
    """Let the commands speak to an API that records its requests, and return them."""
    recorded: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        recorded.append(request)
        path = request.url.path.removeprefix("/v1")
        tagged = {**make_job(JOB, tags=["best", "draft"]), "object": "fine_tuning.job"}
        file = {"id": FILE, "object": "file", "filename": "raven.txt", "created_at": 1_700_000_000}
        bodies: dict[str, Any] = {
            f"/x/jobs/{JOB}/rerun": make_job(OTHER_JOB, cloned_from=JOB),
            f"/x/jobs/{JOB}/clone": make_job(OTHER_JOB, cloned_from=JOB),
            f"/x/jobs/{JOB}/tags": tagged,
            f"/fine_tuning/jobs/{JOB}": tagged,
            f"/fine_tuning/jobs/{JOB}/checkpoints": page(),
            "/fine_tuning/jobs": page(tagged) if "gone" not in request.url.params.get_list("tag") else page(),
            "/x/search": page(tagged, file) if request.url.params.get("q") != "none" else page(),
            "/x/disk_use": USE,
            "/files": page(file),
            f"/files/{FILE}": file,
            "/models": page({"id": "tiny"}, {"id": "ft:tiny:scriptorium:poe:1"}),
        }
        return httpx.Response(200, json=bodies[path])

    use_api(answer)
    return recorded


def sent(request: httpx.Request) -> Any:
    return json.loads(request.content) if request.content else None


def test_a_rerun_and_a_clone_print_the_new_jobs_id(
    requests: list[httpx.Request], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rerun", JOB]) == 0
    changes = ["--set", "training.num_epochs=5", "--suffix", "poe", "--priority", "0", "--seed", "3", "-r", "lora"]
    assert run(["clone", JOB, *changes]) == 0
    assert run(["clone", JOB, "--json"]) == 0
    output = capsys.readouterr().out
    assert output.startswith(f"{OTHER_JOB}\n{OTHER_JOB}\n{{")
    assert [sent(request) for request in requests] == [
        None,
        {"suffix": "poe", "seed": 3, "priority": 0, "overrides": {"training": {"num_epochs": 5}}, "recipe": "lora"},
        {},
    ]


def test_tags_are_added_removed_and_shown(requests: list[httpx.Request], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["tag", JOB, "draft", "second book"]) == 0
    assert run(["tag", JOB, "draft", "--remove"]) == 0
    assert run(["tag", JOB]) == 0
    assert capsys.readouterr().out == "best, draft\n" * 3
    assert [sent(request) for request in requests] == [
        {"add": ["draft", "second book"], "remove": []}, {"add": [], "remove": ["draft"]}, None,
    ]  # fmt: skip


def test_jobs_are_listed_with_their_tags_and_by_them(
    requests: list[httpx.Request], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["jobs", "--tag", "best", "--tag", "draft"]) == 0
    assert capsys.readouterr().out.splitlines()[1].endswith("best, draft")
    assert requests[0].url.params.get_list("tag") == ["best", "draft"]
    assert run(["jobs", "--tag", "gone"]) == 0
    assert "No job has the tag(s): gone." in capsys.readouterr().out
    assert run(["show", JOB]) == 0
    assert "tags        best, draft" in capsys.readouterr().out


def test_a_search_lists_jobs_and_files(requests: list[httpx.Request], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "raven", "draft", "--limit", "5"]) == 0
    header, job, file = capsys.readouterr().out.splitlines()
    assert header.split() == ["id", "title", "created", "status", "tags"]
    assert job.split()[:2] == [JOB, "raven"]
    assert (file.split()[:2], file.split()[-1]) == ([FILE, "raven.txt"], "file")
    assert dict(requests[0].url.params) == {"q": "raven draft", "limit": "5"}
    assert run(["search", "none"]) == 0
    assert capsys.readouterr().out == "Nothing has: none\n"
    assert run(["search", "raven", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert run(["search"]) == 2


def test_disk_use_is_shown_by_kind_and_job(requests: list[httpx.Request], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["disk-use", "--limit", "3"]) == 0
    output = capsys.readouterr().out
    assert "runs  16.0 GB" in output
    assert f"{JOB}  15.0 GB" in output
    assert output.endswith("17.0 GB used, 1.0 GB free\n")
    assert run(["disk-use", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == USE
    assert [request.url.params["limit"] for request in requests] == ["3", "10"]


def test_a_shell_completes_files_models_recipes_and_tags(requests: list[httpx.Request], use_api: UseApi) -> None:
    assert complete_file("file-3") == complete_file("33") == [FILE]
    assert complete_model("") == ["tiny", "ft:tiny:scriptorium:poe:1"]
    assert (complete_model("ft:"), complete_base("")) == (["ft:tiny:scriptorium:poe:1"], ["tiny"])
    assert complete_tag("d") == ["draft"]
    assert "qlora" in complete_recipe("ql")
    use_api(lambda request: httpx.Response(500))
    assert complete_file("") == complete_model("") == complete_base("") == complete_tag("") == []
