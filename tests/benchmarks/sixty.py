"""Sixty options whose prices are known, and how far ``lsmc.price`` with its defaults is from each, in percent and in standard errors.

`make bench` runs it: each is priced with twenty keys, and sixty.md gets what came out, beside what an older checkout gave. That stands
in sixty_2962f07.json, made by this program with PYTHONPATH at that checkout and `--json`.

What is promised: the price is biased low, never high, so the mean of z = (price - reference)/standard error is at most .5; and where
there is nothing to decide, as with one date, the root mean square of z is near 1. With twenty keys chance alone moves a mean z by
.2 and a root mean square by .16.
"""

import argparse
import json
import math
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from measure import seconds_of, table

from course_utils import lsmc, payoffs, simulate

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))
import pricers  # noqa: E402, the tests' witnesses

OF_ONE = {  # kind: payoff of one price (…), and the prices at which it has kinks; x is numpy or jax.numpy
    "put": (lambda x, price, strike: x.maximum(strike - price, 0.0), lambda strike: [strike]),
    "call": (lambda x, price, strike: x.maximum(price - strike, 0.0), lambda strike: [strike]),
    "sale": (lambda x, price, strike: strike - price, lambda strike: []),  # an obligation: it may pay less than nothing
    "purchase": (lambda x, price, strike: price - strike, lambda strike: []),
    "butterfly": (lambda x, price, at, width: x.maximum(width - x.abs(price - at), 0.0), lambda at, width: [at - width, at, at + width]),
    "strangle": (lambda x, price, at, width: x.maximum(x.abs(price - at) - width, 0.0), lambda at, width: [at - width, at + width]),
}
OF_MANY = ("basket_put", "geometric_put", "max_call", "exchange")
PAYOFFS = *OF_ONE, *OF_MANY


@dataclass(frozen=True)
class Row:
    """An option, its market, and its price; years, continuous compounding.

    Attributes:
        kind, parameters: one of ``PAYOFFS``, and its numbers: the strike, as a rule.
        spot, volatility, dividend: a number, or one for each asset.
        maturity, dates: of the last exercise, and how many, equally spaced.
        reference: the price, by ``recompute``.
        given: the exercise dates, where they aren't equally spaced; then maturity is the last, and dates their number.
        assets: how many.
        correlation: of every pair of assets.
        price_paths: as of ``lsmc.price``.
    """

    name: str
    kind: str
    parameters: tuple[float, ...]
    spot: float | tuple[float, ...]
    volatility: float | tuple[float, ...]
    rate: float
    maturity: float
    dates: int
    reference: float
    dividend: float | tuple[float, ...] = 0.0
    given: tuple[float, ...] | None = None
    assets: int = 1
    correlation: float = 0.0
    price_paths: int = 20_000

    @property
    def times(self) -> tuple[float, ...]:
        """The exercise dates in years."""
        return self.given or tuple(self.maturity * date / self.dates for date in range(1, self.dates + 1))

    @property
    def equally_spaced(self) -> bool:
        return self.given is None

    @property
    def european(self) -> bool:
        return self.dates == 1


def put(name, spot, strike, volatility, rate, maturity, dates, reference, dividend=0.0, kind="put", **more) -> Row:
    return Row(name, kind, (strike,), spot, volatility, rate, maturity, dates, reference, dividend, **more)


def call(*arguments, **more) -> Row:
    return put(*arguments, kind="call", **more)


def at(times, maker, *arguments, **more) -> Row:
    """A row with exercise dates of its own; ``maker`` gets what it takes but maturity and dates, which stand before the reference."""
    *market, reference = arguments
    return maker(*market, times[-1], len(times), reference, given=times, **more)


def geometric(name, assets, spot, strike, volatility, rate, maturity, dates, reference, dividend=0.0, **more) -> Row:
    return put(name, spot, strike, volatility, rate, maturity, dates, reference, dividend, kind="geometric_put", assets=assets, **more)


def max_call(name, assets, spot, strike, volatility, rate, maturity, reference, dividend=0.0) -> Row:
    return put(name, spot, strike, volatility, rate, maturity, 1, reference, dividend, kind="max_call", assets=assets)


