"""Training: a prepared dataset and a recipe go into Axolotl; checkpoints come out."""
