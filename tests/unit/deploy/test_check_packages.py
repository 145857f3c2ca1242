"""The check of an image while it is built, by the interpreter of this test and of one that lacks a compiler."""

import subprocess
import sys
from pathlib import Path

import pytest

from deploy import check_packages
from deploy.check_packages import find_problems


def test_modules_that_are_there_in_the_right_version_are_fine() -> None:
    assert list(find_problems(["packaging>=20", "packaging.requirements", "json"])) == []


def test_every_problem_is_reported_at_once_with_the_image_to_use(project: Path) -> None:
    command = [
        sys.executable,
        project / "deploy" / "check_packages.py",
        "packaging==0.19.*",
        "no_such_module",
        "textwrap>=1",
    ]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 1
    lines = process.stderr.splitlines()
    assert len(lines) == 4
    assert "is installed, Scriptorium is tested with packaging==0.19.*" in lines[0]
    assert "no_such_module cannot be imported: ModuleNotFoundError" in lines[1]
    assert "textwrap unknown is installed" in lines[2]
    assert "AXOLOTL_IMAGE" in lines[3]


def test_an_image_without_a_compiler_or_pythons_headers_cannot_compile_kernels(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(check_packages.shutil, "which", lambda program: None)
    monkeypatch.setattr(check_packages.sysconfig, "get_paths", lambda scheme: {"include": str(tmp_path)})
    missing = list(find_problems(["--compiler"]))
    assert "gcc" in missing[0]
    assert f"{tmp_path}/Python.h" in missing[1]
    (tmp_path / "Python.h").touch()
    monkeypatch.setattr(check_packages.shutil, "which", lambda program: f"/usr/bin/{program}")
    assert list(find_problems(["--compiler"])) == []


@pytest.mark.parametrize("service", ["trainer", "server"])
def test_the_images_of_a_gpu_host_are_checked_for_both(service: str, project: Path) -> None:
    text = (project / "services" / service / "Dockerfile").read_text()
    check = text[text.index("COPY deploy/check_packages.py") :].split("WORKDIR")[0]
    assert "--compiler" in check
    assert "USER scriptorium" in check, "as the user that runs it"
    assert {"trainer": '"axolotl==0.19.*"', "server": '"vllm>=0.32,<0.34"'}[service] in check
    if service == "trainer":
        assert "torch>=2.11,<2.14 bitsandbytes axolotl.cli.main" in check
