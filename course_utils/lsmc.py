"""Least-squares Monte Carlo: American and Bermudan options by one reverse scan over exercise dates.

Two scans. ``fit`` walks backward over simulated paths and learns, at each date, what it is worth to wait; the scan's stacked
outputs are the policy. ``evaluate`` walks backward over fresh paths with that policy as its input and prices it. A policy
can only be as good as the best one, so the price is biased low, never high, and its standard error is honest: nothing that
corrects an estimate was fitted to the paths that it corrects.

(F. Longstaff, E. Schwartz, "Valuing American options by simulation", Review of Financial Studies 14, 2001. One network per date:
S. Becker, P. Cheridito, A. Jentzen, "Deep optimal stopping", JMLR 20, 2019.)
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial, wraps
from inspect import signature
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from course_utils import inputs, regressors
from course_utils.payoffs import Payoff


@partial(jax.tree_util.register_dataclass, data_fields=["payoff", "maturity", "given"], meta_fields=["dates"])
@dataclass(frozen=True)
class Bermudan:
    """An option that can be exercised at ``dates`` equally spaced dates, the last at ``maturity``; not at time 0.

    ``Bermudan.at`` makes one with exercise dates of your own.

    Attributes:
        payoff: from ``payoffs``, or any function (…, assets) -> (…). Where it can be negative, the option may be exercised at a
            loss, and must be at the last date if it wasn't before.
        maturity: in years.
        dates: how many exercise dates; 1 is a European option.
        given: the exercise dates (dates,), in years, where they aren't equally spaced.
    """

    payoff: Callable[[jax.Array], jax.Array]
    maturity: jax.Array | float
    dates: int
    given: jax.Array | None = None

    @classmethod
    def at(cls, payoff, times) -> "Bermudan":
        """An option that can be exercised at ``times`` (dates,), in years, rising; a first one of 0 is exercise today.

        The times are data: as many others compile nothing anew.
        """
        inputs.number("times", times, dimensions=(1,))
        return cls(payoff, times[-1], len(times), times)

    @property
    def times(self) -> jax.Array:
        """The exercise dates (dates,), in years."""
        if self.given is not None:
            return jnp.asarray(self.given, float)
        return self.maturity * jnp.arange(1, self.dates + 1) / self.dates

    def check(self) -> None:
        """Refuse what is no option, by name: ``TypeError`` for a wrong kind of thing, ``ValueError`` for a wrong value."""
        if not callable(self.payoff):
            raise TypeError(f"payoff is {self.payoff!r}; expected a function (…, assets) -> (…), such as payoffs.put(40.0)")
        if isinstance(self.payoff, Payoff):
            inputs.number("strike", self.payoff.strike, positive=True, dimensions=(0,))
        if self.given is not None:
            self.check_times()
        inputs.number("maturity", self.maturity, positive=self.given is None, dimensions=(0,))
        inputs.whole_number("dates", self.dates, at_least=1)

    def check_times(self) -> None:
        inputs.number("times", self.given, dimensions=(1,))
        if len(self.given) != self.dates:
            raise ValueError(f"dates is {self.dates}, but times has {len(self.given)}; expected Bermudan.at(payoff=..., times=[...])")
        if not any(map(inputs.traced, jax.tree.leaves([self.given, self.maturity]))):
            times = np.asarray(self.given, np.float32)
            if times[0] < 0.0 or not (np.diff(times) > 0.0).all():
                raise ValueError(f"times is {self.given!r}; expected years that rise, the first at least 0 (today)")
            if times[-1] != np.float32(self.maturity):
                raise ValueError(f"maturity is {self.maturity!r}, but the last of times {times[-1]}; expected Bermudan.at(payoff=..., times=[...])")


AT_ONCE = 6_400  # paths that ``evaluate`` works off at once, each 4 bytes times dates times features in float32
PILOT = 8_192  # about so many paths are first taken to find the multiples of the control variates
FEW = 5  # with fewer effective observations a standard error says little; ``price`` warns, unless it is below 1% of the price
CONFIDENT = 0.5  # standard errors by which stopping has to do better than waiting, on the paths that it was learned from


class Result(NamedTuple):
    """What ``price`` returns; money is discounted to time 0.

    Attributes:
        lower, lower_stderr: the policy's value on fresh paths, biased low, and its standard error.
        upper, upper_stderr: the dual upper bound, biased high; None unless asked for.
        policy: the regressor's parameters, every leaf with leading axis dates-1; None for a European option.
        in_sample: what the paths that the policy was fitted to would claim: biased high where it overfits.
        now: what exercising today pays. Today is none of the ``dates``, unless ``Bermudan.at`` names it; the price of an
            American option, which can be exercised today too, is the larger of ``lower`` and ``now``.
    """

    lower: float
    lower_stderr: float
    upper: float | None
    upper_stderr: float | None
    policy: Any
    in_sample: float
    now: float


class Estimate(NamedTuple):
    """A mean over paths and how far to trust it.

    Attributes:
        mean, stderr: the mean and its standard error.
        finite: whether every number on the way to it was.
        effective: on how many observations the standard error rests: the sum of squared deviations, squared, over that of their
            fourth powers, and no more than pay anything. A third of all where they are normal; a few, where a few paths pay all
            there is; 0 where none pays.
    """

    mean: jax.Array
    stderr: jax.Array
    finite: jax.Array
    effective: jax.Array


def for_options(*static: str):
    """``jit`` for a function of a market and an option: it takes what ``price`` takes, and refuses what that refuses, in the same words.

    The arguments named are static. Numbers are checked where they are known, which under ``jit``, ``vmap`` and ``grad`` they aren't.
    ``compiled`` is the function without the checks, for arguments that passed them.
    """

    def decorate(function):
        @wraps(function)
        def promoting(*arguments, **keywords):
            with jax.numpy_rank_promotion("allow"):  # some programs forbid it; here (paths, assets) meets (assets,) all the time
                return function(*arguments, **keywords)

        compiled = jax.jit(promoting, static_argnames=static)

        @wraps(function)
        def call(market, option, key, regressor, *arguments, **keywords):
            market, option, _ = checked(market, option, key, regressor)
            check_paths("paths", keywords.get("paths", dict(zip(names, arguments)).get("paths", 100)))
            return compiled(market, option, key, regressor, *arguments, **keywords)

        names = list(signature(function).parameters)[4:]
        call.compiled, call.lower, call._cache_size = compiled, compiled.lower, compiled._cache_size
        return call

    return decorate


def features(market, option: Bermudan, state: jax.Array) -> jax.Array:
    """What a regressor sees at one date: (paths, features) of ``state`` (paths, …).

    The state itself and, with several assets, their sorted prices and the payoff too. Sorted prices tell a max-call what
    matters (how far the highest is ahead); the unsorted state keeps each asset's identity, without which unequal assets
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


