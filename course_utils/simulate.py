"""Paths of prices: geometric Brownian motion, exact and by Euler steps, and the Ornstein–Uhlenbeck process.

A market is what the pricer simulates in. It has three functions: ``simulate(key, times, paths)`` gives states
``(dates, paths, features)``, ``prices(state)`` gives ``(…, assets)`` for the payoff, and ``discount(times)``. Write these three
for a model of your own and ``lsmc.price`` prices in it; it needs nothing else. Four more are used where a market has them:
``martingales`` (control variates), ``check`` (refuses bad input), ``restart`` (without it there is no upper bound), and, where
the model changes with the calendar, ``later(time)``: the same market with its clock set on. More markets are in ``markets``.
"""

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from course_utils.inputs import number, traced


def antithetic_normals(key: jax.Array, shape: tuple[int, int, int]) -> jax.Array:
    """Standard normals ``(dates, paths, assets)`` in which path ``2i + 1`` is path ``2i`` with its signs turned.

    The mean over such a pair has less variance than over two independent paths wherever the result is nearly monotone
    in the normals (P. Glasserman, *Monte Carlo Methods in Financial Engineering*, 2003, section 4.2). Twins are neighbors, so
    that they stay together where paths are worked off in blocks or spread over devices.

    Raises:
        ValueError: for an odd number of paths.
    """
    dates, paths, assets = shape
    if paths % 2:
        raise ValueError(f"paths is {paths}; expected an even number, since paths come in antithetic pairs")
    # Drawn as a matrix: the same numbers, but with several assets in half the time.
    half = jax.random.normal(key, (dates, paths // 2 * assets)).reshape(dates, paths // 2, assets)
    return jnp.stack([half, -half], axis=2).reshape(shape)  # (dates, paths, assets)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["spot", "volatility", "rate", "dividend", "correlation"],
    meta_fields=[],
)
@dataclass(frozen=True)
class BlackScholes:
    """Assets that follow correlated geometric Brownian motions under the risk-neutral measure.

    ``dS/S = (rate - dividend) dt + volatility dW``. All are per year, continuously compounded.

    Attributes:
        spot: today's price, in money; a number or (assets,).
        volatility: per square root of a year; a number or (assets,).
        rate: the risk-free rate; a number.
        dividend: the dividend yield; a number or (assets,).
        correlation: of the Brownian motions, (assets, assets); None where they are independent.
    """

    spot: jax.Array | float
    volatility: jax.Array | float
    rate: jax.Array | float
    dividend: jax.Array | float = 0.0
    correlation: jax.Array | None = None

    @property
    def assets(self) -> int:
        """How many assets there are: the length of whichever of spot, volatility and dividend is an array."""
        given = [self.spot, self.volatility, self.dividend] + ([] if self.correlation is None else [self.correlation])
        return max((*np.shape(value), 1)[0] for value in given)

    def simulate(self, key: jax.Array, times: jax.Array, paths: int) -> jax.Array:
        """Prices (dates, paths, assets) at ``times`` (dates,) in years, exact at each; paths in antithetic pairs."""
        steps = jnp.diff(times, prepend=0.0)[:, None, None]  # (dates, 1, 1)
        normals = antithetic_normals(key, (times.shape[0], paths, self.assets))  # (dates, paths, assets)
        if self.correlation is not None:
            normals = normals @ jnp.linalg.cholesky(jnp.asarray(self.correlation)).T
        volatility, dividend = jnp.asarray(self.volatility), jnp.asarray(self.dividend)  # () or (assets,)
        each = lambda number: jnp.broadcast_to(number, (1, 1, self.assets))
        drift = each(self.rate - dividend - volatility**2 / 2) * steps  # (dates, 1, assets)
        growth = jnp.exp(drift + each(volatility) * root(steps) * normals)  # (dates, paths, assets)
        spot = jnp.broadcast_to(jnp.asarray(self.spot, growth.dtype), growth.shape[1:])  # (paths, assets)

        def step(prices, growth):  # ten times as fast as jnp.cumsum of the logarithms
            prices = prices * growth
            return prices, prices

        return jax.lax.scan(step, spot, growth)[1]

    def prices(self, state: jax.Array) -> jax.Array:
        """The assets' prices (…, assets): here the state itself."""
        return state

    def discount(self, times: jax.Array) -> jax.Array:
        """Today's value of one unit of money at ``times``."""
        return jnp.exp(-self.rate * times)

    def martingales(self, state: jax.Array, times: jax.Array, horizon: jax.Array | None = None) -> jax.Array:
        """Martingales (dates, paths, 3 assets) that start at 0, which makes their mean 0 at any stopping time.

        With ``growth`` an asset's discounted price, dividends reinvested, in units of its spot, and W its Brownian motion:

        - ``growth - 1``, the slope of whatever is linear in a price;
        - ``exp(a W - a² time/2) - 1``, bent upward, with a = 2 volatility as growth² has it, but at least .4/√horizon, where it still
          bends, and at most 1/√horizon: of growth² itself only a sample of e^(4σ²T) paths would know the moments. It is 0 where
          σ²T is above 1: beside wild growth it did harm;
        - ``cos(W/√horizon) exp(time/(2 horizon)) - 1``, bent downward in the middle, and bounded whatever the volatility.

        Args:
            state: prices (dates, paths, assets).
            times: of the states (dates,), in years.
            horizon: in years, about how long the paths go on: it only scales the last two; None is the last of ``times``.
        """
        horizon = times[-1] if horizon is None else horizon
        shape = (1, 1, self.assets)
        spot, volatility = jnp.broadcast_to(jnp.asarray(self.spot), shape), jnp.broadcast_to(jnp.asarray(self.volatility), shape)
        carry = jnp.broadcast_to(self.rate - jnp.asarray(self.dividend), shape)
        times = times[:, None, None]
        growth = state / spot * jnp.exp(-carry * times)  # (dates, paths, assets)
        moved = jnp.log(jnp.maximum(growth, jnp.finfo(growth.dtype).tiny)) + volatility**2 / 2 * times  # volatility times W
        # Fixed numbers, so that a slope along the volatility is a martingale of its own.
        wide = jax.lax.stop_gradient(1.0 / (volatility * jnp.sqrt(horizon)))
        power = jnp.clip(2.0, 0.4 * wide, wide)
        bent = jnp.exp(power * moved - (power * volatility) ** 2 / 2 * times)
        bent = jnp.where(wide >= 1.0, bent, 1.0)
        wave = jnp.cos(wide * moved) * jnp.exp((wide * volatility) ** 2 / 2 * times)
        return jnp.concatenate([growth, bent, wave], axis=-1) - 1.0

    def restart(self, state: jax.Array) -> "BlackScholes":
        """The market of somebody whose today is ``state`` (features,): for paths that go on from there."""
        return replace(self, spot=state)

    def check(self) -> None:
        """Refuse what can't be simulated, by name.

        Raises:
            TypeError: where a number or an array of numbers is expected and something else is given.
            ValueError: for a value out of range, or lengths that don't match.
        """
        number("rate", self.rate, dimensions=(0,))
        number("spot", self.spot, positive=True)
        number("volatility", self.volatility, positive=True)
        number("dividend", self.dividend)
        if self.correlation is not None:
            number("correlation", self.correlation, dimensions=(2,))
            if not traced(self.correlation):
                _check_correlation(np.asarray(self.correlation, float))
        given = {name: np.shape(getattr(self, name)) for name in ("spot", "volatility", "dividend", "correlation")}
        lengths = {name: shape[0] for name, shape in given.items() if shape}
        if len(set(lengths.values())) > 1:
            listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise ValueError(f"lengths differ: {listed}; expected one number per asset, or one for all")


def _check_correlation(matrix: np.ndarray) -> None:
    """Refuse a matrix that isn't symmetric, positive definite and 1 on its diagonal: ``ValueError``."""
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"correlation has shape {matrix.shape}; expected (assets, assets)")
    expected = {
        "a symmetric matrix": matrix.T,
        "1 on the diagonal (correlations, not covariances)": np.where(np.eye(len(matrix)), 1.0, matrix),
        "entries from -1 to 1": np.clip(matrix, -1.0, 1.0),
    }
    for what, right in expected.items():
        row, column = np.unravel_index(np.abs(matrix - right).argmax(), matrix.shape)
        if abs(matrix[row, column] - right[row, column]) > 1e-6:
            raise ValueError(f"correlation[{row}, {column}] is {matrix[row, column]:g}; expected {what}")
    smallest = np.linalg.eigvalsh(matrix)[0]
    if smallest < 1e-6:
        raise ValueError(
            f"correlation has the eigenvalue {smallest:.1e}; expected a positive definite matrix: "
            "correlations that fit together, and none of exactly ±1"
        )


