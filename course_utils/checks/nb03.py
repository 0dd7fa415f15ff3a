"""Exercises of notebook 03: jit and vmap."""

import jax
import jax.numpy as jnp
import numpy as np

from course_utils.checks import Exercise, Mistake, Prediction, draws_from, no_python_loop, takes_derivatives
from course_utils.checks.nb02 import STEPS  # a student who takes a small step takes one of these

CURVES = (lambda x: x**3 - 2 * x, lambda x: jnp.exp(x / 2) + jnp.sin(3 * x))


def _points(key):
    xs = jax.random.normal(key, (80,))
    return CURVES[int(xs[0] > 0)], xs


def _four_numbers(key):
    a, b, c, d = jax.random.uniform(key, (4,), minval=0.2, maxval=5.0)
    return a, -b, -c, d


def _signed_root_with_if(x):
    return jnp.sqrt(x) if x >= 0 else -jnp.sqrt(-x)


def _distance(p, q):
    return jnp.sqrt(jnp.sum((p - q) ** 2))


def _distances(a, b, distance=_distance):
    return jax.vmap(jax.vmap(distance, in_axes=(None, 0)), in_axes=(0, None))(a, b)


def _two_tables(key):
    a, b = jax.random.split(key)
    return jax.random.normal(a, (9, 3)), jax.random.normal(b, (8, 3))


SAME_SHAPE = (jnp.tanh, lambda x: jnp.square(x) + 1)
LENGTHS = [100, 4, *sorted({n for power in range(10) for n in (2**power - 1, 2**power, 2**power + 1)} - {0}), 700, 1000]


def _odd_length(key):
    rng = draws_from(key)
    x = rng.normal(size=rng.integers(3, 1000)).astype(np.float32)  # (n,)
    return SAME_SHAPE[len(x) % 2], x


def _padded(f, x, length, in_front=0):
    padded = np.zeros(length, x.dtype)
    padded[in_front : in_front + len(x)] = x
    return f(padded)[: len(x)]


def _power_of_two(n, start=1):
    return start if start >= n else _power_of_two(n, 2 * start)


CALLS = "right, but `f` is called more than once for one x; pad x, and call `f` on all of it"
EVERY_LENGTH = "right, but over all n `f` sees more than eleven lengths, and is compiled for each"


def _lengths_seen(function, arguments):
    """Which lengths ``f`` is called with for a sample of all n: at most eleven, each less than twice n, one a call."""
    seen = set()
    for n in LENGTHS:
        lengths = []
        function(lambda x: lengths.append(np.size(x)) or np.asarray(x), np.ones(n, np.float32))
        if len(lengths) != 1:
            return CALLS
        if lengths[0] >= 2 * n:
            return f"right, but an x of length {n} is padded to {lengths[0]}, which is twice its length or more"
        seen.update(lengths)
    return EVERY_LENGTH if len(seen) > 11 else None


def _examples(key):
    """40 examples; a third of them fit well, so their gradients are shorter than the limit."""
    w, X, noise = jax.random.split(key, 3)
    w, X = jax.random.normal(w, (3,)), jax.random.normal(X, (40, 3))
    fits_well = jnp.arange(40) % 3 == 0
    y = X @ w + jnp.where(fits_well, 0.1, 0.3) * jax.random.normal(noise, (40,)) + jnp.where(fits_well, 0, 9 * X[:, 0])
    return w, X, y, 2.0


def _gradients(w, X, y):
    return jax.vmap(jax.grad(lambda w, x, y: (x @ w - y) ** 2), in_axes=(None, 0, 0))(w, X, y)  # (n, k)


def _clip(gradient, limit):
    return gradient * jnp.minimum(1.0, limit / jnp.sqrt(jnp.sum(gradient**2)))


def _clipped_gradient(w, X, y, limit):
    return jax.vmap(_clip, in_axes=(0, None))(_gradients(w, X, y), limit).mean(axis=0)


A_LOOP = no_python_loop("the values are right, but a Python loop visits the points one by one; jax.vmap maps")
A_SMALL_STEP = "that takes a small step, which loses digits and has to be chosen; jax.grad(f) is the derivative itself"


def _by_a_step(step, behind):
    return lambda f, xs: (f(xs + step) - f(xs - behind * step)) / ((1 + behind) * step)


