"""The environment variables of the local stack's services."""

from pathlib import Path

from scriptorium.local.services import service_environment
from scriptorium.settings import Settings


def test_every_setting_with_a_value_becomes_a_variable(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, api_port=9)
    env = service_environment(settings)
    assert (env["SCRIPTORIUM_API_PORT"], env["SCRIPTORIUM_DATA_DIR"]) == ("9", str(tmp_path))
    assert env["SCRIPTORIUM_MODELS_DIR"] == str(tmp_path / "models")
    assert "SCRIPTORIUM_ALIVE_FILE" not in env
    assert "None" not in env.values()
