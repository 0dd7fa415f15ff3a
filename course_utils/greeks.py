"""Sensitivities of a price, by differentiating the simulation with the stopping times frozen.

A small change of the market moves the paths, and it moves the decisions. At the best policy the second effect is 0 to first
order, as at any maximum: so the paths are differentiated and the decisions are not (V. Piterbarg, "Risk sensitivities of Bermuda
swaptions", 2003, has the argument). A policy that is not quite the best leaves a bias: with the exercise boundary of a put
0.3% too high the price was right to a ten-thousandth, and rho, which acts through how long the option is held, off by 1.2%. And
the argument says nothing of second derivatives. For a payoff with a kink, whose slope jumps where no path ever lies,
differentiating twice gives exactly 0.
"""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from course_utils import lsmc, simulate


class Greeks(NamedTuple):
    """Estimates of sensitivities, today.

    Attributes:
        delta: with respect to the spot.
        gamma: the second derivative with respect to the spot.
        vega: with respect to the volatility, per 1.00 of it.
        rho: with respect to the rate, per 1.00 of it.
        theta: with respect to today's date, per year: the exercise dates stay where they are in the calendar.
    """

    delta: lsmc.Estimate
    gamma: lsmc.Estimate
    vega: lsmc.Estimate
    rho: lsmc.Estimate
    theta: lsmc.Estimate


@partial(jax.jit, static_argnames=("regressor", "paths"))
def greeks(market, option: lsmc.Bermudan, key: jax.Array, regressor, policy, paths: int = 100_000) -> Greeks:
    """The Greeks of an option on one asset in a ``simulate.BlackScholes`` market, on ``paths`` fresh paths.

    Gamma is taken from the Black–Scholes equation, which the value of any policy obeys between today and the first date:

        theta + (rate - dividend) spot delta + volatility² spot² gamma / 2 = rate value

    (F. Black, M. Scholes, 1973), path by path, so that it has a standard error.
    """

    if not isinstance(market, simulate.BlackScholes) or market.assets != 1:
        raise ValueError("market has several assets, or is none of Black and Scholes; expected simulate.BlackScholes of one asset")

    def flows(market, wait):
        """Cash (paths,) and controls (paths, k), if all dates are ``wait`` years later."""
        return lsmc.cash_flows(market, option, option.times + wait, key, regressor, policy, paths)[:2]

    def slope(name=None):
        """Cash and its derivative along one field of the market, or along the wait, and the same of the controls."""
        nothing = jax.tree.map(jnp.zeros_like, market)
        if name is None:
            direction = nothing, jnp.ones(())
        else:
            direction = replace(nothing, **{name: jnp.ones_like(getattr(market, name))}), jnp.zeros(())
        return jax.jvp(flows, (market, jnp.zeros(())), direction)

    (cash, controls), (by_spot, _) = slope("spot")  # the controls are free of spot and rate: those slopes are rounding errors
    _, (by_volatility, c_volatility) = slope("volatility")
    _, (by_rate, _) = slope("rate")
    _, (by_wait, c_wait) = slope()
    carry = (market.rate - market.dividend) * market.spot
    diffusion = market.volatility**2 * market.spot**2 / 2
    by_spot_twice = (market.rate * cash - carry * by_spot + by_wait) / diffusion  # (paths,)

    def estimate(slopes, *more):
        return lsmc.estimate(slopes, jnp.concatenate([controls, *more], axis=-1))

    return Greeks(
        delta=estimate(by_spot),
        gamma=estimate(by_spot_twice, c_wait),
        vega=estimate(by_volatility, c_volatility),  # the slope of a martingale along the volatility or the wait is one too
        rho=estimate(by_rate),
        theta=estimate(-by_wait, c_wait),
    )
