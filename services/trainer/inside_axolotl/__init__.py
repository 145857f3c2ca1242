"""Code that runs inside Axolotl's environment; it shares only the standard library walls of `scriptorium`."""
