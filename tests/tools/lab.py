"""Open the course in JupyterLab, wherever this is: what `make lab` runs.

    python tests/tools/lab.py [Jupyter's own options, such as --port=9999 or --ip=0.0.0.0]

Jupyter refuses to run as root unless told to, has no browser to open where there is no screen, and takes another port where its
own is taken. What follows from that is said beforehand. The token stays: who doesn't have it doesn't get in.
"""

import argparse
import errno
import os
import sys

from tornado.netutil import bind_sockets

FOLDER, START = "notebooks", "/lab/tree/00_start_here.ipynb"
RETRIES = 50  # ports that are tried, one after the other


def has_screen(environment, platform: str) -> bool:
    """Whether a browser that is opened here is seen: not over SSH, and on Linux with a display alone."""
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"):
        return False
    return not platform.startswith("linux") or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def is_free(port: int, ip: str) -> bool:
    """Whether a server can listen at this port; asked as Jupyter asks it. Other faults are left for Jupyter to name."""
    try:
        for listening in bind_sockets(port, ip):
            listening.close()
    except OSError as error:
        return error.errno != errno.EADDRINUSE
    return True


def plan(arguments: list[str], environment, platform: str, root: bool) -> tuple[list[str], list[str]]:
    """What to say, line by line, and Jupyter's options."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--port", type=int, default=8888)
    parser.add_argument("--ip", default="localhost")
    known, others = parser.parse_known_args(arguments)
    ports = range(known.port, min(known.port + RETRIES, 65_536))
    port = next((port for port in ports if is_free(port, known.ip)), known.port)
    options = [f"--ip={known.ip}", f"--port={port}", *others]
    says = []
    if port != known.port:
        says.append(f"Port {known.port} is taken on this machine, perhaps by a course left open: this one is at {port}.")
    if root:
        options.append("--allow-root")
    if not has_screen(environment, platform):
        options.append("--no-browser")
        says += [
            "There is no screen for a browser here. "
            f"Open the address below that begins with http://127.0.0.1:{port}/ and ends in a token.",
            f"From another machine, run this there first, and leave it running:  ssh -N -L {port}:localhost:{port} user@machine",
        ]
    return says, options


if __name__ == "__main__":
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    says, options = plan(sys.argv[1:], os.environ, sys.platform, root)
    for line in says:
        print(line, flush=True)
    os.execv(sys.executable, [sys.executable, "-m", "jupyter", "lab", *options, f"--LabApp.default_url={START}", FOLDER])
