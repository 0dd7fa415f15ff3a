"""Exercises of notebook 03: jit and vmap."""

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, Prediction, no_python_loop

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


def _columns(key):
    W, b, samples = jax.random.split(key, 3)
    return jax.random.normal(W, (6, 4)), jax.random.normal(b, (6,)), jax.random.normal(samples, (4, 5))


def _layer(W, b, x):
    return jnp.maximum(W @ x + b, 0.0)


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


exercises = [
    Exercise(
        "03.1",
        solution=lambda f, xs: jax.vmap(jax.grad(f))(xs),
        inputs=_points,
        static=(0,),
        inspect=no_python_loop("the values are right, but a Python loop visits the points one by one; jax.vmap maps"),
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
        ],
    ),
    Exercise(
        "03.4",
        solution=lambda W, b, samples: jax.vmap(_layer, in_axes=(None, None, 1), out_axes=1)(W, b, samples),
        inputs=_columns,
        mistakes=[
            Mistake(
                lambda W, b, samples: jax.vmap(_layer, in_axes=(None, None, 1))(W, b, samples),
                "the results came back as rows; out_axes=1 stores them as columns",
            ),
            Mistake(
                lambda W, b, samples: jax.vmap(_layer, in_axes=(None, None, 0))(W, b, samples),
                "in_axes takes the rows of samples; a sample is a column, axis 1",
            ),
            Mistake(
                lambda W, b, samples: jax.vmap(_layer)(W, b, samples),
                "without in_axes all three arguments are mapped; W and b are the same for every sample: None",
            ),
            Mistake(
                lambda W, b, samples: jnp.maximum(W @ samples + b, 0.0),
                "b has one element per output, and here meets the axis of the samples; vmap keeps the two apart",
            ),
            Mistake(
                lambda W, b, samples: jax.vmap(lambda x: W @ x + b, 1, 1)(samples),
                "some results are negative: the relu is missing",
            ),
            Mistake(
                lambda W, b, samples: jax.vmap(lambda x: jnp.maximum(W @ x, 0.0), 1, 1)(samples),
                "b is missing: relu(W x + b)",
            ),
            Mistake(
                lambda W, b, samples: jax.vmap(_layer, in_axes=(None, None, 1), out_axes=1),
                "a function comes back: vmap makes a function, which must be called on W, b and samples",
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