def root(steps: jax.Array) -> jax.Array:
    """The square root of ``steps``, with slope 0 where a step is 0, as before an exercise date today."""
    return jnp.sqrt(jnp.where(steps > 0.0, steps, 1.0)) * (steps > 0.0)


def euler(key: jax.Array, market: BlackScholes, times: jax.Array, paths: int) -> jax.Array:
    """Prices (dates, paths, assets) by Euler's step ``S + (rate - dividend) S dt + volatility S dW``, one step a date.

    For the lesson: it is biased, by an amount of the order of the step, where ``market.simulate`` is exact.
    """
    steps = jnp.diff(times, prepend=0.0)  # (dates,)
    normals = antithetic_normals(key, (times.shape[0], paths, market.assets))  # (dates, paths, assets)
    if market.correlation is not None:
        normals = normals @ jnp.linalg.cholesky(jnp.asarray(market.correlation)).T

    def step(prices, now):
        dt, normal = now
        drift = (market.rate - jnp.asarray(market.dividend)) * dt
        growth = drift + jnp.asarray(market.volatility) * jnp.sqrt(dt) * normal
        prices = prices * (1.0 + growth)
        return prices, prices

    spot = jnp.broadcast_to(jnp.asarray(market.spot, normals.dtype), normals.shape[1:])  # (paths, assets)
    return jax.lax.scan(step, spot, (steps, normals))[1]


def ornstein_uhlenbeck(key, mean, timescale, volatility, step, length: int, paths: int) -> jax.Array:
    """Paths (length, paths) of ``dx = (mean - x)/timescale dt + volatility √(2/timescale) dW`` from 0, by Euler steps of ``step``."""
    normals = jax.random.normal(key, (length, paths))

    def euler_step(x, normal):
        x = x + (mean - x) / timescale * step + volatility * jnp.sqrt(2.0 / timescale * step) * normal
        return x, x

    return jax.lax.scan(euler_step, jnp.zeros(paths, normals.dtype), normals)[1]
