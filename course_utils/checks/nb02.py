"""Exercises of notebook 02: gradients."""

import inspect

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, Prediction, difference, draws_from, largest_array, takes_derivatives


# Functions of the module, not made anew for each draw: jax compiles for a function once.
CURVES = (lambda x: x**3 - 2 * x, lambda x: jnp.exp(x / 2) + jnp.sin(3 * x))
TILTED = jnp.array([[2.0, 1.0, 0.5], [0.0, 1.5, -1.0], [1.0, 0.0, 1.0]])
BOWLS = (
    lambda x: jnp.sum((TILTED @ x - 1) ** 2) + jnp.sum(x**4),
    lambda x: jnp.sum((TILTED @ x) ** 2) + jnp.exp(jnp.sum(x) / 3),
)
CHAINS = (lambda x: jnp.sum(jnp.sin(x) * jnp.roll(x, 1) ** 2), lambda x: jnp.sum((x - jnp.roll(x, 1)) ** 4))


STEPS = (0.01, 1e-3, 1e-4, 1e-5, 1e-6)  # of those who take a finite difference where a derivative is taught


A_SMALL_STEP = "that takes a small step, which loses digits and has to be chosen; jax.grad(f)(x0) is the slope itself"


def _by_a_step(step, behind):
    return lambda f, x0, x: f(x0) + (f(x0 + step) - f(x0 - behind * step)) / ((1 + behind) * step) * (x - x0)


def _curve(key):
    x0, x = draws_from(key).normal(size=2).tolist()
    return CURVES[x0 > x], x0, x


def _bowl(key):
    x = draws_from(key).normal(size=3)
    return BOWLS[int(x[0] > 0)], jnp.asarray(x)


def _newton_step(f, x):
    """The gradient of the sum adds up each column of the Hessian; that is its diagonal only where the rest is zero."""
    return x - jnp.linalg.solve(jax.hessian(f)(x), jax.grad(f)(x))


SAY_WHY = "right; now write, in one sentence as the function's docstring, why the program was wrong"


def _says_why(function, arguments):
    """``function`` is the check's ``partial`` of the answer."""
    return None if (inspect.unwrap(function.args[0]).__doc__ or "").strip(". \n") else SAY_WHY


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


BY_A_SMALL_STEP = "the change of the gradient is taken over a small step, which loses digits; jax.jvp gives the rate itself"


def _is_a_small_step(function, arguments):
    """H v doubles with v; a difference over the step 0.001 v doesn't, if v is multiplied by a thousand and more."""
    f, x, v = arguments
    return BY_A_SMALL_STEP if difference(function(f, x, 4096 * v), 4096 * function(f, x, v), 1e-3) else None


