"""Sample passages: what the model writes to the same few briefs, checkpoint by checkpoint."""
