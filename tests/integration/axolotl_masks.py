"""The tokens of each row that Axolotl trains: `python axolotl_masks.py FOLDER`, in Axolotl's environment.

FOLDER has config.json, as the trainer writes it, and the rows that it names; it gets masks.json.
"""

import json
import sys
from pathlib import Path

from axolotl.loaders import load_tokenizer
from axolotl.prompt_strategies.chat_template import load
from axolotl.utils.dict import DictDefault

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    config = DictDefault({"tokenizer_config": None, **json.loads((folder / "config.json").read_text())})
    config["tokenizer_config"] = config["base_model"]
    strategy = load(load_tokenizer(config), config, dict(config["datasets"][0]))
    masks = []
    for line in Path(config["datasets"][0]["path"]).read_text(encoding="utf-8").splitlines():
        tokenised = strategy.tokenize_prompt(json.loads(line))
        masks.append({"ids": tokenised["input_ids"], "trained": [label != -100 for label in tokenised["labels"]]})
    (folder / "masks.json").write_text(json.dumps(masks))