def exercise(payoff: jax.Array, continuation: jax.Array, signed: jax.Array | bool = False) -> jax.Array:
    """Where to exercise (paths,): in the money, and when that pays at least what waiting is worth.

    Without ``payoff > 0`` a continuation value estimated a little below 0 would have worthless options exercised. A payoff that
    is negative at some path is ``signed``: then the best time to stop may be one at which it pays nothing, or less.
    """
    return ((payoff > 0) | signed) & (payoff >= continuation)


def controls(market, states: jax.Array, times: jax.Array, horizon: jax.Array | None = None) -> jax.Array:
    """Martingales (dates, paths, k) that start at 0, where the market knows any; else k is 0."""
    if hasattr(market, "martingales"):
        return market.martingales(states, times, horizon)
    return jnp.zeros((*states.shape[:2], 0), states.dtype)


def moments(values: jax.Array, controls: jax.Array, weights: jax.Array) -> jax.Array:
    """Sums of products (k+2, k+2) of 1, ``controls`` (rows, k) and ``values`` (rows,), each row counted ``weights`` (rows,) times."""
    columns = jnp.concatenate([jnp.ones_like(values)[:, None], controls, values[:, None]], axis=1)  # (rows, k + 2)
    return (columns * weights[:, None]).T @ columns


def multiples(moments: jax.Array) -> jax.Array:
    """The multiples (k,) of controls that leave the least variance, by the rows that ``moments`` sums up; fewer rows, smaller ones."""
    moments = jax.lax.stop_gradient(moments)
    rows = jnp.maximum(moments[0, 0], 1.0)
    means = moments[0, 1:] / rows  # (k + 1,)
    covariance = moments[1:, 1:] / rows - jnp.outer(means, means)  # (k + 1, k + 1)
    k = len(means) - 1
    squares = jnp.diag(moments)[1:-1] / rows  # (k,)
    # A unique solution, whatever the controls; where there are as many as rows, each is worth half of what it seems. And rounding
    # moves the mean of a control, a number of order 1, by some units in the last place: no multiple that would make that matter.
    rounding = rows * (4 * jnp.finfo(moments.dtype).eps) ** 2
    return solve(covariance[:-1, :-1] + jnp.diag((1e-5 + (k / rows) ** 2) * squares + rounding + 1e-12), covariance[:-1, -1])


