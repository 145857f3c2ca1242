"""Ports, values that compose requires, the base model, and the environments of Axolotl and vLLM."""

from pathlib import Path
from typing import Any

import pytest
from doctor_machine import FakeProbe, container, run_check, subject

from scriptorium.doctor.base_model import check_base_model
from scriptorium.doctor.check import CheckFinding
from scriptorium.doctor.environments import PRINT_INCLUDE, PRINT_VERSION, check_environments
from scriptorium.doctor.passwords import check_passwords, required_variables
from scriptorium.doctor.ports import check_ports
from scriptorium.doctor.probe import CommandOutput, Probe

COMPOSE = """\
# a comment names ${NOT_THIS:?}
services:
  redis:
    command: ["redis-server", "--requirepass", "${REDIS_PASSWORD:?}"]  # and ${NOT_THIS_EITHER:?}
    ports: ["${BIND_ADDRESS:-127.0.0.1}:6379"]
  grafana:
    environment:
      GF: ${GRAFANA_PASSWORD:?is not set}
      AGAIN: ${REDIS_PASSWORD:?}
"""
LLAMA = "meta-llama/Llama-3.1-8B-Instruct"


def test_free_ports_and_our_own_pass() -> None:
    ours = {
        8421: '{"status":"degraded","store":false}',
        3000: '{\n  "database": "ok"\n}',
        9090: "Prometheus Server is Ready.",
    }
    for listeners in ({}, ours):
        findings = run_check(check_ports, subject(FakeProbe(listeners=listeners)))
        assert [finding.status for finding in findings.values()] == ["ok"] * 3


def test_a_port_of_another_program_is_a_warning() -> None:
    others = {8421: '{"database": 1}', 3000: "<html>", 9090: None}
    findings = run_check(check_ports, subject(FakeProbe(listeners=others)))
    assert [finding.status for finding in findings.values()] == ["warn"] * 3
    assert "ss -ltnp 'sport = :8421'" in findings["port 8421 (API)"].fix


def test_the_ports_of_dotenv_are_checked() -> None:
    probe = FakeProbe(files={".env": "API_PORT=8500\nGRAFANA_PORT='3100'\n"}, listeners={8421: None, 3000: None})
    findings = run_check(check_ports, subject(probe))
    assert list(findings) == ["port 8500 (API)", "port 3100 (Grafana)", "port 9090 (Prometheus)"]
    assert {finding.status for finding in findings.values()} == {"ok"}
    assert run_check(check_ports, subject(container("api"), "api"))["ports"].status == "skipped"


def test_what_compose_requires_is_read_from_its_files() -> None:
    assert required_variables(COMPOSE) == ["REDIS_PASSWORD", "GRAFANA_PASSWORD"]


def test_missing_passwords_come_with_the_command_that_makes_them() -> None:
    fresh = FakeProbe(files={"compose.yaml": COMPOSE})
    finding = run_check(check_passwords, subject(fresh))["compose values"]
    assert (finding.status, finding.fix.split("   ")[0]) == ("warn", "sh deploy/env.sh")
    incomplete = FakeProbe(files={"compose.yaml": COMPOSE, ".env": "REDIS_PASSWORD=a\nGRAFANA_PASSWORD=\n"})
    finding = run_check(check_passwords, subject(incomplete))["compose values"]
    assert (finding.status, finding.fix) == ("warn", "sh deploy/env.sh   # adds what is missing to .env")
    complete = FakeProbe(
        files={"compose.yaml": COMPOSE, ".env": "REDIS_PASSWORD=a\n"}, environ={"GRAFANA_PASSWORD": "b"}
    )
    assert run_check(check_passwords, subject(complete))["compose values"].status == "ok"


def test_a_second_machine_needs_the_values_of_its_own_file() -> None:
    files = {
        ".env": "COMPOSE_FILE=compose.worker.yaml\nREDIS_PASSWORD=a\n",
        "compose.worker.yaml": "hostname: ${WORKER_NAME:?}",
        "deploy/compose/base.yaml": "url: redis://:${REDIS_PASSWORD:?}@${REDIS_ADDRESS:-redis}",
        "compose.yaml": COMPOSE,
    }
    finding = run_check(check_passwords, subject(FakeProbe(files=files)))["compose values"]
    assert "needs WORKER_NAME in" in finding.seen


