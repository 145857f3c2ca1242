"""The compose files fit the compose specification and each other, and pass every setting to the containers."""

import json
import os
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from scriptorium.process.tool_environment import cache_folders, inherit
from scriptorium.settings import Settings
from services.server.engine import make_environment as make_server_environment
from services.trainer.run.axolotl import make_environment as make_trainer_environment

COMPOSE_FILES = ("compose.yaml", "compose.cpu.yaml", "compose.worker.yaml", "deploy/compose/base.yaml")
LIGHT_SERVICES = ("api", "data", "merger", "evaluator")
ENGINE_SERVICES = ("trainer", "server")
PUBLISHED_SERVICES = {"api", "grafana", "prometheus", "tensorboard"}
# Settings that the containers fix, and settings that only the command line or the local processes read.
FIXED_SETTINGS = {"DATA_DIR", "REDIS_URL", "API_HOST", "DEVICE", "STOP_GRACE", "ALIVE_FILE", "ENGINE_HOST", "SERVICE"}
LOCAL_SETTINGS = {
    "MODELS_DIR",
    "RECIPES_DIR",
    "API_PORT",
    "AXOLOTL_ENV",
    "VLLM_ENV",
    "LLAMA_ENV",
    "IMPOSTORS_DIR",
    "REPLAY_ROWS",
}


def load_yaml(project: Path, name: str) -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load((project / name).read_text())
    return body


@pytest.mark.parametrize("name", (*COMPOSE_FILES, "tests/compose/standins.yaml"))
def test_a_compose_file_fits_the_specification(name: str, project: Path) -> None:
    schema = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(load_yaml(project, name), json.loads(schema.read_text("utf-8")))


@pytest.mark.parametrize("name", COMPOSE_FILES[:3])
def test_every_container_is_hardened_by_the_same_base(name: str, project: Path) -> None:
    base = load_yaml(project, COMPOSE_FILES[3])["services"]
    container = base["container"]
    assert container["read_only"]
    assert container["init"]
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert {"max-size", "max-file"} == set(container["logging"]["options"])
    known = set(load_yaml(project, COMPOSE_FILES[0])["services"]) if name == COMPOSE_FILES[1] else set()
    for service, body in load_yaml(project, name)["services"].items():
        if service not in known:
            assert body["extends"]["file"] == COMPOSE_FILES[3]
            assert body["extends"]["service"] in base
        assert not {"privileged", "network_mode", "cap_add", "user"} & set(body) - {"user"}


def test_few_services_publish_a_port_and_on_loopback_by_default(project: Path) -> None:
    services = load_yaml(project, COMPOSE_FILES[0])["services"]
    assert {name for name, body in services.items() if "ports" in body} == PUBLISHED_SERVICES
    ports = [port for body in services.values() for port in body.get("ports", [])]
    assert all(port.startswith("${BIND_ADDRESS:-127.0.0.1}:") for port in ports)


def test_tensorboard_reads_what_the_trainer_wrote_in_the_trainers_image(project: Path) -> None:
    services = load_yaml(project, COMPOSE_FILES[0])["services"]
    tensorboard, trainer = services["tensorboard"], services["trainer"]
    assert tensorboard["profiles"] == ["tensorboard"]
    assert (tensorboard["image"], tensorboard["build"]) == (trainer["image"], trainer["build"])
    assert tensorboard["volumes"] == ["data:/data:ro"]
    assert "healthcheck" in tensorboard, "the image's own looks for the worker's file"
    on_cpu = load_yaml(project, COMPOSE_FILES[1])["services"]
    assert on_cpu["tensorboard"]["image"] == on_cpu["trainer-cpu"]["image"]


def test_a_key_for_wandb_comes_from_the_users_environment_to_the_trainer_alone(project: Path) -> None:
    base = load_yaml(project, COMPOSE_FILES[3])["services"]
    holders = {
        name: body["environment"] for name, body in base.items() if "WANDB_API_KEY" in body.get("environment", {})
    }
    assert list(holders) == ["trainer"]
    assert holders["trainer"]["WANDB_API_KEY"] is None, "no value: it is handed through, and stands in no file of ours"


def test_the_addresses_and_the_secret_of_webhooks_and_notices_reach_the_api_alone(project: Path) -> None:
    base = load_yaml(project, COMPOSE_FILES[3])["services"]
    for name in ("SCRIPTORIUM_WEBHOOK_URL", "SCRIPTORIUM_WEBHOOK_SECRET", "SCRIPTORIUM_NOTICES"):
        assert [service for service, body in base.items() if name in body.get("environment", {})] == ["api"]
        assert base["api"]["environment"][name] is None, "no value: it is handed through"
    assert load_yaml(project, COMPOSE_FILES[0])["services"]["api"]["extends"]["service"] == "api"


