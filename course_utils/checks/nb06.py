"""Checks of notebook 06: a counted loop, a scan, a reverse scan, and a reverse scan whose outputs are parameters."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from course_utils.checks import Exercise, Mistake, Prediction, equations, must_use

_FLIPPED = "the values are right; now let the scan itself start at the end, with reverse=True, instead of turning arrays round"
_PAIR = "`scan` returns two things, the last carry and the stacked outputs; only the outputs are asked for"


def _compound(rate, years, start=1.0, first=0):
    return lax.fori_loop(first, years, lambda year, money: money * (1 + rate), start)


def _compound_in_python(rate, years):
    money = 1.0
    for _ in range(years):
        money = money * (1 + rate)
    return money


def _running_maximum(x, start=-jnp.inf, reverse=False):
    def step(largest, value):
        largest = jnp.maximum(largest, value)
        return largest, largest

    return lax.scan(step, start, x, reverse=reverse)


def _below_zero_at_first(key):
    x = jax.random.normal(key, (9,))
    return (x.at[0].set(-1.0),)


def _discount(value, rate):
    return value / (1 + rate)


def _present_values(cash, rates, discount=_discount, output=lambda later, value, earlier: value, reverse=True):
    def step(later, date):
        value = date[0] + later
        earlier = discount(value, date[1])
        return earlier, output(later, value, earlier)

    return lax.scan(step, 0.0, (cash, rates), reverse=reverse)[1]


def _backward(step):
    """A reverse scan with the step that ``step(rates)`` gives, started from nothing."""
    return lambda cash, rates: lax.scan(step(rates), 0.0, (cash, rates), reverse=True)[1]


def _one_date_off(cash, rates):
    def step(later, date):
        value = date[0] + later / (1 + date[1])
        return value, value

    return lax.scan(step, 0.0, (cash, rates), reverse=True)[1]


def _carry_undiscounted(cash, rates):
    def step(later, date):
        value = date[0] + later
        return value, value / (1 + date[1])

    return lax.scan(step, 0.0, (cash, rates), reverse=True)[1]


def _one_reverse_scan(otherwise):
    """An inspector: a scan with reverse=True must be in the traced function."""

    def inspector(function, arguments):
        scans = [equation for equation in equations(function, arguments) if equation.primitive.name == "scan"]
        if not scans:
            return otherwise
        return None if any(scan.params["reverse"] for scan in scans) else _FLIPPED

    return inspector


def _cash_and_rates(key):
    keys = jax.random.split(key)
    return jax.random.uniform(keys[0], (8,), minval=1.0, maxval=9.0), jax.random.uniform(keys[1], (8,), maxval=0.4)


def _slope(x, y):
    return {"slope": jnp.sum(x * y) / jnp.sum(x**2)}


def _take_above_one(x, cash, params):
    return jnp.where(x > 1, x, cash)


def _fit_dates(x, payment, discount, slope=_slope, decide=_take_above_one, reverse=True):
    def step(cash, x):
        cash = discount * cash
        params = slope(x, cash)
        return decide(x, cash, params), params

    cash, stacked = lax.scan(step, payment, x, reverse=reverse)
    return stacked, cash


def _decide_then_fit(x, payment, discount):
    def step(cash, x):
        cash = jnp.where(x > 1, x, discount * cash)
        return cash, _slope(x, cash)

    return lax.scan(step, payment, x, reverse=True)[::-1]


def _fit_dates_forward(x, payment, discount):
    stacked, cash = _fit_dates(x, payment, discount, reverse=False)
    return {"slope": stacked["slope"][::-1]}, cash


def _discount_last(x, payment, discount):
    def step(cash, x):
        params = _slope(x, discount * cash)
        return discount * _take_above_one(x, cash, params), params

    return lax.scan(step, payment, x, reverse=True)[::-1]


def _discounted_once_more(x, payment, discount):
    stacked, cash = _fit_dates(x, payment, discount)
    return stacked, discount * cash


def _carry_and_output_swapped(x, payment, discount):
    def step(cash, x):
        cash = discount * cash
        return _slope(x, cash), jnp.where(x > 1, x, cash)

    return lax.scan(step, payment, x, reverse=True)


def _slope_with_intercept(x, y):
    return {"slope": jnp.sum((x - x.mean()) * (y - y.mean())) / jnp.sum((x - x.mean()) ** 2)}


def _fit_dates_in_python(x, payment, discount):
    cash, slopes = payment, []
    for row in x[::-1]:
        cash = discount * cash
        slopes.append(_slope(row, cash)["slope"])
        cash = jnp.where(row > 1, row, cash)
    return {"slope": jnp.stack(slopes[::-1])}, cash


def _paths(key):
    keys = jax.random.split(key, 3)
    x = 0.5 + jax.random.normal(keys[0], (6, 40))
    return x, x[-1] + jax.random.normal(keys[1], (40,)), jax.random.uniform(keys[2], minval=0.6, maxval=0.9)


_UNROLLED = "the values are right, but a Python loop over the dates is traced step by step; use one scan with reverse=True"

exercises = [
    Exercise(
        "06.1",
        solution=lambda rate, years: _compound(rate, years),
        inputs=lambda key: (jax.random.uniform(key, minval=0.1, maxval=0.3), jax.random.randint(key, (), 3, 12)),
        inspect=must_use("while", "scan", hint="right, and by a formula; here the point is the loop, so use fori_loop"),
        mistakes=[
            Mistake(
                lambda rate, years: 1 + rate * years,
                "that is interest on the first 1 alone; each year multiplies what is there by 1 + rate",
            ),
            Mistake(
                lambda rate, years: jnp.exp(rate * years),
                "that is interest compounded continuously; here it is added once a year",
            ),
            Mistake(
                lambda rate, years: lax.fori_loop(0, years, lambda year, money: money * rate, 1.0),
                "each year multiplies by the rate alone, and only the interest is left; multiply by 1 + rate",
            ),
            Mistake(
                lambda rate, years: _compound(rate, years, start=0.0),
                "it starts with nothing, and nothing grows to nothing; start with 1.0",
            ),
            Mistake(
                lambda rate, years: _compound(rate, years, first=1),
                "one year is missing: fori_loop(1, years, …) makes years − 1 rounds",
            ),
            Mistake(
                lambda rate, years: _compound(rate, years + 1),
                "one year too many: fori_loop(0, years, …) already makes as many rounds as there are years",
            ),
            Mistake(
                lambda rate, years: lax.fori_loop(0, years, lambda money, year: money * (1 + rate), 1.0),
                "the body gets the counter first and the value second, and yours multiplies the counter",
            ),
            Mistake(
                _compound_in_python,
                "right as it is, but `range` needs to know `years` when the function is traced; use fori_loop",
            ),
            Mistake(
                lambda rate, years: lax.fori_loop(0, years, lambda money: money * (1 + rate), 1.0),
                "the body of a fori_loop takes two arguments, the counter and the value, also when it doesn't use the counter",
            ),
            Mistake(
                lambda rate, years: lax.fori_loop(0, years, lambda year, money: 1 + rate, 1.0),
                "the body forgets the money of the year before: multiply it by 1 + rate",
            ),
            Mistake(
                lambda rate, years: lax.fori_loop(0, years, lambda year, money: money * (1 + rate) ** year, 1.0),
                "each year multiplies by 1 + rate once; the power belongs to the whole loop and not to each of its rounds",
            ),
            Mistake(
                lambda rate, years: lax.scan(lambda money, _: (money * (1 + rate), None), 1.0, length=years)[0],
                "right as it is, but `scan` needs its length when the function is traced; fori_loop takes a traced bound",
            ),
            Mistake(
                lambda rate, years: lax.fori_loop(0, years, lambda year, money: money * (1 - rate), 1.0),
                "the money shrinks: multiply by 1 + rate",
            ),
            Mistake(
                lambda rate, years: _compound(rate, years) - 1,
                "that is the interest alone; return what the 1 has grown to, with the 1 in it",
            ),
            Mistake(lambda rate, years: _compound(rate, years, start=rate), "it starts with the rate; start with 1.0"),
            Mistake(
                lambda rate, years: lax.fori_loop(0, years, lambda year, money: (money * (1 + rate), money), 1.0),
                "the body of a fori_loop returns the new value alone; a second thing, the output, is scan's",
            ),
        ],
    ),
    Exercise(
        "06.2",
        solution=lambda x: _running_maximum(x)[1],
        inputs=_below_zero_at_first,
        inspect=must_use("scan", "while", hint="the values are right; now do it with `lax.scan`"),
        mistakes=[
            Mistake(
                lambda x: _running_maximum(x)[1][::-1],
                "the outputs come in reverse order: entry i should be the largest of x[0] to x[i]",
            ),
            Mistake(
                lambda x: _running_maximum(x)[0],
                "that is the maximum of all; the running maximum has one value per position, the outputs of the scan",
            ),
            Mistake(_running_maximum, _PAIR),
            Mistake(
                lambda x: lax.scan(jnp.maximum, -jnp.inf, x),
                "a step returns two things, the new carry and the output; here they are the same number",
            ),
            Mistake(
                lambda x: _running_maximum(x[1:], start=x[0])[1],
                "the first entry is missing: start from -jnp.inf and scan over all of x, or put x[0] in front",
            ),
            Mistake(
                lambda x: _running_maximum(x, start=0.0)[1],
                "it starts from 0, which is larger than a negative x[0]; start from -jnp.inf",
            ),
            Mistake(
                lambda x: _running_maximum(x, reverse=True)[1],
                "each entry is the largest of itself and what comes after it; go forward",
            ),
            Mistake(
                lambda x: lax.scan(lambda largest, value: (jnp.maximum(largest, value), value), -jnp.inf, x)[1],
                "the outputs are x again: a step should put out the largest so far, not its input",
            ),
            Mistake(
                lambda x: lax.scan(lambda largest, value: (jnp.maximum(largest, value), largest), -jnp.inf, x)[1],
                "each output is one step late: put out the new maximum, with x[i] in it, not the old carry",
            ),
            Mistake(
                lambda x: lax.scan(lambda largest, value: (max(largest, value),) * 2, -jnp.inf, x)[1],
                "Python's `max` asks which is larger while the function is traced; jnp.maximum compares when it runs",
            ),
            Mistake(
                lambda x: lax.scan(lambda largest, value: (jnp.max(largest, value),) * 2, -jnp.inf, x)[1],
                "jnp.max takes one array, and its second argument is an axis; jnp.maximum compares two values",
            ),
            Mistake(
                lambda x: lax.scan(lambda largest, value: (jnp.maximum(largest, value),) * 2, jnp.inf, x)[1],
                "it starts from infinity, and nothing is larger than that; start from -jnp.inf",
            ),
            Mistake(
                lambda x: lax.scan(lambda least, value: (jnp.minimum(least, value),) * 2, jnp.inf, x)[1],
                "that is the running minimum; keep the larger of the two, from -jnp.inf on",
            ),
            Mistake(
                lambda x: lax.scan(lambda largest, value: (value, jnp.maximum(largest, value)), -jnp.inf, x)[1],
                "the carry is only the value before; carry on the largest so far",
            ),
            Mistake(
                lambda x: lax.scan(lambda largest, value: (jnp.maximum(largest, value), None), -jnp.inf, x)[1],
                "the steps put out None, so nothing is stacked; put out the largest so far as well as carrying it",
            ),
        ],
    ),
    Exercise(
        "06.3",
        solution=lambda cash, rates: _present_values(cash, rates),
        inputs=_cash_and_rates,
        inspect=_one_reverse_scan("the values are right; now do it with one `lax.scan` and reverse=True"),
        mistakes=[
            Mistake(
                lambda cash, rates: _present_values(cash, rates, reverse=False),
                "the scan runs forward in time; the last date has to come first: reverse=True",
            ),
            Mistake(
                lambda cash, rates: _present_values(cash[::-1], rates[::-1], reverse=False),
                "the outputs stand in the order of the work, last date first; reverse=True puts each in its own place",
            ),
            Mistake(
                lambda cash, rates: _present_values(cash[::-1], rates[::-1], reverse=False)[::-1],
                _FLIPPED,
            ),
            Mistake(
                lambda cash, rates: _present_values(cash[::-1], rates[::-1]),
                "time is turned round twice: reverse=True takes the last date first, so don't flip the inputs",
            ),
            Mistake(
                lambda cash, rates: lax.scan(lambda later, date: (later, later), 0.0, cash, rates, reverse=True)[1],
                "`scan` takes one tree of inputs: put the two arrays into a tuple, (cash, rates)",
            ),
            Mistake(
                lambda cash, rates: lax.scan(
                    lambda later, date: (_discount(date[0] + later, date[1]), date[0] + later), 0.0, (cash, rates), reverse=True
                ),
                _PAIR,
            ),
            Mistake(
                _one_date_off,
                "the rates are one date off: what comes after date t is discounted to it by rates[t + 1], the rate that leads there",
            ),
            Mistake(
                lambda cash, rates: _present_values(cash, rates, output=lambda later, value, earlier: earlier),
                "each output is discounted to the date before; carry that one, and put out the value at its own date",
            ),
            Mistake(
                _carry_undiscounted,
                "what is carried isn't discounted, and what is put out is; it should be the other way round",
            ),
            Mistake(
                lambda cash, rates: _present_values(cash, rates, output=lambda later, value, earlier: later),
                "the cash of the date itself is missing: entry t has cash[t] in it",
            ),
            Mistake(
                lambda cash, rates: _present_values(cash, rates, lambda value, rate: value * (1 + rate)),
                "the later value is multiplied by 1 + rate; seen from an earlier date it is divided by it",
            ),
            Mistake(
                lambda cash, rates: _present_values(cash, rates, lambda value, rate: value * (1 - rate)),
                "1 − rate is only near 1 / (1 + rate); divide",
            ),
            Mistake(
                lambda cash, rates: _present_values(cash, rates, lambda value, rate: value),
                "the cash is added up without being discounted",
            ),
            Mistake(
                _backward(lambda rates: lambda later, date: (date[0] / (1 + date[1]) + later, date[0] / (1 + date[1]) + later)),
                "the cash of a date is discounted before it is put out; at its own date it counts in full",
            ),
            Mistake(
                _backward(lambda rates: lambda later, date: (later / (1 + date[1]), date[0] + later)),
                "what is carried lacks the cash of the date: discount value = cash + later as a whole, and carry that",
            ),
            Mistake(
                _backward(lambda rates: lambda later, date: (date[0] + later / date[1], date[0] + later / date[1])),
                "the later value is divided by the rate alone; divide by 1 + rate",
            ),
            Mistake(
                _backward(lambda rates: lambda later, date: (date[0] + later / (1 + rates[0]), date[0] + later / (1 + rates[0]))),
                "every date is discounted at rates[0]; each has a rate of its own, which comes in with its cash",
            ),
            Mistake(
                _backward(lambda rates: lambda later, date: (date[0] + later / (1 + rates), date[0] + later / (1 + rates))),
                "the step uses the whole array of rates; put it among the inputs, and each step gets one of them",
            ),
            Mistake(
                lambda cash, rates: lax.scan(lambda later, date: (_discount(date[0] + later, date[1]), date[0] + later), 0.0, (cash, rates), reverse=True)[0],
                "that is the last carry, one number; the stacked outputs are asked for",
            ),
            Mistake(
                lambda cash, rates: jnp.cumsum((cash / jnp.cumprod(1 + rates))[::-1])[::-1],
                "everything is discounted to the first date; entry t is the value at date t",
            ),
            Mistake(
                lambda cash, rates: jnp.cumsum((cash / jnp.cumprod(1 + rates.at[0].set(0.0)))[::-1])[::-1],
                "everything is discounted to the first date; entry t is the value at date t",
            ),
            Mistake(
                lambda cash, rates: _one_date_off(cash, jnp.append(0.0, rates[:-1])),
                "the rates are moved to the wrong side: what comes after date t is discounted to it by rates[t + 1]",
            ),
            Mistake(
                lambda cash, rates: _one_date_off(cash, jnp.roll(rates, 1)),
                "the rates are moved to the wrong side: what comes after date t is discounted to it by rates[t + 1]",
            ),
        ],
    ),
    Exercise(
        "06.4",
        solution=lambda x, payment, discount: _fit_dates(x, payment, discount),
        inputs=_paths,
        inspect=_one_reverse_scan(_UNROLLED),
        mistakes=[
            Mistake(
                lambda x, payment, discount: _fit_dates(x, payment, discount, reverse=False),
                "the scan runs forward in time; the payment is made after the last date, so the last date comes first",
            ),
            Mistake(
                lambda x, payment, discount: _fit_dates(x[::-1], payment, discount, reverse=False),
                "the slopes stand in the order of the work, last date first; reverse=True puts each in its own place",
            ),
            Mistake(
                lambda x, payment, discount: _fit_dates_forward(x[::-1], payment, discount),
                _FLIPPED,
            ),
            Mistake(
                lambda x, payment, discount: _fit_dates(x, payment, 1.0),
                "the cash isn't discounted: at each date multiply it by `discount`, before anything else",
            ),
            Mistake(
                _discount_last,
                "the cash is discounted after the decision, so that x is discounted as well; discount first",
            ),
            Mistake(
                partial(_fit_dates, slope=_slope_with_intercept),
                "that is the slope of a line with an intercept; here Σ x · cash / Σ x², with nothing subtracted",
            ),
            Mistake(
                lambda x, payment, discount: _fit_dates(x, payment, discount, lambda x, y: _slope(x, y / discount)),
                "the regression sees the cash before it is discounted to this date; discount first, then fit",
            ),
            Mistake(
                _decide_then_fit,
                "the cash is replaced before the regression sees it: first fit, and then put x where x is above 1",
            ),
            Mistake(
                partial(_fit_dates, decide=lambda x, cash, params: cash),
                "nobody takes x: where x is above 1, the cash becomes x before the scan goes on",
            ),
            Mistake(
                lambda x, payment, discount: _fit_dates(
                    x, payment, discount, decide=lambda x, cash, params: jnp.maximum(x, cash)
                ),
                "x is taken where it is above the later cash, which nobody knows yet; take it where x is above 1",
            ),
            Mistake(
                lambda x, payment, discount: _fit_dates(
                    x, payment, discount, decide=lambda x, cash, params: jnp.where(x > 1, x, params["slope"] * x)
                ),
                "the fitted value is carried on in place of the cash; the fit is put out, and the cash itself goes on",
            ),
            Mistake(
                partial(_fit_dates, slope=lambda x, y: _slope(y, x)),
                "the sum under the line is of y², so x is regressed on y; it should be of x²",
            ),
            Mistake(
                partial(_fit_dates, slope=lambda *xy: _slope(*xy)["slope"]),
                'right, but the slopes are to come as a tree: a step puts out {"slope": …}',
            ),
            Mistake(
                lambda x, payment, discount: _fit_dates(x, payment, discount)[::-1],
                "the two results are the right ones in the other order: first the tree, then the cash",
            ),
            Mistake(_fit_dates_in_python, _UNROLLED),
            Mistake(
                partial(_fit_dates, decide=lambda x, cash, params: jnp.where(cash > 1, x, cash)),
                "it goes by whether the cash is above 1; what counts is whether x is",
            ),
            Mistake(
                partial(_fit_dates, decide=lambda x, cash, params: jnp.where(x > 1, 1.0, cash)),
                "where x is above 1 the cash becomes 1; it should become x",
            ),
            Mistake(
                partial(_fit_dates, decide=lambda x, cash, params: jnp.where(x > 1, cash, x)),
                "the two branches are swapped: above 1 the cash becomes x, elsewhere it stays",
            ),
            Mistake(
                partial(_fit_dates, decide=lambda x, cash, params: jnp.where(x > 1, x - 1, cash)),
                "x − 1 is paid out; where x is above 1 the cash becomes x itself",
            ),
            Mistake(
                partial(_fit_dates, decide=lambda x, cash, params: jnp.where(x > params["slope"] * x, x, cash)),
                "x is compared with the fitted value; here the rule is simpler: x is taken where it is above 1",
            ),
            Mistake(
                partial(_fit_dates, decide=lambda x, cash, params: x if x > 1 else cash),
                "`if` needs one truth value, and here every path has its own: use jnp.where",
            ),
            Mistake(
                partial(_fit_dates, slope=lambda x, y: {"slope": jnp.sum(x * y) / jnp.sum(x) ** 2}),
                "the sum under the line is of the squares: square each x, then sum",
            ),
            Mistake(
                partial(_fit_dates, slope=lambda x, y: {"slope": x * y / x**2}),
                "the sums over the paths are missing: a date has one slope, Σ x · cash / Σ x²",
            ),
            Mistake(
                partial(_fit_dates, slope=lambda x, y: {"slope": jnp.sum(x * y) / len(x)}),
                "it is divided by the number of paths; divide by Σ x²",
            ),
            Mistake(
                lambda x, payment, discount: _fit_dates(x, payment, discount)[0],
                "the cash is missing: return the tuple of the stacked parameters and the cash",
            ),
            Mistake(
                _discounted_once_more,
                "the cash is discounted once too often, after the first date; return it as it is when all dates are done",
            ),
            Mistake(
                _carry_and_output_swapped,
                "a step returns the carry first, here the cash, and then the output, here the parameters",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "06.a",
        (3, 1),
        shown="{'power_scan, n static': 3, 'power_fori': 1}",
        slips=[
            ((1, 3), "the other way round: a static argument's value becomes part of the program"),
            ((1, 1), "remember from notebook 03 what `jit` does when a static argument has a new value"),
            ((3, 3), "a traced n has no value while the function is traced; think of whether a new one can matter"),
            ((3, 20), "what is counted is the tracing of the function, and not the rounds of its loop"),
            ((35, 1), "what is counted is the tracing of the function, and not the rounds of its loop"),
        ],
    ),
    Prediction(
        "06.b",
        3,
        shown="[107.7751 106.8861 105.9615 105.    ]",
        slips=[
            (0, "that is the order of the work; look at the line of `python_scan` that turns the outputs round"),
            (-1, "the place is right; count it from the front"),
            (4, "there are four dates, and the first is number 0"),
        ],
    ),
    Prediction(
        "06.c",
        (True, True, True, False, False),
        shown="fori_loop, known bounds  forward 23.58   reverse 23.58\n"
        "fori_loop, traced bound  forward 23.58   reverse error\n"
        "while_loop               forward 23.58   reverse error\n",
        slips=[
            ((True,) * 5, "to go back through the steps, what each step computed must be kept, and a compiled program must know beforehand for how many steps"),
            ((True, True, False, False, False), "look at what a `fori_loop` with known bounds was recorded as, in the first section"),
            ((True, True, True, True, False), "look at what a `fori_loop` becomes when its bound is traced, in the first section"),
            ((True, False, False, False, False), "a loop that stays a loop can be gone through backward, if the number of its steps is known"),
            ((False, True, False, False, False), "the Python loop leaves ten multiplications in the program, and those have derivatives"),
            ((False, True, True, False, False), "the Python loop leaves ten multiplications in the program, and those have derivatives"),
        ],
    ),
    Prediction(
        "06.d",
        (1000, 100),
        shown="numbers kept: 1000 and with checkpoint 100",
        slips=[
            ((1000, 1), "it is each step that is wrapped in `checkpoint`, and not the whole loop"),
            ((1000, 10), "each step keeps its own input; count the steps, and not the sines"),
            ((100, 10), "count the sines of all steps for the first number, and the steps for the second"),
            ((100, 1), "without `checkpoint`, each sine of each step needs its cosine on the way back"),
            ((1000, 0), "without what goes into a step, it can't be computed a second time"),
            ((1000, 1000), "with `checkpoint` the sines inside a step are computed again, and only what goes into the step is kept"),
        ],
    ),
    Prediction(
        "06.e",
        (9,),
        shown="{'intercept': (9,), 'slope': (9,)}",
        slips=[
            ((10,), "count the rows that the scan goes through: it gets `x[:-1]`"),
            ((), "that is the slope of one line; a scan stacks what its steps put out"),
            ((1,), "that would be one line; a scan stacks what its steps put out"),
            ((9, 20000), "a line is fitted to all paths of a date together, so a date has one slope"),
            ((10, 20000), "a line is fitted to all paths of a date together, and the scan gets `x[:-1]`"),
            ((20000,), "a line is fitted to all paths of a date together; what is stacked are the dates"),
            ((9, 2), "slope and intercept are two leaves; the question is about one of them"),
            (9, "right in number; write it as a shape, which is a tuple"),
        ],
    ),
]
