"""Checks of notebook 14: how far an iteration is from its limit, and where crowds settle that a matrix moves."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from course_utils.checks import Exercise, Mistake, Prediction, draws_from, equations, largest_array

_BINS = 7
_FACTORS = "a factor below 1", "a factor above 1"


def _matrix(key):
    """A random transition matrix whose members mostly stay, so that 16 steps still differ from 32."""
    moves = np.exp(1.5 * draws_from(key).normal(size=(_BINS, _BINS)))
    return jnp.asarray(0.7 * np.eye(_BINS) + 0.3 * moves / moves.sum(axis=1, keepdims=True))


def _crowd(key):
    return jnp.asarray(draws_from(key).dirichlet(np.ones(_BINS)))


def _three_crowds(key):
    """Three crowds in a row; the second step is shorter than the first, and points another way."""
    rng = draws_from(key)
    older, first, second = rng.dirichlet(np.ones(_BINS), size=3)
    one, two = 0.3 * (first - older), second - first
    two *= rng.uniform(0.6, 0.9) * np.abs(one).sum() / np.abs(two).sum()
    return tuple(map(jnp.asarray, (older, older + one, older + one + two)))


def _total(steps):
    return jnp.sum(jnp.abs(steps), axis=-1)


def _still(older, old, new, *, size=_total, rest=lambda last, factor: last * factor / (1 - factor)):
    before, last = size(old - older), size(new - old)
    return rest(last, last / before)


def _solved(equations, right=0.0, replaced=-1):
    """The equations with the last one replaced: the sum is one. ``replaced`` is what of them is set to ones."""
    bins = len(equations)
    return jnp.linalg.solve(equations.at[replaced].set(1.0), jnp.full(bins, right).at[-1].set(1.0))


_COLUMN = (slice(None), -1)
_NO_LOOP = "right, but without a JAX loop (a Python loop is unrolled): use scan or fori_loop"
_TOO_MANY = "right, but with a product for each of the 2**doublings steps; square the carry, and `doublings` products are enough"


def _squared(transition, doublings):
    return jax.lax.fori_loop(0, doublings, lambda _, matrix: matrix @ matrix, transition)


def _step_by_step(transition, doublings):
    return jax.lax.fori_loop(1, 2**doublings, lambda _, matrix: matrix @ transition, transition)


def _few_products(function, arguments):
    loops = [equation for equation in equations(function, arguments) if equation.primitive.name in ("scan", "while")]
    if any(loop.params.get("length", 0) > 2 * arguments[1] for loop in loops):
        return _TOO_MANY
    return None if loops else _NO_LOOP


def _mass_and_edges(key):
    """A crowd, two factors, one below and one above one, and edges from 0."""
    rng = draws_from(key)
    edges = np.append(0.0, np.cumsum(rng.uniform(0.4, 1.0, size=_BINS)))
    return _crowd(key), jnp.asarray(rng.uniform([0.7, 1.1], [0.95, 1.4])), jnp.asarray(edges)


def _pushed(mass, factor, edges):
    return jnp.diff(_cumulative(mass, factor, edges))


def _cumulative(mass, factor, edges, share=lambda mass: jnp.append(0.0, jnp.cumsum(mass)), known=slice(None)):
    return jnp.interp(edges, factor * edges[known], share(mass))


def _middle(edges):
    return (edges[1:] + edges[:-1]) / 2


def _pushed_densities(mass, factor, edges):
    middle = (edges[1:] + edges[:-1]) / 2
    return jnp.interp(middle, factor * middle, mass)


_A_MATRIX = "right, but a matrix of bins × bins is made on the way; the cumulative share needs arrays of length bins + 1"


def _pushed_by_a_matrix(mass, factor, edges):
    low, high = factor * edges[:-1, None], factor * edges[1:, None]
    covered = jnp.minimum(high, edges[1:]) - jnp.maximum(low, edges[:-1])
    return mass @ (jnp.maximum(covered, 0.0) / (high - low))


exercises = [
    Exercise(
        "14.1",
        solution=lambda older, old, new: _still(older, old, new),
        inputs=_three_crowds,
        mistakes=[
            Mistake(partial(_still, rest=lambda last, factor: last), "that is the last step itself; a small step doesn't mean a small error"),
            Mistake(
                partial(_still, rest=lambda last, factor: last / (1 - factor)),
                "this counts the last step, which is behind you; the next one is shorter by the factor",
            ),
            Mistake(partial(_still, rest=lambda last, factor: last * factor), "that is the next step alone; all that come after it count too"),
            Mistake(
                partial(_still, rest=lambda last, factor: last / factor / (1 - factor)),
                "this starts to count one step too early, at the step before the last one",
            ),
            *(
                Mistake(partial(_still, rest=rest), "negative: the factor by which steps get shorter is the last step over the one before it")
                for rest in (lambda last, factor: last / factor / (1 - 1 / factor), lambda last, factor: last / (1 - 1 / factor))
            ),
            Mistake(
                partial(_still, rest=lambda last, factor: factor / (1 - factor)),
                "that is how many times the last step is still to come; multiply by its length",
            ),
            Mistake(partial(_still, rest=lambda last, factor: factor), "that is the factor; what do all later steps sum to?"),
            Mistake(
                partial(_still, rest=lambda last, factor: last / (1 - factor) ** 2),
                "the sum of a geometric series has 1 − factor below it, once",
            ),
            Mistake(
                partial(_still, rest=lambda last, factor: -last / jnp.log(factor)),
                "nearly: steps come one at a time, so sum factor + factor² + … instead of integrating",
            ),
            Mistake(
                partial(_still, rest=lambda last, factor: last * (factor + factor**2)),
                "those are the next two steps; there is a closed form for the sum of all",
            ),
            *(
                Mistake(partial(_still, size=size), "steps are measured by the sum of the absolute differences, not by a root mean square or the largest")
                for size in (
                    lambda steps: jnp.sqrt(jnp.sum(steps**2)),
                    lambda steps: jnp.max(jnp.abs(steps)),
                    lambda steps: jnp.sqrt(jnp.mean(steps**2)),
                )
            ),
            Mistake(partial(_still, size=lambda steps: jnp.sum(steps**2)), "the differences are squared; the distance is the sum of their absolute values"),
            Mistake(partial(_still, size=lambda steps: jnp.mean(jnp.abs(steps))), "that is a mean over the bins; the distance is a sum"),
            *(
                Mistake(partial(_still, size=size), "one number is asked for: sum over the bins first, and then look at how long the steps are")
                for size in (lambda steps: jnp.abs(steps), lambda steps: steps)
            ),
            Mistake(
                lambda older, old, new: _total(new - older),
                "that is the way already gone; the question is what is still to come",
            ),
            Mistake(
                lambda older, old, new: _total(old - older) - _total(new - old),
                "the steps get shorter by a factor, not by an amount",
            ),
        ],
    ),
    Exercise(
        "14.2",
        solution=lambda transition: _solved(transition.T - jnp.eye(_BINS)),
        inputs=lambda key: (_matrix(key),),
        tolerance=1e-3,
        mistakes=[
            Mistake(
                lambda transition: _solved(transition - jnp.eye(_BINS)),
                "that is the even spread, which solves (P − I)π = 0; here π(P − I) = 0: transpose the matrix",
            ),
            *(
                Mistake(function, "in solve(A, b) the equations are the rows of A = (P − I)ᵀ: transpose first, then replace the last row")
                for function in (
                    lambda transition: _solved(transition - jnp.eye(_BINS), replaced=_COLUMN),
                    lambda transition: _solved(transition.T - jnp.eye(_BINS), replaced=_COLUMN),
                )
            ),
            Mistake(
                lambda transition: _solved(transition.T - jnp.eye(_BINS), replaced=0),
                "the equation with ones and the 1 on the right-hand side must stand in the same place: the last",
            ),
            Mistake(
                lambda transition: jnp.linalg.svd(transition.T - jnp.eye(_BINS))[2][-1],
                "right, except for a factor: divide by the sum; and solving with the sum as one of the equations needs no such repair",
            ),
            Mistake(lambda transition: jnp.linalg.matrix_power(transition, 200), "that is a power of the matrix; a single crowd is asked for"),
            Mistake(
                lambda transition: jnp.linalg.solve((transition.T - jnp.eye(_BINS)).at[-1].set(1.0), jnp.zeros((_BINS, 1)).at[-1].set(1.0)),
                "the right-hand side has a second axis, and so has the result; make it (bins,)",
            ),
            *(
                Mistake(
                    lambda transition, steps=steps: jax.lax.fori_loop(0, steps, lambda _, mass: mass @ transition, jnp.ones(_BINS) / _BINS),
                    "that is waiting, and it isn't there yet; solve the equations",
                )
                for steps in (5, 10, 20)
            ),
            Mistake(
                lambda transition: _solved(transition.T - 1),
                "1 is subtracted from every entry; I is the identity, jnp.eye(bins)",
            ),
            Mistake(
                lambda transition: jnp.linalg.solve(transition.T - jnp.eye(_BINS), jnp.zeros(_BINS).at[-1].set(1.0)),
                "no equation was replaced in the matrix: set its last row to ones (`.at[].set` returns a new array, assign it)",
            ),
            Mistake(
                lambda transition: _solved(transition.T),
                "the identity is missing: what stands still is sent to itself, so π(P − I) = 0",
            ),
            Mistake(
                lambda transition: _solved(transition.T - jnp.eye(_BINS), right=1.0),
                "the right-hand side is 1 in the last equation alone, and 0 in the others",
            ),
            Mistake(
                lambda transition: jnp.zeros(_BINS),
                "zero solves these equations; the last should be that the sum is 1, with 1 on its right-hand side (`.at[].set` returns a new array, assign it)",
            ),
            Mistake(
                lambda transition: jnp.full(_BINS, jnp.nan),
                "any multiple of π solves these equations, so they have no single solution; let one of them say that the sum is one",
            ),
            Mistake(
                lambda transition: _solved(transition.T - jnp.eye(_BINS)) * _BINS,
                "the sum is not one: the last equation has ones as coefficients, and 1 on the right",
            ),
        ],
    ),
    Exercise(
        "14.3",
        solution=_squared,
        inputs=lambda key: (_matrix(key), 4),
        static=(1,),
        inspect=_few_products,
        mistakes=[
            Mistake(_step_by_step, _TOO_MANY),
            Mistake(
                lambda transition, doublings: jax.lax.fori_loop(
                    0, doublings, lambda _, matrix: matrix @ (transition @ transition), transition
                ),
                "this adds two steps each time; multiply the matrix in the carry by itself",
            ),
            Mistake(
                lambda transition, doublings: jax.lax.fori_loop(
                    0, doublings, lambda _, matrix: matrix @ transition, transition
                ),
                "this adds one step each time; multiply the matrix in the carry by itself",
            ),
            Mistake(
                lambda transition, doublings: jax.lax.fori_loop(
                    0, doublings, lambda _, matrix: matrix @ transition, jnp.eye(_BINS)
                ),
                "this takes `doublings` steps; each doubling multiplies the matrix by itself",
            ),
            Mistake(
                lambda transition, doublings: _squared(jnp.eye(_BINS), doublings),
                "the identity stays what it is however often it is squared; start from the matrix",
            ),
            Mistake(
                lambda transition, doublings: jax.lax.fori_loop(0, doublings, lambda _, m: m * m, transition),
                "`*` and `**` work entry by entry; the matrix of two steps is matrix @ matrix",
            ),
            Mistake(
                lambda transition, doublings: _squared(transition, doublings + 1),
                "one doubling too many: with doublings = 0 the matrix comes back as it is",
            ),
            Mistake(
                lambda transition, doublings: _squared(transition, doublings - 1),
                "one doubling too few: with doublings = 1 it is transition @ transition",
            ),
            *(
                Mistake(function, "those are the matrices after each squaring, or a pair; return the last one alone, the final carry")
                for function in (
                    lambda transition, doublings: jax.lax.scan(lambda m, _: (m @ m, m @ m), transition, length=doublings)[1],
                    lambda transition, doublings: jax.lax.scan(lambda m, _: (m @ m, None), transition, length=doublings),
                    lambda transition, doublings: jax.lax.scan(lambda m, _: (m @ m, m @ m), transition, length=doublings),
                )
            ),
            Mistake(
                lambda transition, doublings: jax.lax.fori_loop(0, doublings, lambda _, m: m @ m.T, transition),
                "a transpose has crept in: two steps are matrix @ matrix",
            ),
            *(
                Mistake(function, "that is two steps whatever `doublings` is: square what the loop carries")
                for function in (
                    lambda transition, doublings: transition @ transition,
                    lambda transition, doublings: jax.lax.fori_loop(0, doublings, lambda _, m: transition @ transition, transition),
                )
            ),
            Mistake(
                lambda transition, doublings: transition * 2**doublings,
                "twice the matrix isn't the matrix of two steps: its rows should still sum to one",
            ),
            Mistake(
                lambda transition, doublings: _squared(transition, doublings)[0],
                "that is one row, the crowd that started in bin 0; return the whole matrix",
            ),
            Mistake(
                lambda transition, doublings: _squared(transition.T, doublings),
                "it comes out transposed; leave the matrix as it is",
            ),
        ],
    ),
    Exercise(
        "14.4",
        solution=_pushed,
        inputs=_mass_and_edges,
        call=lambda push, mass, factors, edges: dict(zip(_FACTORS, (push(mass, factor, edges) for factor in factors), strict=True)),
        tolerance=1e-3,
        inspect=lambda function, arguments: _A_MATRIX if largest_array(function, arguments) >= _BINS**2 else None,
        mistakes=[
            Mistake(
                lambda mass, factor, edges: _pushed(mass, 1 / factor, edges),
                "it moves the wrong way: the cumulative share is known at factor * edges, and asked for at edges",
            ),
            *(
                Mistake(function, "what is pushed beyond the last edge is lost, so the result may sum to less than one")
                for function in (
                    lambda mass, factor, edges: _pushed(mass, factor, edges) / jnp.sum(_pushed(mass, factor, edges)),
                    lambda mass, factor, edges: _pushed(mass, factor, edges).at[-1].add(1 - jnp.sum(_pushed(mass, factor, edges))),
                )
            ),
            Mistake(_pushed_by_a_matrix, _A_MATRIX),
            *(
                Mistake(function, "the firms are pushed to other bins; multiplying the masses by the factor only makes more or fewer of them")
                for function in (
                    lambda mass, factor, edges: mass * factor,
                    lambda mass, factor, edges: _pushed(mass, factor, edges) * factor,
                    lambda mass, factor, edges: _pushed(mass, factor, edges) / factor,
                )
            ),
            Mistake(lambda mass, factor, edges: mass, "nothing has moved: the cumulative share is known at the scaled edges, and asked for at the old ones"),
            *(
                Mistake(function, "interpolate the cumulative share at all the edges, from 0 on; the masses, or values at the middles, won't do")
                for function in (
                    lambda mass, factor, edges: jnp.interp(edges[1:], factor * edges[1:], mass),
                    lambda mass, factor, edges: jnp.interp(edges[:-1], factor * edges[:-1], mass),
                    lambda mass, factor, edges: jnp.diff(jnp.interp(_middle(edges), factor * _middle(edges), jnp.cumsum(mass)), prepend=0.0),
                    lambda mass, factor, edges: jnp.interp(_middle(edges) / factor, _middle(edges), mass) / factor,
                )
            ),
            Mistake(
                lambda mass, factor, edges: jnp.diff(_cumulative(mass, factor, edges), prepend=0.0),
                "one entry too many: the differences of bins + 1 shares are the bins; leave out `prepend`",
            ),
            Mistake(
                lambda mass, factor, edges: jnp.diff(jnp.interp(edges, edges + factor - 1, jnp.append(0.0, jnp.cumsum(mass)))),
                "the edges are shifted; they are multiplied by the factor",
            ),
            *(
                Mistake(function, "that is the cumulative share at the edges; a bin's mass is the difference of the shares at its two edges")
                for function in (_cumulative, lambda *arguments: _cumulative(*arguments)[1:])
            ),
            Mistake(
                lambda *arguments: jnp.diff(_cumulative(*arguments, share=lambda mass: jnp.append(0.0, mass))),
                "those are the masses, not their cumulative share: take jnp.cumsum(mass) after the 0",
            ),
            Mistake(
                _pushed_densities,
                "interpolating the masses themselves doesn't preserve their sum; interpolate the cumulative share",
            ),
            *(
                Mistake(function, "the cumulative share starts with 0 at the first edge: append(0, cumsum(mass)), as long as `edges`")
                for function in (
                    lambda mass, factor, edges: jnp.diff(jnp.interp(edges[1:], factor * edges[1:], jnp.cumsum(mass)), prepend=0.0),
                    lambda *arguments: jnp.diff(_cumulative(*arguments, share=jnp.cumsum, known=slice(1, None))),
                    lambda *arguments: jnp.diff(_cumulative(*arguments, share=jnp.cumsum, known=slice(-1))),
                )
            ),
        ],
    ),
]

predictions = [
    Prediction(
        "14.a",
        answer=0.02,
        shown="[19 20] get [0.0191 0.9809]",
        within=1.1,
        slips=[
            (0.001, "that is how far the firms drop; ask how many of them stand so close to the bin's lower edge"),
            (0.999, "that is the factor of quality; ask how many firms stand so close to the lower edge that they cross it"),
            (0.0, "the firms close to the bin's lower edge cross it"),
            (0.98, "that is the share that stays"),
            (0.9809, "that is the share that stays"),
            (1.0, "most firms stand farther from the bin's lower edge than they drop"),
            (0.01, "that is the probability of a jump, which plays no part here; compare the drop with the width of the bin"),
        ],
    ),
    Prediction(
        "14.b",
        answer="waiting",
        shown="waiting is off by 1.46e-05",
        slips=[
            (guess, "it solves for the answer directly, in double precision; ask which route is only on its way there")
            for guess in ("eigenvector", "null space")
        ],
    ),
    Prediction(
        "14.c",
        answer=447,
        shown="the error is 447 times as large",
        within=2.0,
        slips=[
            (1, "then the last step would have removed half of the error"),
            (0.0022, "that is the last step as a part of the error; the question is the other way around"),
            (0.22, "that is the last step in percent of the error; the question is the other way around"),
            (4000, "that is the number of steps taken; only the share that one of them removes matters"),
            (4.5, "a percent is a hundredth"),
        ],
    ),
    Prediction(
        "14.d",
        answer="number",
        shown="20.0       1.0822           4.744",
        slips=[
            ("error", "the program sees a finite matrix whose rows sum to one, as with exit"),
            ("nan", "nothing is divided by zero: the program sees a finite matrix whose rows sum to one, as with exit"),
        ],
    ),
]
