"""Checks of notebook 05: keys split and folded, paths and dates with numbers of their own, draws enough for a standard error."""

import math
import operator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from course_utils.checks import Exercise, Mistake, Prediction, draws_from

_SAME_SUM = "both dice are thrown with one key, so they always agree and every sum is even; give each its own key"


def _dice(first, second, sides=6):
    return jax.random.randint(first, (1000,), 1, sides + 1) + jax.random.randint(second, (1000,), 1, sides + 1)


def _one_by_one(key):
    """Two keys, each torn off by a split of its own."""
    key, first = jax.random.split(key)
    return first, jax.random.split(key)[1]


def _normals(key, n, steps):
    return jax.vmap(lambda k: jax.random.normal(k, (steps,)))(jax.random.split(key, n))


def _walks_by(draw):
    """Walks whose row i is the running sum of ``draw(key i, steps)``."""
    return lambda key, n, steps: jax.vmap(lambda k: jnp.cumsum(draw(k, steps)))(jax.random.split(key, n))


def _walks_by_number(key, n, steps):
    walk = lambda i: jnp.cumsum(jax.random.normal(jax.random.fold_in(key, i), (steps,)))
    return jax.vmap(walk)(jnp.arange(1, n + 1))


def _a_key_for_each_step(key, n, steps):
    return jax.vmap(lambda k: jax.vmap(jax.random.normal)(jax.random.split(k, steps)))(jax.random.split(key, n))


def _puts(key):
    """A simulation: the payoffs of a put with a random strike."""
    strike = draws_from(key).uniform(-0.5, 1.5)

    def sample(key, n):
        try:
            n = operator.index(n)
        except TypeError:
            raise TypeError("n should be a whole number: round it up, int(jnp.ceil(n))") from None
        return jnp.asarray(np.maximum(strike - draws_from(key).normal(size=n), 0.0), jnp.float32)

    return sample


def _standard_error(values):
    return values.std(ddof=1) / np.sqrt(np.float32(values.size))


def _draws_needed(pilot, error):
    return (pilot.std(ddof=1) / error) ** 2


def _monte_carlo(key, sample, error, size=_draws_needed, keys=jax.random.split, stderr=_standard_error):
    first, second = keys(key)
    n = math.ceil(size(np.asarray(sample(first, 400)), error))
    values = np.asarray(sample(second, n))  # by NumPy, which compiles nothing for a new n
    return values.mean(), stderr(values), n


def _pilot_alone(key, sample, error):
    pilot = np.asarray(sample(jax.random.split(key)[0], 400))
    return pilot.mean(), _standard_error(pilot), math.ceil(_draws_needed(pilot, error))


def _n_as_float(result):
    """``result`` as a tuple, its n a float: then one draw more or fewer, by rounding, is within the tolerance."""
    if not isinstance(result, tuple | list) or len(result) != 3 or jnp.ndim(result[2]):
        return result
    return *result[:2], float(result[2])


def _beside(half):
    return jnp.concatenate([half, -half], axis=1)


