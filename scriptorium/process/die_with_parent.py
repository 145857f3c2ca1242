"""Run a command that dies with its parent: `python die_with_parent.py COMMAND ...` (on Linux; elsewhere just run it).

Standard library only, and a separate program, because a fork of a threaded process may run nothing but exec.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent died before the line above
        sys.exit(1)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  the command comes from our own code
