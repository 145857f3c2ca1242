import subprocess
from pathlib import Path

import pytest

from scriptorium.local.environments import (
    Environment,
    build,
    commands,
    environments,
    installation_advice,
    lock_folder,
    torch_backend,
)


def make_environment(tmp_path: Path, name: str = "axolotl") -> Environment:
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("axolotl==0.19.0\n")
    return Environment(name, tmp_path / "env", (requirements,), gib=0.001, torch=True)


def test_the_gpu_decides_which_builds_are_installed_and_their_lists_are_complete() -> None:
    for name, cpu_list in (("vllm", "requirements-cpu.txt"), ("axolotl", "requirements.txt")):
        environment = environments(gpu=True)[name]
        assert environment.requirements[0].name == "requirements-gpu.txt"
        assert "--no-deps" in list(commands(environment, gpu=True))[-1]
        assert environments(gpu=False)[name].requirements[0].name == cpu_list


def test_every_requirement_file_is_there_and_pinned() -> None:
    for gpu in (True, False):
        for environment in environments(gpu=gpu).values():
            for path in environment.requirements:
                lines = [
                    line for line in path.read_text().splitlines() if path.suffix == ".txt" and line[:1] not in "# "
                ]
                assert all("==" in line for line in lines), path


def test_pytorch_comes_from_its_own_index_unless_the_user_names_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("UV_FIND_LINKS", "PIP_FIND_LINKS", "UV_TORCH_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    assert torch_backend(gpu=False) == ["--torch-backend=cpu"]
    assert torch_backend(gpu=True) == [], "another build of CUDA than the one whose libraries are in the list"
    monkeypatch.setenv("PIP_FIND_LINKS", "wheels")
    assert torch_backend(gpu=False) == []


def test_an_environment_that_is_up_to_date_is_not_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = make_environment(tmp_path)
    lines: list[list[str]] = []
    monkeypatch.setattr("scriptorium.local.environments.run", lambda _, line: record_command(environment, line, lines))
    build(environment, gpu=False)
    assert len(lines) == len(list(commands(environment, gpu=False))) == 2
    build(environment, gpu=False)
    assert len(lines) == 2
    environment.requirements[0].write_text("axolotl==0.20.0\n")
    build(environment, gpu=False)
    assert len(lines) == 4


def record_command(environment: Environment, line: list[str], lines: list[list[str]]) -> None:
    environment.folder.mkdir(exist_ok=True)
    lines.append(line)


def test_a_failed_installation_is_one_sentence_and_leaves_no_stamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = make_environment(tmp_path)
    failed = subprocess.CompletedProcess([], 1, "", "  × No solution found\n  ╰─▶ there is no version of torch==2.13.0")
    monkeypatch.setattr("scriptorium.local.environments.subprocess.run", lambda *_, **__: failed)
    with pytest.raises(SystemExit):
        build(environment, gpu=False)
    (sentence,) = [line for line in capsys.readouterr().err.splitlines() if "cannot be installed" in line]
    assert "No solution found there is no version of torch==2.13.0" in sentence
    assert "UV_FIND_LINKS" in sentence
    assert not environment.ready


def test_too_little_space_is_reported_before_any_download(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    requirements = make_environment(tmp_path).requirements
    with pytest.raises(SystemExit):
        build(Environment("vllm", tmp_path / "env", requirements, gib=1e9), gpu=False)
    assert "GiB are free" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("reason", "word"), [("No space left on device", "Free"), ("torch", "PyTorch"), ("?", "index")]
)
def test_the_advice_fits_the_reason(reason: str, word: str) -> None:
    assert word in installation_advice(reason)


def test_the_lock_of_a_hidden_folder_is_hidden_once(tmp_path: Path) -> None:
    with lock_folder(tmp_path / ".venv"), lock_folder(tmp_path / "demo"):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".demo.lock", ".venv.lock"]
