#!/usr/bin/env bash
# fbm 0.3.0: method="daviesharte", the default, leaves its Fourier transform for Hosking's double loop at Hurst .9, whether a path has 50,
# 250 or 1000 steps; a warning says that n is small. With 1000 steps a path then takes about a hundred times as long. The method is sound for
# every Hurst exponent: with the autocovariance of lag n in the middle the circulant's least eigenvalue is .18 for 50 steps or 1000, but fbm puts
# a 0 there, which makes it -.15 and -.0014. What helps: write the circulant yourself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet fbm==0.3.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import importlib.metadata
import time
import warnings

import numpy as np
from fbm import FBM


def path(hurst, steps):
    """Warnings, and seconds for a path once the method is chosen."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        paths = FBM(n=steps, hurst=hurst)
        paths.fgn()
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        paths.fgn()
        seconds.append(time.perf_counter() - start)
    return [str(warning.message) for warning in caught], min(seconds)


def smallest(hurst, steps, middle):
    lags = np.arange(steps + 1.0)
    covariance = (abs(lags - 1) ** (2 * hurst) - 2 * lags ** (2 * hurst) + (lags + 1) ** (2 * hurst)) / 2
    return np.fft.fft([*covariance[:-1], covariance[-1] if middle else 0.0, *covariance[-2:0:-1]]).real.min()


for steps in (50, 250, 1000):
    (none, fast), (said, slow) = path(0.8, steps), path(0.9, steps)
    sound, theirs = smallest(0.9, steps, True), smallest(0.9, steps, False)
    print(f"fbm {importlib.metadata.version('fbm')}, {steps} steps: Hurst .9 takes {slow / fast:.0f} times as long as .8")
    print(f"    its circulant's least eigenvalue is {theirs:.4f}, with the autocovariance in place of the 0 {sound:.2f}")
    assert not none and "Reverting to Hosking" in said[0] and sound > 0.1 and theirs < 0, "fbm keeps its fast method now"
assert slow > 20 * fast, "Hosking's loop is no longer slow"
PY
