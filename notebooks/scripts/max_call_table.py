"""Bounds of the Bermudan max-call in 2 to 100 dimensions: the table of notebook 20 as a program (`make tables`). Killed, it goes on where it was."""

import argparse
import csv
import os
import shutil
from pathlib import Path

import jax
import numpy as np

from course_utils import long_runs, lsmc, payoffs, regressors, simulate

COLUMNS = ["assets", "spot", "lower", "lower_stderr", "upper", "upper_stderr"]
HEADER = "# Bermudan max-call: K=100, r=0.05, dividend 0.10, volatility 0.2, uncorrelated, T=3, 9 exercise dates.\n"
HEADER += "# Computed by this course with notebooks/scripts/max_call_table.py, jax {}.\n"


def regressor(assets):
    """Two networks a date, some hundred steps of Adam each; more for five and ten assets, where the published intervals are narrowest."""
    steps, members = (40, 4) if assets in (5, 10) else (max(3, 100 // assets), 2)
    return regressors.Ensemble(regressors.Network(steps_per_input=steps), members)


def bounds(assets, spot, key, fit_paths, price_paths):
    """What one row says."""
    fit_paths *= {10: 4, 20: 2}.get(assets, 1)  # with fewer their upper bounds lie 0.1% above the narrow intervals
    market = simulate.BlackScholes(spot=[spot] * assets, volatility=0.2, rate=0.05, dividend=0.10)
    option = lsmc.Bermudan(payoff=payoffs.max_call(100.0), maturity=3.0, dates=9)
    return lsmc.price(market, option, key=key, regressor=regressor(assets), upper=True, fit_paths=fit_paths, price_paths=price_paths)[:4]


def main(assets, spots, seed, fit_paths, price_paths, folder, output):
    cells = [(many, spot) for many in assets for spot in spots]
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), np.arange(len(cells)))  # (rows,)
    compute = lambda cell: bounds(int(cell[0]), float(cell[1]), cell[2], fit_paths=fit_paths, price_paths=price_paths)
    name = f"{fit_paths} and {price_paths} paths, {[regressor(many) for many in assets]}"  # other settings are another table
    found = long_runs.run(compute, (*map(np.array, zip(*cells)), keys), folder, name=name, save_every=0, label="rows")
    rows = [[*cell, *(f"{number:.4f}" for number in numbers)] for cell, numbers in zip(cells, zip(*found))]
    unfinished = output.with_suffix(".tmp")  # the stored table stays until the new one is whole
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER.format(jax.__version__))
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    os.replace(unfinished, output)
    shutil.rmtree(folder)  # the rows so far: all of them now stand in the table
    print(f"stored {len(rows)} rows in {output.name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--assets", type=int, nargs="+", default=[2, 5, 10, 20, 50, 100], help="how many assets")
    parser.add_argument("--spots", type=float, nargs="+", default=[90.0, 100.0, 110.0], help="spots")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers")
    parser.add_argument("--fit-paths", type=int, default=100_000, help="paths to learn from; for 10 assets four times, for 20 twice as many")
    parser.add_argument("--price-paths", type=int, default=100_000, help="paths to price on")
    parser.add_argument("--folder", type=Path, default=Path("build/max_call_table"), help="where the rows so far are kept")
    parser.add_argument("--output", type=Path, default=Path("max_call.csv"), help="the file to write")
    main(**vars(parser.parse_args()))
