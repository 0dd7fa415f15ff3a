"""Exercises of notebook 02: gradients."""

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, draws_from, largest_array


# Functions of the module, not made anew for each draw: jax compiles for a function once.
CURVES = (lambda x: x**3 - 2 * x, lambda x: jnp.exp(x / 2) + jnp.sin(3 * x))
TILTED = jnp.array([[2.0, 1.0, 0.5], [0.0, 1.5, -1.0], [1.0, 0.0, 1.0]])
BOWLS = (
    lambda x: jnp.sum((TILTED @ x - 1) ** 2) + jnp.sum(x**4),
    lambda x: jnp.sum((TILTED @ x) ** 2) + jnp.exp(jnp.sum(x) / 3),
)
CHAINS = (lambda x: jnp.sum(jnp.sin(x) * jnp.roll(x, 1) ** 2), lambda x: jnp.sum((x - jnp.roll(x, 1)) ** 4))


def _curve(key):
    x0, x = draws_from(key).normal(size=2).tolist()
    return CURVES[x0 > x], x0, x


def _bowl(key):
    x = draws_from(key).normal(size=3)
    return BOWLS[int(x[0] > 0)], jnp.asarray(x)


def _probabilities(key):
    p = draws_from(key).uniform(0.2, 1.0, size=6)
    p[[1, 4]] = 0.0
    return (jnp.asarray(p / p.sum()),)


def _entropy(p):
    harmless = jnp.where(p > 0, p, 1.0)
    return -jnp.sum(jnp.where(p > 0, p * jnp.log(harmless), 0.0))


def _days(key):
    rng = draws_from(key)
    return tuple(jnp.asarray(rng.normal(size=shape)) for shape in (3, (8, 3), (8, 3), 8))


def _forecast_loss(
    w, features, next_features, reward, target=jax.lax.stop_gradient, forecast=lambda x: x, mean=jnp.mean
):
    return mean((forecast(features @ w) - target(reward + 0.9 * (next_features @ w))) ** 2)


def _chain(key):
    x, v = draws_from(key).normal(size=(2, 40))
    return CHAINS[int(v[0] > 0)], jnp.asarray(x), jnp.asarray(v)


A_MATRIX = "the value is right, but an n × n matrix is made on the way; H v is how grad(f) changes along v: jax.jvp"


def _makes_a_matrix(function, arguments):
    if largest_array(function, arguments) >= 40 * 40:
        return A_MATRIX


