"""The stack of compose.yaml and compose.cpu.yaml in a project of its own: ports, passwords and volumes included."""

from __future__ import annotations

import json
import os
import secrets
import shlex
from collections.abc import Mapping
from typing import Any

from scriptorium.process.ports import free_port
from tests.compose.shell import FOLDER, PROJECT, run, succeeds, wait_for
from tests.compose.standins import SYSTEM_LIBRARIES, build_official_images

MISSING_SERVICE = "grafana"  # no package registry has it; its boards' queries are sent to Prometheus instead
TOOL_ENVIRONMENTS = {
    "trainer": ("services.trainer.run.axolotl", "get_settings().axolotl_env"),
    "server": ("services.server.engine", "get_settings()"),
}
EVALUATION_SETTINGS = {
    "SCRIPTORIUM_EVALUATION_PROMPTS": "8",
    "SCRIPTORIUM_EVALUATION_INSTRUCTIONS": "32",
    "SCRIPTORIUM_EVALUATION_SCENES": "4",
    "SCRIPTORIUM_EVALUATION_REWRITES": "2",
    "SCRIPTORIUM_EVALUATION_JUDGED_PROMPTS": "8",
    "SCRIPTORIUM_EVALUATION_PASSAGES": "16",
    "SCRIPTORIUM_EVALUATION_MAX_TOKENS": "320",
}


class ComposeStack:
    """The stack of one Compose project, and the commands on it."""

    def __init__(self, docker: str, compose: list[str], images: Mapping[str, str]) -> None:
        self._docker = docker
        self._compose = compose
        self.api_port, self.prometheus_port = free_port(), free_port()
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("SCRIPTORIUM_", "COMPOSE_"))},
            **images,
            **EVALUATION_SETTINGS,
            "COMPOSE_FILE": f"{PROJECT / 'compose.yaml'}:{PROJECT / 'compose.cpu.yaml'}",
            "COMPOSE_PROFILES": "monitoring",
            "COMPOSE_PROJECT_NAME": "scriptorium-test",
            "REDIS_PASSWORD": secrets.token_hex(16),
            "GRAFANA_PASSWORD": secrets.token_hex(16),
            "API_PORT": str(self.api_port),
            "PROMETHEUS_PORT": str(self.prometheus_port),
        }

    def compose(self, *words: str) -> str:
        """Run a Compose command and return its output."""
        return run([*self._compose, *words], env=self.env)

    def docker(self, *words: str) -> str:
        """Run a Docker command and return its output."""
        return run([self._docker, *words])

    def services(self) -> list[str]:
        """Return every service that is started here."""
        return [name for name in self.compose("config", "--services").split() if name != MISSING_SERVICE]

    def build(self) -> None:
        """Build every image; those of a GPU host only on top of stand-ins, because the official ones are 20 GB."""
        self.compose("build", *self.services())
        if "AXOLOTL_IMAGE" in self.env:
            self.build_for_gpu()

    def build_for_gpu(self) -> None:
        """Build the images of a GPU host on stand-ins, and check that upstream's library paths reach the tools."""
        files = ("-f", str(PROJECT / "compose.yaml"), "-f", str(PROJECT / "tests" / "compose" / "standins.yaml"))
        self.compose(*files, "build", "axolotl-cpu", "vllm-cpu")
        build_official_images(self._docker)
        self.compose("--profile", "gpu", "build", "trainer", "server")
        for name, (module, argument) in TOOL_ENVIRONMENTS.items():
            script = (
                f"from scriptorium.settings import get_settings; from {module} import make_environment; "
                f"print(make_environment({argument})['LD_LIBRARY_PATH'])"
            )
            libraries = self.docker("run", "--rm", "--read-only", f"scriptorium/{name}", "python", "-c", script)
            assert libraries.strip().endswith(SYSTEM_LIBRARIES), libraries
            assert ("nvidia/cu13/lib:" in libraries) == (name == "trainer"), libraries

    def up(self) -> None:
        """Start everything and wait until it is healthy."""
        self.compose("up", "--detach", "--no-build", *self.services())
        wait_for("every service healthy", lambda: not self.unhealthy(), seconds=180)

    def down(self) -> None:
        """Stop everything and remove it, volumes included."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "20")

    def run_as_documented(self, commands: str) -> None:
        """Run commands of docs/operations.md in the folder of this test, on this project and its volumes.

        What monitors the stack goes on: no registry may have Grafana's image.
        """
        own_names = {
            "docker compose exec": "docker compose exec -T",  # nobody sits at a terminal
            "docker compose": shlex.join(self._compose),
            "docker run": f"{self._docker} run",
            "scriptorium_$v": f"{self.env['COMPOSE_PROJECT_NAME']}_$v",
        }
        for name, own in own_names.items():
            commands = commands.replace(name, own)
        run(["sh", "-e", "-c", commands], env={**self.env, "COMPOSE_PROFILES": ""}, cwd=FOLDER)

    def container(self, service: str) -> str:
        """Return the id of a service's container, running or not."""
        return self.compose("ps", "--all", "--quiet", service).strip()

    def inspect(self, service: str) -> dict[str, Any]:
        """Return Docker's description of a service's container."""
        containers: list[dict[str, Any]] = json.loads(self.docker("inspect", self.container(service)))
        return containers[0]

    def healthy(self, service: str) -> bool:
        """Return whether a service is up and its health check, if any, succeeds; demo-assets must have succeeded."""
        state = self.inspect(service)["State"]
        if service == "demo-assets":
            return not state["Running"] and state["ExitCode"] == 0
        return bool(state["Running"]) and state.get("Health", {}).get("Status", "healthy") == "healthy"

    def unhealthy(self) -> list[str]:
        """Return the services that are not healthy."""
        return [name for name in self.services() if not self.healthy(name)]

    def crash(self, service: str) -> None:
        """Kill every process of a service at once, as a crash would; Docker starts it again."""
        before = self.inspect(service)["State"]["StartedAt"]
        command = [
            self._docker,
            "exec",
            "--user",
            self.user(service),
            self.container(service),
            "sh",
            "-c",
            "kill -9 -1",
        ]
        succeeds(command)  # or not: the shell that kills may die with the container
        wait_for(f"{service} started again", lambda: self.inspect(service)["State"]["StartedAt"] != before, seconds=60)

    def user(self, service: str) -> str:
        """Return the user of a service; root if none is set."""
        return str(self.inspect(service)["Config"]["User"]) or "root"

    def execute(self, service: str, *words: str) -> str:
        """Run a command inside a service's container and return its output."""
        return self.docker("exec", self.container(service), *words)
