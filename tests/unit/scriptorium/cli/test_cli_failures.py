"""Whatever fails, a user sees one message with a code, a place and a next step, and gets a status that means it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from scriptorium.cli.app import app
from scriptorium.cli.failures import ExitStatus, choose_next_step, exit_status
from scriptorium.cli.main import run
from scriptorium.cli.transfer import ApiError
from scriptorium.errors import leaves
from tests.unit.scriptorium.cli.api_bodies import JOB
from tests.unit.scriptorium.cli.conftest import UseApi

WITHOUT_JSON = {"tensorboard"}  # a program of its own that runs until Ctrl-C
NOWHERE = "/proc/nothing/here"  # not even root may write there


def refuse(code: str, status: int, next_step: str) -> httpx.Response:
    error = {"message": "No.", "code": code, "param": "job_id", "next_step": next_step}
    return httpx.Response(status, json={"error": error})


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of a stack that does not run, from an empty folder."""
    monkeypatch.setenv("SCRIPTORIUM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def failure(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = run(list(words))
    text = capsys.readouterr().err
    assert "Traceback" not in text
    return status, text


@pytest.mark.parametrize("words", [["up"], ["up", "--json"], ["status"], ["jobs"], ["prune"]])
def test_a_data_folder_that_is_a_file_is_named(
    data_dir: Path, capsys: pytest.CaptureFixture[str], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scriptorium.cli.client.Client.is_up", lambda self: False)
    data_dir.write_text("")
    status, text = failure(capsys, *words)
    assert status in (ExitStatus.NOT_RUNNING, ExitStatus.REFUSED)
    if words[0] in ("up", "prune"):
        assert f"error (path_unusable): {data_dir}" in text
        assert "next step: " in text


def test_a_data_folder_that_cannot_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCRIPTORIUM_DATA_DIR", NOWHERE)
    status, text = failure(capsys, "up")
    assert status == ExitStatus.REFUSED
    assert f"error (path_unusable): {NOWHERE}" in text
    assert "place: SCRIPTORIUM_DATA_DIR" in text


@pytest.mark.parametrize(
    "words",
    [
        ["follow", JOB, "--output", NOWHERE],
        ["follow", JOB, "--output", "book.txt"],
        ["run", "book.txt", "--output", NOWHERE],
        ["report", JOB, "--output", f"{NOWHERE}/report.html"],
        ["export", JOB, "--format", "merged", "--output", NOWHERE],
        ["export", JOB, "--format", "merged", "--output", "book.txt"],
        ["export", JOB, "--format", "gguf-q8_0", "--output", "folder"],
        ["export", JOB, "--format", "gguf-q8_0", "--output", f"{NOWHERE}/my.gguf"],
        ["export", "folder", "--format", "gguf-f16", "--output", f"{NOWHERE}/my.gguf"],
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    data_dir: Path, use_api: UseApi, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    Path("book.txt").write_text("It was.")
    Path("folder").mkdir()

    def answer(request: httpx.Request) -> httpx.Response:
        assert not request.url.path.endswith(("/events", "/content")), "the work began"
        if request.url.path.endswith("/report"):
            return httpx.Response(200, text="<html>")
        if "/files/" in request.url.path:
            name = request.url.path.rpartition("/")[2]
            return httpx.Response(200, json={"id": name, "filename": f"{JOB}-{name}", "bytes": 1})
        return httpx.Response(200, json={"id": JOB, "result_files": ["merged-a", "model-q8_0.gguf"]})

    use_api(answer)
    status, text = failure(capsys, *words)
    assert status == ExitStatus.REFUSED
    assert "error (path_unusable): " in text
    assert "place: --output" in text
    assert "next step: " in text


def test_what_nobody_expected_is_a_message_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("scriptorium.cli.app.open_client", lambda settings: 1 / 0)
    status, text = failure(capsys, "jobs")
    assert status == ExitStatus.FAILED
    assert "error (internal_error): This is a bug (ZeroDivisionError: division by zero)." in text
    log = Path(text.split("with ")[1].strip().removesuffix("."))
    assert "Traceback" in log.read_text()
    log.unlink()


@pytest.mark.parametrize(
    ("code", "status", "next_step", "command_line", "exit_code"),
    [
        ("job_not_found", 404, "List the jobs with GET /v1/fine_tuning/jobs.", "`scriptorium jobs`", 4),
        ("file_not_found", 404, "List the files with GET /v1/files.", "`scriptorium files`", 4),
        ("model_not_found", 404, "List the models with GET /v1/models.", "`scriptorium models`", 4),
        ("model_in_use", 409, "DELETE /v1/x/models/{model}/warm lets it go.", "`scriptorium serve MODEL --release`", 5),
        ("gpu_busy", 503, "Send the header X-Scriptorium-Wait.", "`scriptorium status`", 6),
        ("invalid_request", 400, "See docs/api.md.", "--help", 5),
        (
            "store_unavailable",
            503,
            "Check that the stack is running (`scriptorium status`).",
            "`scriptorium status`",
            3,
        ),
    ],
)
def test_a_next_step_is_a_command(
    use_api: UseApi,
    capsys: pytest.CaptureFixture[str],
    *,
    code: str,
    status: int,
    next_step: str,
    command_line: str,
    exit_code: int,
) -> None:
    use_api(lambda request: refuse(code, status, next_step))
    ended, text = failure(capsys, "cancel", JOB)
    assert ended == exit_code
    assert command_line in text
    assert "/v1/" not in text


def test_our_own_next_steps_never_speak_of_requests_to_a_user() -> None:
    for error_class in leaves():
        assert "/v1/" not in (choose_next_step(error_class("No.")) or "")


def test_a_wrong_command_line_is_a_message_with_the_help_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    status, text = failure(capsys, "joobs")
    assert (status, text.splitlines()[0]) == (2, "error (usage): No such command 'joobs'. Did you mean 'jobs'?")
    status, text = failure(capsys, "run", "--priority", "99", "book.txt")
    assert status == ExitStatus.USAGE
    assert "next step: scriptorium run --help" in text


def test_every_error_has_a_status_that_is_documented() -> None:
    statuses = {exit_status(error_class("No.")) for error_class in leaves() if error_class("No.").status}
    assert statuses <= set(ExitStatus)
    assert exit_status(ApiError({"code": "gpu_busy"}, 503)) == ExitStatus.LATER


def test_every_command_has_json_and_an_example() -> None:
    for info in app.registered_commands:
        name = info.name or str(info.callback and info.callback.__name__)
        assert (info.epilog or "").startswith("Example: scriptorium "), name
        if name not in WITHOUT_JSON:
            assert "--json" in CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"}).output, name


def test_the_version_and_shell_completion(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("scriptorium 0.")
    text = CliRunner().invoke(app, ["--help"]).output
    assert "--install-completion" in text