ROWS = (
    # spot, strike, volatility, rate, maturity, dates, price
    call("call, σ²T 6.4, ten years", 1.0, 1.0, 0.8, 0.0022, 10.0, 1, 0.7963539519),
    put("put, σ²T 6.4, ten years", 1.0, 1.0, 0.8, 0.0022, 10.0, 10, 0.7788669011),
    call("call, σ²T 10", 100.0, 100.0, 1.0, 0.02, 10.0, 1, 89.71265431),
    put("put, σ²T 9.9", 100.0, 100.0, 1.5, 0.02, 4.4, 10, 83.18994131),
    call("call, volatility 1.5, dividend", 100.0, 100.0, 1.5, 0.05, 1.0, 10, 49.90038039, 0.10),
    put("put, volatility 1.7, eight days", 0.28, 0.5, 1.7, 0.05, 8 / 365, 8, 0.2201157759),
    put("put, volatility .003", 7.8, 7.9, 0.003, 0.05, 1.0, 12, 0.06715181458),
    call("call at the forward, volatility .001", 100.0, 105.0, 0.001, 0.05, 1.0, 1, 0.1264051022),
    put("put, volatility .001", 100.0, 100.0, 0.001, 0.001, 1.0, 5, 0.01480689238),
    call("call that waits, at the money", 100.0, 100.0, 0.2, 0.05, 0.25, 10, 4.61499713),
    call("call that waits, strike 120", 100.0, 120.0, 0.2, 0.05, 0.25, 10, 0.19976435),
    call("call that waits, strike 130", 100.0, 130.0, 0.2, 0.05, 0.25, 10, 0.02278029379),
    call("call that waits, strike 140", 100.0, 140.0, 0.2, 0.05, 0.25, 10, 0.001876413243),
    put("put of Longstaff and Schwartz, 50 dates", 36.0, 40.0, 0.2, 0.06, 1.0, 50, 4.477811111),
    put("put out of the money, two years", 44.0, 40.0, 0.4, 0.06, 2.0, 50, 5.635794721),
    put("put, thirty years", 100.0, 100.0, 0.2, 0.03, 30.0, 50, 17.45254502),
    put("put, thirty years, one date", 100.0, 150.0, 0.06, 0.01, 30.0, 1, 20.03538639),
    call("call, thirty years, dividend", 100.0, 100.0, 0.25, 0.04, 30.0, 15, 24.12300439, 0.05),
    call("call, one year, one date", 100.0, 100.0, 0.2, 0.05, 1.0, 1, 10.45058357),
    put("put, one day, one date", 100.0, 100.0, 0.3, 0.05, 1 / 365, 1, 0.6195734488),
    put("put, one day, three dates", 100.0, 101.0, 0.5, 0.02, 1 / 365, 3, 1.620696749),
    put("put, deep in the money", 60.0, 100.0, 0.2, 0.06, 1.0, 10, 39.40179641),
    call("call, deep in the money, dividend", 160.0, 100.0, 0.2, 0.02, 1.0, 10, 59.24267532, 0.06),
    put("put, out of the money", 120.0, 100.0, 0.2, 0.05, 1.0, 10, 1.351119392),
    put("put, far out of the money, one date", 100.0, 70.0, 0.2, 0.05, 0.5, 1, 0.01240792656),
    call("call, six dates, dividend", 100.0, 100.0, 0.3, 0.02, 3.0, 6, 13.14697887, 0.08),
    put("put, rate .10, 25 dates", 100.0, 100.0, 0.3, 0.10, 1.0, 25, 8.291631838),
    put("put that waits, rate -.02", 100.0, 100.0, 0.2, -0.02, 2.0, 8, 13.63010142),
    put("put with two boundaries, dividend < rate < 0", 100.0, 100.0, 0.2, -0.02, 5.0, 20, 13.90088156, -0.05),
    call("call with two boundaries, rate < dividend < 0", 100.0, 100.0, 0.2, -0.04, 5.0, 20, 13.49127715, -0.01),
    put("put, rate -.05, one date", 100.0, 90.0, 0.25, -0.05, 1.0, 1, 7.222036999),
    call("call, rate -.05, dividend", 100.0, 95.0, 0.3, -0.05, 2.0, 10, 14.15113439, 0.02),
    put("sale at 40", 36.0, 40.0, 0.2, 0.06, 1.0, 10, 3.760718562, kind="sale"),
    put("purchase at 30 that waits", 36.0, 30.0, 0.2, 0.06, 1.0, 10, 7.747063992, kind="purchase"),
    put("purchase at 30, dividend", 36.0, 30.0, 0.2, 0.03, 5.0, 20, 5.511310594, 0.08, kind="purchase"),
    Row("butterfly around the spot", "butterfly", (100.0, 10.0), 100.0, 0.2, 0.05, 1.0, 10, 6.538842426),
    Row("butterfly above the spot", "butterfly", (120.0, 15.0), 100.0, 0.3, 0.03, 2.0, 4, 4.501095636),
    Row("strangle", "strangle", (100.0, 10.0), 100.0, 0.25, 0.05, 1.0, 5, 10.964097, 0.05),
    put("basket of one asset", 36.0, 40.0, 0.3, 0.06, 1.0, 10, 5.699045663, kind="basket_put"),
    # exercise dates that aren't equally spaced: spot, strike, volatility, rate, price
    at((0.1, 0.11, 0.5, 2.0), put, "put, two dates close together", 36.0, 40.0, 0.3, 0.06, 6.211795073),
    at((0.0, 0.25, 0.5, 1.0), put, "put, today too", 36.0, 40.0, 0.2, 0.06, 4.333411916),
    at((0.0, 0.5, 1.0), put, "put, to be exercised today", 30.0, 40.0, 0.2, 0.06, 10),
    at((1 / 365, 7 / 365, 30 / 365, 0.5, 1.0), call, "call, a day to a year, dividend", 105.0, 100.0, 0.3, 0.03, 11.15977927, dividend=0.1),
    at((1.0, 2.0, 5.0, 10.0, 30.0), put, "put, a year to thirty", 100.0, 110.0, 0.2, 0.03, 20.2707156),
    at((0.5, 3.0), put, "sale at 90, two dates", 100.0, 90.0, 0.3, 0.04, 3.484917737, dividend=0.09, kind="sale"),
    # few paths to price on
    put("put, 100 paths", 36.0, 40.0, 0.2, 0.06, 1.0, 10, 4.4425267, price_paths=100),
    put("put, 100 paths, one date", 40.0, 40.0, 0.3, 0.06, 1.0, 1, 3.557410311, price_paths=100),
    call("call, 400 paths, one date", 100.0, 110.0, 0.3, 0.02, 2.0, 1, 14.57824061, price_paths=400),
    put("put, 1,000 paths", 44.0, 40.0, 0.4, 0.06, 1.0, 20, 3.940276391, price_paths=1000),
    # several assets: how many, spot, strike, volatility, rate, maturity, dates, price
    geometric("geometric put, 2 unequal assets", 2, (90.0, 110.0), 100.0, (0.2, 0.4), 0.05, 1.0, 1, 8.780892122, correlation=0.5),
    geometric("geometric put, 5 assets", 5, 100.0, 100.0, 0.3, 0.05, 1.0, 1, 6.498616668, correlation=0.3),
    geometric("geometric put, 20 assets", 20, 100.0, 95.0, 0.4, 0.02, 3.0, 1, 17.23507128, 0.03),
    geometric("geometric put, 50 assets", 50, 100.0, 100.0, 0.5, 0.05, 2.0, 1, 15.88322306, correlation=0.2),
    geometric("geometric put, 100 assets", 100, 100.0, 100.0, 0.3, 0.05, 1.0, 1, 0.9003908577),
    geometric("geometric put, 3 assets, 10 dates", 3, 36.0, 40.0, 0.4, 0.06, 1.0, 10, 5.839691511, 0.02),
    geometric("geometric put, 5 unequal assets, 5 dates", 5, 100.0, 100.0, (0.1, 0.2, 0.3, 0.4, 0.5), 0.06, 2.0, 5, 9.561789889, correlation=0.4),
    max_call("max-call, 2 assets", 2, 90.0, 100.0, 0.2, 0.05, 3.0, 6.655098004, 0.1),
    max_call("max-call, 5 assets", 5, 100.0, 100.0, 0.2, 0.05, 3.0, 23.05161756, 0.1),
    max_call("max-call, 20 assets", 20, 100.0, 150.0, 0.3, 0.05, 1.0, 28.14475713),
    Row("exchange of 2 unequal assets", "exchange", (), (40.0, 38.0), (0.3, 0.2), 0.05, 1.0, 1, 5.791163172, (0.02, 0.04), assets=2, correlation=0.4),
)  # fmt: skip


