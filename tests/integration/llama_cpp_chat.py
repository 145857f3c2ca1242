"""Chat with GGUF files in llama.cpp, in its own environment: `python llama_cpp_chat.py QUESTION MAX_TOKENS FILE...`.

It writes one line of JSON for each file: the answer, and how many tokens it has. The file alone says what the template
is and which tokens end an answer, as with a Modelfile that has a FROM and nothing else.
"""

import json
import sys

from cyllama.api import LLM, GenerationConfig


def main(question: str, max_tokens: int, files: list[str]) -> None:
    """Write each file's greedy answer."""
    config = GenerationConfig(max_tokens=max_tokens, temperature=0.0, repeat_penalty=1.0, n_ctx=512)
    for name in files:
        with LLM(name, config=config) as model:
            answer = model.chat([{"role": "user", "content": question}])
        sys.stdout.write(json.dumps({"text": answer.text, "tokens": answer.stats.generated_tokens}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
