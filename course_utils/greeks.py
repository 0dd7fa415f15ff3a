"""Sensitivities of a price, by differentiating the simulation with the stopping times frozen.

A small change of the market moves the paths, and it moves the decisions. At the best policy the second effect is 0 to first
order, as at any maximum: so the paths are differentiated and the decisions are not (V. Piterbarg, "Risk sensitivities of Bermuda
swaptions", 2003, has the argument). A policy that is not quite the best leaves a bias: with the exercise boundary of a put
0.3% too high the price was right to a ten-thousandth, and rho, which acts through how long the option is held, off by 1.2%. Noise
over paths shows nothing of that. So several policies vote, learned apart: how far they disagree is part of each error bar.

The argument says nothing of second derivatives. For a payoff with a kink, whose slope jumps where no path ever lies,
differentiating twice gives exactly 0.
"""

from dataclasses import replace
from itertools import chain, cycle, islice
from typing import NamedTuple

import jax
import jax.numpy as jnp

from course_utils import inputs, lsmc, regressors, simulate


# Who votes beside the regressor that the policy comes from: what one kind of curve can't follow shows beside another kind.
KINDS = regressors.Network(), regressors.Polynomial(degree=6)


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


def greeks(
    market, option: lsmc.Bermudan, key: jax.Array, regressor, policy,
    paths: int = 100_000, policies: int = 4, fit_paths: int | None = None,
) -> Greeks:  # fmt: skip
    """The Greeks of an option on one asset in a ``simulate.BlackScholes`` market.

    Gamma is taken from the Black–Scholes equation, which the value of any policy obeys between today and the first date:

        theta + (rate - dividend) spot delta + volatility² spot² gamma / 2 = rate value

    (F. Black, M. Scholes, 1973), path by path, so that it has a standard error.

    Args:
        policy: from ``lsmc.fit`` or ``lsmc.price``; None for a European option.
        paths: fresh ones, for each policy.
        policies: how many vote: the one given, and others that are learned here, by other kinds of regressor and by the same.
            An error bar is the noise over paths and the scatter of a single policy, together. With 1 it covers noise alone.
        fit_paths: how many paths each of the others learns from; None takes the default of ``lsmc.price``.

    Raises:
        TypeError, ValueError: for bad input, several assets, another market, or exercise today, which has no Greeks of its own.
    """
    lsmc.check_paths("paths", paths)
    inputs.whole_number("policies", policies, at_least=1)
    if fit_paths is not None:
        lsmc.check_paths("fit_paths", fit_paths)
    market, option, _ = lsmc.checked(market, option, key, regressor)
    if not isinstance(market, simulate.BlackScholes) or market.assets != 1:
        raise ValueError("market has several assets, or is none of Black and Scholes; expected simulate.BlackScholes of one asset")
    if option.given is not None and not inputs.traced(option.given) and option.given[0] == 0.0:
        raise ValueError("times begins with 0; expected later ones: an option exercised today has the slope of its payoff")
    if policy is None or policies == 1:
        return frozen(market, option, key, regressor, policy, paths)
    learn, walk = (jax.random.split(half, policies) for half in jax.random.split(key))
    fit_paths = fit_paths or lsmc.default_fit_paths(1)

    def opinion(i, kind):
        one = lsmc.fit.compiled(market, option, learn[i], kind, fit_paths, everywhere=False)[0] if i else policy
        return frozen(market, option, walk[i], kind, one, paths)

    rivals = [kind for kind in KINDS if type(kind) is not type(regressor)]
    voters = islice(chain([regressor], cycle([*rivals, regressor])), policies)
    votes = [opinion(i, kind) for i, kind in enumerate(voters)]
    return jax.tree.map(vote, *votes, is_leaf=lambda node: isinstance(node, lsmc.Estimate))


def vote(*estimates: lsmc.Estimate) -> lsmc.Estimate:
    """The mean of independent estimates by several policies. Its bar holds the scatter of a single policy, since what all policies
    miss alike, which nothing shows, is of that size."""
    means, stderrs, finite, effective = (jnp.stack(column) for column in zip(*estimates))  # (policies,) each
    noise = (stderrs**2).mean() / len(means)  # of their mean
    return lsmc.Estimate(means.mean(), jnp.sqrt(noise + means.var(ddof=1)), finite.all(), effective.min())


@lsmc.for_options("regressor", "paths")
def frozen(market, option: lsmc.Bermudan, key: jax.Array, regressor, policy, paths: int) -> Greeks:
    """The Greeks by one policy, with bars that cover the noise over ``paths`` paths."""
    tame = market.volatility**2 * option.times[-1] <= 1.0

    def flows(key, paths):
        """The slopes of the cash (paths,) for each of the Greeks, with their controls (paths, k)."""

        def walk(market, wait):
            """Cash (paths,), controls (paths, k) and prices (paths, 1), if all dates are ``wait`` years later; whether all is finite."""
            return lsmc.cash_flows(market, option, option.times + wait, key, regressor, policy, paths)

        def slope(name=None):
            """What ``walk`` gives, and the derivatives of cash and controls along one field of the market, or along the wait."""
            nothing = jax.tree.map(jnp.zeros_like, market)
            if name is None:
                direction = nothing, jnp.ones(())
            else:
                direction = replace(nothing, **{name: jnp.ones_like(getattr(market, name))}), jnp.zeros(())
            values, (by_name, c_name, _, _) = jax.jvp(walk, (market, jnp.zeros(())), direction)
            return *values, by_name, c_name

        cash, controls, prices, finite, by_spot, _ = slope("spot")  # the controls are free of spot and rate: those slopes are rounding errors
        by_volatility, c_volatility = slope("volatility")[-2:]
        by_rate = slope("rate")[-2]
        by_wait, c_wait = slope()[-2:]
        carry = (market.rate - market.dividend) * market.spot
        diffusion = market.volatility**2 * market.spot**2 / 2
        by_spot_twice = (market.rate * cash - carry * by_spot + by_wait) / diffusion  # (paths,)
        # Growth and its slope, both wild, would fit a sample's few largest paths and nothing else: where σ²T is above 1 only one
        # of them stays, that which a price far up moves with.
        growth, others = controls[:, :1], controls[:, 1:]  # (paths, 1), (paths, k - 1)
        beside = jnp.concatenate([jnp.where(tame, growth, 0.0), others], axis=-1)  # (paths, k)
        with_beside = lambda slopes: jnp.concatenate([beside, slopes], axis=-1)  # the slope of a martingale is one too
        without_dividend = c_wait.at[:, :1].add(-market.dividend * growth)  # (paths, k)
        drawn = [
            (by_spot, controls),
            (by_spot_twice, with_beside(c_wait)),
            (by_volatility, with_beside(c_volatility)),
            (by_rate, controls),
            (-by_wait, with_beside(without_dividend)),
        ]
        return drawn, prices, finite

    return Greeks(*lsmc.streamed(flows, key, paths, pilot=4 * lsmc.PILOT))  # slopes are wilder than prices
