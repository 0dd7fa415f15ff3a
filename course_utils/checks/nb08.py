"""Checks of notebook 08: a descent as a scan, the draws that an error takes, derivatives of an optimum."""

import jax
import jax.numpy as jnp
import numpy as np

from course_utils.checks import Exercise, Mistake, Prediction, draws_from, must_use


def _descend(alpha, start, sign=-1.0, ridge=1.0, keep="after"):
    def step(x, _):
        new = x + sign * 0.1 * (2 * (x - alpha) + 2 * ridge * x)
        return new, new if keep == "after" else x

    return jax.lax.scan(step, start, length=50)


def _market(key):
    """Means (2,) and a covariance (2, 2) of correlated assets, both of which are held, and an error of θ."""
    rng = draws_from(key)
    means, deviations = rng.uniform(0.08, 0.12, size=2), rng.uniform(0.3, 0.45, size=2)
    correlation = rng.uniform(0.15, 0.3) * rng.choice([-1.0, 1.0])
    covariance = np.outer(deviations, deviations) * np.array([[1.0, correlation], [correlation, 1.0]])
    return jnp.asarray(means), jnp.asarray(covariance), jnp.asarray(rng.uniform(0.05, 0.15))


_draw = np.random.RandomState(1).rand(2, 2)
_NOTEBOOK = jnp.asarray(_draw * _draw.T)  # the covariance of the notebook's market


def _theta(means, covariance):
    w = jnp.linalg.solve(covariance, means)
    return w[1] / w[0]


def _variance(means, covariance, slope_at=None, errors=lambda covariance: covariance):
    """Of θ, from one draw and to first order."""
    slope = jax.grad(_theta)(means, covariance if slope_at is None else slope_at)
    return slope @ errors(covariance) @ slope


def _number(answer, *arguments):
    """A number of any kind as float32: whole or not, of Python, NumPy or JAX."""
    result = answer(*arguments)
    return jnp.float32(result) if jnp.shape(result) == () and result is not None and result is not ... else result


def _objective(x, a):
    """Concave in x (n = 3), and coupled with a (p = 2)."""
    mixing = jnp.array([[1.0, 0.4, -0.3], [0.2, 1.5, 0.5], [0.1, -0.6, 0.8]])
    loading = jnp.array([[1.0, -0.5], [0.3, 2.0], [-1.2, 0.7]])
    return -jnp.sum((mixing @ x) ** 2) - jnp.sum(x**4) / 4 + jnp.sin(x) @ loading @ a


def _hessian_and_cross(objective, x, a):
    return jax.hessian(objective)(x, a), jax.jacobian(jax.grad(objective), argnums=1)(x, a)


def _optimum_jacobian(objective, x, a):
    hessian, cross = _hessian_and_cross(objective, x, a)
    return -jnp.linalg.solve(hessian, cross)


def _quartic(x, alpha):
    return -((x - alpha) ** 2) - x**4


_slope = jax.grad(_quartic)
_curvature = jax.grad(_slope)


def _top_and_alpha(key):
    alpha = jnp.asarray(draws_from(key).uniform(0.5, 2.0))
    newton = lambda _, x: x - _slope(x, alpha) / _curvature(x, alpha)
    return jax.lax.fori_loop(0, 30, newton, jnp.float32(0.5)), alpha


