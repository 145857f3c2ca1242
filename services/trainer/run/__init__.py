"""One training run: Axolotl as a child process, its progress, and the losses of its checkpoints."""
