"""One training run: Axolotl as a child process, its progress, its checkpoints measured."""
