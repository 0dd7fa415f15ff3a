"""Least-squares Monte Carlo: American and Bermudan options by one reverse scan over exercise dates.

Two scans. ``fit`` walks backward over simulated paths and learns, at each date, what it is worth to wait; the scan's stacked
outputs are the policy. ``evaluate`` walks backward over fresh paths with that policy as its input and prices it. A policy
can only be as good as the best one, so the price is biased low, never high, and its standard error is honest.

(F. Longstaff, E. Schwartz, "Valuing American options by simulation", Review of Financial Studies 14, 2001. One network per date:
S. Becker, P. Cheridito, A. Jentzen, "Deep optimal stopping", JMLR 20, 2019.)
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from course_utils import regressors, simulate
from course_utils.payoffs import Payoff


@partial(jax.tree_util.register_dataclass, data_fields=["payoff", "maturity"], meta_fields=["dates"])
@dataclass(frozen=True)
class Bermudan:
    """An option that can be exercised at ``dates`` equally spaced dates, the last at ``maturity``; not at time 0.

    Attributes:
        payoff: from ``payoffs``, or any function (…, assets) -> (…).
        maturity: in years.
        dates: how many exercise dates; 1 is a European option.
    """

    payoff: Callable[[jax.Array], jax.Array]
    maturity: jax.Array | float
    dates: int

    @property
    def times(self) -> jax.Array:
        """The exercise dates (dates,), in years."""
        return self.maturity * jnp.arange(1, self.dates + 1) / self.dates

    def check(self) -> None:
        """Refuse what is no option, by name: ``TypeError`` for a wrong kind of thing, ``ValueError`` for a wrong value."""
        if not callable(self.payoff):
            raise TypeError(f"payoff is {self.payoff!r}; expected a function (…, assets) -> (…), such as payoffs.put(40.0)")
        if isinstance(self.payoff, Payoff):
            simulate.number("strike", self.payoff.strike, positive=True, dimensions=(0,))
        simulate.number("maturity", self.maturity, positive=True, dimensions=(0,))
        whole_number("dates", self.dates, at_least=1)


AT_ONCE = 16_384  # paths that ``evaluate`` works off at once, each 4 bytes times dates times features in float32


class Result(NamedTuple):
    """What ``price`` returns; money is discounted to time 0.

    Attributes:
        lower, lower_stderr: the policy's value on fresh paths, biased low, and its standard error.
        upper, upper_stderr: the dual upper bound, biased high; None unless asked for.
        policy: the regressor's parameters, every leaf with leading axis dates-1; None for a European option.
        in_sample: what the paths that the policy was fitted to would claim: biased high where it overfits.
    """

    lower: float
    lower_stderr: float
    upper: float | None
    upper_stderr: float | None
    policy: Any
    in_sample: float


class Estimate(NamedTuple):
    """A mean over paths, its standard error, and whether every number on the way to it was finite."""

    mean: jax.Array
    stderr: jax.Array
    finite: jax.Array


def features(market, option: Bermudan, state: jax.Array) -> jax.Array:
    """What a regressor sees at one date: (paths, features) of ``state`` (paths, …).

    The state itself and, with several assets, their sorted prices and the payoff too. Sorted prices tell a max-call what
    matters (how far the dearest is ahead); the unsorted state keeps each asset's identity, without which unequal assets
    would be priced as if they were equal.
    """
    prices = market.prices(state)  # (paths, assets)
    if prices.shape[-1] == 1:
        return state
    return jnp.concatenate([state, ranked(prices), option.payoff(prices)[:, None]], axis=-1)


def ranked(prices: jax.Array) -> jax.Array:
    """Prices (…, assets) in rising order; of more than ten the five lowest and the five highest alone.

    Those are what exercise hangs on, and ranking a hundred prices took longer than all else that is done with them.
    """
    if prices.shape[-1] <= 10:
        return highest(prices, prices.shape[-1])[..., ::-1]
    return jnp.concatenate([-highest(-prices, 5), highest(prices, 5)[..., ::-1]], axis=-1)  # (…, 10)


def highest(prices: jax.Array, k: int) -> jax.Array:
    """The ``k`` highest of ``prices`` (…, assets), falling: (…, k). Each price in turn is let through to its place.

    All paths do the same at once, so on a CPU this takes a tenth of the time of ``jnp.sort``, which sorts path by path.
    """

    def insert(places, price):  # (k, …), (…); what is above a place keeps the larger and lets the smaller through
        above = jnp.concatenate([jnp.full_like(places[:1], jnp.inf), places[:-1]])  # (k, …)
        return jnp.maximum(places, jnp.minimum(above, price)), None

    places = jnp.full((k, *prices.shape[:-1]), -jnp.inf, prices.dtype)
    return jnp.moveaxis(jax.lax.scan(insert, places, jnp.moveaxis(prices, -1, 0))[0], 0, -1)


def exercise(payoff: jax.Array, continuation: jax.Array) -> jax.Array:
    """Where to exercise (paths,): in the money, and when that pays at least what waiting is worth.

    Without ``payoff > 0`` a continuation value estimated a little below 0 would have worthless options exercised.
    """
    return (payoff > 0) & (payoff >= continuation)


def controls(market, states: jax.Array, times: jax.Array) -> jax.Array:
    """Martingales (dates, paths, k) that start at 0, where the market knows any; else k is 0."""
    if hasattr(market, "martingales"):
        return market.martingales(states, times)
    return jnp.zeros((*states.shape[:2], 0), states.dtype)


def less_noise(values: jax.Array, controls: jax.Array, weights: jax.Array) -> jax.Array:
    """``values`` (paths,) less the multiple of ``controls`` (paths, k), of mean 0, that leaves the least variance."""
    if not controls.shape[-1]:
        return values
    x, y, weights = (regressors.sample(array, regressors.ENOUGH) for array in (controls, values, weights))  # enough for k multiples
    share = regressors.shares(weights)  # (rows,)
    spread = x - share @ x
    weighted = spread * share[:, None]
    covariance = weighted.T @ spread  # (k, k)
    # A unique solution in float32, whatever the controls, and where a single path counts.
    unit = jnp.eye(len(covariance))
    regular = covariance * (1.0 + 1e-5 * unit) + 1e-30 * unit
    multiples = jax.scipy.linalg.solve(regular, (y - share @ y) @ weighted, assume_a="pos")  # (k,)
    return values - (controls * jax.lax.stop_gradient(multiples)).sum(axis=1)


@partial(jax.jit, static_argnames=("regressor", "paths"))
def fit(market, option: Bermudan, key: jax.Array, regressor, paths: int, everywhere: bool = False):
    """Learn what waiting is worth, on ``paths`` simulated paths: on those in the money, where there is something to decide, or
    on all of them, ``everywhere``, for whoever wants the value itself.

    Returns:
        policy: parameters stacked on the date axis (dates-1, …), in the order of the dates; None if dates is 1.
        in_sample: the Estimate that these same paths give of the price.
    """
    simulation, start = jax.random.split(key)
    times = option.times  # (dates,)
    states = market.simulate(simulation, times, paths)  # (dates, paths, features)

    def look(date):
        """What exercising pays (paths,) at one date, and the martingales (paths, k)."""
        return option.payoff(market.prices(states[date])), controls(market, states[date][None], times[date][None])[0]

    def step(carry, date):
        parameters, cash, stopped = carry  # cash (paths,) and martingales (paths, k) where the policy stops
        payoff, martingale = look(date)
        waiting = market.discount(times[date + 1]) / market.discount(times[date]) * cash  # (paths,): paid later, worth now
        weights = ((payoff > 0) | everywhere).astype(payoff.dtype)  # (paths,)
        weights += weights.sum() == 0.0  # all, where none is in the money
        x, y = features(market, option, states[date]), less_noise(waiting, stopped - martingale, weights)
        parameters = regressor.fit(parameters, x, y, weights, fresh=date == option.dates - 2)
        stop = exercise(payoff, regressor.predict(parameters, x))
        carry = parameters, jnp.where(stop, payoff, waiting), jnp.where(stop[:, None], martingale, stopped)
        return carry, parameters

    policy, cash, stopped = None, *look(-1)
    if option.dates > 1:
        carry = regressor.init(start, features(market, option, states[0])), cash, stopped
        (_, cash, stopped), policy = jax.lax.scan(step, carry, jnp.arange(option.dates - 1), reverse=True)
    return policy, estimate(market.discount(times[0]) * cash, stopped)


@partial(jax.jit, static_argnames=("regressor", "paths"))
def evaluate(market, option: Bermudan, key: jax.Array, regressor, policy, paths: int) -> Estimate:
    """Price ``policy`` on ``paths`` fresh paths: the Estimate of its value at time 0.

    They are worked off in blocks of at most ``AT_ONCE``, all of one size: then memory doesn't grow with their number, which is
    rounded up to whole blocks of a multiple of 64.
    """
    blocks = -(-paths // AT_ONCE)
    size = 64 * -(-paths // (64 * blocks))  # of such a size XLA draws normals with half the code

    def block(key):
        cash, stopped, finite = cash_flows(market, option, option.times, key, regressor, policy, size)
        result = estimate(cash, stopped)
        return result._replace(finite=result.finite & finite)

    each = jax.lax.map(lambda i: block(jax.random.fold_in(key, i)), jnp.arange(blocks))  # an Estimate with leaves (blocks,)
    return Estimate(each.mean.mean(), jnp.sqrt((each.stderr**2).sum()) / blocks, each.finite.all())


def cash_flows(market, option: Bermudan, times: jax.Array, key: jax.Array, regressor, policy, paths: int):
    """What ``policy`` gets on each of ``paths`` fresh paths if the exercise dates are ``times``, worth at time 0.

    Decisions are no function that could be differentiated, so a derivative with respect to ``market``, ``option`` or ``times``
    is taken with the stopping times frozen.

    Returns:
        cash: (paths,).
        stopped: the market's martingales where the policy stops, (paths, k).
        finite: whether every number on the way was.
    """
    states = market.simulate(key, times, paths)  # (dates, paths, features)

    def step(carry, now):
        held, when, finite = carry  # the state (paths, features) and time (paths,) where the policy stops; whether all was finite
        parameters, state, time = now
        payoff = option.payoff(market.prices(state))
        continuation = regressor.predict(parameters, features(market, option, state))  # (paths,)
        stop = exercise(payoff, continuation)
        finite = finite & jnp.isfinite(payoff + continuation)
        return (jnp.where(stop[:, None], state, held), jnp.where(stop, time, when), finite), None

    carry = states[-1], jnp.full(paths, times[-1]), jnp.isfinite(option.payoff(market.prices(states[-1])))
    if option.dates > 1:
        carry, _ = jax.lax.scan(step, carry, (policy, states[:-1], times[:-1]), reverse=True)
    held, when, finite = carry
    cash = market.discount(when) * option.payoff(market.prices(held))  # (paths,)
    return cash, controls(market, held[:, None], when)[:, 0], finite.all()  # each path at a date of its own


def estimate(cash: jax.Array, controls: jax.Array) -> Estimate:
    """The mean of ``cash`` (paths,), helped by ``controls`` (paths, k) of mean 0, with its standard error.

    Paths ``2i`` and ``2i + 1`` are one observation: where they are antithetic their mean has the smaller variance,
    where they are independent nothing is lost.
    """
    pairs = cash.reshape(-1, 2).mean(axis=1)  # (paths/2,)
    pairs = less_noise(pairs, controls.reshape(pairs.shape[0], 2, -1).mean(axis=1), jnp.ones_like(pairs))
    mean, stderr = pairs.mean(), pairs.std() / jnp.sqrt(pairs.shape[0])
    return Estimate(mean, stderr, jnp.isfinite(mean + stderr))  # a sum with NaN or infinity in it is one of them


def price(
    market,
    option: Bermudan,
    *,
    key: jax.Array,
    regressor=regressors.Network(),
    fit_paths: int | None = None,
    price_paths: int = 100_000,
    upper: bool = False,
) -> Result:
    """Price ``option`` in ``market``: learn when to exercise on some paths, then price that policy on fresh ones.

    Args:
        market: such as ``simulate.BlackScholes``, or anything with its three functions.
        option: a ``Bermudan``.
        key: of the random numbers, ``jax.random.key(0)``.
        regressor: how continuation values are learned; see ``regressors``.
        fit_paths: how many paths to learn from; even. None takes 32,768 for each asset, at most 131,072: there is more to learn.
        price_paths: how many paths to price on; even. Rounded up to whole blocks: 100,000 are 100,352.
        upper: whether to compute the dual upper bound as well, with ``bounds.dual``; the market then needs ``restart``.

    Returns:
        A ``Result``.

    Raises:
        TypeError, ValueError: for bad input, before anything is simulated, and for NaN or infinity met on the way.
    """
    market, option, assets = _checked(market, option, key, regressor, fit_paths, price_paths, upper)
    fit_paths = fit_paths or default_fit_paths(assets)
    fit_key, price_key = jax.random.split(key)  # the same with and without the upper bound
    policy, in_sample = fit(market, option, fit_key, regressor, fit_paths, everywhere=False)
    lower = evaluate(market, option, price_key, regressor, policy, price_paths)
    if not (lower.finite and in_sample.finite):
        raise ValueError(
            "NaN or infinity came up: the payoff, the market or the regressor yields it at some path. "
            "Try option.payoff(market.prices(states)) on states = market.simulate(key, option.times, 100)"
        )
    result = Result(float(lower.mean), float(lower.stderr), None, None, policy, float(in_sample.mean))
    if upper:
        from course_utils import bounds  # here, since it builds on this module

        worth_key, dual_key = jax.random.split(jax.random.fold_in(key, 2))
        worth, _ = fit(market, option, worth_key, regressor, fit_paths, everywhere=True)
        above = bounds.dual(market, option, dual_key, regressor, policy, worth).upper
        result = result._replace(upper=float(above.mean), upper_stderr=float(above.stderr))
    return result


def default_fit_paths(assets: int) -> int:
    """How many paths ``price`` learns from unless told: 32,768 for each asset, at most 131,072."""
    return regressors.ENOUGH * min(4, assets)


def _checked(market, option, key, regressor, fit_paths, price_paths, upper):
    """The market and the option with numbers as arrays, so that other numbers of the same shapes compile nothing anew; and how
    many assets there are."""
    _check_functions("market", market, ("simulate", "prices", "discount"), "simulate.BlackScholes(...)")
    if not isinstance(option, Bermudan):
        raise TypeError(f"option is {option!r}; expected lsmc.Bermudan(payoff=..., maturity=..., dates=...)")
    _check_functions("regressor", regressor, ("init", "fit", "predict"), "regressors.Network()")
    is_key = isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    if not is_key or key.shape:
        raise TypeError(f"key is {key!r}; expected one key: jax.random.key(0)")
    for name, paths in (("fit_paths", fit_paths), ("price_paths", price_paths)):
        if name == "fit_paths" and paths is None:
            continue
        whole_number(name, paths, at_least=100)
        if paths % 2:
            raise ValueError(f"{name} is {paths}; expected an even number, since paths come in antithetic pairs: {paths + 1}")
    if not isinstance(upper, bool):
        raise TypeError(f"upper is {upper!r}; expected True or False")
    if upper and not callable(getattr(market, "restart", None)):
        raise TypeError(f"market is {market!r}; expected one with a function restart(state) for upper=True: see bounds.dual")
    if hasattr(market, "check"):
        market.check()
    option.check()
    if jax.tree_util.all_leaves([option.payoff]):  # a plain function is no pytree; Partial makes it one, itself held fixed
        option = Bermudan(jax.tree_util.Partial(option.payoff), option.maturity, option.dates)
    market, option = _as_arrays("market", market), _as_arrays("option", option)
    return market, option, _check_payoff(market, option)


def _check_functions(name: str, thing, functions: tuple[str, ...], example: str) -> None:
    """Refuse what lacks one of these functions; a class does too, whose functions wait for their self."""
    if isinstance(thing, type) or not all(callable(getattr(thing, function, None)) for function in functions):
        raise TypeError(f"{name} is {thing!r}; expected one with functions {', '.join(functions)}, such as {example}")


def _as_arrays(name: str, tree):
    """``tree`` with each number, or list of numbers, as an array of floats."""

    def as_array(leaf):
        try:
            return jnp.asarray(leaf, float)
        except (TypeError, ValueError):
            raise TypeError(
                f"{name} is {tree!r}, where {leaf!r} is no number; expected a pytree of numbers, such as a dataclass "
                "registered with jax.tree_util.register_dataclass (see simulate.BlackScholes)"
            ) from None

    return jax.tree.map(as_array, tree, is_leaf=lambda value: type(value) in (list, tuple))


def _check_payoff(market, option) -> int:
    """Trace the payoff, which computes nothing, and hold the shape of what comes back against what it must be: the assets' number."""

    def exercise_values(key):
        prices = market.prices(market.simulate(key, option.times, 2))
        return prices, option.payoff(prices)

    prices, values = jax.eval_shape(exercise_values, jax.random.key(0))
    if getattr(values, "shape", None) != prices.shape[:-1]:
        raise ValueError(
            f"payoff maps prices {prices.shape} to {getattr(values, 'shape', values)}; expected {prices.shape[:-1]}: "
            "one value per path, (…, assets) -> (…)"
        )
    if not jnp.issubdtype(values.dtype, jnp.floating):
        raise TypeError(f"payoff yields {values.dtype}; expected floats, such as 1.0 * payoff(prices)")
    return prices.shape[-1]


def whole_number(name: str, value, at_least: int) -> None:
    """Refuse ``value`` unless it is an integer of at least ``at_least``: ``TypeError`` or ``ValueError``."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} is {value!r}; expected a whole number of at least {at_least}")
    if value < at_least:
        raise ValueError(f"{name} is {value}; expected at least {at_least}")
