"""The models: listed, and asked through the engine that serves them."""
