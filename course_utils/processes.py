"""Several Python processes on this machine that compute as one, joined by ``jax.distributed`` on the loopback.

A program that calls ``join()`` first sees the devices of all processes in ``jax.devices()``, its own in
``jax.local_devices()``. ``launch`` starts it so many times and waits. When one of them dies, those that wait for it would wait
on, up to 100 seconds, and one that ends by an error would itself wait for the others before it is gone; ``launch`` ends them at
once and says which died. Start such programs from anywhere; a notebook's kernel should join nothing, since that is for life.
"""

import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterable
from numbers import Real
from pathlib import Path

from course_utils.inputs import whole_number

JOINED = "COURSE_PROCESSES"  # the environment variable that tells a process: address, how many there are, its own number


def join() -> None:
    """Join the other processes that ``launch`` started, before anything is computed; a program that runs alone goes on alone."""
    import jax

    address, processes, number = os.environ.get(JOINED, "- 1 0").split()
    if int(processes) > 1:
        jax.distributed.initialize(address, int(processes), int(number))


def launch(program, processes: int = 2, devices: int = 1, timeout: float = 600.0, arguments=()) -> list[str]:
    """Run ``program`` in ``processes`` processes, each with the CPU counted as ``devices`` devices, and wait for all of them.

    Args:
        program: path of a Python file that calls ``processes.join()`` first.
        processes, devices: how many; devices are each process's own.
        timeout: seconds after which all are ended.
        arguments: what the program finds in ``sys.argv[1:]``.

    Returns:
        What each printed to stdout, in the order of their numbers.

    Raises:
        TypeError, ValueError: for bad input, before anything is started.
        RuntimeError: when one dies: which, how, and the end of what it wrote to stderr. The others have been ended.
        TimeoutError: when they take too long. All have been ended.
    """
    program = _checked(program, processes, devices, timeout, arguments)
    command = [sys.executable, "-m", "course_utils.processes", str(program), *map(str, arguments)]
    with socket.socket() as free:  # a port on which nobody listens
        free.bind(("127.0.0.1", 0))
        address = "127.0.0.1:{}".format(free.getsockname()[1])
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}".strip()
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONIOENCODING": "utf-8"}
    running = []
    with tempfile.TemporaryDirectory() as folder:
        outputs, errors = ([Path(folder, f"{number}.{kind}") for number in range(processes)] for kind in ("out", "err"))
        try:
            for number in range(processes):
                mine = environment | {JOINED: f"{address} {processes} {number}"}
                with outputs[number].open("wb") as out, errors[number].open("wb") as err:
                    running.append(subprocess.Popen(command, env=mine, stdin=subprocess.PIPE, stdout=out, stderr=err))
            _wait(running, errors, timeout)
        finally:
            for process in running:
                process.kill()  # jax catches the gentler signal; one that has ended doesn't mind
            for process in running:
                process.wait()
                process.stdin.close()
        return [_read(output) for output in outputs]


def _wait(running, errors, timeout) -> None:
    """Return when all have ended well; raise as soon as one has ended otherwise."""
    deadline = time.monotonic() + timeout
    while True:
        codes = [process.poll() for process in running]  # None while it runs, negative after a signal
        if any(codes):
            time.sleep(0.2)  # another may fall with it, and be gone a moment earlier
            failed = [number for number, process in enumerate(running) if process.poll()]
            number = min(failed, key=lambda number: errors[number].stat().st_mtime_ns)  # who fell first wrote last words first
            code = running[number].returncode
            how = f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            raise RuntimeError(f"process {number} of {len(running)} {how}; the others have been ended. {_last_words(errors[number])}")
        if None not in codes:
            return
        if time.monotonic() > deadline:
            late = ", ".join(str(number) for number, code in enumerate(codes) if code is None)
            last = _last_words(errors[codes.index(None)])
            raise TimeoutError(f"after {timeout:g} s these processes still ran: {late}; all have been ended. {last}")
        time.sleep(0.02)


def _last_words(file) -> str:
    lines = [line for line in _read(file).splitlines() if not line.startswith("[Gloo]")][-15:]
    return "\n".join(["The end of what it wrote to stderr:", *lines]) if lines else "It wrote nothing to stderr."


def _read(file) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def _checked(program, processes, devices, timeout, arguments) -> Path:
    """The program's path, after all arguments were found good."""
    if not isinstance(program, str | os.PathLike):
        raise TypeError(f"program is {program!r}; expected the path of a Python file")
    if not Path(program).is_file():
        raise ValueError(f"program is {str(program)!r}, and there is no such file; expected the path of a Python file")
    for name, value in (("processes", processes), ("devices", devices)):
        whole_number(name, value, at_least=1)
    if isinstance(timeout, bool) or not isinstance(timeout, Real):
        raise TypeError(f"timeout is {timeout!r}; expected a number of seconds")
    if not timeout > 0:
        raise ValueError(f"timeout is {timeout}; expected a positive number of seconds")
    if isinstance(arguments, str | bytes) or not isinstance(arguments, Iterable):
        raise TypeError(f"arguments is {arguments!r}; expected a list of what the program finds in sys.argv[1:]")
    return Path(program).resolve()


def _end_with_launcher() -> None:
    """Nothing comes through this pipe; it closes when the launcher ends, however it ends."""
    os.read(0, 1)  # below sys.stdin, whose lock Python wants back at its end
    os._exit(1)


def _run(program, *arguments) -> None:
    """What ``launch`` starts: the program, and an end without waiting for the others where it doesn't end well."""
    threading.Thread(target=_end_with_launcher, daemon=True).start()
    sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print by themselves, as gloo does, goes to stderr
    sys.argv, sys.path[0] = [program, *arguments], os.path.dirname(program)
    try:
        runpy.run_path(program, run_name="__main__")
        return
    except SystemExit as end:
        if end.code in (None, 0):
            return
        code = end.code if isinstance(end.code, int) else 1
        if code is not end.code:
            print(end.code, file=sys.stderr)
    except BaseException:
        code = 1
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _run(*sys.argv[1:])