exercises = [
    Exercise(
        "02.1",
        solution=lambda f, x0, x: f(x0) + jax.grad(f)(x0) * (x - x0),
        inputs=_curve,
        static=(0,),
        mistakes=[
            Mistake(
                lambda f, x0, x: jax.grad(f)(x0) * (x - x0), "the line goes through 0 at x0; it should go through f(x0)"
            ),
            Mistake(
                lambda f, x0, x: f(x0) + jax.grad(f)(x0) * x,
                "the slope multiplies x; it should multiply the distance x - x0",
            ),
            Mistake(
                lambda f, x0, x: f(x0) + jax.grad(f)(x) * (x - x0), "the slope is taken at x; the line touches at x0"
            ),
            Mistake(
                lambda f, x0, x: f(x0) + jax.grad(f) * (x - x0),
                "jax.grad(f) is a function; its value at x0 is jax.grad(f)(x0)",
            ),
            Mistake(
                lambda f, x0, x: f(x0) + jax.grad(f)(x0) * (x0 - x),
                "the line leans the wrong way: the distance is x - x0",
            ),
            Mistake(lambda f, x0, x: f(x), "that is the curve itself, not its tangent"),
            Mistake(lambda f, x0, x: jax.grad(f)(x0), "that is the slope; the height of the line at x is asked for"),
            Mistake(
                lambda f, x0, x: f(x0) + jax.grad(f(x0)) * (x - x0),
                "grad takes a function: jax.grad(f)(x0), not jax.grad(f(x0))",
            ),
        ],
    ),
    Exercise(
        "02.2",
        solution=lambda f, x: x - jnp.linalg.solve(jax.hessian(f)(x), jax.grad(f)(x)),
        inputs=_bowl,
        static=(0,),
        tolerance=1e-3,
        mistakes=[
            Mistake(
                lambda f, x: x + jnp.linalg.solve(jax.hessian(f)(x), jax.grad(f)(x)),
                "the step goes uphill; it is subtracted from x",
            ),
            Mistake(
                lambda f, x: jnp.linalg.solve(jax.hessian(f)(x), jax.grad(f)(x)),
                "that is the step; the new point is x minus the step",
            ),
            Mistake(
                lambda f, x: x - jax.grad(f)(x),
                "that is a gradient step; Newton's multiplies the gradient by the inverse Hessian",
            ),
            Mistake(
                lambda f, x: x - jax.hessian(f)(x) @ jax.grad(f)(x),
                "that multiplies by the Hessian; its inverse is wanted: solve",
            ),
            Mistake(
                lambda f, x: x - jnp.linalg.solve(jax.grad(f)(x), jax.hessian(f)(x)),
                "the matrix comes first: solve(H, g)",
            ),
            Mistake(
                lambda f, x: x - jnp.linalg.inv(jax.hessian(f)(x)) * jax.grad(f)(x),
                "`*` works entry by entry and leaves a matrix; H⁻¹g is a matrix times a vector: solve, or @",
            ),
            Mistake(
                lambda f, x: x - jax.grad(f)(x) / jnp.diag(jax.hessian(f)(x)),
                "only the diagonal of the Hessian is used; its other elements matter too: solve",
            ),
            Mistake(
                lambda f, x: x - jax.grad(f)(x) / jax.grad(jax.grad(f))(x),
                "grad of grad fails: the gradient is a vector; use jax.hessian",
            ),
        ],
    ),
    Exercise(
        "02.3",
        solution=_entropy,
        inputs=_probabilities,
        gradient=0,
        mistakes=[
            Mistake(lambda p: -jnp.sum(p * jnp.log(p)), "the value is NaN, since 0 · log 0 is; it needs a guard"),
            Mistake(
                lambda p: -jnp.sum(jnp.where(p > 0, p * jnp.log(p), 0.0)),
                "the value is right, but the gradient is NaN: log still sees the 0; a second `where` must replace it first",
            ),
            Mistake(
                lambda p: -jnp.sum(p * jnp.log(p + 1e-8)),
                "the value is right, but where p is 0 the gradient is the log of the small number added; let it be 0 there",
            ),
            Mistake(
                lambda p: -jnp.sum(p * jnp.log(jnp.maximum(p, 1e-10))),
                "the value is right, but where p is 0 the gradient is the log of the small number put there; let it be 0",
            ),
            Mistake(
                lambda p: jnp.sum(jnp.where(p > 0, p * jnp.log(jnp.where(p > 0, p, 1.0)), 0.0)),
                "there is a minus before the sum",
            ),
        ],
    ),
    Exercise(
        "02.4",
        solution=_forecast_loss,
        inputs=_days,
        gradient=0,
        mistakes=[
            Mistake(
                lambda *args: _forecast_loss(*args, target=lambda x: x),
                "the value is right, but the gradient goes through the target as well; wrap it in jax.lax.stop_gradient",
            ),
            Mistake(
                lambda *args: _forecast_loss(*args, target=lambda x: x, forecast=jax.lax.stop_gradient),
                "the wrong side is stopped: the target stands still, and today's forecast moves",
            ),
            Mistake(
                lambda *args: _forecast_loss(*args, forecast=jax.lax.stop_gradient),
                "both sides are stopped, so the gradient is zero; today's forecast should move",
            ),
            Mistake(
                lambda *args: _forecast_loss(*args, mean=jnp.sum),
                "that is the sum over the days; the mean is asked for",
            ),
        ],
    ),
    Exercise(
        "02.5",
        solution=lambda f, x, v: jax.jvp(jax.grad(f), (x,), (v,))[1],
        inputs=_chain,
        static=(0,),
        tolerance=1e-3,
        inspect=_makes_a_matrix,
        mistakes=[
            Mistake(
                lambda f, x, v: jax.hessian(f)(x) @ v,
                A_MATRIX,
            ),
            Mistake(
                lambda f, x, v: jax.jvp(jax.grad(f), (x,), (v,)),
                "jvp returns two things: the gradient at x, and its change along v",
            ),
            Mistake(
                lambda f, x, v: jax.jvp(jax.grad(f), (x,), (v,))[0],
                "that is the gradient; its change along v is jvp's second result",
            ),
            Mistake(
                lambda f, x, v: jax.jvp(f, (x,), (v,))[1],
                "that is the slope of f along v, one number; it is grad(f) whose change is wanted",
            ),
        ],
    ),
]
