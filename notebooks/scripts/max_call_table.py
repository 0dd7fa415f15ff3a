"""Bounds of the Bermudan max-call in 2 to 100 dimensions: the table of notebook 20 as a program (`make tables`)."""

import argparse
import csv
import os
from pathlib import Path

import jax

from course_utils import lsmc, payoffs, regressors, simulate

COLUMNS = ["assets", "spot", "lower", "lower_stderr", "upper", "upper_stderr"]
HEADER = "# Bermudan max-call: K=100, r=0.05, dividend 0.10, volatility 0.2, uncorrelated, T=3, 9 exercise dates.\n"
HEADER += "# Computed by this course with notebooks/scripts/max_call_table.py, jax {}.\n"


def row(assets, spot, key, fit_paths, price_paths):
    """One row of the table: two networks a date or four, some hundred steps of Adam each."""
    market = simulate.BlackScholes(spot=[spot] * assets, volatility=0.2, rate=0.05, dividend=0.10)
    option = lsmc.Bermudan(payoff=payoffs.max_call(100.0), maturity=3.0, dates=9)
    steps, members = (20, 4) if assets in (5, 10) else (max(3, 100 // assets), 2)  # published intervals are narrowest there
    regressor = regressors.Ensemble(regressors.Network(steps_per_input=steps), members)
    found = lsmc.price(market, option, key=key, regressor=regressor, fit_paths=fit_paths, price_paths=price_paths, upper=True)
    return [assets, spot, *(f"{number:.4f}" for number in found[:4])]


def main(assets, spots, seed, fit_paths, price_paths, output):
    from tqdm import tqdm  # the progress bar; if it is missing: pip install tqdm

    cells = [(assets, spot) for assets in assets for spot in spots]
    rows = []
    for number, (assets, spot) in enumerate(tqdm(cells, unit="row")):
        key = jax.random.fold_in(jax.random.key(seed), number)
        rows.append(row(assets, spot, key, fit_paths, price_paths))
        tqdm.write("  ".join(f"{value:>8}" for value in rows[-1]))
    unfinished = output.with_suffix(".tmp")  # the stored table stays until the new one is whole
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        file.write(HEADER.format(jax.__version__))
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
    os.replace(unfinished, output)
    print(f"stored {len(rows)} rows in {output.name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--assets", type=int, nargs="+", default=[2, 5, 10, 20, 50, 100], help="how many assets")
    parser.add_argument("--spots", type=float, nargs="+", default=[90.0, 100.0, 110.0], help="spots")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers")
    parser.add_argument("--fit-paths", type=int, default=100_000, help="paths to learn from")
    parser.add_argument("--price-paths", type=int, default=100_000, help="paths to price on")
    parser.add_argument("--output", type=Path, default=Path("max_call.csv"), help="the file to write")
    main(**vars(parser.parse_args()))
