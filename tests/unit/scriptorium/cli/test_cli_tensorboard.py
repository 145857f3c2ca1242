from pathlib import Path

import pytest

from scriptorium.cli.tensorboard import make_command
from scriptorium.errors import EnvironmentMissing, JobMissing
from scriptorium.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with TensorBoard and one run."""
    (tmp_path / "env" / "bin").mkdir(parents=True)
    (tmp_path / "env" / "bin" / "tensorboard").touch()
    (tmp_path / "runs" / "ftjob-1").mkdir(parents=True)
    return Settings(data_dir=tmp_path, axolotl_env=tmp_path / "env")


def test_one_run_or_all_on_loopback_only(settings: Settings, tmp_path: Path) -> None:
    command = make_command(settings, "ftjob-1", 6007)
    assert command[1:] == ["--logdir", str(tmp_path / "runs" / "ftjob-1"), "--host", "127.0.0.1", "--port", "6007"]
    assert make_command(settings, None, 0)[2] == str(tmp_path / "runs")


@pytest.mark.parametrize("job_id", ["ftjob-2", "..", "/etc"])
def test_what_is_no_run_is_refused(job_id: str, settings: Settings) -> None:
    with pytest.raises(JobMissing, match="has no run"):
        make_command(settings, job_id, 6006)


def test_without_axolotls_environment_the_way_to_get_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentMissing, match="TensorBoard is not installed") as missing:
        make_command(Settings(data_dir=tmp_path, axolotl_env=tmp_path / "none"), None, 6006)
    assert "COMPOSE_PROFILES" in str(missing.value.next_step)
