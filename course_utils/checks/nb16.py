"""Checks of notebook 16: the exercise rule, two halves that price each other, a policy given by its boundary, and a second recursion."""

from functools import partial

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, Prediction, must_use


def _one_date(key):
    """Some options pay nothing; for ten, exercising and waiting are worth the same, for ten, waiting is worth a little more."""
    keys = jax.random.split(key, 3)
    value = jnp.maximum(jax.random.randint(keys[0], (40,), -4, 5), 0).astype(float)
    worth = jax.random.randint(keys[1], (40,), -2, 5).astype(float)
    fee = 0.5
    worth = worth.at[:20].set((value[:20] - fee) * jnp.repeat(jnp.array([1.0, 1.05]), 10))
    value, worth = value.at[-3:].set(jnp.array([fee, fee / 2, 1.0])), worth.at[-3:].set(-1.0)  # the fee takes all, or more, or half
    return value, worth, jax.random.uniform(keys[2], (40,), minval=6.0, maxval=9.0), 0.9, fee


def _cash_now(value, worth, cash, discount):
    return jnp.where((value > 0) & (value >= worth), value, discount * cash)


def _after_fee(function):
    return lambda value, worth, cash, discount, fee: function(value - fee, worth, cash, discount)


def _fit(prices, values, discount):
    """A line at each date, through all paths: enough for a check."""

    def step(cash, now):
        price, value = now
        waiting = discount * cash
        slope = jnp.mean((price - price.mean()) * waiting) / jnp.var(price)
        line = jnp.array([waiting.mean() - slope * price.mean(), slope])
        return jnp.where((value > 0) & (value >= line[0] + line[1] * price), value, waiting), line

    cash, policy = jax.lax.scan(step, values[-1], (prices[:-1], values[:-1]), reverse=True)
    return policy, discount * cash


def _evaluate(policy, prices, values, discount):
    def step(cash, now):
        line, price, value = now
        return jnp.where((value > 0) & (value >= line[0] + line[1] * price), value, discount * cash), None

    return discount * jax.lax.scan(step, values[-1], (policy, prices[:-1], values[:-1]), reverse=True)[0]


def _paths_and_parts(key):
    prices = 40 * jnp.exp(0.1 * jnp.cumsum(jax.random.normal(key, (6, 24)), axis=0))
    return prices, jnp.maximum(41.0 - prices, 0.0), 0.97, _fit, _evaluate


def _halves(array, cut):
    half = array.shape[1] // 2
    return (array[:, ::2], array[:, 1::2]) if cut == "every other" else (array[:, :half], array[:, half:])


def _crossed(prices, values, discount, fit, evaluate, own=False, cut="middle", mean=lambda one, other: jnp.concatenate([one, other]).mean()):
    one, other = zip(_halves(prices, cut), _halves(values, cut))
    pairs = ((one, one), (other, other)) if own else ((other, one), (one, other))
    return mean(*(evaluate(fit(*learning, discount)[0], *priced, discount) for learning, priced in pairs))


def _dates_cut(prices, values, discount, fit, evaluate):
    half = len(prices) // 2
    one, other = (prices[:half], values[:half]), (prices[half:], values[half:])
    cash = [evaluate(fit(*learning, discount)[0], *priced, discount) for learning, priced in ((other, one), (one, other))]
    return jnp.concatenate(cash).mean()


def _on_all_paths(prices, values, discount, fit, evaluate):
    """Two policies, each from its half, and both priced on all paths."""
    policies = [fit(*half, discount)[0] for half in zip(_halves(prices, "middle"), _halves(values, "middle"))]
    return jnp.mean(jnp.array([evaluate(policy, prices, values, discount).mean() for policy in policies]))


def _one_policy(prices, values, discount, fit, evaluate):
    policy, _ = fit(*(_halves(array, "middle")[0] for array in (prices, values)), discount)
    return evaluate(policy, prices, values, discount).mean()


def _averaged_policies(prices, values, discount, fit, evaluate):
    policies = [fit(*half, discount)[0] for half in zip(_halves(prices, "middle"), _halves(values, "middle"))]
    return evaluate(jax.tree.map(lambda one, other: (one + other) / 2, *policies), prices, values, discount).mean()


