"""Checks of notebook 08: a descent as a scan, the best portfolio, derivatives of an optimum."""

import jax
import jax.numpy as jnp
import numpy as np

from course_utils.checks import Exercise, Mistake, Prediction, draws_from, must_use


def _descend(alpha, start, sign=-1.0, ridge=1.0, keep="after"):
    def step(x, _):
        new = x + sign * 0.1 * (2 * (x - alpha) + 2 * ridge * x)
        return new, new if keep == "after" else x

    return jax.lax.scan(step, start, length=50)


def _market(key, assets=4):
    """Means (assets,) and a covariance (assets, assets) that is far from singular; the first mean is below zero."""
    rng = draws_from(key)
    factors = 0.1 * rng.normal(size=(assets, assets))
    means = rng.uniform(0.05, 0.15, size=assets) * np.where(np.arange(assets) == 0, -0.4, 1.0)
    return jnp.asarray(means), jnp.asarray(factors @ factors.T + 0.05 * np.eye(assets))


def _tangency(means, covariance):
    w = jnp.linalg.solve(covariance, means)
    return w / w.sum()


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
        ],
    ),
    Exercise(
        "08.2",
        solution=_tangency,
        inputs=_market,
        tolerance=1e-3,
        mistakes=[
            Mistake(
                lambda means, covariance: jnp.linalg.solve(covariance, means),
                "right proportions, but the weights don't sum to one: divide by their sum",
            ),
            Mistake(jnp.linalg.solve, "the matrix comes first: solve(covariance, means)"),
            Mistake(
                lambda means, covariance: jnp.abs(_tangency(means, covariance)) / jnp.abs(_tangency(means, covariance)).sum(),
                "the weights have lost their signs; one that is negative stays negative, a short position",
            ),
            Mistake(
                lambda means, covariance: covariance @ means / (covariance @ means).sum(),
                "that multiplies by the covariance; its inverse is wanted: solve(covariance, means)",
            ),
            Mistake(
                lambda means, covariance: means / jnp.diag(covariance) / (means / jnp.diag(covariance)).sum(),
                "each asset is divided by its own variance, as if none were correlated; solve with the whole matrix",
            ),
            Mistake(
                lambda means, covariance: jnp.linalg.solve(covariance, means)
                / jnp.linalg.norm(jnp.linalg.solve(covariance, means)),
                "the weights are divided by their norm, and so have length one; divide by their sum",
            ),
            Mistake(
                lambda means, covariance: jnp.linalg.inv(covariance).sum(axis=1) / jnp.linalg.inv(covariance).sum(),
                "that is the portfolio with the least variance; the means have a say too",
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
