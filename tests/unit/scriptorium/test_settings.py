from datetime import timedelta
from pathlib import Path

import pytest

from scriptorium.errors import InvalidRequest
from scriptorium.settings import Settings, get_settings


def test_every_problem_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTORIUM_API_PORT", "70000")
    monkeypatch.setenv("SCRIPTORIUM_MAX_ATTEMPTS", "none")
    with pytest.raises(InvalidRequest) as caught:
        get_settings()
    assert {problem.place for problem in caught.value.problems} == {"SCRIPTORIUM_API_PORT", "SCRIPTORIUM_MAX_ATTEMPTS"}


def test_the_socket_of_a_deep_data_folder_still_fits_its_107_bytes() -> None:
    settings = Settings(data_dir=Path("/") / "/".join(["deep"] * 60))
    assert len(settings.store_url.removeprefix("unix://")) < 107
    assert settings.broker_url.startswith("redis+socket:///")


def test_two_data_folders_have_two_sockets() -> None:
    assert Settings(data_dir=Path("/a")).store_url != Settings(data_dir=Path("/b")).store_url


def test_durations_are_read_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTORIUM_LEASE_TTL", "PT20S")
    assert get_settings().lease_ttl == timedelta(seconds=20)


def test_paths_are_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTORIUM_DATA_DIR", "here")
    assert get_settings().data_dir == Path.cwd() / "here"


@pytest.mark.parametrize("name", ["SCRIPTORIUM_BRIEF_URL", "SCRIPTORIUM_API_URL"])
@pytest.mark.parametrize("url", ["engine:8000", "ftp://engine", "http://", "http://[", "http://engine:port"])
def test_the_url_of_a_server_is_checked(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(InvalidRequest) as caught:
        get_settings()
    (problem,) = caught.value.problems
    assert problem.place == name
    assert problem.message.startswith("must be an address")