@jax.custom_batching.sequential_vmap
def solve(matrix: jax.Array, right: jax.Array) -> jax.Array:
    """The solution x (k,) of ``matrix`` (k, k) x = ``right`` (k,); under ``vmap`` one system after the other.

    All at once they would be a batch, which jaxlib 0.10.2 shares out over its threads, one of which waits for the rest. Two
    batches that don't depend on each other can then wait for each other for ever, as in the upper bound of twenty assets.
    """
    return jnp.linalg.solve(matrix, right)


def less_noise(values: jax.Array, controls: jax.Array, weights: jax.Array) -> jax.Array:
    """``values`` (paths,) less multiples of ``controls`` (paths, k), of mean 0: as many values, with less variance and the same mean.

    Multiples fitted to the paths that they correct would shift the mean, by a little where the controls are tame and by a lot
    where they aren't. So each half of the paths is corrected with the multiples that fit the other half.
    """
    if not controls.shape[-1]:
        return values
    shifted = values - values[0]  # of a number that hardly varies, float32 would lose the variance
    first = jnp.arange(len(values)) < len(values) // 4 * 2  # twins, path 2i and path 2i + 1, stay together
    some = [regressors.sample(array, regressors.ENOUGH) for array in (shifted, controls, weights, first)]  # enough for k multiples
    fitted = [multiples(moments(*some[:2], some[2] * half)) for half in (some[3], ~some[3])]  # two of (k,)
    theirs = jnp.where(first[:, None], fitted[1], fitted[0])  # (paths, k)
    return values - (controls * theirs).sum(axis=1)