def test_without_compose_files_nothing_is_required() -> None:
    assert run_check(check_passwords, subject(FakeProbe()))["compose values"].status == "skipped"


def test_the_projects_own_compose_files_require_passwords(project: Path) -> None:
    if (project / "compose.yaml").exists():
        names = required_variables((project / "compose.yaml").read_text())
        assert {name for name in names if name.endswith("PASSWORD")}


def model(probe: FakeProbe, service: str = "host", name: str = LLAMA) -> tuple[str, str]:
    finding = run_check(check_base_model, subject(probe, service, default_model=name))["base model"]
    return str(finding.status), finding.fix


def test_a_model_with_a_licence_needs_a_token() -> None:
    status, fix = model(FakeProbe())
    assert status == "warn"
    assert f"https://huggingface.co/{LLAMA}" in fix
    assert "HF_TOKEN=" in fix
    for probe in (
        FakeProbe(environ={"HF_TOKEN": "hf_x"}),
        FakeProbe(files={".env": "HF_TOKEN=hf_x\n"}),
        FakeProbe(environ={"HOME": "/home/me"}, files={"/home/me/.cache/huggingface/token": "hf_x\n"}),
    ):
        assert model(probe)[0] == "ok"
    assert model(FakeProbe(files={".env": "HF_TOKEN=\n"}))[0] == "warn"


def test_a_model_in_the_hubs_cache_is_found() -> None:
    weights = "/cache/hub/models--meta-llama--Llama-3.1-8B-Instruct/snapshots/0e9e39f/model-00001-of-00004.safetensors"
    assert model(FakeProbe(environ={"HF_HOME": "/cache"}, files={weights: ""}))[0] == "ok"


def test_a_model_of_your_own_must_be_there(tmp_path: Path) -> None:
    assert model(FakeProbe(), name="mine")[0] == "fail"
    assert model(FakeProbe(files={".env": "COMPOSE_FILE=compose.yaml\n"}), name="mine")[0] == "skipped"
    assert model(container("data"), "data", "mine")[0] == "fail"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text("{}")
    machine = subject(FakeProbe(), models_dir=tmp_path, default_model="mine")
    assert run_check(check_base_model, machine)["base model"].status == "ok"


def test_a_missing_model_of_the_hub_is_a_warning_offline() -> None:
    status, fix = model(FakeProbe(environ={"HF_HUB_OFFLINE": "1", "HF_TOKEN": "hf_x"}))
    assert (status, "unset HF_HUB_OFFLINE" in fix) == ("warn", True)


def test_an_open_model_needs_no_token() -> None:
    assert model(FakeProbe(), name="Qwen/Qwen3-8B")[0] == "ok"
    assert model(FakeProbe(), service="merger")[0] == "skipped"


FOLDERS = {name: Path("/app/.envs", name) for name in ("axolotl", "vllm", "llama")}
ENVS = {"/app/.envs/axolotl/bin/axolotl": "", **{f"{folder}/bin/python": "" for folder in FOLDERS.values()}}
ANSWERS = {
    "axolotl/bin/python": "axolotl 0.19.0\n",
    "vllm/bin/python": "vllm 0.33.0\n",
    "llama/bin/python": "cyllama 0.2.18\n",
}
PATHS = {f"{name}_env": folder for name, folder in FOLDERS.items()}
QUANTISER = "llama.cpp's quantiser"


@pytest.mark.parametrize(("service", "title", "other"), [("trainer", "Axolotl", "vLLM"), ("server", "vLLM", "Axolotl")])
def test_each_service_needs_its_own_environment(service: str, title: str, other: str) -> None:
    findings = run_check(check_environments, subject(container(service, files=ENVS, answers=ANSWERS), service, **PATHS))
    assert (findings[title].status, findings[other].status) == ("ok", "skipped")
    bare = run_check(check_environments, subject(container(service), service, **PATHS))[title]
    assert (bare.status, bare.fix) == ("fail", f"docker compose build {service} && docker compose up -d {service}")
    hollow = container(service, files=ENVS, answers={"bin/python": CommandOutput(1, "")})
    assert run_check(check_environments, subject(hollow, service, **PATHS))[title].status == "fail"


