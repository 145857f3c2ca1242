"""Templates for Ollama, rendered by Go's own text/template, have the text of the models' chat templates."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scriptorium.errors import BaseModelUnusable
from scriptorium.models.tokenizer import ChatTokenizer
from services.merger.exporting.go_template import CHATS, derive_turns
from tests.integration.in_axolotl import AXOLOTL_MARKS, PYTHON
from tests.integration.llama_base import BEGIN_OF_TEXT, TEMPLATE, write_llama_base

RENDER = """package main

import ("encoding/json"; "os"; "text/template")

type Message struct { Role, Content string }
type Case struct { Template, System string; Messages []Message }

func main() {
	var cases []Case
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil { panic(err) }
	for _, c := range cases {
		t := template.Must(template.New("").Option("missingkey=zero").Parse(c.Template))
		values := map[string]any{"System": c.System, "Messages": c.Messages}
		if err := t.Execute(os.Stdout, values); err != nil { panic(err) }
		os.Stdout.Write([]byte{0})
	}
}
"""  # as Ollama executes a template that names .Messages
TEMPLATES = PYTHON.parents[1].glob("lib/python3*/site-packages/axolotl/utils/chat_templates/templates/*.jinja")
PLAIN_TURNS = {"chatml", "llama3", "llama31", "phi_4"}  # at least these have a template for Ollama

pytestmark = [*AXOLOTL_MARKS, pytest.mark.skipif(not shutil.which("go"), reason="Go is not installed")]


def test_go_renders_what_the_chat_templates_render(tmp_path: Path) -> None:
    cases, expected, names = [], [], set()
    write_llama_base(tmp_path / "base")
    sources = {path.stem: path.read_text() for path in TEMPLATES} | {"llama31": TEMPLATE}
    for name, source in sources.items():
        (tmp_path / "base" / "chat_template.jinja").write_text(source)
        try:
            tokenizer = ChatTokenizer(tmp_path / "base")
        except BaseModelUnusable:  # with syntax of its own
            continue
        for added in ("", BEGIN_OF_TEXT):
            turns = derive_turns(tokenizer, added)
            for chat in CHATS if turns else ():
                system = "\n\n".join(message["content"] for message in chat if message["role"] == "system")
                cases.append({"template": turns.go_template(), "system": system, "messages": chat})  # type: ignore[union-attr]
                expected.append(tokenizer.render(chat, add_generation_prompt=True).removeprefix(added))
                names.add(name)
    assert names >= PLAIN_TURNS
    (tmp_path / "main.go").write_text(RENDER)
    environment = os.environ | {"GOCACHE": str(tmp_path / "cache"), "GOFLAGS": "-mod=mod", "GO111MODULE": "off"}
    command = [str(shutil.which("go")), "run", str(tmp_path / "main.go")]
    output = subprocess.run(
        command, input=json.dumps(cases), env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert output.returncode == 0, output.stderr
    assert output.stdout.split("\0")[:-1] == expected