def in_pairs(array: jax.Array) -> jax.Array:
    """The means (paths/2, …) of paths ``2i`` and ``2i + 1`` of ``array`` (paths, …), which are one observation.

    Where they are antithetic their mean has the smaller variance, where they are independent nothing is lost.
    """
    return array.reshape(array.shape[0] // 2, 2, *array.shape[1:]).mean(axis=1)


@for_options("regressor", "paths")
def fit(market, option: Bermudan, key: jax.Array, regressor, paths: int, everywhere: bool = False):
    """Learn what waiting is worth, on ``paths`` simulated paths: on those in the money, where there is something to decide, or
    on all of them, ``everywhere``, for whoever wants the value itself.

    A date at which stopping where the regression says so doesn't do better than waiting, on these paths and on more than a handful,
    gets parameters that always wait (``regressors.never``); so do all dates, where the policy does no better than never to exercise.

    Returns:
        policy: parameters stacked on the date axis (dates-1, …), in the order of the dates; None if dates is 1.
        in_sample: the Estimate that these same paths give of the price.
    """
    simulation, start = jax.random.split(key)
    times = option.times  # (dates,)
    states = market.simulate(simulation, times, paths)  # (dates, paths, features)
    payoffs = option.payoff(market.prices(states))  # (dates, paths)
    signed = payoffs.min() < 0  # not any(payoffs < 0), which XLA would fold, slowly, where a payoff is a maximum with 0

    def look(date):
        """What exercising pays (paths,) at one date, and the martingales (paths, k)."""
        return payoffs[date], controls(market, states[date][None], times[date][None], times[-1])[0]

    def step(carry, date):
        parameters, cash, stopped, finite = carry  # cash (paths,) and martingales (paths, k) where the policy stops
        payoff, martingale = look(date)
        waiting = market.discount(times[date + 1]) / market.discount(times[date]) * cash  # (paths,): paid later, worth now
        weights = ((payoff > 0) | signed | everywhere).astype(payoff.dtype)  # (paths,)
        weights += weights.sum() == 0.0  # all, where none is in the money
        x, y = features(market, option, states[date]), less_noise(waiting, stopped - martingale, weights)
        parameters = regressor.fit(parameters, x, y, weights, fresh=date == option.dates - 2)
        predicted = regressor.predict(parameters, x)
        stop = exercise(payoff, predicted, signed)
        learned, wait = parameters, regressors.never(parameters)
        if wait is not parameters:  # it can be told to
            better = better_than_waiting(payoff - y, stop) | everywhere
            learned, stop = choose(better, parameters, wait), stop & better
        carry = parameters, jnp.where(stop, payoff, waiting), jnp.where(stop[:, None], martingale, stopped), finite & known(predicted)
        return carry, learned

    policy, cash, stopped, finite = None, *look(-1), jnp.array(True)
    if option.dates > 1:
        carry = regressor.init(start, features(market, option, states[0])), cash, stopped, finite
        (_, cash, stopped, finite), policy = jax.lax.scan(step, carry, jnp.arange(option.dates - 1), reverse=True)
    in_sample = estimate(market.discount(times[0]) * cash, stopped)
    if (wait := regressors.never(policy)) is not policy:
        payoff, martingale = look(-1)
        european = estimate(market.discount(times[-1]) * payoff, martingale)
        policy, in_sample = choose((in_sample.mean > european.mean) | everywhere, (policy, in_sample), (wait, european))
    return policy, in_sample._replace(finite=in_sample.finite & finite & jnp.isfinite(payoffs).all())


def known(continuation: jax.Array) -> jax.Array:
    """Whether every continuation value (paths,) says what to do; infinity says wait."""
    return (continuation > -jnp.inf).all()


def choose(condition: jax.Array, yes, no):
    """The tree ``yes`` where ``condition`` () holds, else ``no``."""
    return jax.tree.map(partial(jnp.where, condition), yes, no)


def better_than_waiting(gain: jax.Array, stop: jax.Array) -> jax.Array:
    """Whether to believe that stopping where ``stop`` (paths,) says so gains something, ``gain`` (paths,) being what it gains there.

    It is believed when it is ``CONFIDENT`` standard errors above 0, on more than a handful of paths: a network can tell a
    handful apart one by one, and then it has only seen their future.
    """
    pairs = in_pairs(jnp.where(stop, gain, 0.0))  # (paths/2,)
    enough = stop.sum() >= min(64, len(stop) // 40)
    return enough & (pairs.mean() > CONFIDENT * pairs.std() / np.sqrt(len(pairs)))


@for_options("regressor", "paths")
def evaluate(market, option: Bermudan, key: jax.Array, regressor, policy, paths: int) -> Estimate:
    """Price ``policy`` on ``paths`` fresh paths: the Estimate of its value at time 0.

    The mean is that of the policy to the last bit of expectation, whatever the control variates: see ``streamed``.
    """

    def flows(key, paths):
        cash, stopped, prices, finite = cash_flows(market, option, option.times, key, regressor, policy, paths)
        return [(cash, stopped)], prices, finite

    return streamed(flows, key, paths)[0]


def streamed(flows: Callable, key: jax.Array, paths: int, pilot: int = PILOT) -> list[Estimate]:
    """The Estimates of what ``flows(key, paths)`` draws.

    That is a list of pairs, values (paths,) and their controls (paths, k); the prices (paths, assets) that they hang on; and whether
    every number was finite.

    Paths are worked off in blocks of at most ``AT_ONCE``, all of one size: then memory doesn't grow with their number, which is
    rounded up to whole blocks of a multiple of 64. What multiples of the controls a block takes is known from the blocks before
    it; the first ones, of about ``pilot`` paths, are for that alone. So controls never move a mean, and the blocks' errors add up
    as if they were independent (a martingale's changes are uncorrelated).
    """
    blocks = -(-paths // AT_ONCE)
    size = 64 * -(-paths // (64 * blocks))  # of such a size XLA draws normals with half the code
    shapes = jax.eval_shape(partial(flows, paths=size), key)[0]
    pilots = max(1, round(pilot / size)) if any(controls.shape[-1] for _, controls in shapes) else 0

    def block(sums, i):
        drawn, prices, finite = flows(jax.random.fold_in(key, i), size)
        results = [one(*each, prices, finite, i == 0) for each in zip(drawn, sums)]
        return tuple(zip(*results))

    def one(drawn, sums, prices, finite, first):
        """What is known after this block of one number, and its Estimate from this block alone."""
        values, controls = map(in_pairs, drawn)  # (pairs,), (pairs, k)
        sums, level = sums
        level = jnp.where(first, values.mean(), level)  # of a number that hardly varies, float32 would lose the variance
        result = spread(values - controls @ multiples(sums))
        result = result._replace(finite=result.finite & finite)
        sums = sums + moments(values - level, controls, jnp.ones_like(values)), level
        return sums, (result, (values != 0.0).sum(), slope(drawn[0], prices))

    start = tuple((jnp.zeros((controls.shape[-1] + 2,) * 2, values.dtype), jnp.zeros((), values.dtype)) for values, controls in shapes)
    each = jax.lax.scan(block, start, jnp.arange(pilots + blocks))[1]
    return [together(*jax.tree.map(lambda leaf: leaf[pilots:], result)) for result in each]


def together(blocks: Estimate, paying: jax.Array, slopes: jax.Array) -> Estimate:
    """The Estimate of all ``blocks``, leaves (blocks,), in each of which ``paying`` (blocks,) observations weren't 0."""
    variance = (blocks.stderr**2).sum()
    shares = jnp.where(variance > 0.0, blocks.stderr**2 / variance, 1.0)  # (blocks,)
    effective = jnp.minimum(1.0 / (shares**2 / blocks.effective).sum(), paying.sum())
    result = Estimate(blocks.mean.mean(), jnp.sqrt(variance) / len(shares), blocks.finite.all(), jax.lax.stop_gradient(effective))
    return rounded(result, slopes.mean())


def cash_flows(market, option: Bermudan, times: jax.Array, key: jax.Array, regressor, policy, paths: int):
    """What ``policy`` gets on each of ``paths`` fresh paths if the exercise dates are ``times``, worth at time 0.

    Decisions are no function that could be differentiated, so a derivative with respect to ``market``, ``option`` or ``times``
    is taken with the stopping times frozen.

    Returns:
        cash: (paths,).
        stopped, prices: the market's martingales (paths, k) and prices (paths, assets) where the policy stops.
        finite: whether every number on the way was.
    """
    states = market.simulate(key, times, paths)  # (dates, paths, features)
    payoffs = option.payoff(market.prices(states))  # (dates, paths)
    signed = payoffs.min() < 0  # not any(payoffs < 0), which XLA would fold, slowly, where a payoff is a maximum with 0

    def step(carry, now):
        held, when, finite = carry  # the state (paths, features) and time (paths,) where the policy stops; whether all was finite
        parameters, state, payoff, time = now
        continuation = regressor.predict(parameters, features(market, option, state))  # (paths,)
        stop = exercise(payoff, continuation, signed)
        return (jnp.where(stop[:, None], state, held), jnp.where(stop, time, when), finite & known(continuation)), None

    carry = states[-1], jnp.full(paths, times[-1]), jnp.isfinite(payoffs).all()
    if option.dates > 1:
        carry, _ = jax.lax.scan(step, carry, (policy, states[:-1], payoffs[:-1], times[:-1]), reverse=True)
    held, when, finite = carry
    prices = market.prices(held)  # (paths, assets)
    cash = market.discount(when) * option.payoff(prices)  # (paths,)
    return cash, controls(market, held[:, None], when, times[-1])[:, 0], prices, finite  # each path at a date of its own


def slope(cash: jax.Array, prices: jax.Array) -> jax.Array:
    """By how much ``cash`` (paths,) changes with ``prices`` (paths, assets), in units of their mean: told by twins that differ."""
    twins = lambda array: jnp.diff(array.reshape(array.shape[0] // 2, 2, *array.shape[1:]), axis=1)[:, 0]  # (paths/2, …)
    apart = jnp.sqrt(((twins(prices) / prices.mean(axis=0)) ** 2).sum(axis=1))  # (paths/2,)
    return jnp.abs(twins(cash)).mean() / (apart.mean() + 1e-30)


def spread(pairs: jax.Array) -> Estimate:
    """The mean of ``pairs`` (pairs,) and its standard error."""
    mean, stderr = pairs.mean(), jnp.sqrt(pairs.var(ddof=1) / pairs.shape[0])
    far = jnp.abs(pairs - mean).max()
    squares = jnp.where(far > 0.0, (pairs - mean) / far, 1.0) ** 2  # (pairs,); where nothing varies all weigh alike
    effective = jax.lax.stop_gradient(squares.sum() ** 2 / (squares**2).sum())
    return Estimate(mean, stderr, jnp.isfinite(mean + stderr), effective)  # a sum with NaN or infinity in it is one of them


def rounded(estimate: Estimate, slope: jax.Array | float = 0.0) -> Estimate:
    """The ``estimate`` with what rounding leaves unknown in its error, which is the same however many paths there are: a unit in the
    last place of the mean, and what such a unit of the prices makes of it, by the ``slope`` along them."""
    slope = jnp.where(jnp.isfinite(slope), slope, 0.0)  # where prices leave the range of floats it says nothing
    unit = jax.lax.stop_gradient(jnp.finfo(estimate.mean.dtype).eps * (jnp.abs(estimate.mean) + slope))
    stderr = jnp.sqrt(estimate.stderr**2 + unit**2)
    return estimate._replace(stderr=stderr, finite=estimate.finite & jnp.isfinite(stderr))  # squares leave the range of floats first


def estimate(cash: jax.Array, controls: jax.Array) -> Estimate:
    """The mean of ``cash`` (paths,), helped by ``controls`` (paths, k) of mean 0, with its standard error; paths come in pairs."""
    pairs = in_pairs(cash)  # (paths/2,)
    result = rounded(spread(less_noise(pairs, in_pairs(controls), jnp.ones_like(pairs))))
    return result._replace(effective=jnp.minimum(result.effective, (pairs != 0.0).sum()))


@jax.jit
def today(market, option: Bermudan) -> jax.Array:
    """What exercising at time 0 pays."""
    return option.payoff(market.prices(market.simulate(jax.random.key(0), jnp.zeros(1), 2)))[0, 0]


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

    Under ``jit`` and ``vmap`` it is one more function of arrays, and what it returns are arrays. ``grad`` differentiates the
    price with the policy frozen; for sensitivities with error bars there is ``greeks.greeks``.

    Returns:
        A ``Result``.

    Raises:
        TypeError, ValueError: for bad input, before anything is simulated, and for NaN or infinity met on the way.

    Warns:
        where so few paths pay that the standard error can't be trusted (``Estimate.effective`` below ``FEW``) and may be large. What
        no path met, as the loss of a deep call in one path of a million, nothing can warn of.
    """
    market, option, assets = _checked(market, option, key, regressor, fit_paths, price_paths, upper)
    fit_paths = fit_paths or default_fit_paths(assets)
    now = today(market, option)
    now = now if inputs.traced(now) else float(now)
    fit_key, price_key = jax.random.split(key)  # the same with and without the upper bound
    fixed = jax.lax.stop_gradient((market, option))
    policy, in_sample = fit(*fixed, fit_key, regressor, fit_paths, everywhere=False)
    lower = evaluate(market, option, price_key, regressor, policy, price_paths)
    finite = lower.finite & in_sample.finite
    if not inputs.traced(finite) and not finite:
        raise ValueError(
            "NaN or infinity came up: the payoff, the market or the regressor yields it at some path. "
            "Try option.payoff(market.prices(states)) on states = market.simulate(key, option.times, 100)"
        )
    if not inputs.traced(finite) and lower.effective < FEW and lower.stderr >= 0.01 * abs(lower.mean):
        warnings.warn(
            f"hardly any of the {price_paths:,} paths tells what the option is worth: the standard error rests on {lower.effective:.0f} of them, "
            "so price and error may both be far off. Take more price_paths",
            stacklevel=2,
        )
    mean, stderr, claimed = (number if inputs.traced(number) else float(number) for number in (lower.mean, lower.stderr, in_sample.mean))
    result = Result(mean, stderr, None, None, policy, claimed, now)
    if upper:
        from course_utils import bounds  # here, since it builds on this module

        worth_key, dual_key = jax.random.split(jax.random.fold_in(key, 2))
        worth, _ = fit(*fixed, worth_key, regressor, fit_paths, everywhere=True)
        above = bounds.dual(market, option, dual_key, regressor, policy, worth).upper
        mean, stderr = (number if inputs.traced(number) else float(number) for number in (above.mean, above.stderr))
        result = result._replace(upper=mean, upper_stderr=stderr)
    return result


def default_fit_paths(assets: int) -> int:
    """How many paths ``price`` learns from unless told: 32,768 for each asset, at most 131,072."""
    return regressors.ENOUGH * min(4, assets)


def _checked(market, option, key, regressor, fit_paths, price_paths, upper):
    """What ``checked`` returns, once the arguments that ``price`` alone has are in order."""
    if fit_paths is not None:
        check_paths("fit_paths", fit_paths)
    check_paths("price_paths", price_paths)
    if not isinstance(upper, bool):
        raise TypeError(f"upper is {upper!r}; expected True or False")
    if upper and not callable(getattr(market, "restart", None)):
        raise TypeError(f"market is {market!r}; expected one with a function restart(state) for upper=True: see bounds.dual")
    return checked(market, option, key, regressor)


def checked(market, option, key, regressor):
    """The market and the option with numbers as arrays, so that other numbers of the same shapes compile nothing anew; and how
    many assets there are. What can't be priced is refused here, by name, before anything is simulated."""
    inputs.functions("market", market, ("simulate", "prices", "discount"), "simulate.BlackScholes(...)")
    if not isinstance(option, Bermudan):
        raise TypeError(f"option is {option!r}; expected lsmc.Bermudan(payoff=..., maturity=..., dates=...)")
    inputs.functions("regressor", regressor, ("init", "fit", "predict"), "regressors.Network()")
    is_key = isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    if not is_key or key.shape:
        raise TypeError(f"key is {key!r}; expected one key: jax.random.key(0)")
    if hasattr(market, "check"):
        market.check()
    option.check()
    if jax.tree_util.all_leaves([option.payoff]):  # a plain function is no pytree; Partial makes it one, itself held fixed
        option = replace(option, payoff=jax.tree_util.Partial(option.payoff))
    market, option = _as_arrays("market", market), _as_arrays("option", option)
    return market, option, _check_payoff(market, option)


def check_paths(name: str, paths) -> None:
    """Refuse a number of paths that is none, is below 100, or is odd: ``TypeError`` or ``ValueError``."""
    inputs.whole_number(name, paths, at_least=100)
    if paths % 2:
        raise ValueError(f"{name} is {paths}; expected an even number, since paths come in antithetic pairs: {paths + 1}")


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
    """Trace the payoff, which computes nothing, and compare the shape of what comes back with what it must be: the assets' number."""
    leaves, structure = jax.tree.flatten((market, option))
    return _traced_payoff(structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves))


@lru_cache(maxsize=256)  # other numbers of the same shapes trace to the same
def _traced_payoff(structure, shapes) -> int:
    def exercise_values(market, option, key):
        with jax.numpy_rank_promotion("allow"):
            prices = market.prices(market.simulate(key, option.times, 2))
            try:
                return prices, option.payoff(prices)
            except Exception as error:
                if advice := inputs.ADVICE.get(type(error).__name__):
                    raise TypeError(f"payoff can't be traced: {advice}; expected a function of jax.numpy, such as payoffs.put(40.0)") from error
                raise

    market, option = structure.unflatten(jax.ShapeDtypeStruct(*leaf) for leaf in shapes)
    prices, values = jax.eval_shape(exercise_values, market, option, jax.random.key(0))
    if getattr(values, "shape", None) != prices.shape[:-1]:
        raise ValueError(
            f"payoff maps prices {prices.shape} to {getattr(values, 'shape', values)}; expected {prices.shape[:-1]}: "
            "one value per path, (…, assets) -> (…)"
        )
    if not jnp.issubdtype(values.dtype, jnp.floating):
        raise TypeError(f"payoff yields {values.dtype}; expected floats, such as 1.0 * payoff(prices)")
    return prices.shape[-1]