def test_a_host_without_environments_may_run_containers() -> None:
    findings = run_check(check_environments, subject(FakeProbe(), **PATHS))
    assert {finding.status for finding in findings.values()} == {"skipped"}


def test_without_the_quantiser_one_format_is_not_offered_and_nothing_else_is_wrong() -> None:
    def examine_merger(**fields: Any) -> CheckFinding:
        return run_check(check_environments, subject(container("merger", **fields), "merger", **PATHS))[QUANTISER]

    assert examine_merger(files=ENVS, answers=ANSWERS).status == "ok"
    for bare in (examine_merger(), examine_merger(files=ENVS, answers={"bin/python": CommandOutput(1, "")})):
        assert (bare.status, "gguf-q4_k_m are not offered" in bare.seen) == ("warn", True)
        assert "let Ollama quantise it" in bare.fix


def test_on_a_cpu_the_services_have_names_of_their_own() -> None:
    bare = run_check(check_environments, subject(container("trainer"), "trainer", device="cpu", **PATHS))["Axolotl"]
    assert "build trainer-cpu" in bare.fix


def test_a_real_interpreter_prints_the_version_of_a_package() -> None:
    import sys

    assert Probe().run(sys.executable, "-c", PRINT_VERSION, "no-such-package", "pytest").out.startswith("pytest ")
    assert Probe().run(sys.executable, "-c", PRINT_VERSION, "no-such-package").code == 1


HEADERS = {"get_default_scheme": "/usr/include/python3.12 python3.12-dev\n"}
NVCC = "vLLM nvcc"


def examine_compilers(*, programs: tuple[str, ...], **fields: Any) -> dict[str, CheckFinding]:
    files = {**ENVS, **fields.pop("files", {})}
    probe = FakeProbe(programs=programs, files=files, answers={**HEADERS, **ANSWERS}, **fields)
    return run_check(check_environments, subject(probe, **PATHS))


def test_on_a_gpu_triton_needs_a_c_compiler_and_pythons_headers_and_nothing_needs_nvcc() -> None:
    bare = examine_compilers(programs=("nvidia-smi",))
    for tool in ("Axolotl", "vLLM"):
        assert (bare[f"{tool} C compiler"].status, bare[f"{tool} C compiler"].fix) == ("fail", "sudo apt install gcc")
        assert bare[f"{tool} Python.h"].status == "fail"
        assert bare[f"{tool} Python.h"].fix == "sudo apt install python3.12-dev"
    assert (bare[NVCC].status, "not needed" in bare[NVCC].seen) == ("ok", True)
    headers = {"/usr/include/python3.12/Python.h": ""}
    complete = examine_compilers(programs=("nvidia-smi", "gcc"), files=headers)
    assert {finding.status for finding in complete.values()} == {"ok"}
    assert complete["Axolotl C compiler"].seen == "/usr/bin/gcc"


def test_the_sampler_that_a_user_turns_on_needs_nvcc() -> None:
    on = {"VLLM_USE_FLASHINFER_SAMPLER": "1", "CUDA_HOME": "/opt/cuda"}
    assert examine_compilers(programs=("nvidia-smi", "gcc"), environ=on)[NVCC].status == "fail"
    toolkit = {"/opt/cuda/bin/nvcc": ""}
    assert examine_compilers(programs=("nvidia-smi", "gcc"), environ=on, files=toolkit)[NVCC].status == "ok"


def test_without_a_gpu_nothing_is_compiled() -> None:
    assert examine_compilers(programs=("gcc",)).keys() == {"Axolotl", "vLLM", QUANTISER}


def test_in_a_container_what_triton_needs_comes_with_the_image() -> None:
    probe = container("trainer", programs=("nvidia-smi",), files=ENVS, answers={**HEADERS, **ANSWERS})
    finding = run_check(check_environments, subject(probe, "trainer", **PATHS))["Axolotl C compiler"]
    assert finding.status == "fail"
    assert "docker compose build trainer" in finding.fix


def test_a_real_interpreter_prints_where_its_headers_are() -> None:
    import sys
    import sysconfig

    answer = Probe().run(sys.executable, "-c", PRINT_INCLUDE)
    assert answer.out.split() == [sysconfig.get_paths()["include"], f"python3.{sys.version_info[1]}-dev"]
