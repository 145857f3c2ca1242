"""Uploads that arrive in parts: the parts lie on the volume until they are joined into a file."""
