"""Code that runs inside Axolotl's environment; of `scriptorium` it imports only what needs the standard library."""