def test_every_setting_reaches_the_containers_or_is_fixed_by_them(project: Path) -> None:
    base = load_yaml(project, COMPOSE_FILES[3])["services"]
    forwarded = {name.removeprefix("SCRIPTORIUM_") for body in ("service", "api") for name in base[body]["environment"]}
    assert forwarded | FIXED_SETTINGS | LOCAL_SETTINGS == {name.upper() for name in Settings.model_fields} | (
        FIXED_SETTINGS & {"SERVICE"}
    )
    assert not forwarded & LOCAL_SETTINGS


def test_every_variable_is_in_the_table_and_in_the_example(project: Path) -> None:
    text = "".join((project / name).read_text() for name in COMPOSE_FILES)
    used = set(re.findall(r"\$\{([A-Z_]+)", text)) | {"HF_TOKEN", "WANDB_API_KEY", "WANDB_BASE_URL"}
    used = {name for name in used if not name.startswith("SCRIPTORIUM_")}
    table = (project / "docs" / "settings.md").read_text()
    assert [name for name in sorted(used) if f"`{name}`" not in table] == []
    example = (project / ".env.example").read_text()
    worker_variables = {"REDIS_ADDRESS", "WORKER_NAME", "NFS_ADDRESS", "NFS_PATH"}
    missing = [name for name in used - worker_variables if not re.search(rf"^(# )?{name}=", example, re.MULTILINE)]
    assert missing == []