exercises = [
    Exercise(
        "02.1",
        solution=lambda f, x0, x: f(x0) + jax.grad(f)(x0) * (x - x0),
        inputs=_curve,
        jit=False,
        inspect=takes_derivatives(A_SMALL_STEP),
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
                "the line leans the wrong way: the slope times the distance x - x0 is added to the height",
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
            Mistake(lambda f, x0, x: f(x) + jax.grad(f)(x0) * (x - x0), "the line starts from the height f(x0), not f(x)"),
            Mistake(lambda f, x0, x: x0 + jax.grad(f)(x0) * (x - x0), "x0 is a point on the x-axis; the height there is f(x0)"),
            Mistake(lambda f, x0, x: f + jax.grad(f)(x0) * (x - x0), "f is a function; its height at x0 is f(x0)"),
            Mistake(lambda f, x0, x: f(x0) + jax.grad(f)(x - x0), "the slope is taken at x0, and then multiplied by the distance x - x0"),
            Mistake(lambda f, x0, x: f(x0) + jax.grad(f)(x0, x), "f has one argument, and so has jax.grad(f): the point x0"),
            Mistake(lambda f, x0, x: jax.value_and_grad(f)(x0), "those are the value and the slope at x0; the height of the line at x is asked for"),
            Mistake(
                lambda f, x0, x: jax.grad(f)(x0) + f(x0) * (x - x0),
                "value and slope have changed places; value_and_grad gives the value first",
            ),
            *(Mistake(_by_a_step(step, behind), A_SMALL_STEP) for step in STEPS for behind in (0, 1)),
        ],
    ),
    Exercise(
        "02.2",
        solution=_newton_step,
        inputs=_bowl,
        jit=False,
        tolerance=1e-3,
        inspect=_says_why,
        mistakes=[
            Mistake(
                lambda f, x: x - jax.grad(f)(x) / jax.grad(lambda x: jax.grad(f)(x).sum())(x),
                "that is the program as it was; does element i of grad(f) depend on x[i] alone?",
            ),
            Mistake(lambda f, x: x - jnp.linalg.solve(jax.hessian(f)(x), jax.grad(f)(x)), SAY_WHY),
            Mistake(
                lambda f, x: x - jax.grad(f)(x) / jax.hessian(f)(x),
                "`/` works entry by entry and leaves a matrix; H⁻¹g solves an equation: jnp.linalg.solve(H, g)",
            ),
            Mistake(
                lambda f, x: x - jnp.linalg.solve(jax.hessian(f), jax.grad(f)),
                "jax.hessian(f) and jax.grad(f) are functions; call each at x",
            ),
            Mistake(
                lambda f, x: x - jnp.linalg.solve(jax.jacobian(f)(x), jax.grad(f)(x)),
                "solve(H, g) takes the matrix first; and that is the Hessian, which is the Jacobian of the gradient, not of f",
            ),
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
                "solve(H, g) takes the matrix first; and that is the Hessian, which is the Jacobian of the gradient, not of f",
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
            *(
                Mistake(
                    lambda p, small=small: -jnp.sum(p * jnp.log(jnp.maximum(p, small))),  # p + small does the same
                    "the value is right, but where p is 0 the gradient is the log of the small number put there; let it be 0",
                )
                for small in (1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16, 1e-20, 1e-30)
            ),
            Mistake(
                lambda p: -jnp.sum(jax.lax.stop_gradient(p) * jnp.log(jnp.where(p > 0, p, 1.0))),
                "the value is right, but in its gradient the factor p in front of the logarithm counts too",
            ),
            Mistake(
                lambda p: -jnp.sum(jnp.where(p > 0, p * jnp.log2(jnp.where(p > 0, p, 1.0)), 0.0)),
                "that is the logarithm to base 2; the natural one is asked for",
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
            Mistake(
                lambda w, features, next_features, reward: _forecast_loss(w, features, -next_features, reward),
                "the later forecast counts with the wrong sign: the whole target is subtracted, so it needs parentheses",
            ),
            Mistake(
                lambda w, features, next_features, reward: _forecast_loss(w, features, next_features, 0.9 * reward),
                "the factor 0.9 belongs to the later forecast alone, not to the reward",
            ),
            Mistake(lambda *args: _forecast_loss(*args, mean=lambda x: x), "that is one square for each day; their mean is asked for"),
            Mistake(
                lambda w, features, next_features, reward: jnp.mean(features @ w - reward - 0.9 * next_features @ w) ** 2,
                "first square each day's difference, then take the mean",
            ),
            Mistake(
                lambda *args: _forecast_loss(*args, mean=lambda x: jnp.mean(jnp.sqrt(x))),
                "those are absolute differences; their squares are asked for",
            ),
            Mistake(lambda *args: jax.grad(_forecast_loss)(*args), "that is the gradient; the loss is asked for, and the check differentiates it"),
        ],
    ),
    Exercise(
        "02.5",
        solution=lambda f, x, v: jax.jvp(jax.grad(f), (x,), (v,))[1],
        inputs=_chain,
        jit=False,
        tolerance=1e-3,
        inspect=lambda *given: _makes_a_matrix(*given) or _is_a_small_step(*given),
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
            Mistake(
                lambda f, x, v: jax.grad(lambda x: jax.grad(f)(x).sum())(x) * v,
                "the gradient of the sum adds up the Hessian's columns; each has to be weighted by v before it is added",
            ),
            Mistake(
                lambda f, x, v: jax.grad(lambda x: jax.grad(f)(x) * v)(x),
                "grad refuses a function that returns a vector, as the gradient does; jvp says how it changes along v",
            ),
            Mistake(
                lambda f, x, v: jax.grad(jax.grad(f))(x) @ v,
                "grad refuses a function that returns a vector, as the gradient does; jvp says how it changes along v",
            ),
            Mistake(
                lambda f, x, v: jax.jvp(jax.grad(f)(x), (x,), (v,))[1],
                "jvp takes a function, jax.grad(f), and not its value at x",
            ),
            Mistake(
                lambda f, x, v: jax.vjp(f, x)[1](v),
                "f returns one number, so its vjp takes one; it is grad(f) that takes v",
            ),
            Mistake(
                lambda f, x, v: jax.vjp(jax.grad(f), x)[1](v),
                "vjp returns a tuple, one entry for each argument of the function; take the first",
            ),
            Mistake(
                lambda f, x, v: jax.jvp(jax.grad(f), (x,), (v,))[1] @ v,
                "that is v · H v, the curvature along v; the vector H v is asked for",
            ),
            Mistake(
                lambda f, x, v: jax.jvp(jax.hessian(f), (x,), (v,))[1],
                "that is how the Hessian changes along v, a third derivative; take grad(f) instead of the Hessian",
            ),
            Mistake(
                lambda f, x, v: jax.grad(f)(x + v) - jax.grad(f)(x),
                "that is the gradient's change over the whole step v; its rate of change at x is asked for: jax.jvp",
            ),
            *(
                Mistake(
                    lambda f, x, v, step=step, behind=behind: (jax.grad(f)(x + step * v) - jax.grad(f)(x - behind * step * v)) / ((1 + behind) * step),
                    BY_A_SMALL_STEP,
                )
                for step in (0.01, 1e-3, 1e-4)
                for behind in (0, 1)
            ),
        ],
    ),
]


def steps(low, high):
    """All steps of one digit, from 1e``low`` to 9e``high``, that are off by more than a factor of ten from 0.005."""
    numbers = [float(f"{digit}e{power}") for power in range(low, high + 1) for digit in range(1, 10)]
    return [number for number in numbers if not 0.0005 <= number <= 0.05]


predictions = [
    Prediction(
        "02.a",
        answer=0.005,
        shown="smallest for steps between 0.001 and 0.01",
        slips=[
            *((step, "a smaller step is not always a better one: 6e-8 divided by this step is how much?") for step in steps(-9, -5)),
            *((step, "that is close, but the rounding error, 6e-8 / h, is still the larger of the two; where are they equal?") for step in steps(-4, -4)),
            *((step, "that is close, but h²/6 is far larger here than 6e-8 / h; where are the two equal?") for step in steps(-2, -2)),
            *((step, "the error h²/6 is large at this step, and it falls fast as h shrinks") for step in [*steps(-1, -1), 1.0]),
            (0.0, "a step of zero gives 0/0"),
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
