"""The dual upper bound: at most how much an option is worth, from the same stacked networks.

A holder who knew the future would take the largest payoff of each path. What that is worth is too much. But make the holder
also pay into a fair game, so that the payments so far, ``M``, are a martingale that starts at 0: a policy loses nothing by it on
average, so for every such martingale

    price  <=  E[ max over the dates of (payoff - M) ],

and there is one with which both sides are equal, the martingale part of the true price. (L. Rogers, "Monte Carlo valuation of
American options", Mathematical Finance 12, 2002; M. Haugh, L. Kogan, "Pricing American options: a duality approach", Operations
Research 52, 2004.) Here ``M`` is the martingale part of what the networks say the option is worth, ``V``: from one date to the next

    M changes by  V(state) - mean of V(other states that could have come next),

the mean taken over inner paths, simulated anew from the state before (after L. Andersen, M. Broadie, "Primal-dual simulation
algorithm for pricing multidimensional American options", Management Science 50, 2004). Seen from the date before, the state and each
inner one have the same distribution. So the change has mean 0 exactly, however wrong ``V`` is and however few the inner paths
are: both can only make the bound higher than need be.
"""

from math import gcd
from typing import NamedTuple

import jax
import jax.numpy as jnp

from course_utils import lsmc


class Dual(NamedTuple):
    """Three estimates from the same paths; money is discounted to time 0.

    Attributes:
        upper: the mean of the largest payoff less the martingale: an upper bound of the price.
        lower: the mean of what the policy gets, less the martingale where it stops: the lower value with less noise.
        plain: the same without the martingale.
    """

    upper: lsmc.Estimate
    lower: lsmc.Estimate
    plain: lsmc.Estimate


@lsmc.for_options("regressor", "paths", "inner")
def dual(market, option: lsmc.Bermudan, key, regressor, policy, worth, paths: int = 4096, inner: int = 256) -> Dual:
    """Bounds of the price, on ``paths`` fresh paths with ``inner`` inner ones at each date of each.

    ``policy`` and ``worth`` are two results of ``lsmc.fit``: one that decides, fitted in the money, and one fitted
    ``everywhere``, whose martingale is played. Out of the money the first may say anything.

    The market needs a ``restart``, as ``simulate.BlackScholes`` has it, and, where it changes with the calendar, a ``later``.
    ``paths`` is even and ``inner`` a multiple of 4.
    """
    if inner % 4 or inner <= 0:
        raise ValueError(f"inner is {inner}; expected a multiple of 4: two halves of antithetic pairs")
    outer, nested = jax.random.split(key)
    today = market.simulate(outer, jnp.zeros(1), paths)  # (1, paths, features)
    states = market.simulate(outer, option.times, paths)  # (dates, paths, features)
    steps, discounts = jnp.diff(option.times, prepend=0.0), market.discount(option.times)  # (dates,) each
    signed = option.payoff(market.prices(states)).min() < 0

    before = jnp.concatenate([today, states[:-1]])  # (dates, paths, features)

    def waiting(parameters, state, last):
        """What waiting is worth (…) at ``state`` (…, features): less than anything at the last date."""
        rows = state.reshape(-1, state.shape[-1])
        if parameters is None:
            return jnp.full(state.shape[:-1], -jnp.inf)
        worth = regressor.predict(parameters, lsmc.features(market, option, rows))
        return jnp.where(last, -jnp.inf, worth).reshape(state.shape[:-1])

    def inner_paths(before, begin, step, key):
        """Other states (inner, features) that could come after ``before`` (features,), and their martingales (inner, k)."""
        onward = (market.later(begin) if hasattr(market, "later") else market).restart(before)
        others = onward.simulate(key, step[None], inner)  # (1, inner, features)
        horizon = jnp.where(step > 0.0, step, 1.0)  # a first exercise date today is no step
        return others[0], lsmc.controls(onward, others, step[None], horizon)[0]

    def date(carry, now):
        """One exercise date of some paths."""
        martingale, best, fair, plain, alive = carry  # (some,) each
        (decides, values), before, after, begin, step, discount, keys, last = now  # before and after (some, features)
        # (some, inner, features) and (some, inner, k)
        others, theirs = jax.vmap(inner_paths, (0, None, None, 0))(before, begin, step, keys)
        value = lambda state: jnp.maximum(option.payoff(market.prices(state)), waiting(values, state, last))
        martingale += discount * (value(after) - jax.vmap(fair_mean)(value(others), theirs))
        payoff = option.payoff(market.prices(after))  # (some,)
        gain = discount * payoff
        stop = alive & (last | lsmc.exercise(payoff, waiting(decides, after, last), signed))
        fair, plain = jnp.where(stop, gain - martingale, fair), jnp.where(stop, gain, plain)
        return (martingale, jnp.maximum(best, gain - martingale), fair, plain, alive & ~stop), None

    def walk(block):
        """The largest payoff less the martingale, the policy's payoff less the martingale, and the policy's payoff: (some,) each."""
        nothing = jnp.zeros(some, states.dtype)
        last = jnp.arange(option.dates) == option.dates - 1
        before, after, keys = (array[:, block] for array in (blocks_before, blocks_after, blocks_keys))
        carry = nothing, nothing - jnp.inf, nothing, nothing, jnp.ones(some, bool)
        carry, _ = jax.lax.scan(date, carry, (learned, before, after, option.times - steps, steps, discounts, keys, last))
        return carry[1:4]

    # Nothing is learned at the last date; a row that isn't used fills its place.
    learned = jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf[-1:]]), (policy, worth))  # leaves (dates, …)
    some = gcd(paths, 16)  # at once: with their inner paths they fill the cache
    keys = jax.vmap(lambda key: jax.random.split(key, option.dates))(jax.random.split(nested, paths)).T  # (dates, paths)
    blocks_before, blocks_after, blocks_keys = (
        array.reshape(option.dates, paths // some, some, *array.shape[2:]) for array in (before, states, keys)
    )
    gains = jax.lax.map(walk, jnp.arange(paths // some))  # three of (blocks, some)
    return Dual(*(lsmc.estimate(gain.reshape(paths), jnp.zeros((paths, 0), gain.dtype)) for gain in gains))


def fair_mean(values: jax.Array, controls: jax.Array) -> jax.Array:
    """The mean of ``values`` (paths,), less noise by ``controls`` (paths, k) of mean 0, and still unbiased: else the martingale
    would be none. Antithetic pairs, path ``2i`` and path ``2i + 1``, stay together."""
    pairs = lsmc.in_pairs(values)  # (paths/2,)
    return lsmc.less_noise(pairs, lsmc.in_pairs(controls), jnp.ones_like(pairs)).mean()
