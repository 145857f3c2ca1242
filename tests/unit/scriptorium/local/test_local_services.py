"""The environment variables and command lines of the local stack's services: who knows which secret."""

from pathlib import Path

import pytest

from scriptorium.local.services import REDIS, REDIS_VARIABLES, SECRETS, commands, service_environment
from scriptorium.settings import Settings
from scriptorium.webhook_signature import make_secret

TOKENS = {"HF_TOKEN": "hf_hunter2", "WANDB_API_KEY": "wandb_hunter2"}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings with every secret, as a user's environment has them."""
    for name, value in TOKENS.items():
        monkeypatch.setenv(name, value)
    return Settings(
        data_dir=tmp_path,
        api_key="sk-scr-hunter2",
        brief_key="brief_hunter2",
        webhook_url="https://hunter2.example/hook",
        webhook_secret=make_secret(),
        notices="ntfys://hunter2",
    )


def test_every_setting_with_a_value_becomes_a_variable(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, api_port=9)
    env = service_environment(settings)
    assert (env["SCRIPTORIUM_API_PORT"], env["SCRIPTORIUM_DATA_DIR"]) == ("9", str(tmp_path))
    assert env["SCRIPTORIUM_MODELS_DIR"] == str(tmp_path / "models")
    assert "SCRIPTORIUM_ALIVE_FILE" not in env
    assert "None" not in env.values()


def test_each_service_knows_only_the_secrets_that_are_its_business(settings: Settings) -> None:
    values = {name: value for name, value in service_environment(settings).items() if name in SECRETS}
    assert values.keys() == SECRETS.keys()
    assert all(values.values())
    for command in commands(settings):
        foreign = [name for name, services in SECRETS.items() if command.name not in services]
        assert {name for name in values if name in command.env} == SECRETS.keys() - set(foreign), command.name
        assert not any(values[name] in value for name in foreign for value in command.env.values()), command.name
        assert not any(value in word for value in values.values() for word in command.line), command.name


def test_redis_gets_no_variable_that_it_does_not_need(settings: Settings) -> None:
    command = next(command for command in commands(settings) if command.name == REDIS)
    assert command.env.keys() <= set(REDIS_VARIABLES)
    assert command.env["PATH"]