exercises = [
    Exercise(
        "03.1",
        solution=lambda f, xs: jax.vmap(jax.grad(f))(xs),
        inputs=_points,
        static=(0,),
        inspect=lambda *given: A_LOOP(*given) or takes_derivatives(A_SMALL_STEP)(*given),
        mistakes=[
            Mistake(
                lambda f, xs: jax.grad(f)(xs), "grad needs a function of one point; map it over the points with vmap"
            ),
            Mistake(
                lambda f, xs: jax.vmap(jax.grad(f)),
                "a function comes back: vmap makes a function, which must be called on xs",
            ),
            Mistake(
                lambda f, xs: jax.vmap(jax.grad(f), xs),
                "vmap's second argument is in_axes; the points go into parentheses of their own",
            ),
            Mistake(
                lambda f, xs: jax.grad(lambda xs: jnp.mean(jax.vmap(f)(xs)))(xs),
                "the gradient of a mean has every slope divided by n",
            ),
            Mistake(lambda f, xs: jax.vmap(f)(xs), "those are the values of f; map its derivative, jax.grad(f)"),
            Mistake(
                lambda f, xs: jax.jacobian(f)(xs),
                "that is a whole Jacobian, zero off the diagonal; only the diagonal is asked for: vmap of grad",
            ),
            Mistake(
                lambda f, xs: jnp.stack([jax.grad(f)(x) for x in xs]),
                "the values are right, but a Python loop visits the points one by one; jax.vmap maps",
            ),
            Mistake(
                lambda f, xs: [jax.grad(f)(x) for x in xs],
                "that is a list, made by a Python loop; vmap gives one array",
            ),
            Mistake(
                lambda f, xs: jax.vmap(jax.grad(f(xs))),
                "grad takes the function f, not its values: jax.grad(f)",
            ),
            Mistake(
                lambda f, xs: jax.vmap(jax.grad(f), in_axes=None)(xs),
                "None says that xs is not mapped over; its axis 0 is, and that is what vmap takes by itself",
            ),
            Mistake(
                lambda f, xs: jax.vmap(jax.grad)(f, xs),
                "grad makes a function of f, once; what is mapped over the points is that function: vmap(grad(f))",
            ),
            Mistake(
                lambda f, xs: jax.vmap(jax.value_and_grad(f))(xs),
                "values and slopes come back, as a pair; only the slopes are asked for",
            ),
            Mistake(
                lambda f, xs: jnp.gradient(f(xs), xs),
                "jnp.gradient takes differences between neighboring points; jax.grad(f) is the derivative at each",
            ),
            *(Mistake(_by_a_step(step, behind), A_SMALL_STEP) for step in STEPS[:3] for behind in (0, 1)),
        ],
    ),
    Exercise(
        "03.2",
        solution=lambda x: jnp.sign(x) * jnp.sqrt(jnp.abs(x)),
        inputs=_four_numbers,
        call=lambda answer, *numbers: tuple(map(answer, numbers)),
        mistakes=[
            Mistake(
                _signed_root_with_if,
                "right as it is, but under jit `if` cannot decide by the sign; use jnp.where, or jnp.sign and jnp.abs",
            ),
            Mistake(lambda x: jnp.sqrt(x), "the root of a negative number is NaN; take the root of its absolute value"),
            Mistake(
                lambda x: jnp.sign(x) * jnp.sqrt(x),
                "the root of a negative number is NaN; take the root of its absolute value",
            ),
            Mistake(lambda x: jnp.sqrt(jnp.abs(x)), "the sign is lost: for x < 0 the result is negative"),
            Mistake(lambda x: jnp.where(x >= 0, jnp.sqrt(x), 0.0), "for x < 0 the result is the negative of the root of -x, not 0"),
            Mistake(
                lambda x: -jnp.sqrt(-x),
                "that is right for negative x; for the others the root is of a negative number, which is NaN",
            ),
            Mistake(
                lambda x: x / jnp.sqrt(x),
                "the root of a negative number is NaN; take the root of its absolute value",
            ),
            Mistake(
                lambda x: jnp.maximum(jnp.sqrt(x), -jnp.sqrt(-x)),
                "one of the two roots is NaN for every x; jnp.where should pick the other one",
            ),
            Mistake(
                lambda x: jnp.where(x < 0, jnp.sqrt(x), -jnp.sqrt(-x)),
                "one of the two roots is NaN for every x; jnp.where should pick the other one",
            ),
            Mistake(lambda x: -jnp.sign(x) * jnp.sqrt(jnp.abs(x)), "the sign is the wrong way round: for x >= 0 the result is √x"),
            Mistake(lambda x: jnp.sign(x) * jnp.abs(x) ** 2, "that is the square; the root is asked for"),
            Mistake(
                lambda x: np.sign(x) * np.sqrt(np.abs(x)),
                "right as it is, but NumPy needs numbers, and under jit there are none; jnp.sign and jnp.sqrt take a tracer",
            ),
            Mistake(
                lambda x: jnp.where(x >= 0, lambda: jnp.sqrt(x), lambda: -jnp.sqrt(-x)),
                "where takes arrays, not functions: both are computed, and it picks",
            ),
            Mistake(
                lambda x: jax.lax.cond(x >= 0, jnp.sqrt(x), -jnp.sqrt(-x)),
                "cond takes functions; jnp.where takes the two results and needs no more here",
            ),
            Mistake(
                lambda x: jnp.sign(x) * jnp.abs(x),
                "that is x itself; the root of the absolute value is missing",
            ),
        ],
    ),
    Exercise(
        "03.3",
        solution=_distances,
        inputs=_two_tables,
        inspect=no_python_loop("the values are right, but a Python loop makes them one by one; use vmap"),
        mistakes=[
            Mistake(
                lambda a, b: jax.vmap(_distance)(a, b),
                "a vmap over both goes through the rows in pairs; all with all takes two vmaps, each of which holds one argument: in_axes with None",
            ),
            Mistake(
                lambda a, b: _distances(b, a),
                "transposed: the outer vmap should run over a, the inner one over b",
            ),
            Mistake(
                lambda a, b: _distances(a, b, lambda p, q: jnp.sum((p - q) ** 2)),
                "those are the squares of the distances; the root is missing",
            ),
            Mistake(
                lambda a, b: _distances(a, b, lambda p, q: jnp.sum(jnp.abs(p - q))),
                "that sums the absolute differences; the Euclidean distance is the root of the sum of squares",
            ),
            Mistake(
                lambda a, b: jnp.array([[_distance(p, q) for q in b] for p in a]),
                "the values are right, but a Python loop makes them one by one; use vmap",
            ),
            Mistake(
                lambda a, b: jnp.sqrt(jnp.sum((a - b) ** 2, axis=1)),
                "a and b have different numbers of rows, so a - b fails; subtract one row from one row, and map that",
            ),
            Mistake(
                lambda a, b: jax.vmap(_distance, in_axes=(0, None))(a, b),
                "each row of a met all of b at once, and all was summed; a second vmap inside runs over the rows of b",
            ),
            Mistake(
                lambda a, b: jax.vmap(jax.vmap(_distance, in_axes=(None, 0)), in_axes=(None, 0))(a, b),
                "both vmaps hold a and map over b: the second runs over b's columns; one of them must map over a",
            ),
            Mistake(
                lambda a, b: jax.vmap(jax.vmap(_distance, in_axes=(0, None)), in_axes=(0, None))(a, b),
                "both vmaps hold b and map over a: the second runs over a's columns; one of them must map over b",
            ),
            Mistake(
                lambda a, b: jax.vmap(jax.vmap(_distance, in_axes=(None, 1)), in_axes=(1, None))(a, b),
                "axis 1 counts the columns; the rows are along axis 0",
            ),
            Mistake(
                lambda a, b: jax.vmap(jax.vmap(_distance, in_axes=(None, 0)), in_axes=(0, None)),
                "a function comes back: vmap makes a function, which must be called on a and b",
            ),
            Mistake(
                lambda a, b: jnp.linalg.norm(a[:, None] - b),
                "that is one length, of all differences together; one is asked for each pair of rows: axis=-1",
            ),
            Mistake(
                lambda a, b: jnp.sqrt(jnp.sum((a[:, None] - b) ** 2, axis=1)),
                "the sum ran over the rows of b; it should run over the elements of a row, the last axis",
            ),
            Mistake(
                lambda a, b: _distances(a, b, lambda p, q: jnp.abs(jnp.sum(p - q))),
                "the differences were added before they were squared; square each, then add",
            ),
            Mistake(
                lambda a, b: _distances(a, b, lambda p, q: jnp.sqrt(jnp.mean((p - q) ** 2))),
                "that has the mean of the squares under the root; the distance has their sum",
            ),
            Mistake(
                lambda a, b: _distances(a, b, lambda p, q: jnp.sqrt(p @ q)),
                "that is the root of the dot product; the distance is the length of p - q",
            ),
        ],
    ),
    Exercise(
        "03.4",
        solution=lambda f, x: _padded(f, x, _power_of_two(len(x))),
        inputs=_odd_length,
        jit=False,
        inspect=_lengths_seen,
        mistakes=[
            Mistake(lambda f, x: f(x), "right, but `f` sees every length there is, and is compiled for each; pad x first"),
            Mistake(
                lambda f, x: _padded(f, x, 1000),
                "right, but a single number is padded to a thousand; choose the length by the length of x",
            ),
            Mistake(
                lambda f, x: _padded(f, x, 1024),
                "right, but a single number is padded to a thousand; choose the length by the length of x",
            ),
            *(
                Mistake(
                    lambda f, x, step=step: _padded(f, x, -(-len(x) // step) * step),
                    "right, but a short x is padded far too much; lengths at equal steps don't do, so let the steps grow",
                )
                for step in (10, 16, 50, 64, 91, 100, 128)
            ),
            Mistake(
                lambda f, x: _padded(f, x, 2 ** len(x).bit_length()),
                "right, but an x whose length is a power of two already is padded to twice that",
            ),
            Mistake(lambda f, x: _padded(f, x, 2 * len(x)), "right, but every n still has its own length, and each is twice as long as it need be"),
            Mistake(
                lambda f, x: _padded(f, x, len(x) + len(x) % 2),
                "right, but that makes only half as many lengths; eleven are allowed, so let their distances grow",
            ),
            Mistake(
                lambda f, x: f(np.pad(x, (0, _power_of_two(len(x)) - len(x)))),
                "the padding comes back as well; cut the result to the length of x",
            ),
            Mistake(
                lambda f, x: _padded(f, x, _power_of_two(len(x)), in_front=_power_of_two(len(x)) - len(x)),
                "the padding stands in front, and the end of x was cut off; pad behind x, or cut in front",
            ),
            Mistake(
                lambda f, x: f(np.resize(x, _power_of_two(len(x)))),
                "the padding comes back as well; cut the result to the length of x",
            ),
            Mistake(lambda f, x: np.concatenate([f(x[i : i + 1]) for i in range(len(x))]), CALLS),
            Mistake(
                lambda f, x: jnp.pad(x, (0, _power_of_two(len(x)) - len(x))),
                "that is the padded x; `f` has not been called on it",
            ),
        ],
    ),
    Exercise(
        "03.5",
        solution=_clipped_gradient,
        inputs=_examples,
        tolerance=1e-3,
        inspect=no_python_loop("the value is right, but a Python loop visits the examples one by one", limit=150),
        mistakes=[
            Mistake(
                lambda w, X, y, limit: _clip(_gradients(w, X, y).mean(axis=0), limit),
                "the average was clipped; clip each example's gradient, then average",
            ),
            Mistake(
                lambda w, X, y, limit: _gradients(w, X, y).mean(axis=0),
                "nothing was clipped: that is the gradient of the mean loss",
            ),
            Mistake(
                lambda w, X, y, limit: jnp.clip(_gradients(w, X, y), -limit, limit).mean(axis=0),
                "each element was clipped by itself; shrink the whole gradient, so that its length is at most limit",
            ),
            Mistake(
                lambda w, X, y, limit: _clip(_gradients(w, X, y), limit).mean(axis=0),
                "one length was taken of all gradients together; each example has its own",
            ),
            Mistake(
                lambda w, X, y, limit: jax.vmap(lambda g: g * limit / jnp.linalg.norm(g))(_gradients(w, X, y)).mean(
                    axis=0
                ),
                "all gradients have been given the length limit; those that are shorter should stay as they are",
            ),
            Mistake(
                lambda w, X, y, limit: 40 * _clipped_gradient(w, X, y, limit),
                "that is the sum over the examples; the average is asked for",
            ),
            Mistake(
                lambda w, X, y, limit: jax.vmap(lambda g: g * jnp.minimum(1.0, limit / jnp.sum(g**2)))(_gradients(w, X, y)).mean(0),
                "the length of a gradient is the root of its sum of squares",
            ),
            Mistake(
                lambda w, X, y, limit: jax.vmap(lambda g: g * jnp.maximum(1.0, limit / jnp.linalg.norm(g)))(_gradients(w, X, y)).mean(0),
                "the short gradients were stretched, and the long ones kept; it should be the other way round: minimum",
            ),
            Mistake(
                lambda w, X, y, limit: jax.vmap(_clip, in_axes=(0, None))(_gradients(w, X, y), limit),
                "that is one gradient per example, shape (n, k); their average is asked for",
            ),
            Mistake(
                lambda w, X, y, limit: jnp.minimum(_gradients(w, X, y), limit).mean(axis=0),
                "elements were cut off at limit; the whole gradient is shrunk, by one factor, when its length is above limit",
            ),
            Mistake(
                lambda w, X, y, limit: jax.vmap(lambda g: g * jnp.minimum(limit, limit / jnp.linalg.norm(g)))(_gradients(w, X, y)).mean(0),
                "short gradients were multiplied by limit; those should stay as they are: a factor of 1",
            ),
            Mistake(
                lambda w, X, y, limit: jax.vmap(lambda g: jnp.where(jnp.linalg.norm(g) > limit, limit, g))(_gradients(w, X, y)).mean(0),
                "a long gradient was replaced by the number limit in each place; it keeps its direction, and gets that length",
            ),
            Mistake(
                lambda w, X, y, limit: jax.vmap(lambda g: jnp.where(jnp.linalg.norm(g) > limit, 0.0, g))(_gradients(w, X, y)).mean(0),
                "long gradients were thrown away; they are to be shrunk to the length limit",
            ),
            Mistake(
                lambda w, X, y, limit: jax.vmap(lambda g: g * jnp.minimum(1.0, jnp.linalg.norm(g) / limit))(_gradients(w, X, y)).mean(0),
                "the ratio stands on its head: a long gradient is multiplied by limit / length",
            ),
            Mistake(
                lambda w, X, y, limit: jax.vmap(lambda g: g / jnp.maximum(1.0, limit / jnp.linalg.norm(g)))(_gradients(w, X, y)).mean(0),
                "the ratio stands on its head: a long gradient is multiplied by limit / length",
            ),
            Mistake(
                lambda w, X, y, limit: jax.vmap(_clip, in_axes=(0, None))(_gradients(w, X, y) / 2, limit).mean(axis=0),
                "the squared error has no factor 1/2, so its gradient is 2 (x·w - y) x",
            ),
            Mistake(
                lambda w, X, y, limit: jax.vmap(_clip, in_axes=(0, None))(_gradients(w, X, y), limit).mean(),
                "that is the mean of all elements; the average over the examples keeps the axis of w: axis=0",
            ),
            Mistake(
                lambda w, X, y, limit: jax.vmap(_clip, in_axes=(0, None))(_gradients(w, X, y), limit).mean(axis=1),
                "the mean ran over the elements of w; it should run over the examples: axis=0",
            ),
            Mistake(
                lambda w, X, y, limit: jax.vmap(lambda g: g * min(1.0, limit / jnp.linalg.norm(g)))(_gradients(w, X, y)).mean(0),
                "Python's min and `if` need a number, and inside vmap the length is a tracer; use jnp.minimum or jnp.where",
            ),
            Mistake(
                lambda w, X, y, limit: jax.vmap(lambda g: g * limit / jnp.linalg.norm(g) if jnp.linalg.norm(g) > limit else g)(_gradients(w, X, y)).mean(0),
                "Python's min and `if` need a number, and inside vmap the length is a tracer; use jnp.minimum or jnp.where",
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "03.a",
        answer=3,
        shown="a tracer: True\n[0.     2.6829 3.8186]\n[3.2822 2.4864 3.0822]\n",
        slips=[
            (4, "the two results are two lines; is your Python code run at each call, or does something else run then?"),
            (2, "the print inside the function runs when JAX calls the function to see what it does"),
            (5, "two results, and what the function prints; how often is it called with stand-ins?"),
        ],
    ),
    Prediction(
        "03.b",
        answer=0.1,
        shown="rate 0.5: 0.9048",
        slips=[
            (0.5, "your Python code, which reads the variable, ran while the function was traced; and at the second call?"),
            ("error", "nothing is checked: the list of operations has been written down already"),
        ],
    ),
    Prediction(
        "03.c",
        answer=6,
        shown="2, an integer              traced\nfloat32 scalar, not weak   traced\n",
        slips=[
            (8, "other values alone don't need another program"),
            (7, "is the value of a Python number part of the program, or an input of it?"),
            (5, "has a Python number a dtype of its own? And a float32 scalar?"),
            (4, "an integer is another dtype than a float, and a Python number is another thing than a float32"),
            (3, "the Python numbers count as well: they have a type, if no shape to speak of"),
            (2, "another dtype needs another program, as another shape does"),
        ],
    ),
    Prediction(
        "03.d",
        answer=(20.0, 35.0),
        shown="[20. 35.]",
        slips=[
            ((1.0, 13.0, 41.0), "those are the rows with themselves; which axis counts the columns?"),
            ((1.0, 23.0, 45.0), "that is the first line, the rows of a with b"),
            ((20.0, 26.0, 26.0, 35.0), "each column meets only its partner, not all columns"),
            (((20.0, 26.0), (26.0, 35.0)), "each column meets only its partner, not all columns"),
        ],
    ),
]
