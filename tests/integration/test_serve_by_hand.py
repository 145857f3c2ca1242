"""`scriptorium serve` with the real vLLM: it answers, `scriptorium compare` asks it, Ctrl-C leaves no process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from scriptorium.gpu_check.random_model import write_model
from scriptorium.gpu_check.shape import SHAPES
from scriptorium.local.stack import is_alive
from scriptorium.process.ports import free_port
from scriptorium.settings import PROJECT

VLLM = Path(os.environ.get("SCRIPTORIUM_VLLM_ENV", PROJECT / ".envs/vllm"))
CONTEXT = 512
pytestmark = [
    pytest.mark.environments,
    pytest.mark.slow,
    pytest.mark.skipif(not (VLLM / "bin/python").exists(), reason=f"the vLLM environment is missing: {VLLM}"),
]


def test_a_model_answers_until_ctrl_c(tmp_path: Path) -> None:
    write_model(tmp_path / "model", SHAPES["tiny"])
    port = free_port()
    command = [sys.executable, "-m", "scriptorium"]
    variables = os.environ | {
        "SCRIPTORIUM_DATA_DIR": str(tmp_path / "data"),
        "SCRIPTORIUM_DEVICE": "cpu",
        "SCRIPTORIUM_VLLM_ENV": str(VLLM),
        "PYTHONPATH": str(PROJECT),
    }
    options = ["--port", str(port), "--max-model-len", str(CONTEXT), "--json", "--", "--max-num-seqs", "4"]
    errors = tmp_path / "errors"
    with (
        errors.open("w") as stderr,
        subprocess.Popen(
            [*command, "serve", str(tmp_path / "model"), *options],
            stdout=subprocess.PIPE, stderr=stderr, env=variables, text=True, cwd=tmp_path,
        ) as process,
    ):  # fmt: skip
        try:
            assert process.stdout
            facts = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
            assert (facts["url"], facts["model"]) == (f"http://127.0.0.1:{port}/v1", "model")
            assert facts["context"] == CONTEXT <= facts["cache_tokens"]
            assert "s: " in errors.read_text(), "the stages of the start are shown"
            engines = ["--baseline-port", str(port), "--finetuned-port", str(port)]
            compared = subprocess.run(
                [*command, "compare", *engines, "--prompt", "Sing.", "--max-tokens", "8", "--json"],
                capture_output=True, env=variables, text=True, timeout=300, check=True, cwd=tmp_path,
            )  # fmt: skip
            body = json.loads(compared.stdout)
            assert [body["answers"][0][side]["tokens"] for side in ("baseline", "finetuned")] == [8, 8]
            assert body["finetuned"]["first_token_s"] > 0
            children = psutil.Process(process.pid).children(recursive=True)
            assert children
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    assert process.returncode == 130, errors.read_text()
    assert not any(map(is_alive, children))