def each(row: Row, value) -> list[float]:
    """``value``, a number or a tuple, as one number for each asset."""
    return list(value) if isinstance(value, tuple) else [value] * row.assets


def market(row: Row) -> simulate.BlackScholes:
    """The market that a row is priced in."""
    if row.assets == 1:
        return simulate.BlackScholes(row.spot, row.volatility, row.rate, row.dividend)
    correlation = None if row.correlation == 0.0 else jnp.where(jnp.eye(row.assets) == 1.0, 1.0, row.correlation)
    return simulate.BlackScholes(*(each(row, value) for value in (row.spot, row.volatility)), row.rate, each(row, row.dividend), correlation)


def option(row: Row) -> lsmc.Bermudan:
    """What a row prices; AttributeError from a package that knows equally spaced dates alone."""
    if hasattr(payoffs, row.kind):
        payoff = getattr(payoffs, row.kind)(*row.parameters)
    elif row.kind == "exchange":
        payoff = lambda prices: jnp.maximum(prices[..., 0] - prices[..., 1], 0.0)
    else:
        payoff = lambda prices: OF_ONE[row.kind][0](jnp, prices[..., 0], *row.parameters)
    if row.equally_spaced:
        return lsmc.Bermudan(payoff, row.maturity, row.dates)
    return lsmc.Bermudan.at(payoff=payoff, times=list(row.given))


