"""The core that every service shares: contracts, errors, settings, store, queue, volume.

Nothing here imports a service, except `scriptorium.cli`, the outermost layer.
"""

__version__ = "0.1.0"
