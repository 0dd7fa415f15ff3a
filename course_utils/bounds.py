"""The dual upper bound: at most how much an option is worth, from the same stacked networks.

A holder who knew the future would take the largest payoff of each path. What that is worth is too much. But make the holder
also play a fair game, whose gains ``M`` are a martingale that starts at 0: a policy gains nothing from it on average, so for
every such martingale

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

from functools import partial
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


@partial(jax.jit, static_argnames=("regressor", "paths", "inner"))
def dual(market, option: lsmc.Bermudan, key, regressor, policy, worth, paths: int = 4096, inner: int = 128) -> Dual:
    """Bounds of the price, on ``paths`` fresh paths with ``inner`` inner ones at each date of each.

    ``policy`` and ``worth`` are two results of ``lsmc.fit``: one that decides, fitted in the money, and one fitted
    ``everywhere``, whose martingale is played. Out of the money the first may say anything.

    The market needs a ``restart``, as ``simulate.BlackScholes`` has it. ``paths`` is even and ``inner`` a multiple of 4.
    """
    outer, nested = jax.random.split(key)
    today = market.simulate(outer, jnp.zeros(1), paths)  # (1, paths, features)
    states = market.simulate(outer, option.times, paths)  # (dates, paths, features)
    steps, discounts = jnp.diff(option.times, prepend=0.0), market.discount(option.times)  # (dates,) each

    def waiting(parameters, state):
        """What waiting is worth (rows,) at ``state`` (rows, features)."""
        return regressor.predict(parameters, lsmc.features(market, option, state))

    def date(carry, now, last=False):
        """One exercise date of one path."""
        martingale, best, fair, plain, alive = carry
        (decides, values), before, after, step, discount, key = now
        onward = market.restart(before)
        others = onward.simulate(key, step[None], inner)  # (1, inner, features)
        states = jnp.concatenate([others[0], after[None]])  # (inner + 1, features), the path itself last
        payoff = option.payoff(market.prices(states))  # (inner + 1,)
        value = payoff if last else jnp.maximum(payoff, waiting(values, states))
        martingale += discount * (value[-1] - fair_mean(value[:-1], lsmc.controls(onward, others, step[None])[0]))
        gain = discount * payoff[-1]
        stop = alive & (True if last else lsmc.exercise(payoff[-1], waiting(decides, after[None])[0]))
        fair, plain = jnp.where(stop, gain - martingale, fair), jnp.where(stop, gain, plain)
        return (martingale, jnp.maximum(best, gain - martingale), fair, plain, alive & ~stop), None

    def path(before, after, key):
        """The largest payoff less the martingale, the policy's payoff less the martingale, and the policy's payoff."""
        keys = jax.random.split(key, option.dates)
        nothing = jnp.zeros((), after.dtype)
        carry = nothing, nothing - jnp.inf, nothing, nothing, True
        if option.dates > 1:
            carry, _ = jax.lax.scan(date, carry, ((policy, worth), before[:-1], after[:-1], steps[:-1], discounts[:-1], keys[:-1]))
        carry, _ = date(carry, ((None, None), before[-1], after[-1], steps[-1], discounts[-1], keys[-1]), last=True)
        return carry[1:4]

    before = jnp.concatenate([today, states[:-1]])  # (dates, paths, features)
    each = before.swapaxes(0, 1), states.swapaxes(0, 1), jax.random.split(nested, paths)
    gains = jax.lax.map(lambda one: path(*one), each, batch_size=16)  # three of (paths,)
    return Dual(*(lsmc.estimate(gain, jnp.zeros((paths, 0), gain.dtype)) for gain in gains))


def fair_mean(values: jax.Array, controls: jax.Array) -> jax.Array:
    """The mean of ``values`` (paths,), less noise by ``controls`` (paths, k) of mean 0, and still unbiased.

    Multiples of the controls fitted to the paths that they correct would bias the mean a little, and the martingale would
    be none. So each half of the paths is corrected with the multiples that fit the other half. Antithetic pairs, path ``i``
    and path ``i + paths/2``, stay together.
    """
    halves = lambda array: array.reshape(2, -1, *array.shape[1:]).mean(axis=0).reshape(2, -1, *array.shape[1:])
    pairs = halves(values)  # (halves, paths/4)
    if not 0 < controls.shape[-1] <= pairs.shape[-1]:  # none, or more than there are pairs to fit them to
        return pairs.mean()
    controls = halves(controls)  # (halves, paths/4, k)

    def multiples(values, controls):
        controls = controls - controls.mean(axis=0)  # (paths/4, k)
        covariance = controls.T @ controls
        diagonal = jnp.diag(covariance)
        regular = covariance + jnp.diag(1e-3 * diagonal + 1e-10 * diagonal.max())
        return jnp.linalg.solve(regular, controls.T @ (values - values.mean()))  # (k,)

    fitted = jax.vmap(multiples)(pairs, controls)  # (halves, k)
    return (pairs - jnp.einsum("hpk,hk->hp", controls, fitted[::-1])).mean()
