"""A process for a stranger's program: what it may see and use, when it is stopped, and that nothing of it is left.

With bubblewrap (`bwrap`, in every Linux distribution) the process has no network, sees no file but Python, the system's
libraries and the course without its solutions, writes into memory alone, and is one of a group of processes of its own,
which ends as a whole. Without it there are still the limits: of processor time, memory, disk, and number of processes.
"""

import contextlib
import json
import os
import secrets
import select
import shutil
import site
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

LOOK_SECONDS = 0.2  # between two looks at what the process uses
GRACE_SECONDS = 10  # of processor time, to one that doesn't stop by itself
LONGEST_REPLY = 8 * 2**20
WORK = "/tmp"


@dataclass(frozen=True)
class Limits:
    """What one notebook may use; the seconds are of processor time, so that they don't depend on what else is running."""

    cell_seconds: float = 60
    notebook_seconds: float = 600
    memory: int = 2 * 2**30  # bytes, of all its processes together
    disk: int = 200 * 2**20
    processes: int = 40
    idle_seconds: float = 60  # on the clock, without computing


class Stopped(Exception):
    """The process is at its end. The reason is "crashed" or "time limit", or "interrupted" if the grader is."""

    def __init__(self, reason: str, words: str):
        super().__init__(words)
        self.reason, self.words = reason, words


def bubblewrap() -> str | None:
    """The path of a bubblewrap that works here, or None: some systems have it and forbid what it does."""
    found = shutil.which("bwrap")
    if found is None:
        return None
    trial = [found, "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--size", "4096", "--tmpfs", "/tmp", "true"]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return found if subprocess.run(trial, capture_output=True, timeout=30).returncode == 0 else None
    return None


def environment(home: str) -> dict[str, str]:
    """All that a student's process is told: nothing of the grader's own environment but where its programs are."""
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"]),
        "HOME": home, "TMPDIR": home, "IPYTHONDIR": f"{home}/ipython", "MPLCONFIGDIR": f"{home}/matplotlib", "MPLBACKEND": "agg",
        "LANG": "C.UTF-8", "JAX_PLATFORMS": "cpu", "JAX_ENABLE_COMPILATION_CACHE": "false", "COURSE_PROGRESS": "off",
        "PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1", "GIT_CEILING_DIRECTORIES": "/",
    }  # fmt: skip


def wrapped(bwrap: str, inside: Path, disk: int) -> list[str]:
    """The command line by which bubblewrap starts a program that sees ``inside`` and Python, and nothing else of the disk."""
    shown = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
             "/etc/alternatives", "/etc/localtime", "/etc/fonts", "/opt/conda"]  # fmt: skip
    shown += [sys.base_prefix, sys.prefix, *site.getsitepackages()]
    line = [bwrap, "--unshare-all", "--cap-drop", "ALL", "--die-with-parent", "--new-session", "--clearenv"]
    line += ["--uid", "1000", "--gid", "1000", "--hostname", "grading", "--size", str(disk), "--tmpfs", WORK]  # first: Python may lie below it
    made = set()
    for path in shown:
        if os.path.lexists(path) and path not in made:
            made.add(path)
            if os.path.islink(path) and path in ("/bin", "/sbin", "/lib", "/lib32", "/lib64"):
                line += ["--symlink", os.readlink(path), path]
            else:
                line += ["--ro-bind", os.path.realpath(path), path]
    installed = Path(sysconfig.get_path("purelib")) / "course_utils"
    if installed.is_dir():  # not as an editable package, and with its solutions
        line += ["--tmpfs", str(installed)]
    return line + ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev", "--ro-bind", str(inside), "/inside"]


