"""Starts a student's process, within its limits: `python -m grading.start ASKED ANSWERED LIMITS`; the first two are numbers of pipes."""

import ctypes
import json
import os
import resource
import signal
import sys

KILL_WITH_PARENT, ADOPT_ORPHANS = 1, 36  # what Linux calls these options of `prctl`


def prctl(option: int, value: int) -> None:
    try:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
    except (AttributeError, OSError):
        pass  # not Linux


def keep_children() -> None:
    """Go on in a child, while this process keeps what the child leaves behind, so that it is found when all is ended."""
    prctl(KILL_WITH_PARENT, signal.SIGKILL)
    prctl(ADOPT_ORPHANS, 1)
    child = os.fork()
    if child:
        for name in (0, *map(int, sys.argv[1:3])):
            os.close(name)
        while os.wait()[0] != child:
            pass
        end_children()
        os._exit(0)
    prctl(KILL_WITH_PARENT, signal.SIGKILL)


def end_children() -> None:
    """End all children of this process; theirs then become its own, and end too."""
    while True:
        try:
            with open(f"/proc/self/task/{os.getpid()}/children") as file:
                for child in file.read().split():
                    os.kill(int(child), signal.SIGKILL)
            os.wait()
        except ProcessLookupError:
            pass
        except OSError:  # there are none left, or they can't be found here
            return


def limit_resources(memory: int, disk: int, seconds: int, processes: int) -> None:
    """Hard limits of the system, which hold for each process that starts here as well: the grader watches their sum."""
    limits = {"CORE": 0, "FSIZE": disk, "CPU": seconds, "NOFILE": 512, "DATA": memory, "MEMLOCK": 0}
    if os.getuid():
        limits["NPROC"] = processes
    for name, value in limits.items():
        try:
            kind = getattr(resource, f"RLIMIT_{name}")
            _, hard = resource.getrlimit(kind)
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (value, value))
        except (AttributeError, ValueError, OSError):
            pass  # a system without this limit


if __name__ == "__main__":
    asked, answered = map(int, sys.argv[1:3])
    keep_children()
    limit_resources(**json.loads(sys.argv[3]))

    from grading import inside  # brings jax, which must find the limits

    inside.serve(asked, answered)