def recompute(row: Row) -> float:
    """A row's price in float64, by a closed form or by quadrature: see ``pricers``."""
    spot, volatility, dividend = (each(row, value) for value in (row.spot, row.volatility, row.dividend))
    if row.kind == "exchange":
        return pricers.exchange(spot, volatility, row.correlation, row.maturity, dividend)
    if row.kind == "max_call":
        return pricers.max_call(row.assets, row.spot, *row.parameters, row.volatility, row.rate, row.maturity, row.dividend)
    kind = "put" if row.kind in OF_MANY else row.kind
    one = pricers.geometric(spot, volatility, dividend, row.correlation)  # of one asset it is the asset
    if row.european and kind in ("put", "call"):
        return pricers.european(kind, one[0], *row.parameters, one[1], row.rate, row.maturity, one[2])
    payoff, kinks = OF_ONE[kind]
    pays = lambda price: payoff(np, price, *row.parameters)
    return pricers.bermudan(pays, *one[:2], row.rate, row.times, one[2], kinks(*row.parameters))


class Measured(NamedTuple):
    """A row's prices and standard errors, one for each key, and the median seconds of a warm call; or why there are none."""

    lower: list[float]
    stderr: list[float]
    seconds: float
    missing: str = ""

    def summary(self, reference: float) -> dict[str, float]:
        """Mean error and mean standard error in percent of the reference, mean and root mean square of z, seconds."""
        z = [standardized(price, reference, stderr) for price, stderr in zip(self.lower, self.stderr)]
        return {
            "error, %": 100 * (statistics.mean(self.lower) / reference - 1),
            "bar, %": 100 * statistics.mean(self.stderr) / reference,
            "mean z": statistics.mean(z),
            "rms z": math.sqrt(statistics.mean(number**2 for number in z)),
            "seconds": self.seconds,
        }


def standardized(price: float, reference: float, stderr: float) -> float:
    """z, which without a standard error is 0 or infinite."""
    return (price - reference) / stderr if stderr > 0 else math.copysign(math.inf, price - reference) if price != reference else 0.0


def measure(row: Row, seeds: int = 20) -> Measured:
    """Price a row with so many keys, after a first call that compiles."""
    try:
        terms = market(row), option(row)
    except AttributeError as error:
        return Measured([], [], math.nan, str(error))
    price = lambda seed: lsmc.price(*terms, key=jax.random.key(seed), price_paths=row.price_paths)[:2]
    try:
        seconds, results = zip(*(seconds_of(price, seed) for seed in range(seeds + 1)))
    except (TypeError, ValueError, FloatingPointError) as error:
        return Measured([], [], math.nan, f"{type(error).__name__}: {error}")
    lower, stderr = zip(*((float(mean), float(error)) for mean, error in results[1:]))
    return Measured(list(lower), list(stderr), statistics.median(seconds[1:]))


