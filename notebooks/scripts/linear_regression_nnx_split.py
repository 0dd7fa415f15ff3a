"""Linear regression as a Flax NNX module, trained on its split state under jax.jit: notebook 09 as a program."""

import argparse

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from course_utils import batches


def squared_residual(model, x, y):
    return (model(x)[0] - y) ** 2  # x: (features,), y: a number


def loss(model, x, y):
    return jnp.mean(jax.vmap(squared_residual, in_axes=(None, 0, 0))(model, x, y))


def make_step(graphdef, optimizer):
    @jax.jit
    def step(params, state, x, y):
        value, gradient = jax.value_and_grad(lambda params: loss(nnx.merge(graphdef, params), x, y))(params)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(params, updates), state, value

    return step


def main(epochs, batch_size, rate, seed, observations=500, features=2, sigma=0.001):
    from tqdm import trange  # the progress bar; if it is missing: pip install tqdm

    rngs = nnx.Rngs(seed)  # the random streams of notebook 09
    model = nnx.Linear(features, 1, use_bias=False, rngs=rngs)
    theta = jax.random.normal(rngs(), (features,))
    x = jax.random.normal(rngs(), (observations, features))
    y = x @ theta + sigma * jax.random.normal(rngs(), (observations,))  # (observations,)
    graphdef, params = nnx.split(model)
    optimizer = optax.sgd(rate)
    step, state = make_step(graphdef, optimizer), optimizer.init(params)
    for _ in trange(epochs, unit=" epochs"):
        for batch in batches.iterate(rngs(), (x, y), batch_size):
            params, state, _ = step(params, state, *batch)
    model = nnx.merge(graphdef, params)
    error = jnp.linalg.norm(theta - model.kernel[...].ravel())
    print(f"distance to the true parameters after {epochs} epochs: {error:.4g}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--epochs", type=int, default=500, help="passes through the data")
    parser.add_argument("--batch-size", type=int, default=64, help="observations in a batch")
    parser.add_argument("--rate", type=float, default=0.001, help="learning rate")
    parser.add_argument("--seed", type=int, default=42, help="of the data, the start and the order of the batches")
    main(**vars(parser.parse_args()))