def _pair_for_policy(prices, values, discount, fit, evaluate):
    return _crossed(prices, values, discount, lambda *learning: (fit(*learning), None), evaluate)


def _walks(key):
    """On each date the price of one path equals the boundary."""
    prices = 40 * jnp.exp(0.1 * jnp.cumsum(jax.random.normal(key, (6, 50)), axis=0))
    boundary, dates = jnp.linspace(34.0, 38.0, 6), jnp.arange(6)
    return prices.at[dates, dates].set(boundary), boundary, 41.0, 0.97


def _cash_of_boundary(prices, boundary, strike, discount, stops=jnp.less_equal):
    def step(cash, now):
        price, critical = now
        return jnp.where(stops(price, critical), strike - price, discount * cash), None

    return jax.lax.scan(step, jnp.zeros_like(prices[0]), (prices, boundary), reverse=True)[0]


def _price_of_boundary(*arguments, **options):
    return arguments[3] * _cash_of_boundary(*arguments, **options).mean()


def _pays_boundary(prices, boundary, strike, discount):
    def step(cash, now):
        price, critical = now
        return jnp.where(price <= critical, strike - critical, discount * cash), None

    return discount * jax.lax.scan(step, jnp.zeros_like(prices[0]), (prices, boundary), reverse=True)[0].mean()


def _without_last_date(prices, boundary, strike, discount):
    def step(cash, now):
        price, critical = now
        return jnp.where(price <= critical, strike - price, discount * cash), None

    return discount * jax.lax.scan(step, strike - prices[-1], (prices[:-1], boundary[:-1]), reverse=True)[0].mean()


def _last_exercise(prices, boundary, strike, discount):
    def step(cash, now):
        price, critical, factor = now
        return jnp.where(price <= critical, factor * (strike - price), cash), None

    factors = discount ** jnp.arange(1, len(prices) + 1)
    return jax.lax.scan(step, jnp.zeros_like(prices[0]), (prices, boundary, factors))[0].mean()


def _every_exercise(prices, boundary, strike, discount):
    factors = discount ** jnp.arange(1, len(prices) + 1)[:, None]
    return jnp.where(prices <= boundary[:, None], factors * (strike - prices), 0.0).sum(axis=0).mean()


def _first_in_the_money(prices, boundary, strike, discount):
    return _price_of_boundary(prices, jnp.full_like(boundary, strike), strike, discount)


def _without_last_boundary(prices, boundary, strike, discount):
    return _price_of_boundary(prices, boundary.at[-1].set(strike), strike, discount)


def _per_exercise(prices, boundary, strike, discount):
    return _price_of_boundary(prices, boundary, strike, discount) / (prices <= boundary[:, None]).any(axis=0).mean()


def _parabola(x, y):
    columns = jnp.stack([jnp.ones_like(x), x - 40, (x - 40) ** 2 / 10], axis=1)
    return columns @ jnp.linalg.lstsq(columns, y)[0]


def _paths_and_fit(key):
    prices = 40 * jnp.exp(0.1 * jnp.cumsum(jax.random.normal(key, (5, 60)), axis=0))
    return prices, jnp.maximum(40.0 - prices, 0.0), 0.97, _parabola


def _larger(value, worth, waiting):
    return jnp.maximum(value, worth)


def _by_values(prices, values, discount, fitted, reverse=True, update=_larger, mean=jnp.mean):
    def step(later, now):
        price, value = now
        waiting = discount * later
        return update(value, fitted(price, waiting), waiting), None

    first, _ = jax.lax.scan(step, values[-1], (prices[:-1], values[:-1]), reverse=reverse)
    return discount * mean(first)


def _in_the_money_only(prices, values, discount, fitted):
    return _by_values(prices, values, discount, fitted, update=lambda value, worth, waiting: jnp.where(value > 0, jnp.maximum(value, worth), waiting))


def _discounted_twice(prices, values, discount, fitted):
    return _by_values(prices, values, discount, fitted, update=lambda value, worth, waiting: jnp.maximum(value, discount * worth))


