"""vLLM's own parser reads the command lines that we start it with."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scriptorium.settings import PROJECT, Settings
from scriptorium.store.serving import WantedModel
from services.server.engine import EnginePlan, make_command, plan_engines
from services.server.engine_flags import ALLOWED, DECIMAL, NUMBER, SWITCH, make_arguments

PYTHON = Path(os.environ.get("SCRIPTORIUM_VLLM_PYTHON", PROJECT / ".envs/vllm/bin/python"))
MODULE = "vllm.entrypoints.openai.api_server"
pytestmark = [
    pytest.mark.environments,
    pytest.mark.skipif(not PYTHON.exists(), reason=f"the vLLM environment is missing: {PYTHON}"),
]


def read_with_vllm(lines: list[list[str]]) -> list[dict[str, Any]]:
    """Return what vLLM's parser makes of each line, in one process: its start takes most of the time."""
    script = str(Path(__file__).with_name("vllm_arguments.py"))
    process = subprocess.run(
        [PYTHON, script], input=json.dumps(lines), capture_output=True, text=True, timeout=300, check=False
    )
    assert process.returncode == 0, process.stderr[-3000:]
    results: list[dict[str, Any]] = json.loads(process.stdout.splitlines()[-1])
    return results


def arguments_of(plan: EnginePlan, settings: Settings) -> list[str]:
    line = [str(part) for part in make_command(plan, settings, 9000)]
    assert line[1:3] == ["-m", MODULE]
    assert list(PYTHON.parents[1].glob(f"lib/python3*/site-packages/{MODULE.replace('.', '/')}.py"))
    return line[3:]


def test_vllm_understands_what_we_ask_for(tmp_path: Path) -> None:
    adapters = []
    for name, rank in (("ft:one", 48), ("ft:two", 8)):
        folder = tmp_path / name.partition(":")[2]
        folder.mkdir()
        (folder / "adapter_config.json").write_text(json.dumps({"r": rank}))
        adapters.append(WantedModel(name=name, folder="/models/base", adapter=str(folder)))
    (session,) = plan_engines([*adapters, WantedModel(name="org/base-8B", folder="/models/base")])
    merged = (WantedModel(name="ft:one", folder="/runs/1/merged", eager=True),)
    gpu = Settings(device="cuda", engine_context=8192, engine_memory_share=0.7, engine_host="server")
    cpu = Settings(device="cpu", engine_context=2048)
    together, canary, alone = read_with_vllm(
        [arguments_of(session, gpu), arguments_of(merged, gpu), arguments_of((session[0],), cpu)]
    )
    assert (together["model"], together["served_model_name"]) == ("/models/base", ["org/base-8B"])
    assert together["lora_modules"] == {adapter.name: adapter.adapter for adapter in adapters}
    assert (together["enable_lora"], together["max_lora_rank"]) == (True, 64)
    assert (together["host"], together["port"]) == ("server", 9000)
    assert (together["max_model_len"], together["gpu_memory_utilization"]) == (8192, 0.7)
    assert [result["enforce_eager"] for result in (together, canary, alone)] == [False, True, True]
    assert (canary["model"], canary["served_model_name"]) == ("/runs/1/merged", ["ft:one"])
    assert (alone["max_model_len"], bool(alone["enable_lora"])) == (2048, False)
    assert not any(result["trust_remote_code"] for result in (together, canary, alone))


EXAMPLES = {"attention-backend": "FLASH_ATTN", "dtype": "bfloat16", "generation-config": "vllm",
            "kv-cache-dtype": "fp8", "quantization": "fp8", "tool-call-parser": "hermes"}  # fmt: skip


def test_vllm_knows_every_flag_that_may_be_added_by_hand() -> None:
    values = {SWITCH: "false", NUMBER: "16", DECIMAL: "1.5"}
    flags = {name: EXAMPLES.get(name) or values[pattern] for name, pattern in ALLOWED.items()}
    flags |= {"enable-auto-tool-choice": "true"}
    plan = (WantedModel(name="base", folder="/models/base"),)
    command = make_command(plan, Settings(device="cuda"), 9000, make_arguments(flags))
    [result] = read_with_vllm([[str(part) for part in command[3:]]])
    assert (result["seed"], result["enable_prefix_caching"], result["max_model_len"]) == (16, False, 4096)
