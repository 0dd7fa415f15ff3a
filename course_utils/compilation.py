"""What was compiled once on a machine is kept on its disk, for the next process and after every restart of a kernel.

jax keeps compiled programs itself once it is told where (``jax_compilation_cache_dir``), and bounds what they take, oldest out
first. What is left to do here is to name a folder that no other machine shares: a program is compiled for the instructions of
its processor, and a home folder may be seen from many.
"""

import hashlib
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jax

MOST = 2**29  # bytes that all kept programs may take
WORTH = 0.2  # seconds of compiling from which on a program is kept


def keep() -> Path | None:
    """Keep what this process compiles, and use what was kept; returns the folder.

    None where the user has chosen for themselves (``JAX_COMPILATION_CACHE_DIR``, or ``JAX_ENABLE_COMPILATION_CACHE=false``), where the
    folder can't be written, or where the package ``filelock`` is missing, by which jax shares a folder among processes.
    """
    if jax.config.jax_compilation_cache_dir or not jax.config.jax_enable_compilation_cache:
        return None
    try:
        import filelock  # noqa: F401, jax imports it where it is told a size

        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = home / "course_utils" / "compiled" / this_machine()
        folder.mkdir(parents=True, exist_ok=True)
    except (ImportError, OSError, RuntimeError):  # a user without a home is a RuntimeError
        return None
    if not os.access(folder, os.W_OK):
        return None
    jax.config.update("jax_compilation_cache_max_size", MOST)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", WORTH)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    return folder


def this_machine() -> str:
    """A name for the processor and its instructions; jax itself tells versions, flags and programs apart."""
    try:
        with open("/proc/cpuinfo") as file:  # Linux
            lines = sorted({line for line in file if line.startswith(("flags", "Features", "model name"))})
    except OSError:
        lines = [platform.processor(), platform.platform()]
    return hashlib.sha256("".join([platform.machine(), *lines]).encode()).hexdigest()[:16]


@contextmanager
def anew() -> Iterator[None]:
    """Inside, everything is compiled as if for the first time: for whoever times compiling."""
    from jax.experimental.compilation_cache import compilation_cache

    before = jax.config.jax_enable_compilation_cache
    jax.config.update("jax_enable_compilation_cache", False)
    compilation_cache.reset_cache()  # jax asks once whether to use it
    try:
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", before)
        compilation_cache.reset_cache()
