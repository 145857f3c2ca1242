"""What the local stack hands to its services."""

from pathlib import Path

from scriptorium.local.services import variables
from scriptorium.settings import Settings


def test_every_setting_is_spelled_out_but_for_those_that_have_no_value(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, api_port=9)
    env = variables(settings)
    assert (env["SCRIPTORIUM_API_PORT"], env["SCRIPTORIUM_DATA_DIR"]) == ("9", str(tmp_path))
    assert env["SCRIPTORIUM_MODELS_DIR"] == str(tmp_path / "models")
    assert "SCRIPTORIUM_ALIVE_FILE" not in env
    assert "None" not in env.values()
