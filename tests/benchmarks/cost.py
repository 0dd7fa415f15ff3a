"""What a price costs as dates, paths and assets grow, each price in a process of its own: only so has it a peak of memory.

``python cost.py '{"dates": 50, "paths": 100000, "assets": 1}'`` measures one, and prints it as JSON.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

def peak_memory() -> float:
    """The largest size in MiB that this process has had; NaN where the system doesn't tell (Windows)."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where the call below begins with what the parent had
        return float(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 1024
    try:
        import resource
    except ModuleNotFoundError:
        return float("nan")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes, on macOS


def measure(
    dates: int, paths: int, assets: int, max_call: bool = False, fit_paths: int | None = None, **settings
) -> dict[str, float]:
    """Seconds to compile, to fit and to evaluate, and peak MiB before any simulation and in all; settings are the network's.

    It learns from ``fit_paths``, or from as many as it prices on.
    """
    import jax
    from course_utils import lsmc, payoffs, regressors, simulate

    if max_call:
        market = simulate.BlackScholes(jax.numpy.full(assets, 100.0), 0.2, 0.05, 0.10)
        option = lsmc.Bermudan(payoffs.max_call(100.0), 3.0, dates)
    else:
        market, option = simulate.BlackScholes(36.0, 0.2, 0.06), lsmc.Bermudan(payoffs.put(40.0), 1.0, dates)
    regressor = regressors.Network(**settings)
    key = jax.random.key(0)

    start = time.perf_counter()
    traced = lsmc.fit.lower(market, option, key, regressor, fit_paths or paths, False)
    fit, (policy, _) = traced.compile(), traced.out_info
    evaluate = lsmc.evaluate.lower(market, option, key, regressor, policy, paths).compile()
    compiled, before = time.perf_counter(), peak_memory()
    policy, _ = jax.block_until_ready(fit(market, option, key, False))
    fitted = time.perf_counter()
    jax.block_until_ready(evaluate(market, option, key, policy))
    evaluated = time.perf_counter()
    return {"compile": compiled - start, "fit": fitted - compiled, "evaluate": evaluated - fitted,
            "before": before, "peak": peak_memory()}  # fmt: skip


def in_a_process(environment={}, **arguments) -> dict[str, float]:
    """``measure`` in a process of its own."""
    environment = os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false"} | environment
    command = [sys.executable, __file__, json.dumps(arguments)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


once = cache(in_a_process)  # the same arguments come twice where two axes cross


def compiled_twice(**arguments) -> list[float]:
    """Seconds to compile in a first process, and in a second that finds the first one's work in jax's cache on disk."""
    with tempfile.TemporaryDirectory() as folder:
        kept = {"JAX_ENABLE_COMPILATION_CACHE": "true", "JAX_COMPILATION_CACHE_DIR": folder,
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0"}  # fmt: skip
        return [in_a_process(kept, **arguments)["compile"] for _ in range(2)]


def picture(axes: dict[str, list[tuple[int, dict]]], path: Path) -> None:
    """Draw seconds and peak memory against each of ``axes``, a list of (size, measured), on log scales into ``path``."""
    import matplotlib

    matplotlib.use("Agg")
    from course_utils import plotting

    figure, panels = plotting.subplots(2, len(axes), figsize=(8.0, 4.4), sharex="col", squeeze=False)
    for (name, points), (above, below) in zip(axes.items(), panels.T):
        sizes = [size for size, _ in points]
        for part in ("fit", "evaluate", "compile"):
            above.loglog(sizes, [found[part] for _, found in points], marker="o", label=part)
        below.loglog(sizes, [found["peak"] for _, found in points], marker="o", color=plotting.PALETTE[3], linestyle="-")
        above.set_ylabel("seconds")
        below.set(xlabel=name, ylabel="peak memory, MiB")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=8)
    figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    print(json.dumps(measure(**json.loads(sys.argv[1]))))