def _curve_of_larger(prices, values, discount, fitted):
    def step(later, now):
        price, value = now
        return fitted(price, jnp.maximum(value, discount * later)), None

    return discount * jax.lax.scan(step, values[-1], (prices[:-1], values[:-1]), reverse=True)[0].mean()


def _last_date_twice(prices, values, discount, fitted):
    return _by_values(*(jnp.concatenate([a, a[-1:]]) for a in (prices, values)), discount, fitted)


def _discounted_after(prices, values, discount, fitted):
    def step(later, now):
        price, value = now
        return jnp.maximum(value, fitted(price, later)), None

    return discount * jax.lax.scan(step, values[-1], (prices[:-1], values[:-1]), reverse=True)[0].mean()


def _curve_of_today(prices, values, discount, fitted):
    def step(later, now):
        price, value = now
        return jnp.maximum(value, fitted(price, value)), None

    return discount * jax.lax.scan(step, values[-1], (prices[:-1], values[:-1]), reverse=True)[0].mean()


exercises = [
    Exercise(
        "16.1",
        solution=_after_fee(_cash_now),
        inputs=_one_date,
        mistakes=[
            Mistake(
                _after_fee(lambda value, worth, cash, discount: jnp.where(value >= worth, value, discount * cash)),
                "somewhere an option that pays nothing is exercised, because its worth was estimated at 0 or below: ask for value - fee > 0 too",
            ),
            Mistake(
                _after_fee(lambda value, worth, cash, discount: jnp.where((value > 0) & (value > worth), value, discount * cash)),
                "where what is left and worth are equal, exercise: >= and not >",
            ),
            Mistake(
                _after_fee(lambda value, worth, cash, discount: jnp.where(value > worth, value, discount * cash)),
                "two things: where what is left and worth are equal, exercise (>= and not >), and never exercise where nothing is left (> 0)",
            ),
            Mistake(
                _after_fee(lambda value, worth, cash, discount: _cash_now(value, discount * worth, cash, discount)),
                "`worth` is already what waiting is worth on this date: don't discount it again",
            ),
            Mistake(
                _after_fee(lambda value, worth, cash, discount: _cash_now(value, worth, cash, 1.0)),
                "whoever waits has cash that comes one date later: discount it",
            ),
            Mistake(
                _after_fee(lambda value, worth, cash, discount: discount * _cash_now(value, worth, cash, 1.0)),
                "what exercising pays comes now: discount the cash alone",
            ),
            *(
                Mistake(_after_fee(function), "what the curve says decides, and is then forgotten: whoever waits gets the discounted cash")
                for function in (
                    lambda value, worth, cash, discount: _cash_now(value, worth, worth, 1.0),
                    lambda value, worth, cash, discount: _cash_now(value, worth, worth, discount),
                    lambda value, worth, cash, discount: jnp.maximum(value, worth),
                )
            ),
            Mistake(
                _after_fee(lambda value, worth, cash, discount: jnp.maximum(value, discount * cash)),
                "this looks at the path's own future: compare what is left with worth, not with the cash",
            ),
            Mistake(
                _after_fee(lambda value, worth, cash, discount: jnp.where((value > 0) & (value >= worth), discount * cash, value)),
                "the two branches are the wrong way round: where(stop, what is paid now, what comes later)",
            ),
            Mistake(
                lambda value, worth, cash, discount, fee: _cash_now(value, worth, cash, discount),
                "the fee isn't paid: exercising leaves value - fee, and that decides too",
            ),
            Mistake(
                lambda value, worth, cash, discount, fee: jnp.where((value > 0) & (value >= worth), value - fee, discount * cash),
                "the fee is paid, but the decision ignores it: compare what is left, value - fee",
            ),
            Mistake(
                lambda value, worth, cash, discount, fee: jnp.where((value > fee) & (value - fee >= worth), value, discount * cash),
                "the decision takes the fee into account, but what is paid out is the whole value: return what is left, value - fee",
            ),
            Mistake(
                lambda value, worth, cash, discount, fee: jnp.where((value > 0) & (value - fee >= worth), value - fee, discount * cash),
                "somewhere the fee takes all that exercising pays, and the option is exercised all the same: ask for value - fee > 0",
            ),
            Mistake(
                lambda value, worth, cash, discount, fee: jnp.where((value >= fee) & (value - fee >= worth), value - fee, discount * cash),
                "where value equals the fee nothing is left, and nobody exercises for nothing: > 0 and not >= 0",
            ),
            Mistake(
                lambda value, worth, cash, discount, fee: jnp.where((value > fee) & (value >= worth), value - fee, discount * cash),
                "the fee enters only one half of the rule: compare value - fee with worth, too",
            ),
            *(
                Mistake(function, "`&` binds tighter than `>`: put each comparison in parentheses, (… > 0) & (… >= worth)")
                for function in (
                    lambda value, worth, cash, discount, fee: jnp.where(value > 0 & value >= worth, value, discount * cash),
                    lambda value, worth, cash, discount, fee: jnp.where(value - fee > 0 & (value - fee >= worth), value, cash),
                    lambda value, worth, cash, discount, fee: jnp.where((value - fee > 0) & value - fee >= worth, value, cash),
                )
            ),
            Mistake(
                lambda value, worth, cash, discount, fee: jnp.where((value > fee) and (value - fee >= worth), value - fee, discount * cash),
                "`and` asks for one truth value, and these are many: put each comparison in parentheses, and join them with &",
            ),
            Mistake(
                lambda value, worth, cash, discount, fee: jnp.where(jnp.maximum(value - fee, 0) >= worth, jnp.maximum(value - fee, 0), discount * cash),
                "a loss cut off at 0 still exercises where nothing is left and worth is not above 0: ask for value - fee > 0",
            ),
            Mistake(
                lambda value, worth, cash, discount, fee: jnp.where((value > fee) & (value - fee >= worth), value - fee, discount * cash - fee),
                "whoever waits pays no fee on this date",
            ),
        ],
    ),
    Exercise(
        "16.2",
        solution=_crossed,
        inputs=_paths_and_parts,
        static=(3, 4),
        mistakes=[
            Mistake(
                partial(_crossed, own=True),
                "each half is priced by the policy that was learned from it, so this is in-sample: swap the two policies",
            ),
            *(
                Mistake(function, "the policy has learned from every path that it is priced on: learn from one half, price on the other")
                for function in (
                    lambda prices, values, discount, fit, evaluate: fit(prices, values, discount)[1].mean(),
                    lambda prices, values, discount, fit, evaluate: discount * fit(prices, values, discount)[1].mean(),
                )
            ),
            Mistake(
                partial(_crossed, mean=lambda one, other: other.mean()),
                "only the second half is priced: price the first as well, with the policy learned from the second",
            ),
            Mistake(
                partial(_crossed, mean=lambda one, other: one.mean()),
                "only the first half is priced: price the second as well, with the policy learned from the first",
            ),
            Mistake(
                partial(_crossed, cut="every other"),
                "these halves are every other path, which separates each path from its twin: cut in the middle",
            ),
            Mistake(_dates_cut, "that cuts the dates in two: the paths are axis 1, prices[:, :half]"),
            Mistake(_on_all_paths, "each policy is priced on all paths, half of which it learned from: price it on the other half alone"),
            Mistake(_averaged_policies, "one policy, averaged from both, has learned from every path: keep the two apart"),
            Mistake(_pair_for_policy, "`fit` returns a pair, the policy and the cash on its own paths: `evaluate` wants the policy, [0]"),
            Mistake(
                partial(_crossed, mean=lambda one, other: one.mean() + other.mean()),
                "that is the sum of the two means: the mean over all paths is half of it",
            ),
            Mistake(
                partial(_crossed, mean=lambda one, other: jnp.concatenate([one, other])),
                "that is what each path pays: return the mean over all paths",
            ),
            Mistake(
                lambda prices, values, discount, fit, evaluate: discount * _crossed(prices, values, discount, fit, evaluate),
                "`evaluate` has discounted to time 0 already: don't discount once more",
            ),
            Mistake(
                _one_policy,
                "half of these paths are priced by the policy that they taught: price each half by the policy of the other",
            ),
            Mistake(
                partial(_crossed, mean=lambda one, other: (one.mean(), other.mean())),
                "these are the means of the two halves: return one number, the mean over all paths",
            ),
            Mistake(
                partial(_crossed, mean=lambda one, other: (other.mean(), one.mean())),
                "these are two means, one of each half: return one number, the mean over all paths",
            ),
        ],
    ),
    Exercise(
        "16.3",
        solution=_price_of_boundary,
        inputs=_walks,
        inspect=must_use("scan", "while", hint="right, but there is no scan: walk over the dates with one"),
        mistakes=[
            Mistake(
                _last_exercise,
                "an option is exercised once, the first time; here the last time wins: scan backward, so that an earlier date overwrites it",
            ),
            Mistake(_every_exercise, "an option is exercised once; here each date at or below the boundary pays"),
            Mistake(
                lambda prices, boundary, strike, discount: _price_of_boundary(prices, boundary, strike, discount) / discount,
                "the first date is one step from today: discount once more",
            ),
            Mistake(
                lambda prices, boundary, strike, discount: _price_of_boundary(prices, boundary, strike, 1.0),
                "nothing is discounted: waiting a date multiplies the cash by discount",
            ),
            Mistake(
                lambda prices, boundary, strike, discount: _price_of_boundary(prices, boundary, strike, discount) * discount,
                "every payoff is discounted once too often: that of the first date once, that of the second twice",
            ),
            Mistake(
                partial(_price_of_boundary, stops=jnp.less),
                "where the price is equal to the boundary, exercise: <= and not <",
            ),
            *(
                Mistake(partial(_price_of_boundary, stops=stops), "a put is exercised where the price is low: at or below the boundary")
                for stops in (jnp.greater_equal, jnp.greater)
            ),
            Mistake(
                lambda prices, boundary, strike, discount: _price_of_boundary(prices - boundary[:, None], 0 * boundary, 0.0, discount),
                "exercising pays strike - price; the boundary only says when",
            ),
            Mistake(
                lambda prices, boundary, strike, discount: _price_of_boundary(prices, boundary, 40.0, discount),
                "the strike is the notebook's 40: use the argument `strike`",
            ),
            Mistake(
                lambda prices, boundary, strike, discount: _cash_of_boundary(prices, boundary, strike, discount) * discount,
                "that is what each path pays: the price is the mean over paths",
            ),
            Mistake(_per_exercise, "that is the mean over the paths that are exercised; the others count too, with 0"),
            Mistake(_without_last_boundary, "the boundary decides at the last date too: begin with zeros, and scan over all dates"),
            Mistake(_first_in_the_money, "this exercises whenever it pays anything; the boundary decides"),
            Mistake(
                lambda prices, boundary, strike, discount: _price_of_boundary(prices[::-1], boundary[::-1], strike, discount),
                "the dates run the wrong way: scan with reverse=True",
            ),
            Mistake(
                _pays_boundary,
                "exercising pays strike - price, with the price of the path, which may lie below the boundary",
            ),
            Mistake(
                _without_last_date,
                "at the last date too, only paths at or below the boundary exercise, so none is paid less than nothing",
            ),
            Mistake(
                lambda prices, boundary, strike, discount: _price_of_boundary(prices, boundary, strike, discount) * prices.shape[1],
                "that is the sum over paths: return the mean",
            ),
        ],
    ),
    Exercise(
        "16.4",
        solution=_by_values,
        inputs=_paths_and_fit,
        static=(3,),
        tolerance=1e-3,
        inspect=must_use("scan", "while", hint="right, but use a scan instead of a Python loop over the dates"),
        mistakes=[
            *(
                Mistake(
                    partial(_by_values, update=update),
                    "that carries the cash; here what the curve says is carried: the larger of value and curve",
                )
                for update in (
                    lambda value, worth, waiting: jnp.where(value >= worth, value, waiting),
                    lambda value, worth, waiting: jnp.where((value > 0) & (value >= worth), value, waiting),
                )
            ),
            Mistake(
                partial(_by_values, update=lambda value, worth, waiting: jnp.maximum(value, waiting)),
                "that is hindsight: the larger of value and the path's own later value. Fit the curve to the later values first",
            ),
            Mistake(
                lambda prices, values, discount, fitted: _by_values(prices, values, discount, fitted) / discount,
                "that is the value at the first date, which is one step from today: discount once more",
            ),
            Mistake(partial(_by_values, mean=lambda first: first), "that is the value on each path: return the mean over paths"),
            Mistake(
                _curve_of_today,
                "the curve is fitted to today's payoff: fit it to what comes later, fitted(price, discount * later)",
            ),
            Mistake(_discounted_after, "the later value isn't discounted before it is compared with today's payoff"),
            Mistake(
                lambda prices, values, discount, fitted: _by_values(prices, values, 1.0, fitted),
                "nothing is discounted: a value is worth discount times as much one date earlier",
            ),
            Mistake(_last_date_twice, "the last date comes twice, as the first value and in the scan: scan over prices[:-1] and values[:-1]"),
            Mistake(
                lambda prices, values, discount, fitted: _by_values(prices, values, discount, lambda x, y: fitted(y, x)),
                "the price is x: call fitted(price, waiting)",
            ),
            *(
                Mistake(function, "the dates run the wrong way: begin with the last and scan with reverse=True")
                for function in (
                    lambda prices, values, discount, fitted: _by_values(prices[::-1], values[::-1], discount, fitted),
                    partial(_by_values, reverse=False),
                )
            ),
            Mistake(
                lambda prices, values, discount, fitted: discount ** len(prices) * values[-1].mean(),
                "that is the European price: at each date before the last, take the larger of value and curve",
            ),
            Mistake(
                _in_the_money_only,
                "the value is the larger of the two everywhere: where the option pays nothing, what the curve says is carried as well",
            ),
            Mistake(
                _curve_of_larger,
                "fit the curve to what comes later, and then take the larger of value and curve; here the larger is taken first, and the curve fitted to it",
            ),
            Mistake(
                _discounted_twice,
                "what the curve says is already a value of this date, since discount * later went into it: don't discount it again",
            ),
            Mistake(
                lambda prices, values, discount, fitted: discount * _by_values(prices, values, discount, fitted),
                "the first date is one step from today: discount once there, not twice",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "16.a",
        answer=("end", "truth", "hindsight"),
        shown="wait until the end 3.84 · with hindsight 7.71 · the truth 4.48",
        slips=[
            (("truth", "end", "hindsight"), "waiting until the end is one of the things that the holder may choose"),
            (("end", "hindsight", "truth"), "whoever knows the future can do all that others can"),
            (("hindsight", "end", "truth"), "whoever knows the future can do all that others can"),
        ],
    ),
    Prediction(
        "16.b",
        answer=("fit", "truth"),
        shown="mean square distance: fit 10.17, truth 10.23",
        slips=[
            (("truth", "truth"), "think of the 300 points: by this very measure the fit was chosen from all curves of its degree"),
            (("fit", "fit"), "the fit has never seen the others, and which function is nearest to points on average was shown above"),
            (("truth", "fit"), "one of the two was made to suit those 300 points, and knows nothing of the others"),
        ],
    ),
    Prediction(
        "16.c",
        answer=(2, 3),
        shown="coefficients (2, 3)",
        slips=[
            ((3, 3), "count the dates at which there is something to decide"),
            ((3, 2), "a scan stacks along the leading axis, so dates come first; and degree 2 has a constant as well"),
            ((2, 2), "a polynomial of degree 2 has a constant too"),
            ((3,), "these are one date's coefficients: there is a curve for each date with a decision"),
            ((2, 8), "a curve's coefficients don't grow with the paths it is fitted to"),
        ],
    ),
    Prediction(
        "16.d",
        answer=("above", "below"),
        shown="250 paths: in-sample 4.70 ± 0.004, out-of-sample 4.37 ± 0.005",
        slips=[
            (("below", "above"), "the fit to 300 points looked too good on one of two sets of points: think of which"),
            (("above", "above"), "on paths of which it knows nothing, no policy earns more on average than the best one"),
            (("below", "below"), "the learning paths have shown the policy something of their future"),
        ],
    ),
]
