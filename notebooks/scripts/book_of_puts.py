"""A book of 100 American puts, priced one after the other with a bar; kill it and start it again, and it goes on where it was."""

import argparse

import jax
import jax.numpy as jnp

from course_utils import long_runs, lsmc, payoffs, regressors, simulate

SPOTS, VOLATILITIES, MATURITIES = jnp.linspace(36.0, 44.0, 5), jnp.linspace(0.2, 0.4, 5), jnp.linspace(1.0, 2.5, 4)
REGRESSOR = regressors.Polynomial()


def book(seed):
    """The puts of all maturities, spots and volatilities, with a key each: four arrays (100,)."""
    grid = [axis.reshape(-1) for axis in jnp.meshgrid(MATURITIES, SPOTS, VOLATILITIES, indexing="ij")]
    return *grid, jax.random.split(jax.random.key(seed), grid[0].size)


def show(prices, stderrs):
    """One table a maturity: a row for each spot, a column for each volatility."""
    shape = len(MATURITIES), len(SPOTS), len(VOLATILITIES)
    for maturity, table in zip(MATURITIES, prices.reshape(shape)):
        print(f"maturity {maturity:.1f}, volatility" + "".join(f"{volatility:8.2f}" for volatility in VOLATILITIES))
        for spot, row in zip(SPOTS, table):
            print(f"{f'spot {spot:g}':>24}" + "".join(f"{price:8.3f}" for price in row))
    print(f"the largest standard error is {stderrs.max():.1g}")


def main(paths, dates, seed, folder):
    def price(put):
        maturity, spot, volatility, key = put
        market = simulate.BlackScholes(spot=spot, volatility=volatility, rate=0.06)
        option = lsmc.Bermudan(payoff=payoffs.put(40.0), maturity=maturity, dates=dates)
        return lsmc.price(market, option, key=key, regressor=REGRESSOR, fit_paths=paths, price_paths=paths)[:2]

    name = f"{paths} paths, {dates} dates, {REGRESSOR}"
    show(*long_runs.run(price, book(seed), folder, name=name, save_every=2.0, label="puts"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--paths", type=int, default=32_768, help="paths to learn from, and to price on")
    parser.add_argument("--dates", type=int, default=50, help="exercise dates")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers")
    parser.add_argument("--folder", default="build/book", help="where the prices so far are kept")
    main(**vars(parser.parse_args()))