def _shocks(key, dates, paths, first=1, join=_beside):
    def draw(date):
        return jax.random.normal(jax.random.fold_in(key, date), (paths // 2,))

    return join(jax.vmap(draw)(jnp.arange(first, dates + first)))


def _shocks_of_one_date(key, dates, paths):
    half = jax.random.normal(key, (paths // 2,))
    return jnp.tile(jnp.concatenate([half, -half]), (dates, 1))


def _shocks_of_half_a_path(key, dates, paths):
    def draw(date):
        return jax.random.normal(jax.random.fold_in(key, date), (paths / 2,))

    return jax.vmap(draw)(jnp.arange(1, dates + 1))


def _shocks_drawn_twice(key, dates, paths):
    def one_date(date):
        one, other = jax.random.split(jax.random.fold_in(key, date))
        return jnp.concatenate([jax.random.normal(one, (paths // 2,)), -jax.random.normal(other, (paths // 2,))])

    return jax.vmap(one_date)(jnp.arange(1, dates + 1))


def _in_turn(half):
    return jnp.stack([half, -half], axis=2).reshape(len(half), -1)


def _mirrored(half):
    return jnp.concatenate([half, -half[:, ::-1]], axis=1)


exercises = [
    Exercise(
        "05.1",
        solution=lambda key: _dice(*jax.random.split(key)),
        inputs=lambda key: (key,),
        mistakes=[
            Mistake(lambda key: _dice(key, key), _SAME_SUM),
            Mistake(lambda key: _dice(*[jax.random.split(key)[0]] * 2), _SAME_SUM),
            Mistake(lambda key: _dice(*[jax.random.split(key)[1]] * 2), _SAME_SUM),
            Mistake(
                lambda key: tuple(jax.random.randint(k, (1000,), 1, 7) for k in jax.random.split(key)),
                "these are the two dice one by one; return their sums",
            ),
            Mistake(
                lambda key: _dice(*jax.random.split(key), sides=5),
                "these dice never show a six: randint leaves its upper bound out",
            ),
            Mistake(
                lambda key: sum(jax.random.randint(k, (1000,), 0, 6) for k in jax.random.split(key)),
                "these dice show 0 to 5; randint starts at its lower bound, which should be 1",
            ),
            Mistake(
                lambda key: jax.random.randint(key, (1000, 2), 1, 7).sum(axis=1),
                "both dice are drawn with `key` in one call; split it in two first, and give each die a key",
            ),
            Mistake(
                lambda key: jax.random.randint(key, (1000,), 2, 13),
                "that is one draw from 2 to 12, all equally likely; with two dice a 7 comes up more often than a 2",
            ),
            Mistake(
                lambda key: _dice(key, jax.random.split(key)[1]),
                "`key` is used for a die and then split; draw only with the two keys that split returns",
            ),
            Mistake(
                lambda key: _dice(*_one_by_one(key)),
                "`key` is split a second time for the second die; split it once, and throw with the two keys that come back",
            ),
            Mistake(
                lambda key: _dice(*jax.random.split(jax.random.split(key)[0])),
                "the keys of the dice come from a second split; split `key` once, and throw with the two keys that come back",
            ),
            Mistake(
                lambda key: sum(jax.random.randint(k, (), 1, 7) for k in jax.random.split(key)),
                "that is one throw; a thousand are asked for, so the shape is (1000,)",
            ),
            Mistake(
                lambda key: sum(jax.random.uniform(k, (1000,), minval=1, maxval=7) for k in jax.random.split(key)),
                "a die shows whole numbers, and `uniform` draws those in between as well: use `randint`",
            ),
            Mistake(
                lambda key: _dice(*jax.random.split(key)).sum(),
                "that is the sum of everything; each of the thousand throws has a sum of its own",
            ),
            Mistake(
                lambda key: jnp.stack([jax.random.randint(k, (1000,), 1, 7) for k in jax.random.split(key)]),
                "these are the two dice one by one; return their sums",
            ),
            Mistake(
                lambda key: jax.random.randint(jax.random.split(key)[0], (1000,), 2, 13),
                "that is one draw from 2 to 12, all equally likely; with two dice a 7 comes up more often than a 2",
            ),
            Mistake(
                lambda key: jax.random.randint(jax.random.split(key)[1], (1000,), 2, 13),
                "that is one draw from 2 to 12, all equally likely; with two dice a 7 comes up more often than a 2",
            ),
        ],
    ),
    Exercise(
        "05.2",
        solution=lambda key, n, steps: jnp.cumsum(_normals(key, n, steps), axis=1),
        inputs=lambda key: (key, 6, 9),
        static=(1, 2),
        mistakes=[
            Mistake(
                lambda key, n, steps: jnp.cumsum(jnp.tile(jax.random.normal(key, (steps,)), (n, 1)), axis=1),
                "all rows are the same walk: map over the keys, so that each row draws with its own",
            ),
            Mistake(
                lambda key, n, steps: jnp.cumsum(_normals(key, n, steps), axis=0),
                "the sum runs over the walks; it should run over the steps of each walk, along axis 1",
            ),
            Mistake(_normals, "these are the steps; a walk is their running sum, jnp.cumsum"),
            Mistake(
                lambda key, n, steps: jnp.cumsum(_normals(key, n, steps), axis=1) - _normals(key, n, steps),
                "each walk is one step late: its first entry is the first step, and not 0",
            ),
            Mistake(
                lambda key, n, steps: jnp.cumsum(_a_key_for_each_step(key, n, steps), axis=1),
                "each row's key is split again, into one key per step; draw all the steps of a row in one call",
            ),
            Mistake(
                lambda key, n, steps: jnp.cumsum(_normals(key, n, steps)).reshape(n, steps),
                "jnp.cumsum without an axis runs through all walks one after the other; each should start anew",
            ),
            Mistake(
                lambda key, n, steps: jnp.cumsum(jax.random.normal(key, (n, steps)), axis=1),
                "good walks, but all drawn with `key` at once; row i should be drawn with key i of split(key, n)",
            ),
            Mistake(
                lambda key, n, steps: jnp.cumsum(_normals(key, n, steps)),
                "jnp.cumsum without an axis runs through all walks one after the other; each should start anew",
            ),
            Mistake(
                lambda key, n, steps: jnp.cumsum(_normals(key, steps, n), axis=1),
                "there is a key for each step, and it draws across the walks; make a key for each walk, which draws its steps",
            ),
            Mistake(
                lambda key, n, steps: jnp.cumsum(_normals(key, steps, n), axis=0).T,
                "there is a key for each step, and it draws across the walks; make a key for each walk, which draws its steps",
            ),
            Mistake(
                lambda key, n, steps: _normals(key, n, steps).sum(axis=1),
                "that is where each walk ends; its position after every step is asked for, so use jnp.cumsum",
            ),
            Mistake(
                _walks_by(lambda key, steps: jax.random.uniform(key, (steps,))),
                "the steps are uniform; they should be standard normals",
            ),
            Mistake(
                _walks_by_number,
                "the keys are folded from 1 to n; take the keys that split(key, n) returns",
            ),
            Mistake(
                _walks_by(lambda key, steps: jax.random.normal(jax.random.split(key)[1], (steps,))),
                "each row's key is split once more; draw with key i itself",
            ),
            Mistake(
                lambda key, n, steps: jnp.pad(jnp.cumsum(_normals(key, n, steps), axis=1), ((0, 0), (1, 0))),
                "a 0 stands in front; the first entry is the position after the first step, so a row has `steps` entries",
            ),
            Mistake(
                lambda key, n, steps: jnp.cumsum(_normals(jax.random.split(key)[1], n, steps), axis=1),
                "`key` is split in two before it is split into n; split it once, into n keys",
            ),
        ],
    ),
    Exercise(
        "05.3",
        solution=lambda key, sample, error: _monte_carlo(key, sample, error),
        inputs=lambda key: (key, _puts(key), float(draws_from(key).uniform(0.003, 0.004))),
        jit=False,
        call=lambda answer, *arguments: _n_as_float(answer(*arguments)),
        tolerance=5e-4,  # of n one draw more or fewer passes, and ddof=0 in the pilot run doesn't
        draws=2,  # each n is compiled anew
        mistakes=[
            Mistake(
                partial(_monte_carlo, size=lambda pilot, error: pilot.std(ddof=1) / error),
                "n is not squared: the error falls like 1/√n, so half the error takes four times as many draws",
            ),
            Mistake(
                partial(_monte_carlo, size=lambda pilot, error: pilot.std(ddof=1) // error),
                "n is not squared: the error falls like 1/√n, so half the error takes four times as many draws",
            ),
            Mistake(
                partial(_monte_carlo, size=lambda pilot, error: pilot.var(ddof=1) / error),
                "the ratio of standard deviation and error is to be squared as a whole, the error too",
            ),
            Mistake(
                partial(_monte_carlo, size=lambda pilot, error: (pilot.std(ddof=1) / 400**0.5 / error) ** 2),
                "the pilot's standard error is taken for the spread of one payoff; it is the standard deviation that n goes by",
            ),
            Mistake(
                partial(_monte_carlo, size=lambda pilot, error: 400 * pilot.std(ddof=1) / 400**0.5 / error),
                "n is not squared: the error falls like 1/√n, so half the error takes four times as many draws",
            ),
            Mistake(
                partial(_monte_carlo, size=lambda pilot, error: (1.96 * pilot.std(ddof=1) / error) ** 2),
                "that makes half the width of a 95% interval as small as `error`; the standard error itself is asked for, without the 1.96",
            ),
            Mistake(
                partial(_monte_carlo, size=lambda pilot, error: (2 * pilot.std(ddof=1) / error) ** 2),
                "that makes two standard errors as small as `error`; one is asked for",
            ),
            Mistake(
                partial(_monte_carlo, size=lambda pilot, error: (pilot.std() / error) ** 2),
                "n is a little too small: take the standard deviation of the pilot run with ddof=1",
            ),
            Mistake(
                partial(_monte_carlo, size=lambda pilot, error: 1 / error**2),
                "that would do for payoffs of standard deviation 1; n goes by the spread of these, and the pilot run shows it",
            ),
            Mistake(
                partial(_monte_carlo, size=lambda pilot, error: (pilot.mean() / error) ** 2),
                "n goes by the spread of the payoffs, and not by their mean",
            ),
            Mistake(
                partial(_monte_carlo, keys=lambda key: (key, key)),
                "both runs draw with `key`, so the second repeats the pilot run before it goes on; split the key, and use each part once",
            ),
            Mistake(
                partial(_monte_carlo, keys=lambda key: [jax.random.split(key)[0]] * 2),
                "both runs draw with one key, so the second repeats the pilot run before it goes on; use each key once",
            ),
            Mistake(
                partial(_monte_carlo, keys=lambda key: (key, jax.random.split(key)[1])),
                "`key` is used for the pilot run and then split; split it first, and draw with the two parts alone",
            ),
            Mistake(
                partial(_monte_carlo, keys=lambda key: jax.random.split(key)[::-1]),
                "the keys are swapped: the first part is for the pilot run, the second for the draws that count",
            ),
            Mistake(
                _pilot_alone,
                "mean and error are those of the 400 draws of the pilot run; they should be those of the n new draws",
            ),
            Mistake(
                partial(_monte_carlo, stderr=lambda values: values.std(ddof=1)),
                "the second number is the standard deviation of one draw; the mean's is smaller by a factor of √n",
            ),
            Mistake(
                partial(_monte_carlo, stderr=lambda values: values.std(ddof=1) / values.size),
                "divide the standard deviation by √n, not by n",
            ),
            Mistake(
                partial(_monte_carlo, stderr=lambda values: values.var(ddof=1) / values.size),
                "that is the variance of the mean; the standard error is its square root",
            ),
            Mistake(
                lambda key, sample, error: (lambda mean, _, n: (mean, error, n))(*_monte_carlo(key, sample, error)),
                "the second number is the error that was wished for; return the one that the n draws really have",
            ),
            Mistake(
                lambda key, sample, error: _monte_carlo(key, sample, error)[:2],
                "n is missing: return the tuple of the mean, its standard error and n",
            ),
            Mistake(
                lambda key, sample, error: _monte_carlo(key, sample, error)[::-1],
                "the right numbers in the wrong order: first the mean, then its standard error, then n",
            ),
            Mistake(
                partial(_monte_carlo, stderr=lambda values: values.std(ddof=1) / 400**0.5),
                "the standard error is of n draws now, and yours is divided by the root of the pilot run's 400",
            ),
            Mistake(
                partial(_monte_carlo, keys=lambda key: jax.random.split(key, 3)[1:]),
                "`key` is split in three; split it in two, one part for each run",
            ),
        ],
    ),
    Exercise(
        "05.4",
        solution=lambda key, dates, paths: _shocks(key, dates, paths),
        inputs=lambda key: (key, 5, 8),
        static=(1, 2),
        mistakes=[
            Mistake(
                lambda key, dates, paths: _shocks(key, dates, paths, first=0),
                "the dates are counted from 0 (which `split` does too); fold in 1 for the first date, `dates` for the last",
            ),
            Mistake(
                lambda key, dates, paths: _shocks(key, dates - 1, paths),
                "the last date is missing: jnp.arange(1, n) ends at n − 1",
            ),
            Mistake(
                lambda key, dates, paths: _shocks(key, dates, paths, join=lambda half: jnp.concatenate([half, -half])),
                "the opposites are put below, as further dates; they belong beside the others, along axis 1",
            ),
            Mistake(
                lambda key, dates, paths: _beside(jax.random.normal(key, (dates, paths // 2))),
                "all dates are drawn with `key` in one call; draw each date with a key of its own, made by fold_in",
            ),
            Mistake(_shocks_of_one_date, "all dates have the same shocks: fold the date into the key"),
            Mistake(
                lambda key, dates, paths: _shocks(key, dates, 2 * paths, join=lambda shocks: shocks),
                "no shock comes back with its sign reversed: draw paths // 2 of them, and append minus the same ones",
            ),
            Mistake(
                lambda key, dates, paths: _shocks(key, dates, paths, join=lambda half: jnp.tile(half, (1, 2))),
                "the second half repeats the first; its signs should be reversed",
            ),
            Mistake(
                lambda key, dates, paths: _shocks(key, dates, paths, join=_in_turn),
                "each shock is followed by its opposite; first come all the shocks, then all the opposites",
            ),
            Mistake(
                lambda key, dates, paths: _shocks(key, dates, paths, join=_mirrored),
                "the second half comes in reverse order; it is minus the first half in the same order",
            ),
            Mistake(
                lambda key, dates, paths: _shocks(key, dates, 2 * paths),
                "each row has twice as many shocks as paths: draw paths // 2 for each date, since each is used a second time",
            ),
            Mistake(
                lambda key, dates, paths: _shocks(key, dates, paths, join=lambda half: _beside(-half)),
                "the shocks with reversed signs come first; they belong in the second half",
            ),
            Mistake(
                lambda key, dates, paths: _shocks(key, dates, paths).T,
                "the axes are swapped: dates come first, (dates, paths)",
            ),
            Mistake(
                lambda key, dates, paths: _shocks(key, dates, paths, join=lambda half: jnp.stack([half, -half], axis=1)),
                "`stack` makes a new axis; jnp.concatenate joins the halves along the one that is there",
            ),
            Mistake(
                lambda key, dates, paths: jnp.concatenate(_shocks(key, dates, paths), -_shocks(key, dates, paths)),
                "jnp.concatenate takes a list of arrays: put the two halves into brackets",
            ),
            Mistake(
                _shocks_of_half_a_path,
                "paths / 2 is a float even where it is whole, and a shape needs integers: paths // 2",
            ),
            Mistake(
                _shocks_drawn_twice,
                "the second half is drawn anew; it is the first half over again, with its signs reversed",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "05.a",
        4,
        shown="variance 3.987 ± 0.018",
        within=1.05,
        slips=[
            (2, "variances add up when the two draws are independent; compare the key and the shape of `y_bug` with those of `x`"),
            (0, "that would be the variance of their difference; here the two are added"),
            (1, "that is the variance of one of the two; they are added"),
            (8, "too large: work out the variance of 2x, where x has variance 1"),
        ],
    ),
    Prediction(
        "05.b",
        2,
        shown="[ 0.5319 -0.723   0.9073]\n[ 0.5319 -0.723   0.9073 -0.9505 -1.9374]\n",
        slips=[
            (5, "the key is the same, and so is position 0; the generator scrambles these two and nothing else"),
            (3, "three is how many there were before; compare the positions of the two draws"),
            (0, "the first call draws positions 0, 1 and 2; the second goes on beyond them"),
        ],
    ),
    Prediction(
        "05.c",
        100,
        shown="standard deviation after 100 steps: 99.63",
        within=1.1,
        slips=[
            (10, "independent steps partly cancel, but a hundred equal ones can't"),
            (1, "that is the standard deviation of one step; a hundred of them are added up"),
            (0, "within a walk all steps are equal, but the walks have different keys"),
            (1000, "each step has standard deviation 1, and there are a hundred of them"),
            (10_000, "that is the variance; its root is asked for"),
        ],
    ),
    Prediction(
        "05.d",
        38,
        shown="sixteen keys 95%, one key 38%",
        within=1.1,
        slips=[
            (95, "the mean is that of a hundred different draws; its standard error is computed as if there were 1600"),
            (68, "the standard error is too small, and by more than a factor of two: 1600 draws are counted where a hundred are there"),
            (20, "two standard errors are asked for, each a quarter of what it should be"),
            (24, "the interval is a quarter as wide; the share within it isn't a quarter"),
            (6, "it isn't the share that is divided by sixteen; first find by how much the interval is too narrow"),
        ],
    ),
]
