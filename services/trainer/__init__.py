"""The trainer service: Axolotl turns a prepared dataset and a recipe into checkpoints."""
