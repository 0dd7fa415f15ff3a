"""Markets against closed forms, quadrature and finite differences; what is random within 3 or 4 standard errors."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from course_utils import lsmc, markets, payoffs, reference, regressors, simulate

KEY = jax.random.key(0)
PLAIN = markets.TermStructure(100.0, until=[0.25, 0.75, 1.0], rates=[0.02, 0.08, 0.04], volatilities=[0.3, 0.15, 0.4])
PAYING = replace(
    PLAIN,
    dividends=[0.0, 0.04, 0.01],
    cash_dates=[0.1, 0.5, 1.5],
    cash=[2.0, 5.0, 3.0],
    percent_dates=[0.5, 0.6],
    percent=[0.02, 0.03],
)
LOW = replace(PAYING, spot=40.0, until=[0.3, 0.4, 9.0])
CASH = markets.TermStructure(100.0, [1.0], [0.03], [0.25], cash_dates=[0.5], cash=[8.0])
# κ = .5, ξ = 1 and θ = .04: with 2κθ/ξ² = .04 far below 1, the variance spends most of its time near 0.
OFTEN_ZERO = markets.Heston(100.0, 0.04, 0.05, reversion=0.5, mean_variance=0.04, vol_of_vol=1.0, correlation=-0.7)
TAME = markets.Heston(100.0, 0.04, 0.05, reversion=2.0, mean_variance=0.04, vol_of_vol=0.3, correlation=-0.7)
YIELDING = markets.Heston(100.0, 0.06, 0.03, 1.0, 0.09, 0.9, -0.3, dividend=0.02)
RISING = markets.Heston(100.0, 0.04, 0.05, 1.0, 0.04, 0.6, 0.5)
FROM_ZERO = markets.Heston(100.0, 0.0, 0.02, 0.3, 0.02, 1.5, -0.9)
HESTONS = {"often zero": OFTEN_ZERO, "tame": TAME, "yielding": YIELDING, "rising": RISING, "from zero": FROM_ZERO}
ALL = {"plain": PLAIN, "paying": PAYING, **HESTONS}
each_market = pytest.mark.parametrize("market", ALL.values(), ids=ALL)


@partial(jax.jit, static_argnames="paths")
def simulated(market, key, times, paths):
    """States (dates, paths, features) and martingales (dates, paths, k)."""
    states = market.simulate(key, times, paths)
    return states, market.martingales(states, times, times[-1])


def mean(values, controls=None):
    """The mean of ``values`` (paths,), in pairs, less noise by ``controls`` (paths, k); its standard error."""
    pairs = np.asarray(values, float).reshape(-1, 2).mean(axis=1)  # (paths/2,)
    if controls is not None:
        others = np.asarray(controls, float).reshape(len(pairs), 2, -1).mean(axis=1)  # (paths/2, k)
        multiples = np.linalg.lstsq(others - others.mean(axis=0), pairs - pairs.mean())[0]  # (k,)
        pairs = pairs - others @ multiples
    return pairs.mean(), pairs.std() / np.sqrt(len(pairs))


# What is known of the time-dependent market, in NumPy and float64, one piece and one dividend after the other.


def averaged(market, since, time):
    """From ``since`` to ``time``: growth of the log-normal part, discount factor and variance."""
    cuts = [-np.inf, *market.until[:-1], np.inf]
    spans = [max(0.0, min(time, end) - max(since, start)) for start, end in zip(cuts, cuts[1:])]
    rates, volatilities = np.array(market.rates), np.array(market.volatilities)
    dividends = np.array(market.dividends or [0.0] * len(spans))
    kept = np.prod([1 - share for date, share in zip(market.percent_dates, market.percent) if since < date <= time])
    return np.exp(spans @ (rates - dividends)) * kept, np.exp(-(spans @ rates)), spans @ volatilities**2


def owed(market, time):
    """What the cash dividends after ``time`` are worth then."""
    coming = [(date, cash) for date, cash in zip(market.cash_dates, market.cash) if date > time]
    return sum(cash / averaged(market, time, date)[0] for date, cash in coming)


def european(market, kind, strike, time):
    """The price of a European option: Black and Scholes' formula for the log-normal part, with a lower strike."""
    growth, discount, variance = averaged(market, 0.0, time)
    rate, volatility = -np.log(discount) / time, np.sqrt(variance / time)
    dividend = rate - np.log(growth) / time
    part = market.spot - owed(market, 0.0)
    return float(reference.black_scholes(kind, part, strike - owed(market, time), volatility, rate, time, dividend))