class Process:
    """A process in which ``inside`` waits for requests. Close it, or use it in a ``with`` statement."""

    def __init__(self, inside: Path, limits: Limits, bwrap: str | None, interrupted=lambda: False, errors=subprocess.DEVNULL):
        """``inside``: the folder that ``withhold.copy_course`` filled; ``interrupted`` is asked every now and then; ``errors``: a file."""
        self.limits, self.interrupted, self.seconds, self.peak, self.folder = limits, interrupted, 0.0, 0, None
        ask, self.requests = os.pipe()
        self.replies, answer = os.pipe()
        caps = {"memory": limits.memory, "disk": limits.disk, "seconds": int(limits.notebook_seconds * 2 + 60), "processes": 4096}
        program = [str(ask), str(answer), json.dumps(caps)]
        if bwrap:
            line = wrapped(bwrap, inside, limits.disk)
            for name, value in (environment(WORK) | {"PYTHONPATH": "/inside"}).items():
                line += ["--setenv", name, value]
            for cache in inside.glob("fontlist*.json"):
                line += ["--ro-bind", str(cache), f"{WORK}/matplotlib/{cache.name}"]
            line += ["--remount-ro", "/", "--chdir", WORK, sys.executable, "-m", "grading.start", *program]
            options = {"env": {}}
        else:
            self.folder = tempfile.mkdtemp(prefix="grading-")
            line = [sys.executable, "-m", "grading.start", *program]
            options = {"env": environment(self.folder) | {"PYTHONPATH": str(inside)}, "cwd": self.folder}
        nowhere = subprocess.DEVNULL
        self.process = subprocess.Popen(
            line, stdin=nowhere, stdout=nowhere, stderr=errors, pass_fds=(ask, answer), start_new_session=True, **options
        )
        os.close(ask), os.close(answer)
        os.set_blocking(self.replies, False)
        self.root, self.waiting = psutil.Process(self.process.pid), b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, what: str, seconds: float, **request) -> dict:
        """The reply to a request, which may take so many seconds of processor time. Raises ``Stopped``."""
        self.number = secrets.token_hex(8)  # the reply's too: what was written on the pipe beforehand is none
        line = json.dumps({"ask": what, "number": self.number, "seconds": max(seconds, 0.01), **request}).encode() + b"\n"
        start, still, looked = self._used(), time.monotonic(), 0.0
        before = start
        self._send(line)
        while True:
            if (reply := self._reply()) is not None:
                self._used()
                return reply
            if time.monotonic() - looked < LOOK_SECONDS:
                continue
            looked = time.monotonic()
            if self.interrupted():
                raise self._stop("interrupted", "the grader was interrupted")
            used = self._used()
            if used - start > seconds + GRACE_SECONDS:
                raise self._stop("time limit", f"stopped after {seconds:.0f} s of processor time")
            if used - before > 0.02 or self._runs():
                before, still = used, time.monotonic()
            if time.monotonic() - still > self.limits.idle_seconds:
                raise self._stop("time limit", f"it waited {self.limits.idle_seconds:.0f} s without computing")

    def close(self) -> None:
        """End the process and all that it started."""
        self._kill()
        for pipe in (self.requests, self.replies):
            with contextlib.suppress(OSError):
                os.close(pipe)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _send(self, line: bytes) -> None:
        os.set_blocking(self.requests, False)
        while line:
            try:
                line = line[os.write(self.requests, line) :]
            except BlockingIOError:
                if self.process.poll() is not None:
                    raise self._stop("crashed", "its process ended") from None
                time.sleep(0.01)
            except OSError:
                raise self._stop("crashed", "its process ended") from None

    def _reply(self) -> dict | None:
        """A line of JSON, if a whole one has come within a moment."""
        if select.select([self.replies], [], [], LOOK_SECONDS)[0]:
            try:
                part = os.read(self.replies, 2**20)
            except BlockingIOError:
                return None
            if not part:
                raise self._stop("crashed", "it took its process down")
            self.waiting += part
            line, end, rest = self.waiting.partition(b"\n")
            if len(self.waiting) > LONGEST_REPLY:
                raise self._stop("crashed", "what came back is too long")
            if end:
                self.waiting = rest
                try:
                    reply = json.loads(line)
                    if isinstance(reply, dict) and reply.pop("number", None) == self.number:
                        return reply
                except (ValueError, RecursionError):
                    pass
                raise self._stop("crashed", "what came back can't be read")
        return None

    def _tree(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            return [self.root, *self.root.children(recursive=True)]
        return []

    def _used(self) -> float:
        """Processor time used so far, and a look at the other limits. Raises ``Stopped`` if one is passed."""
        seconds, memory, tree = 0.0, 0, self._tree()
        for process in tree:
            with contextlib.suppress(psutil.Error):
                with process.oneshot():
                    times, sizes = process.cpu_times(), process.memory_info()
                seconds += times.user + times.system + getattr(times, "children_user", 0) + getattr(times, "children_system", 0)
                memory += sizes.rss
        self.seconds, self.peak = max(self.seconds, seconds), max(self.peak, memory)
        if memory > self.limits.memory:
            raise self._stop("crashed", f"it took more than {self.limits.memory / 2**30:.1f} GiB of memory")
        if len(tree) > self.limits.processes:
            raise self._stop("crashed", f"it started more than {self.limits.processes} processes")
        if self.folder and _size(self.folder) > self.limits.disk:
            raise self._stop("crashed", f"it wrote more than {self.limits.disk / 2**20:.0f} MiB")
        return self.seconds

    def _runs(self) -> bool:
        """Whether a thread of it computes or waits for the processor, however busy that is."""
        for process in self._tree():
            with contextlib.suppress(OSError, IndexError):
                for status in Path(f"/proc/{process.pid}/task").glob("*/stat"):
                    if status.read_text().rpartition(")")[2].split()[0] in "RD":
                        return True
        return False

    def _stop(self, reason: str, words: str) -> Stopped:
        self._kill()
        return Stopped(reason, words)

    def _kill(self) -> None:
        """End all of it. First everything is held still, so that nothing new begins while the rest is ended."""
        held = set()
        for _ in range(50):
            new = [process for process in self._tree() if process.pid not in held]
            for process in new:
                with contextlib.suppress(psutil.Error):
                    process.suspend()
            held |= {process.pid for process in new}
            if not new:
                break
        tree = self._tree()
        for process in reversed(tree):  # children first
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(tree[1:], timeout=5)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)


def _size(folder: str) -> int:
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(path, name)).st_blocks * 512
    return total
