"""Models: the list of them, and chat and completions through the engine that serves a model."""