def test_the_defaults_of_the_table_are_those_of_the_files(project: Path) -> None:
    text = "".join((project / name).read_text() for name in COMPOSE_FILES)
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| `([^`]+)` \|", (project / "docs" / "settings.md").read_text(), re.M))
    for name, default in re.findall(r"\$\{([A-Z_]+):-([^}]+)\}", text):
        if not name.startswith("SCRIPTORIUM_"):
            assert rows[name] == default, name


def is_pinned(image: str) -> bool:
    """Return whether an image is one release: a digest, or a tag with a version that is not rebuilt on each push."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    floating = re.search(r"(^|[-_.])(main|master|latest|nightly|dev|edge|stable)([-_.]|$)", tag)
    return bool(digest or (re.search(r"\d+\.\d+", tag) and not floating))


@pytest.mark.parametrize(
    ("image", "pinned"),
    [
        ("axolotlai/axolotl:main-py3.12-cu130-2.12.0", False),
        ("axolotlai/axolotl:0.19.0-py3.12-cu130-2.12.0", True),
        ("vllm/vllm-openai:latest", False),
        ("vllm/vllm-openai", False),
        ("localhost:5000/vllm", False),
        ("python:3", False),
        ("vllm/vllm-openai:nightly-0.33.1", False),
        ("vllm/vllm-openai@sha256:" + 64 * "0", True),
    ],
)
def test_an_image_that_is_rebuilt_under_its_name_is_not_pinned(image: str, pinned: bool) -> None:
    assert is_pinned(image) == pinned


def test_images_are_pinned_and_the_same_everywhere(project: Path) -> None:
    composed = re.findall(
        r"\$\{(\w+_IMAGE):-([^}]+)\}", "".join((project / name).read_text() for name in COMPOSE_FILES)
    )
    dockerfiles = [*project.glob("services/*/Dockerfile"), *project.glob("deploy/*/Dockerfile")]
    built = re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", "".join(path.read_text() for path in dockerfiles), re.MULTILINE)
    assert len(composed) >= 8
    assert {name for name, _ in built} == {"PYTHON_IMAGE", "AXOLOTL_IMAGE", "VLLM_IMAGE"}
    assert [image for _, image in composed + built if not is_pinned(image)] == []
    assert len(set(composed + built)) == len({name for name, _ in composed + built}), "one default for each"


def test_every_service_has_a_dockerfile_with_the_same_beginning(project: Path) -> None:
    texts = {
        name: (project / "services" / name / "Dockerfile").read_text() for name in LIGHT_SERVICES + ENGINE_SERVICES
    }
    heads = {texts[name].split("\n", 1)[1].split("ENV PATH")[0] for name in LIGHT_SERVICES}
    assert len(heads) == 1, "the light images share their layers only while these lines are the same"
    for name, text in texts.items():
        assert "USER scriptorium" in text
        assert "HEALTHCHECK" in text
        assert f'"services.{name}.worker"' in text


def test_the_stand_ins_of_the_official_images_are_the_stages_of_a_cpu(project: Path) -> None:
    for body in load_yaml(project, "tests/compose/standins.yaml")["services"].values():
        text = (project / body["build"]["dockerfile"]).read_text()
        stage = text.split(f" AS {body['build']['target']}\n")[1].split("\nFROM ")[0]
        assert "/workspace/axolotl-venv" in stage or "ENV PATH=/opt/vllm/bin:$PATH" in stage, "where upstream has them"


def test_one_version_of_uv_builds_everything(project: Path) -> None:
    version = re.search(r"UV_VERSION := (\S+)", (project / "Makefile").read_text())
    assert version
    for path in [*project.glob("services/*/Dockerfile"), *project.glob("deploy/*/Dockerfile")]:
        assert re.findall(r"uv==(\S+)", path.read_text()) == [version[1]], path


@pytest.mark.parametrize("gpu", [True, False])
def test_the_environment_file_has_fresh_passwords_and_the_parts_for_this_machine(
    gpu: bool, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "deploy").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(project / "deploy" / "env.sh", tmp_path / "deploy")
    shutil.copy(project / ".env.example", tmp_path)
    smi = tmp_path / "bin" / "nvidia-smi"
    smi.write_text(f"#!/bin/sh\nexit {0 if gpu else 9}\n")
    smi.chmod(0o755)

    def write() -> dict[str, str]:
        env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
        subprocess.run(["sh", tmp_path / "deploy" / "env.sh"], check=True, env=env, capture_output=True)
        lines = (tmp_path / ".env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    first = write()
    assert first["COMPOSE_PROFILES"] == ("gpu,monitoring" if gpu else "monitoring")
    assert first["COMPOSE_FILE"] == ("compose.yaml" if gpu else "compose.yaml:compose.cpu.yaml")
    assert len(first["REDIS_PASSWORD"]) == len(first["GRAFANA_PASSWORD"]) == 32
    assert first["REDIS_PASSWORD"] != first["GRAFANA_PASSWORD"]
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0
    assert write() == first, "an existing .env stays as it is"
    (tmp_path / ".env").unlink()
    assert write()["REDIS_PASSWORD"] != first["REDIS_PASSWORD"]
    (tmp_path / ".env").write_text("GRAFANA_PASSWORD=mine\nREDIS_PASSWORD=\nOTHER=1")
    completed = write()
    assert (completed["GRAFANA_PASSWORD"], completed["OTHER"], completed["COMPOSE_FILE"]) == (
        "mine",
        "1",
        first["COMPOSE_FILE"],
    )
    assert len(completed["REDIS_PASSWORD"]) == 32, "what an .env lacks is added to it"


def test_what_is_compiled_at_run_time_lies_where_it_can_be_executed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = load_yaml(project, COMPOSE_FILES[3])["services"]
    volumes = dict(volume.split(":")[:2][::-1] for volume in services["service"]["volumes"])
    in_memory = [folder.split(":")[0] for folder in services["container"]["tmpfs"]]  # its short form is noexec
    monkeypatch.setenv("SCRIPTORIUM_CACHE_DIR", services["service"]["environment"]["SCRIPTORIUM_CACHE_DIR"])
    for environment in (make_server_environment(Settings()), make_trainer_environment(Settings().axolotl_env)):
        caches = {name: Path(environment[name]) for name in cache_folders(Path())}
        assert {"TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "VLLM_CACHE_ROOT"} <= set(caches)
        for name, folder in caches.items():
            assert any(folder.is_relative_to(volume) for volume in volumes), name
            assert not any(folder.is_relative_to(path) for path in in_memory), name


def test_the_tools_own_settings_can_be_passed_to_their_containers(project: Path) -> None:
    services = load_yaml(project, COMPOSE_FILES[3])["services"]
    for name in ENGINE_SERVICES:
        passed = {key for key, value in services[name]["environment"].items() if value is None}
        tuning = passed - {"WANDB_API_KEY", "WANDB_BASE_URL", "HTTPS_PROXY"}  # these the trainer hands on itself
        assert inherit(dict.fromkeys(tuning, "")).keys() == tuning
        assert {"PYTORCH_ALLOC_CONF", "OMP_NUM_THREADS"} <= passed
    table = (project / "docs" / "settings.md").read_text()
    assert [name for name in passed if f"`{name}`" not in table] == []
