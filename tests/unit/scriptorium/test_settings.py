from datetime import timedelta
from pathlib import Path

import pytest

from scriptorium.errors import InvalidRequest
from scriptorium.settings import Settings, get_settings
from scriptorium.webhook_signature import make_secret


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


def settings_problems(monkeypatch: pytest.MonkeyPatch, **values: str) -> str:
    for name, value in values.items():
        monkeypatch.setenv(f"SCRIPTORIUM_{name}", value)
    with pytest.raises(InvalidRequest) as caught:
        get_settings()
    return str(caught.value)


def test_a_webhook_needs_a_secret_that_its_receiver_can_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "SCRIPTORIUM_WEBHOOK_SECRET: is needed" in settings_problems(monkeypatch, WEBHOOK_URL="https://a.b/x")
    problem = settings_problems(monkeypatch, WEBHOOK_SECRET="my own words")
    assert "must be whsec_" in problem
    assert "my own words" not in problem
    monkeypatch.setenv("SCRIPTORIUM_WEBHOOK_SECRET", make_secret())
    assert get_settings().webhook_urls == ["https://a.b/x"]


def test_each_webhook_is_checked_and_its_address_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"WEBHOOK_URL": "https://a.b/token, ftp://c/token", "WEBHOOK_SECRET": make_secret()}
    problem = settings_problems(monkeypatch, **values)
    assert "SCRIPTORIUM_WEBHOOK_URL: must be an address" in problem
    assert "token" not in problem


def test_a_setting_that_holds_a_secret_is_not_shown() -> None:
    settings = Settings(webhook_url="https://a.b/my-word", webhook_secret=make_secret(), notices="json://u:my-word@h")
    assert "my-word" not in repr(settings)
    assert "whsec_" not in repr(settings)


def test_links_lead_to_where_people_open_the_pages() -> None:
    assert Settings(api_port=8500).pages_url == "http://127.0.0.1:8500"
    assert Settings(api_url="http://here:1/v1").pages_url == "http://here:1"
    assert (
        Settings(api_url="http://here:1/v1", public_url="https://books.example/").pages_url == "https://books.example"
    )


def test_a_secret_is_read_from_its_file_and_a_variable_counts_for_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = make_secret()
    (tmp_path / "scriptorium_webhook_secret").write_text(f"{secret}\n")
    (tmp_path / "SCRIPTORIUM_REDIS_URL").write_text("redis://:hunter2@redis:6379/0\n")
    (tmp_path / "scriptorium_api_key").write_text("of the file")
    monkeypatch.setenv("SCRIPTORIUM_API_KEY", "of the variable")
    settings = Settings(_secrets_dir=tmp_path)
    assert (settings.webhook_secret, settings.store_url) == (secret, "redis://:hunter2@redis:6379/0")
    assert settings.api_key == "of the variable"


def test_secrets_are_not_shown_with_the_settings() -> None:
    fields = Settings.model_fields.items()
    secrets = {name for name, field in fields if name.endswith(("_key", "_secret")) or name in {"redis_url", "notices"}}
    assert {name for name in secrets if Settings.model_fields[name].repr} == set()
    settings = Settings(**dict.fromkeys(secrets - {"webhook_secret"}, "hunter2"), webhook_secret=make_secret())
    assert "hunter2" not in f"{settings!r} {settings}"
    assert settings.webhook_secret not in repr(settings)