exercises = [
    Exercise(
        "08.1",
        solution=lambda alpha, start: _descend(alpha, start)[1],
        inputs=lambda key: tuple(map(jnp.asarray, draws_from(key).normal(size=2))),
        inspect=must_use("scan", "while", hint="the values are right; now write the fifty steps as one jax.lax.scan"),
        mistakes=[
            Mistake(
                lambda alpha, start: _descend(alpha, start, sign=1.0)[1],
                "it climbs: to go down, subtract the slope",
            ),
            Mistake(
                lambda alpha, start: _descend(alpha, start)[0],
                "that is the last iterate; return what the scan stacks, its second result",
            ),
            Mistake(
                lambda alpha, start: _descend(alpha, start, keep="before")[1],
                "each entry is the point before its step; return the new x as the output, as well as the carry",
            ),
            Mistake(
                lambda alpha, start: _descend(alpha, start, ridge=0.0)[1],
                "it ends at alpha, the minimum of the first term; the slope of x squared is missing",
            ),
            Mistake(
                lambda alpha, start: _descend(alpha, start, sign=-0.5)[1],
                "each step is half as long as it should be: the slope of a square is twice what was squared",
            ),
            Mistake(
                lambda alpha, start: jnp.concatenate([start[None], _descend(alpha, start)[1]]),
                "the start is among them; the first entry should be the point after the first step",
            ),
            Mistake(_descend, "return the iterates alone, not the pair that scan returns"),
            Mistake(
                lambda alpha, start: _descend(alpha, start, sign=1.0),
                "it climbs, and returns the pair of scan: subtract the slope, and return the iterates alone",
            ),
            Mistake(
                lambda alpha, start: _descend(alpha, start, sign=-10.0)[1],
                "it runs away: a step is the rate times the slope",
            ),
            Mistake(
                lambda alpha, start: jax.lax.scan(lambda x, _: x, start, length=50),
                "the step of a scan returns a pair: the new x to carry on, and the new x to stack",
            ),
            Mistake(
                lambda alpha, start: start - 0.1 * jnp.arange(1, 51) * (2 * (start - alpha) + 2 * start),
                "the slope is taken anew at each step, at the point where you are; yours is that at the start",
            ),
            Mistake(
                lambda alpha, start: jax.lax.scan(lambda x, _: (start - 0.1 * (4 * start - 2 * alpha),) * 2, start, length=50)[1],
                "the slope and the step start from where you are, the carry; yours start from `start` each time",
            ),
            Mistake(
                lambda alpha, start: 4 * jnp.append(start, _descend(alpha, start)[1][:-1]) - 2 * alpha,
                "those are the slopes; stack the new x, the point after the step",
            ),
            Mistake(
                lambda alpha, start: (lambda x: (x - alpha) ** 2 + x**2)(_descend(alpha, start)[1]),
                "those are the values of the function; stack the points x themselves",
            ),
        ],
    ),
    Exercise(
        "08.2",
        solution=lambda means, covariance, error: _variance(means, covariance) / error**2,
        inputs=_market,
        call=_number,
        jit=False,  # a number may be rounded up by math.ceil
        tolerance=5e-3,
        mistakes=[
            Mistake(
                lambda means, covariance, error: _variance(means, covariance) / error,
                "half the error takes four times the draws, and with yours only twice: the error is squared",
            ),
            Mistake(
                lambda means, covariance, error: jnp.sqrt(_variance(means, covariance)) / error,
                "that is the root of the number of draws: the standard deviation falls with √n",
            ),
            Mistake(
                lambda means, covariance, error: jnp.sqrt(_variance(means, covariance) / 1000),
                "that is the standard deviation from 1000 draws; which n makes it equal to `error`?",
            ),
            Mistake(
                lambda means, covariance, error: _variance(means, covariance),
                "that is the variance of θ from a single draw; `error` plays no part yet",
            ),
            Mistake(
                lambda means, covariance, error: _variance(means, covariance, errors=lambda c: jnp.eye(2)) / error**2,
                "the size of the means' own errors is missing: they have the covariance Σ/n",
            ),
            Mistake(
                lambda means, covariance, error: _variance(means, covariance, errors=lambda c: jnp.diag(jnp.diag(c))) / error**2,
                "the two means are estimated from the same draws, so their errors are correlated: use the whole covariance",
            ),
            Mistake(
                lambda means, covariance, error: _variance(means, covariance, errors=lambda c: jnp.diag(jnp.array([1.0, 0.0])) * c) / error**2,
                "only the first mean's error is counted; the second is estimated too",
            ),
            Mistake(
                lambda means, covariance, error: _variance(means, covariance, slope_at=_NOTEBOOK) / error**2,
                "the derivative is taken with this notebook's covariance (`sharpe_given_means` holds it); take it with the one given",
            ),
            Mistake(
                lambda means, covariance, error: _variance(jnp.array([0.1, 0.09]), _NOTEBOOK) / error**2,
                "that is the number for this notebook's market; use the means and the covariance given",
            ),
            Mistake(
                lambda means, covariance, error: 1000 * (0.29 / error) ** 2,
                "that is the number for this notebook's market; use the means and the covariance given",
            ),
            Mistake(
                lambda means, covariance, error: error**2 / _variance(means, covariance),
                "it is upside down: a smaller error takes more draws",
            ),
            Mistake(
                lambda means, covariance, error: _variance(means, covariance, errors=jnp.linalg.inv) / error**2,
                "the errors of the means have the covariance Σ/n, and not its inverse",
            ),
        ],
    ),
    Exercise(
        "08.3",
        solution=_optimum_jacobian,
        inputs=lambda key: (
            _objective,
            jax.random.uniform(key, (3,), minval=-1.0, maxval=1.0),
            jax.random.normal(jax.random.fold_in(key, 1), (2,)) / 4,
        ),
        static=(0,),
        tolerance=1e-3,
        draws=2,
        mistakes=[
            Mistake(
                lambda objective, x, a: -_optimum_jacobian(objective, x, a),
                "the sign is reversed: bring the cross derivative to the other side of the equation",
            ),
            Mistake(
                lambda objective, x, a: -_hessian_and_cross(objective, x, a)[1]
                / jnp.diag(_hessian_and_cross(objective, x, a)[0])[:, None],
                "each row is divided by one entry of the Hessian; those off its diagonal count too: solve with all of it",
            ),
            Mistake(
                lambda objective, x, a: -jnp.matmul(*_hessian_and_cross(objective, x, a)),
                "that multiplies by the Hessian; solve with it",
            ),
            Mistake(
                lambda objective, x, a: -_hessian_and_cross(objective, x, a)[1] / _hessian_and_cross(objective, x, a)[0],
                "the Hessian is a matrix, and / divides entry by entry; use jnp.linalg.solve(hessian, cross)",
            ),
            Mistake(
                lambda objective, x, a: _optimum_jacobian(objective, x, a).T,
                "the axes are swapped: a row per entry of x, a column per parameter, (n, p)",
            ),
            Mistake(
                lambda objective, x, a: jax.grad(jax.grad(objective))(x, a),
                "the slope is a vector now, so `grad` can't differentiate it: jax.hessian and jax.jacobian can",
            ),
            Mistake(
                lambda objective, x, a: -jnp.eye(x.size),
                "the cross derivative is that of the slope with respect to a: jacobian(slope, argnums=1)",
            ),
            Mistake(
                lambda objective, x, a: -_hessian_and_cross(objective, x, a)[1],
                "the cross derivative is right; it has yet to be divided by the curvature",
            ),
            Mistake(
                lambda objective, x, a: -jnp.linalg.solve(*_hessian_and_cross(objective, x, a)[::-1]),
                "the shapes don't fit: it is solve(hessian, cross), and cross is (n, p), the Jacobian with respect to a of the slope in x",
            ),
            Mistake(
                lambda objective, x, a: -jnp.linalg.inv(jax.hessian(objective)(x, a)) * jax.jacobian(jax.grad(objective), argnums=1)(x, a),
                "`*` multiplies entry by entry; a matrix product is @, and better than an inverse is solve(hessian, cross)",
            ),
            Mistake(
                lambda objective, x, a: -jnp.diag(jnp.linalg.inv(jax.hessian(objective)(x, a)))[:, None] * _hessian_and_cross(objective, x, a)[1],
                "each row is multiplied by one entry of the inverse; those off its diagonal count too: solve with all of the Hessian",
            ),
        ],
    ),
    Exercise(
        "08.4",
        solution=lambda x, alpha: x - _slope(x, alpha) / jax.lax.stop_gradient(_curvature(x, alpha)),
        inputs=_top_and_alpha,
        gradient=1,
        tolerance=1e-3,
        mistakes=[
            Mistake(
                lambda x, alpha: x,
                "the value is right, but doesn't depend on alpha, so its derivative is zero: take one Newton step from it",
            ),
            Mistake(
                lambda x, alpha: x + _slope(x, alpha) / _curvature(x, alpha),
                "the derivative has the wrong sign: Newton's step is minus slope over curvature",
            ),
            Mistake(
                lambda x, alpha: x + _slope(x, alpha),
                "that is a step of gradient ascent; divide the slope by the curvature, which Newton's method does",
            ),
            Mistake(
                lambda x, alpha: x - _slope(x, alpha),
                "the slope is subtracted as it is; Newton's step divides it by the curvature",
            ),
            Mistake(
                lambda x, alpha: x - _slope(x, alpha) * jax.lax.stop_gradient(_curvature(x, alpha)),
                "the slope is multiplied by the curvature; Newton's step divides by it",
            ),
            Mistake(
                lambda x, alpha: -jax.grad(_slope, argnums=1)(x, alpha) / _curvature(x, alpha),
                "that is the derivative of the optimum; return x itself, so written that this is its derivative",
            ),
            Mistake(
                lambda x, alpha: (x, -jax.grad(_slope, argnums=1)(x, alpha) / _curvature(x, alpha)),
                "return one number, x; its derivative should come out when `grad` is applied to your function",
            ),
            Mistake(lambda x, alpha: alpha + 0 * x, "that is the top of -(x - alpha)² alone; -x⁴ belongs to the objective too"),
            Mistake(
                lambda x, alpha: x - _slope(x, alpha) / jax.grad(_slope, argnums=1)(x, alpha),
                "the slope is divided by the cross derivative; the curvature is the slope's derivative in x",
            ),
            Mistake(
                lambda x, alpha: x - jax.grad(_slope, argnums=1)(x, alpha) / _curvature(x, alpha),
                "that adds the derivative to x; the value should be x itself: take a Newton step, with the slope, which is zero there",
            ),
            Mistake(
                lambda x, alpha: x - jax.grad(_slope, argnums=1)(x, alpha) / _curvature(x, alpha) * alpha,
                "the value has changed: add the derivative times something that is zero and whose own derivative is one",
            ),
            Mistake(
                lambda x, alpha: x + alpha - jax.lax.stop_gradient(alpha),
                "the value is right, and its derivative is 1; that of the optimum is less, since -x⁴ holds it back",
            ),
            Mistake(
                lambda x, alpha: x - 0.1 * _slope(x, alpha),
                "the slope is multiplied by a rate; Newton's step divides it by the curvature",
            ),
            Mistake(
                lambda x, alpha: x + 0.1 * _slope(x, alpha),
                "the slope is multiplied by a rate; Newton's step divides it by the curvature",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "08.a",
        answer=0.2,
        shown="after  1 steps   x = 0.20000",
        slips=[
            (2, "that is the slope; a step is the rate times the slope"),
            (0.1, "the rate is multiplied by the slope, and at x = 0 that isn't 1"),
            (-0.2, "the slope points uphill, and this is a climb"),
            (1, "one step doesn't reach the top at this rate"),
        ],
    ),
    Prediction(
        "08.b",
        answer=1 - 0.8**10,
        shown="10 steps   derivative 0.89263",
        slips=[
            (1, "that is the derivative of the optimum; ten steps have not arrived there"),
            (0.8**10, "that is the share of the way that is left, not the one that is done"),
            (0.107, "that is the share of the way that is left, not the one that is done"),
            (0, "each of the ten steps depends on alpha"),
            (2, "each step multiplies what is missing by 0.8: steps don't add up"),
        ],
        within=1.01,
    ),
    Prediction(
        "08.c",
        answer="1%",
        shown="of that portfolio in truth        0.3782\n  of the best portfolio in truth    0.3821",
        slips=[
            ("10%", "think of the slope of the Sharpe ratio at its top, and what it means for a point near it"),
            ("30%", "the Sharpe ratio isn't proportional to θ; think of its slope at its top"),
        ],
    ),
    Prediction(
        "08.d",
        answer=("down", "up"),
        shown="dθ/dμ implicitly       [-17.1512  19.0569]",
        slips=[
            (("up", "down"), "look again at how θ is defined, and of which asset a larger one holds more"),
            (("up", "up"), "what makes the first asset more attractive can't also make one hold more of the second for it"),
            (("down", "down"), "what makes the second asset more attractive can't also make one hold less of it"),
        ],
    ),
]
