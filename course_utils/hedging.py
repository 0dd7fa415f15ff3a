"""What the seller of an option holds, what that gains, and the upper bound that comes with it.

Before each exercise date there are ``between`` times to trade. A hedge is a function that says how many shares to hold, and its
parameters, stacked on the axis of these times. ``values`` learns what the option is worth at each; the slope of that along the
prices (``Deltas``) is one such function, a network trained for the shares themselves another. ``play`` holds them over fresh paths.

(S. Becker, P. Cheridito, A. Jentzen, "Pricing and hedging American-style options with deep learning", Journal of Risk and Financial
Management 13, 2020. The gains of any holding have mean 0, so the mean of the largest payoff less gains is an upper bound, without an
inner path: D. Belomestny, C. Bender, J. Schoenmakers, "True upper bounds for Bermudan products via non-nested Monte Carlo",
Mathematical Finance 19, 2009.)
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from course_utils import inputs, lsmc

AT_ONCE = 4096  # paths that ``play`` works off at once


class Hedge(NamedTuple):
    """What became of each path, in money discounted to time 0: leaves (paths,), antithetic twins side by side.

    Attributes:
        paid: the payoff, where the policy stops.
        gained: by the shares until then. The seller's profit and loss is the price taken, plus this, less ``paid``.
        highest: the largest payoff less gains over all dates; its mean is an upper bound of the price.
    """

    paid: jax.Array
    gained: jax.Array
    highest: jax.Array


def trading_times(option: lsmc.Bermudan, between: int) -> jax.Array:
    """Today, and ``between`` equal steps to each exercise date: (dates·between + 1,), in years."""
    dates = jnp.concatenate([jnp.zeros(1), option.times])  # (dates + 1,)
    parts = jnp.arange(between) / between  # (between,)
    return jnp.append((dates[:-1, None] + parts * jnp.diff(dates)[:, None]).ravel(), dates[-1])


def gains_of_a_share(market, states: jax.Array, times: jax.Array) -> jax.Array:
    """What one share, bought at each of ``times`` (steps + 1,) and sold at the next, gains (steps, paths, assets): mean 0.

    Discounted to time 0, with its dividends and less the interest on its price. ``states`` is (steps + 1, paths, features). The first
    martingales of a market are each asset's discounted price, dividends reinvested, in some unit, which their slope tells.
    """
    assets = market.prices(states).shape[-1]
    growth = lambda states: lsmc.controls(market, states, times, times[-1])[..., :assets]  # (steps + 1, paths, assets)
    growth, slope = jax.jvp(growth, (states,), (jnp.ones_like(states),))
    return market.discount(times)[:-1, None, None] * jnp.diff(growth, axis=0) / slope[:-1]


@dataclass(frozen=True)
class Deltas:
    """Shares by the slope of the value along the prices, with parameters from ``values`` and the same regressor.

    The slope across ``over`` of a price to both sides: at a point that of a ReLU network is a staircase, whose steps would be traded.
    """

    regressor: Any
    over: float = 0.03

    def __call__(self, market, option: lsmc.Bermudan, parameters, state: jax.Array) -> jax.Array:
        """(paths, assets) at ``state`` (paths, features), which begins with the prices, as in every market of this package."""
        value = lambda state: self.regressor.predict(parameters, lsmc.features(market, option, state))  # (paths,)

        def slope(unit):  # (features,)
            bump = self.over * state * unit  # (paths, features)
            return (value(state + bump) - value(state - bump)) / (2.0 * bump.sum(axis=-1))

        return jax.vmap(slope, out_axes=-1)(jnp.eye(market.prices(state).shape[-1], state.shape[-1]))


@lsmc.for_options("regressor", "paths", "between")
def values(market, option: lsmc.Bermudan, key, regressor, paths: int = 32_768, between: int = 1):
    """What the option is worth to somebody who waits, at each trading time: parameters (dates·between, …), in their order.

    Backward from date to date: at each the option is worth the larger of its payoff and what was just learned there. From the trading
    times before it that is looked at, less what shares gain until then that are held by its own slope: that has the same mean, and
    little noise. (J. Tsitsiklis, B. Van Roy, "Regression methods for pricing complex American-style options", IEEE Transactions on
    Neural Networks 12, 2001, without the shares.) Today's spots differ from path to path, by as much as prices move until the first
    date, since at a single spot there is no slope to learn: so the market needs a ``restart``.
    """
    check(market, between, "restart")
    apart, walk, start = jax.random.split(key, 3)
    times = trading_times(option, between)  # (steps + 1,)
    spots = market.simulate(apart, times[between : between + 1], paths // 2)[0]  # (paths/2, features)
    onward = lambda spot, key: jnp.concatenate([jnp.stack([spot, spot])[None], market.restart(spot).simulate(key, times[1:], 2)])
    states = jax.vmap(onward, out_axes=1)(spots, jax.random.split(walk, paths // 2))  # (steps + 1, paths/2, 2, features)
    states = states.reshape(len(times), paths, -1)
    discounts, everybody, seen = market.discount(times), jnp.ones(paths), partial(lsmc.features, market, option)
    until = by_date(option, gains_of_a_share(market, states, times))  # (dates, between, paths, assets)
    until = jnp.cumsum(until[:, ::-1], axis=1)[:, ::-1]  # of a share that is held until the next exercise date

    def date(carry, now):
        """Learn at the trading times before one exercise date, the latest first."""
        (after, discount, last), before = now
        later, _ = carry  # parameters at that date

        def value(state):
            payoff = option.payoff(market.prices(state))  # (paths,)
            return jnp.where(last, payoff, jnp.maximum(payoff, regressor.predict(later, seen(state))))

        def look_ahead(carry, now):
            state, until, earlier = now
            slope = jax.grad(lambda state: value(state).sum())(state)[:, : until.shape[-1]]  # (paths, assets)
            y = (discount * value(after) - (slope * until).sum(axis=-1)) / earlier  # (paths,)
            parameters = regressor.fit(carry[0], seen(state), y, everybody, fresh=carry[1])
            return (parameters, False), parameters

        return jax.lax.scan(look_ahead, carry, before, reverse=True)

    dates = states[between::between], discounts[between::between], jnp.arange(option.dates) == option.dates - 1
    before = by_date(option, states[:-1]), until, by_date(option, discounts[:-1])  # leaves (dates, between, …)
    learned = jax.lax.scan(date, (regressor.init(start, seen(states[0])), True), (dates, before), reverse=True)[1]
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), learned)


@lsmc.for_options("regressor", "shares", "paths", "between")
def play(market, option: lsmc.Bermudan, key, regressor, policy, shares, parameters, paths: int = 16_384, between: int = 1) -> Hedge:
    """What ``policy`` is paid and what a hedge gains, on ``paths`` fresh paths.

    ``shares(market, option, parameters, state)`` says how many to hold (paths, assets) at ``state`` (paths, features): ``Deltas``, or
    a function of your own. ``parameters`` has leaves (dates·between, …), the trading times in their order.
    """
    check(market, between)
    for leaf in jax.tree.leaves(parameters):
        if jnp.shape(leaf)[:1] != (option.dates * between,):
            raise ValueError(f"parameters has a leaf {jnp.shape(leaf)}; expected ({option.dates * between}, …): {between} trading times a date")
    times = trading_times(option, between)  # (steps + 1,)
    blocks = -(-paths // AT_ONCE)
    some = 2 * -(-paths // (2 * blocks))

    def date(carry, now):
        """Hold the shares until an exercise date, at which some stop."""
        gained, paid, kept, highest, alive = carry  # (some,) each
        stop, cash, before = now
        hold = lambda gained, now: (gained + (shares(market, option, *now[:2]) * now[2]).sum(axis=-1), None)
        gained, _ = jax.lax.scan(hold, gained, before)
        stop &= alive
        return (gained, jnp.where(stop, cash, paid), jnp.where(stop, gained, kept), jnp.maximum(highest, cash - gained), alive & ~stop), None

    def block(key):
        states = jnp.concatenate([market.simulate(key, jnp.zeros(1), some), market.simulate(key, times[1:], some)])
        cash, stop = decisions(market, option, regressor, policy, states[between::between])  # (dates, some) each
        before = by_date(option, (parameters, states[:-1], gains_of_a_share(market, states, times)))
        nothing = jnp.zeros(some, states.dtype)
        carry = nothing, nothing, nothing, nothing - jnp.inf, jnp.ones(some, bool)
        return Hedge(*jax.lax.scan(date, carry, (stop, cash, before))[0][1:4])

    each = jax.lax.map(block, jax.random.split(key, blocks))  # leaves (blocks, some)
    return jax.tree.map(lambda leaf: leaf.ravel()[:paths], each)


def decisions(market, option: lsmc.Bermudan, regressor, policy, states: jax.Array):
    """At ``states`` (dates, paths, features): what exercise pays, in money of time 0, and whether ``policy`` does it, (dates, paths) each."""
    payoff = option.payoff(market.prices(states))
    waiting = jnp.full_like(payoff, -jnp.inf)  # at the last date
    if option.dates > 1:
        learned = jax.vmap(lambda parameters, state: regressor.predict(parameters, lsmc.features(market, option, state)))
        waiting = waiting.at[:-1].set(learned(policy, states[:-1]))
    stop = lsmc.exercise(payoff, waiting, payoff.min() < 0).at[-1].set(True)
    return market.discount(option.times)[:, None] * payoff, stop


def check(market, between, *functions: str) -> None:
    """Refuse a market that lacks ``martingales`` or another of the ``functions``, and a number of trading times that is none."""
    inputs.functions("market", market, ("martingales", *functions), "simulate.BlackScholes(...)")
    inputs.whole_number("between", between, at_least=1)


def by_date(option: lsmc.Bermudan, tree):
    """Leaves (dates·between, …) as (dates, between, …)."""
    return jax.tree.map(lambda leaf: leaf.reshape(option.dates, -1, *leaf.shape[1:]), tree)
