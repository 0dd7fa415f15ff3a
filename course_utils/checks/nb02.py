"""Exercises of notebook 02: gradients."""

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, Prediction, draws_from, largest_array


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
    w, features, next_features, reward, target=jax.lax.stop_gradient, forecast=lambda x: x, mean=jnp.mean, discount=0.9
):
    return mean((forecast(features @ w) - target(reward + discount * (next_features @ w))) ** 2)


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
        jit=False,
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
            Mistake(
                lambda f, x0, x: f(x0) + jax.grad(f, x0)(x) * (x - x0),
                "grad's second argument says which argument of f; the point goes into parentheses of its own: jax.grad(f)(x0)",
            ),
            Mistake(
                lambda f, x0, x: f(x0) + jax.grad(f, x) * (x - x0),
                "grad's second argument says which argument of f; the point goes into parentheses of its own: jax.grad(f)(x0)",
            ),
            Mistake(
                lambda f, x0, x: f(x) + jax.grad(f)(x) * (x0 - x),
                "that is the tangent at x, read at x0; the line touches at x0 and is read at x",
            ),
        ],
    ),
    Exercise(
        "02.2",
        solution=lambda f, x: x - jnp.linalg.solve(jax.hessian(f)(x), jax.grad(f)(x)),
        inputs=_bowl,
        jit=False,
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
        jit=False,
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
            Mistake(
                lambda p: -jnp.sum(jnp.log(jnp.where(p > 0, p, 1.0))),
                "the logarithms are added up; each is weighted by its p",
            ),
            Mistake(
                lambda p: -jnp.mean(jnp.where(p > 0, p * jnp.log(jnp.where(p > 0, p, 1.0)), 0.0)),
                "that is the mean; the sum is asked for, since p holds the weights already",
            ),
        ],
    ),
    Exercise(
        "02.4",
        solution=_forecast_loss,
        inputs=_days,
        jit=False,
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
            Mistake(
                lambda *args: _forecast_loss(*args, discount=1.0),
                "the later forecast counts in full; in the target it is multiplied by 0.9",
            ),
            Mistake(
                lambda w, features, next_features, reward: jnp.mean((features @ w - reward) ** 2),
                "the target is the reward alone; 0.9 times the later forecast belongs to it",
            ),
            Mistake(
                lambda w, features, next_features, reward: _forecast_loss(w, features, next_features, 0.0 * reward),
                "the reward is missing from the target",
            ),
            Mistake(
                lambda *args: _forecast_loss(*args) / 2,
                "that is half of it; the mean of the squares is asked for, without a factor",
            ),
        ],
    ),
    Exercise(
        "02.5",
        solution=lambda f, x, v: jax.jvp(jax.grad(f), (x,), (v,))[1],
        inputs=_chain,
        jit=False,
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
            Mistake(
                lambda f, x, v: jax.jvp(jax.grad(f), x, v)[1],
                "jvp wants tuples, one entry for each argument of the function: (x,) and (v,)",
            ),
            Mistake(
                lambda f, x, v: jax.grad(f)(x) * v,
                "that is the gradient times v, element by element; second derivatives are needed: how grad(f) changes",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "02.a",
        answer=0.005,
        shown="smallest for steps between 0.001 and 0.01",
        slips=[
            (1e-7, "at this step the rounding is divided by 2e-7; how large does that make it?"),
            (1e-6, "at this step the rounding is divided by 2e-6; how large does that make it?"),
            (1e-4, "set h²/6 equal to 6e-8/h and solve for h"),
            (0.1, "that is close, but h²/6 is still 0.002 here, and the rounding far less"),
            (1.0, "h²/6 is large at this step; it falls fast as h shrinks"),
        ],
        within=10.0,
    ),
    Prediction(
        "02.b",
        answer=(6.0, 3.0),
        shown="6.0 3.0",
        slips=[
            ((6.0, 6.0), "the values agree; but what does the gradient know of `outside`?"),
            ((3.0, 3.0), "in the first function both factors are x"),
            ((6.0, 0.0), "`outside` is a constant; x still multiplies it"),
            ((9.0, 9.0), "those are the values, and their slopes are asked for"),
        ],
    ),
    Prediction(
        "02.c",
        answer=2,
        shown="[ nan  nan 0.25]",
        slips=[
            (0, "the guard throws the bad value away; the chain rule multiplies the bad slope by 0, and 0 · ∞ is?"),
            (1, "the slope of the root is bad at 0, and also where the root itself is no number"),
            (3, "at 4 nothing is wrong with the root or with its slope, and elements don't mix"),
        ],
    ),
    Prediction(
        "02.d",
        answer=20,
        shown="int32 [ 387420489 1162261467 -808182895",
        slips=[
            (21, "one of the 32 bits is the sign, which halves the range"),
            (19, "3 to this power is 1,162,261,467; does it fit?"),
            (31, "that would be right for powers of 2"),
            (32, "that is the number of bits; powers of 3 grow faster than those of 2"),
            (81, "that is where a float32 ends"),
        ],
    ),
]