def bermudan(market, payoff, times):
    """The price of an option exercised at one of ``times``: the trapezoidal rule on a grid of log-prices, by dates."""
    grid = np.linspace(-7.0, 7.0, 1401) * np.sqrt(averaged(market, 0.0, times[-1])[2])  # logarithms less the forward's
    part = market.spot - owed(market, 0.0)
    values = None
    for time, before in zip(times[::-1], [*times[-2::-1], 0.0]):
        growth, _, variance = averaged(market, 0.0, time)
        paid = payoff(part * growth * np.exp(grid - variance / 2) + owed(market, time))
        values = paid if values is None else np.maximum(paid, values)
        _, discount, variance = averaged(market, before, time)
        density = np.exp(-((grid[:, None] - grid) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
        values = discount * (grid[1] - grid[0]) * density @ values
    return values[700]


def heston_put(market, strike, maturity):
    """Heston's formula for a European put: A. Lewis' single integral over the characteristic function of the log-price.

    By the midpoint rule, whose error for such a function (even, with its nearest poles at ±i/2) is about e^(-π/width).
    """
    width = 0.05
    u = width * (np.arange(40_000) + 0.5)
    z = u - 0.5j
    reversion, noise = market.reversion, market.vol_of_vol
    pull = reversion - market.correlation * noise * 1j * z
    root = np.sqrt(pull**2 + noise**2 * (1j * z + z**2))
    ratio, decay = (pull - root) / (pull + root), np.exp(-root * maturity)
    slope = (pull - root) / noise**2 * (1 - decay) / (1 - ratio * decay)
    level = (pull - root) * maturity - 2 * np.log((1 - ratio * decay) / (1 - ratio))
    level = reversion * market.mean_variance / noise**2 * level
    discount = np.exp(-market.rate * maturity)
    forward = market.spot * np.exp(-market.dividend * maturity) / discount
    waves = np.exp(level + slope * market.variance + 1j * z * np.log(forward / strike)).real / (u**2 + 0.25)
    return discount * strike * (1 - width * waves.sum() / np.pi)


def test_the_formulas_of_this_file():
    assert abs(heston_put(TAME, 100.0, 1.0) - 5.51716) < 1e-5  # shared by several libraries
    assert abs(heston_put(OFTEN_ZERO, 100.0, 1.0) - 3.590414) < 1e-6  # QuantLib 1.44, AnalyticHestonEngine
    put = lambda prices: np.maximum(105.0 - prices, 0.0)
    assert abs(bermudan(PAYING, put, [0.8]) - european(PAYING, "put", 105.0, 0.8)) < 1e-4
    flat = replace(PLAIN, rates=[0.06] * 3, volatilities=[0.2] * 3)
    tree, _ = reference.binomial("put", 100.0, 105.0, 0.2, 0.06, 1.0, steps=2000, dates=4)
    assert abs(bermudan(flat, put, [0.25, 0.5, 0.75, 1.0]) - tree) < 2e-3
    # QuantLib 1.44, FdBlackScholesVanillaEngine, Escrowed, 800 by 1600, a dividend on day 180 of 360 (on that very day
    # it exercises at the price before the drop; the days here are 179 and 181).
    market, call = replace(CASH, cash_dates=[180 / 360]), lambda prices: np.maximum(prices - 100.0, 0.0)
    assert abs(bermudan(market, call, [179 / 360, 1.0]) - 8.2225) < 2e-4
    assert abs(bermudan(market, lambda prices: np.maximum(100.0 - prices, 0.0), [181 / 360, 1.0]) - 12.3312) < 2e-4


@pytest.mark.parametrize("market", [PLAIN, PAYING, LOW], ids=["plain", "paying", "low"])
def test_european_prices_are_the_averaged_formula(market):
    times = jnp.array([0.2, 0.5, 0.8, 2.0])
    states, martingales = simulated(market, KEY, times, 100_000)
    discounts = market.discount(times)
    for i, time in enumerate([0.2, 0.5, 0.8, 2.0]):
        assert abs(discounts[i] - averaged(market, 0.0, time)[1]) < 1e-6
        for kind in ("put", "call"):
            payoff = getattr(payoffs, kind)(market.spot)
            found, stderr = mean(discounts[i] * payoff(market.prices(states[i])), martingales[i])
            expected = european(market, kind, market.spot, time)
            assert abs(found - expected) < 3 * stderr and stderr < 0.005 * market.spot, (kind, time)


def test_one_piece_is_black_scholes():
    """The same numbers, from the same key."""
    ours = markets.TermStructure(36.0, until=[1.0], rates=[0.06], volatilities=[0.2], dividends=[0.02])
    theirs = simulate.BlackScholes(36.0, 0.2, 0.06, 0.02)
    times = jnp.array([0.0, 0.3, 2.0])
    states, martingales = simulated(ours, KEY, times, 1000)
    np.testing.assert_allclose(states, theirs.simulate(KEY, times, 1000), rtol=1e-5)
    bounded = theirs.martingales(states, times, times[-1])[..., jnp.array([0, 2])]  # without the one that bends upward
    np.testing.assert_allclose(martingales, bounded, atol=1e-5)
    np.testing.assert_allclose(ours.discount(times), theirs.discount(times), rtol=1e-6)


def test_the_price_drops_by_what_is_paid():
    """At a dividend's date it has dropped, a moment earlier it hasn't; the share goes first, then the cash."""
    still = replace(PAYING, volatilities=[1e-4] * 3)
    dates = [0.1, 0.5, 0.6]
    times = jnp.array([time for date in dates for time in (date - 1e-4, date)])
    prices = np.asarray(still.simulate(KEY, times, 2))[:, 0, 0]
    for before, after, cash, share in zip(prices[::2], prices[1::2], (2.0, 5.0, 0.0), (0.0, 0.02, 0.03)):
        assert abs(after - ((1 - share) * before - cash)) < 0.002  # the rate's share of an hour
    later = still.later(0.5).simulate(KEY, jnp.array([0.0, 0.1]), 2)[:, 0, 0]  # what is dated 0 is paid
    assert later[0] == 100.0 and abs(later[1] - 100.0 * 0.97 * np.exp(0.1 * 0.04)) < 0.02


def test_dates_that_float32_puts_a_little_early_are_the_dividends_own():
    market = replace(PLAIN, cash_dates=[0.7], cash=[10.0])
    early = jnp.nextafter(jnp.float32(0.7), 0.0)
    prices = market.simulate(KEY, jnp.stack([early - 1e-4, early]), 100)[..., 0]
    assert abs(jnp.mean(prices[0] - prices[1]) - 10.0) < 0.1


def test_prices_stay_above_what_is_owed():
    market = replace(PLAIN, volatilities=[2.0] * 3, cash_dates=[3.0], cash=[50.0])
    states, martingales = simulated(market, KEY, jnp.array([0.5, 1.0, 2.0]), 10_000)
    assert min(states[i].min() - owed(market, time) for i, time in enumerate([0.5, 1.0, 2.0])) > -1e-4
    assert np.isfinite(martingales).all()


@pytest.mark.parametrize("name, maturity", [*((name, 1.0) for name in HESTONS), ("often zero", 5.0)])
def test_heston_european_prices_are_its_formula(name, maturity):
    market = replace(HESTONS[name], steps=32 * int(maturity))
    times = jnp.array([maturity])
    states, martingales = simulated(market, KEY, times, 200_000)
    for strike in (80.0, 100.0, 120.0):
        put = market.discount(times)[0] * payoffs.put(strike)(market.prices(states[0]))
        found, stderr = mean(put, martingales[0])
        # The bias of 32 steps a year, measured at 100 on 3,000,000 paths: often zero -.003 ± .002, tame .000 ± .004,
        # yielding .003 ± .005, rising .001 ± .003, from zero .0017 ± .0004.
        assert abs(found - heston_put(market, strike, maturity)) < 3 * stderr + 0.01, strike
        assert stderr < 0.04


@each_market
def test_martingales_have_mean_0(market):
    times = jnp.array([0.1, 0.5, 1.0, 2.0])
    states, martingales = simulated(market, jax.random.key(3), times, 100_000)
    for date in martingales:
        for values in date.T:
            found, stderr = mean(values)
            assert abs(found) < 4 * stderr + 1e-6
    if hasattr(market, "until"):
        assert np.abs(martingales[..., 1]).max() < 1 + np.exp(0.5)  # bounded by time

    # Also where each path stops at a time of its own, once its price has fallen.
    first = jnp.argmax((market.prices(states)[..., 0] < 95.0).at[-1].set(True), axis=0)  # (paths,)
    held = jnp.take_along_axis(states, first[None, :, None], axis=0)[0]  # (paths, features)
    stopped = market.martingales(held[:, None], times[first], times[-1])[:, 0]  # (paths, k)
    for values in stopped.T:
        found, stderr = mean(values)
        assert abs(found) < 4 * stderr + 1e-6
    assert abs(mean(stopped[:, 0] + 0.01)[0]) > 4 * mean(stopped[:, 0])[1]  # the test can see 1%


@each_market
def test_today_is_the_state_that_was_given(market):
    states, martingales = simulated(market, KEY, jnp.array([0.0, 1.0]), 4)
    today = [market.spot, market.variance] if isinstance(market, markets.Heston) else [market.spot]
    np.testing.assert_allclose(states[0], np.broadcast_to(today, states[0].shape), rtol=1e-6)
    np.testing.assert_allclose(martingales[0], 0.0, atol=1e-6)


@each_market
def test_who_goes_on_from_a_state_sees_the_same_law(market):
    """Two steps, the second by somebody whose today is the first's end: the same mean, and the same option's price."""
    middle, end = 0.5, 0.9
    states, _ = simulated(market, KEY, jnp.array([middle, end]), 40_000)  # (2, paths, features)

    @jax.jit
    def go_on(state, key):
        then = (market.later(middle) if hasattr(market, "later") else market).restart(state)
        step = jnp.array([end - middle])
        onward = then.simulate(key, step, 2)  # (1, 2, features)
        return onward[0], then.martingales(onward, step, step[0])[0]

    keys = jax.random.split(jax.random.key(1), 40_000)
    ends, martingales = jax.vmap(go_on)(states[0], keys)  # (paths, 2, features), (paths, 2, k)
    for function in (payoffs.put(100.0), payoffs.call(120.0), lambda prices: prices[..., 0]):
        one, two = mean(function(market.prices(states[1]))), mean(function(market.prices(ends)).mean(axis=1))
        assert abs(one[0] - two[0]) < 4 * np.hypot(one[1], two[1])
    for values in martingales.mean(axis=1).T:
        found, stderr = mean(values)
        assert abs(found) < 4 * stderr + 1e-6


def test_a_later_clock_shows_the_same_calendar():
    later = PAYING.later(0.55)
    for time in (0.0, 0.05, 0.3, 1.2):
        assert abs(PAYING.discount(0.55) * later.discount(time) / PAYING.discount(0.55 + time) - 1) < 1e-6
        assert abs(later._coming(time) - owed(PAYING, 0.55 + time)) < 1e-4
    twice, once = PAYING.later(0.3).later(0.25), later
    for one, other in zip(jax.tree.leaves(once), jax.tree.leaves(twice)):
        np.testing.assert_allclose(one, other, atol=1e-6)
    rows = jax.vmap(lambda time: PAYING.later(time).discount(jnp.ones(3)))(jnp.linspace(0.0, 1.0, 4))
    assert rows.shape == (4, 3)


def test_shapes():
    times = jnp.array([[0.1, 0.2], [0.3, 0.4]])
    for market in (PAYING, TAME):
        assert market.discount(times).shape == (2, 2) and jnp.shape(market.discount(0.5)) == ()
        states, martingales = simulated(market, KEY, times.ravel(), 6)
        assert states.shape == (4, 6, 1 + (market is TAME)) and martingales.shape == (4, 6, 2)
        assert market.prices(states).shape == (4, 6, 1)
        assert states.dtype == martingales.dtype == jnp.float32
        with pytest.raises(ValueError, match="paths is 5; expected an even number"):
            market.simulate(KEY, times.ravel(), 5)


@pytest.mark.parametrize("market", [PLAIN, PAYING, TAME], ids=["plain", "paying", "tame"])
def test_where_broadcasting_is_forbidden(market):
    def all_of_it(market, times):
        states = market.simulate(KEY, times, 4)
        martingales = market.martingales(states, times, times[-1])
        stopped = market.martingales(states[1][:, None], jnp.full(4, 0.5), 1.0)
        then = (market.later(0.5) if hasattr(market, "later") else market).restart(states[1, 0])
        return martingales, stopped, market.discount(times), then.simulate(KEY, times, 4)

    with jax.numpy_rank_promotion("raise"):
        jax.eval_shape(all_of_it, market, jnp.array([0.0, 0.5, 1.0]))


@pytest.mark.parametrize(
    "numbers",
    [
        (0.0, 0.02, 0.5, 0.01, 1.5, -0.95),
        (0.0, 0.02, 0.05, 1e-6, 3.0, -0.95),  # the variance leaves 0 on one path in millions
        (1.0, 0.02, 0.1, 0.2, 2.0, 0.9),  # the price has no second moment
        (0.04, 0.05, 2.0, 0.04, 1e-4, -0.7),  # all but Black and Scholes' market: in 7 digits the variance hardly moves
    ],
)
def test_extreme_variances_stay_finite_and_fair(numbers):
    """Also their gradients."""
    market = markets.Heston(100.0, *numbers, steps=4)
    states, martingales = simulated(market, KEY, jnp.array([0.0, 0.5, 3.0]), 50_000)
    assert np.isfinite(states).all() and np.isfinite(martingales).all() and (states[..., 1] >= 0).all()
    can_tell = numbers[4] in (1.5, 1e-4)
    for values in (*martingales[1].T, *martingales[2].T) if can_tell else ():
        found, stderr = mean(values)
        assert abs(found) < 4 * stderr + 1e-5

    def put(market):
        return payoffs.put(100.0)(market.prices(market.simulate(KEY, jnp.array([0.0, 1.0]), 1000))).mean()

    assert np.isfinite(jax.tree.leaves(jax.jit(jax.grad(put))(market))).all()


@pytest.mark.parametrize("market", [PAYING, replace(OFTEN_ZERO, steps=32)], ids=["paying", "often zero"])
def test_slope_along_the_spot(market):
    def put(spot, key):
        there = replace(market, spot=spot)
        prices = there.prices(there.simulate(key, jnp.ones(1), 20_000))
        return there.discount(1.0) * payoffs.put(100.0)(prices)[0].mean()

    slopes = jax.jit(jax.vmap(jax.grad(put), (None, 0)))(100.0, jax.random.split(KEY, 8))
    up, down = replace(market, spot=100.1), replace(market, spot=99.9)
    price = heston_put if market is not PAYING else lambda there, strike, time: european(there, "put", strike, time)
    expected = (price(up, 100.0, 1.0) - price(down, 100.0, 1.0)) / 0.2
    assert abs(slopes.mean() - expected) < 4 * slopes.std() / np.sqrt(7) + 1e-3


def priced(market, option, **keywords):
    return lsmc.price(market, option, key=KEY, regressor=regressors.Polynomial(), **keywords)


@pytest.mark.parametrize("strike", [95.0, 110.0])
def test_bermudan_put_with_dividends(strike):
    """Against quadrature; a polynomial policy costs .001 and .006 here, on average over five seeds."""
    times = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    expected = bermudan(PAYING, lambda prices: np.maximum(strike - prices, 0.0), times)
    result = priced(PAYING, lsmc.Bermudan(payoffs.put(strike), 1.0, 10), upper=strike == 95.0)
    assert -3 * result.lower_stderr - 0.03 < result.lower - expected < 3 * result.lower_stderr
    if result.upper is not None:
        assert -3 * result.upper_stderr < result.upper - expected < 0.15


def test_a_call_is_exercised_just_before_a_dividend():
    call = lambda prices: np.maximum(prices - 100.0, 0.0)
    before, at = [0.5 - 1e-4, 1.0], [0.5, 1.0]
    worth = [bermudan(CASH, call, times) for times in (before, at, [1.0])]
    assert worth[0] > worth[1] + 0.5 and abs(worth[1] - worth[2]) < 0.01
    for times, expected in zip((before, at), worth):
        result = priced(CASH, lsmc.Bermudan.at(payoffs.call(100.0), times))
        assert -3 * result.lower_stderr - 0.02 < result.lower - expected < 3 * result.lower_stderr


# Finite differences by QuantLib 1.44, FdHestonVanillaEngine, no damping steps, exercise dates every 36 of 360 days:
# grid (time, price, variance)    often zero             yielding
#   (100,  200, 100)              4.0384                 8.2443
#   (200,  400, 200)              4.0473                 8.2446
#   (100,  800, 200)              4.0493                 8.2446
#   (200, 1600, 200)              4.0494
#   European, the last of these   3.5900, formula 3.5904 8.1460, formula 8.1462
# The tame one's, every 73 of 365 days, from four such grids.
BERMUDANS = {
    "often zero": (OFTEN_ZERO, 10, 4.050, 0.001),
    "yielding": (YIELDING, 10, 8.2447, 0.0005),
    "tame": (TAME, 5, 5.935, 0.0005),
}


@pytest.mark.parametrize("name", BERMUDANS)
def test_bermudan_put_with_random_variance(name):
    """A polynomial policy costs .017, .023 and .012 here, on average over five seeds."""
    market, dates, expected, uncertain = BERMUDANS[name]
    result = priced(market, lsmc.Bermudan(payoffs.put(100.0), 1.0, dates), upper=name == "often zero")
    assert -3 * result.lower_stderr - 0.03 < result.lower - expected < 3 * result.lower_stderr + uncertain + 0.005
    if result.upper is not None:
        assert result.upper - expected > -3 * result.upper_stderr - uncertain - 0.005


@each_market
def test_other_numbers_compile_nothing_anew(market):
    option = lsmc.Bermudan(payoffs.put(100.0), 1.0, 3)
    priced(market, option, fit_paths=1000, price_paths=1000)
    sizes = lsmc.fit._cache_size(), lsmc.evaluate._cache_size()
    other = jax.tree.map(lambda number: 1.01 * number, market)
    result = priced(other, option, fit_paths=1000, price_paths=1000)
    assert sizes == (lsmc.fit._cache_size(), lsmc.evaluate._cache_size()) and result.lower > 0


TERM = dict(spot=100.0, until=[0.5, 1.0], rates=[0.05, 0.05], volatilities=[0.2, 0.3])


@pytest.mark.parametrize(
    "bad, message",
    [
        (dict(spot=-1.0), "spot is -1.0; expected positive"),
        (dict(spot=[100.0, 100.0]), r"spot has shape \(2,\); expected a number"),
        (dict(spot="100"), "spot is '100'; expected a number"),
        (dict(until=[0.5, 0.5]), r"until is \[0.5, 0.5\]; expected years that rise"),
        (dict(until=0.5), r"until has shape \(\)"),
        (dict(until=[]), r"until has shape \(0,\)"),
        (dict(rates=[0.05]), "lengths differ: until 2, rates 1, volatilities 2; expected the same"),
        (dict(rates=[0.05, np.nan]), "rates is .*nan.*; expected finite"),
        (dict(volatilities=[0.2, 0.0]), r"volatilities is \[0.2, 0.0\]; expected positive"),
        (dict(dividends=[0.01, "a"]), "dividends is"),
        (dict(dividends=[0.01]), "lengths differ: until 2, .*dividends 1"),
        (dict(cash=[1.0]), r"cash_dates has shape \(0,\)"),
        (dict(cash_dates=[0.1]), r"cash has shape \(0,\)"),
        (dict(cash_dates=[0.1, 0.2], cash=[1.0]), "lengths differ: cash_dates 2, cash 1"),
        (dict(cash_dates=[0.1], cash=[-1.0]), r"cash is \[-1.0\]; expected money, none of it below 0"),
        (dict(cash_dates=[0.1, 9.0], cash=[60.0, 90.0]), r"cash is \[60.0, 90.0\], today worth 117"),
        (dict(percent_dates=[0.1], percent=[2.0]), r"percent is \[2.0\]; expected shares of the price"),
        (dict(percent_dates=[0.1], percent=None), "percent is None"),
    ],
)
def test_bad_term_structures_are_refused_by_name(bad, message):
    market = markets.TermStructure(**{**TERM, **bad})
    with pytest.raises((TypeError, ValueError), match=message):
        lsmc.price(market, lsmc.Bermudan(payoffs.put(100.0), 1.0, 10), key=KEY)


@pytest.mark.parametrize(
    "bad, message",
    [
        (dict(spot=0.0), "spot is 0.0; expected positive"),
        (dict(spot=[100.0]), r"spot has shape \(1,\); expected a number"),
        (dict(variance=-0.1), "variance is -0.1; expected at least 0"),
        (dict(rate=np.inf), "rate is inf; expected finite"),
        (dict(rate=None), "rate is None; expected a number"),
        (dict(reversion=0), "reversion is 0; expected positive"),
        (dict(mean_variance=-0.04), "mean_variance is -0.04; expected positive"),
        (dict(vol_of_vol=0.0), "vol_of_vol is 0.0; expected positive"),
        (dict(correlation=-1.2), "correlation is -1.2; expected from -1 to 1"),
        (dict(correlation=np.eye(2)), r"correlation has shape \(2, 2\)"),
        (dict(dividend="none"), "dividend is 'none'"),
        (dict(steps=0), "steps is 0; expected at least 1"),
        (dict(steps=2.5), "steps is 2.5; expected a whole number"),
    ],
)
def test_bad_hestons_are_refused_by_name(bad, message):
    market = replace(TAME, **bad)
    with pytest.raises((TypeError, ValueError), match=message):
        lsmc.price(market, lsmc.Bermudan(payoffs.put(100.0), 1.0, 10), key=KEY)


def test_traced_and_whole_numbers_pass():
    markets.TermStructure(100, (1,), [0], np.array([0.2]), cash_dates=jnp.ones(1), cash=(3,)).check()
    markets.Heston(100, 0, 0, 2, 0.04, 0.3, -1).check()
    for market in (PAYING, TAME):
        jax.jit(lambda market: market.check())(market)
        jax.jit(lambda spot: replace(market, spot=spot).check())(100.0)
        jax.jit(lambda: market.check())()
    owing = replace(PLAIN, cash_dates=[1.0], cash=[200.0])
    assert np.isnan(jax.jit(lambda market: market.simulate(KEY, jnp.ones(1), 2))(owing)).all()  # not a wrong price


def test_euler_with_the_variance_cut_off_is_8_percent_high_where_it_often_is_zero():
    """What notebook 20 says of 50 steps, in NumPy; 3.590 is Heston's formula."""
    rng, paths, dt = np.random.default_rng(1), 400_000, 1 / 50
    price, variance = np.full(paths, np.log(100.0)), np.full(paths, 0.04)
    for _ in range(50):
        positive, (one, other) = np.maximum(variance, 0.0), rng.standard_normal((2, paths))
        price += (0.05 - positive / 2) * dt + np.sqrt(positive * dt) * one
        variance += 0.5 * (0.04 - positive) * dt + np.sqrt(positive * dt) * (-0.7 * one + np.sqrt(1 - 0.7**2) * other)
    put = np.exp(-0.05) * np.maximum(100 - np.exp(price), 0.0)
    assert 0.065 < put.mean() / 3.590414 - 1 < 0.095
