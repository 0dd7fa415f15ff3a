"""All dates trained together, as notebook 18 begins: its option, its networks, its classic recipe.

The recipe: raw prices, all paths, Adam with rate 1e-4, fresh batches of 512. It is here to be measured, not to be used.
"""

from functools import partial

import jax
import jax.numpy as jnp
import optax

from course_utils import lsmc, networks, payoffs, reference, simulate

DATES, ASSETS, STRIKE, RATE = 50, 3, 40.0, 0.06
SIZES = (ASSETS, 64, 64, 1)
market = simulate.BlackScholes(jnp.array([38.0, 36.0, 35.0]), jnp.array([0.20, 0.25, 0.30]), RATE)
option = lsmc.Bermudan(payoffs.geometric_put(STRIKE), 1.0, DATES)
discount = float(jnp.exp(-RATE / DATES))  # one date back


def exact() -> float:
    """The price by a binomial tree: the geometric mean of log-normal prices is one log-normal price."""
    spot, variance = float(jnp.exp(jnp.log(market.spot).mean())), float((market.volatility**2).sum()) / ASSETS**2
    dividend = (float((market.volatility**2).mean()) - variance) / 2
    return reference.binomial("put", spot, STRIKE, variance**0.5, RATE, 1.0, dates=DATES, dividend=dividend)[0]


def init(key):
    """Stacked parameters: leaves (dates-1, …)."""
    return jax.vmap(lambda key: networks.init(key, SIZES))(jax.random.split(key, DATES - 1))


def sample(key, paths):
    states = market.simulate(key, option.times, paths)  # (dates, paths, assets)
    return states, option.payoff(states)


def cash_flows(continuations, values):
    """What the policy pays at time 0 (paths,), and at each date the discounted cash of going on (dates-1, paths)."""

    def step(cash, now):
        continuation, value = now
        waiting = discount * cash
        return jnp.where((value > 0) & (value >= continuation), value, waiting), waiting

    first, waiting = jax.lax.scan(step, values[-1], (continuations, values[:-1]), reverse=True)
    return discount * first, waiting


def continuation_values(params, prices):
    return jax.vmap(networks.apply)(params, prices[:-1])[..., 0]  # (dates-1, paths)


def loss(params, prices, values):
    continuations = continuation_values(params, prices)
    _, waiting = cash_flows(continuations, values)
    return ((continuations - jax.lax.stop_gradient(waiting)) ** 2).mean()


@partial(jax.jit, static_argnames=("steps", "batch"))
def train(params, key, steps, batch=512):
    optimizer = optax.adam(1e-4)

    def step(carry, key):
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params, *sample(key, batch)), state)
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(step, (params, optimizer.init(params)), jax.random.split(key, steps))[0][0]


@partial(jax.jit, static_argnames="paths")
def price(params, key, paths):
    prices, values = sample(key, paths)
    return cash_flows(continuation_values(params, prices), values)[0].mean()


@partial(jax.jit, static_argnames="pieces")
def gradient(params, prices, values, pieces=1):
    """The gradient of ``loss``, in ``pieces`` micro-batches of equal size, one after the other: the same numbers."""
    split = lambda array: jnp.moveaxis(array.reshape(array.shape[0], pieces, -1, *array.shape[2:]), 1, 0)  # (pieces, dates, …)
    add = lambda total, piece: (jax.tree.map(jnp.add, total, jax.grad(loss)(params, *piece)), None)
    total, _ = jax.lax.scan(add, jax.tree.map(jnp.zeros_like, params), (split(prices), split(values)))
    return jax.tree.map(lambda leaf: leaf / pieces, total)


@partial(jax.jit, static_argnames=("steps", "pieces"))
def descend(params, prices, values, steps, pieces=1):
    """Steps of plain gradient descent on one batch, in one compiled loop: training less the sampling."""

    def step(params, _):
        return jax.tree.map(lambda leaf, slope: leaf - 1e-4 * slope, params, gradient(params, prices, values, pieces)), None

    return jax.lax.scan(step, params, length=steps)[0]


def operations(batch: int) -> int:
    """Of one gradient, in the matrix products alone: forward, weights backward, inputs backward (not for the first layer)."""
    layers = [inputs * outputs for inputs, outputs in zip(SIZES[:-1], SIZES[1:])]
    return 2 * batch * (DATES - 1) * (3 * sum(layers) - layers[0])