def report(rows, results: dict[str, Measured], before: dict[str, Measured] | None = None) -> str:
    """Markdown: a table of the rows, beside what was measured before where that is known, and the worst of each column of z."""
    runs = {"": results} | ({"before: ": before} if before else {})
    columns = ("error, %", "bar, %", "mean z", "rms z", "seconds")
    lines, missing, worst, longer = [], [], [], []
    for row in rows:
        cells = []
        for title, run in runs.items():
            found = run.get(row.name)
            if found is None or found.missing:
                cells += ["–"] * len(columns)
                missing += [f"{title}{row.name}: {found.missing if found else 'not measured'}"]
                continue
            summary = found.summary(row.reference)
            cells += [f"{summary[column]:+.3f}" if column == "error, %" else f"{summary[column]:.3g}" for column in columns]
        lines.append([row.name, *(f"{number:,}" for number in (row.assets, row.dates, row.price_paths)), f"{row.reference:.6g}", *cells])
    header = ["", "assets", "dates", "paths", "reference", *(title + column for title in runs for column in columns)]
    for title, run in runs.items():
        summaries = {row: run[row.name].summary(row.reference) for row in rows if row.name in run and not run[row.name].missing}
        for kind, of_kind in {"several dates": lambda row: not row.european, "one date": lambda row: row.european}.items():
            these = {row: summary for row, summary in summaries.items() if of_kind(row)}
            if not these:
                continue
            high, low = (choose(these, key=lambda row: these[row]["mean z"]) for choose in (max, min))
            widest = max(these, key=lambda row: abs(math.log(max(these[row]["rms z"], 1e-9))))
            pooled = math.sqrt(statistics.mean(summary["rms z"] ** 2 for summary in these.values()))
            worst.append(
                f"- {title}{len(these)} options with {kind}: mean z from {these[low]['mean z']:.2f} ({low.name}) to "
                f"{these[high]['mean z']:.2f} ({high.name}); rms z farthest from 1: {these[widest]['rms z']:.2f} ({widest.name}), "
                f"of all together {pooled:.2f}."
            )
    for row in rows:
        pair = [run.get(row.name) for run in (results, before or {})]
        if all(found and not found.missing for found in pair):
            longer.append(pair[0].seconds / pair[1].seconds)
    if longer:
        worst.append(f"- A call takes {statistics.median(longer):.2f} times as long as before, the median of {len(longer)} options (one run after the other on one machine).")
    seeds = max((len(found.lower) for found in results.values()), default=0)
    about = (
        f"`lsmc.price` with its defaults but for the paths to price on, {seeds} keys each. The error is that of the mean price; the bar is the "
        "mean standard error; z is how many standard errors a price is above the reference; seconds are a warm call's, the median."
    )
    parts = ["# Sixty options whose prices are known", about, table(header, lines), "\n".join(worst)]
    return "\n\n".join([*parts, *(["Not priced:\n\n" + "\n".join(f"- {line}" for line in missing)] if missing else [])]) + "\n"


def main(seeds: int, only: str, json_out: Path | None, before: Path, output: Path) -> None:
    rows = [row for row in ROWS if only in row.name]
    results = {}
    for row in rows:
        results[row.name] = measure(row, seeds)
        shown = results[row.name].missing or ", ".join(f"{name} {value:.3g}" for name, value in results[row.name].summary(row.reference).items())
        print(f"{row.name}: {shown}", flush=True)
        jax.clear_caches()  # sixty programs would fill memory
    if json_out:
        short = {name: Measured(*([float(f"{number:.8g}") for number in column] for column in found[:2]), *found[2:]) for name, found in results.items()}
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(found._asdict())}" for name, found in short.items())
        json_out.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    else:
        earlier = {name: Measured(**found) for name, found in json.loads(before.read_text(encoding="utf-8")).items()}
        output.write_text(report(rows, results, earlier), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="keys for each option (20)")
    parser.add_argument("--only", default="", help="those whose name has this in it")
    parser.add_argument("--json", type=Path, dest="json_out", help="a file for the raw results")
    parser.add_argument("--before", type=Path, default=HERE / "sixty_2962f07.json", help="raw results of an older checkout, to stand beside these")
    parser.add_argument("--output", type=Path, default=HERE / "sixty.md", help="the file to write (sixty.md beside this one)")
    main(**vars(parser.parse_args()))
