#!/usr/bin/env bash
# SciPy 1.17.1: MultivariateNormalQMC(cov_root=L) wants the root R with R'R = covariance, not the L with LL' = covariance that
# numpy.linalg.cholesky returns, and says nothing. Seen: for a Brownian motion at times 1/4 to 1, whose variances are .25 .50 .75 1.00, L
# gives 1.00 .75 .50 .25: the path runs backwards, and a price by it is wrong (a put at 100, volatility .2, rate 0, exercised at 1/4 alone:
# 7.29 for 3.99). What helps: cov=, or cov_root=L.T.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet scipy==1.17.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import numpy as np
import scipy
from scipy.stats.qmc import MultivariateNormalQMC

times = np.linspace(0.25, 1.0, 4)
covariance = np.minimum.outer(times, times)
root = np.linalg.cholesky(covariance)
seen = {}
for name, given in {"cov": {"cov": covariance}, "cov_root=L": {"cov_root": root}, "cov_root=L.T": {"cov_root": root.T}}.items():
    paths = MultivariateNormalQMC(np.zeros(4), **given, rng=np.random.default_rng(0)).random(2**14)
    put = np.maximum(100 - 100 * np.exp(0.2 * paths[:, 0] - 0.02 * times[0]), 0).mean()
    seen[name] = paths.var(axis=0).round(2).tolist(), put
    print(f"SciPy {scipy.__version__}, {name}: variances {seen[name][0]}, the put {put:.2f}")
assert seen["cov"][0] == seen["cov_root=L.T"][0] == seen["cov_root=L"][0][::-1] == [0.25, 0.5, 0.75, 1.0], "cov_root means another root now"
assert seen["cov_root=L"][1] > 1.5 * seen["cov"][1]
PY
