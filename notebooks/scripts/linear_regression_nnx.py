"""Linear regression as a Flax NNX module, trained in place under nnx.jit: notebook 09 as a program."""

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


@nnx.jit
def step(model, optimizer, x, y):
    value, gradient = nnx.value_and_grad(loss)(model, x, y)
    optimizer.update(model, gradient)
    return value


def main(epochs, batch_size, rate, seed, observations=500, features=2, sigma=0.001):
    from tqdm import trange  # the progress bar; if it is missing: pip install tqdm

    rngs = nnx.Rngs(seed)  # the random streams of notebook 09
    model = nnx.Linear(features, 1, use_bias=False, rngs=rngs)
    theta = jax.random.normal(rngs(), (features,))
    x = jax.random.normal(rngs(), (observations, features))
    y = x @ theta + sigma * jax.random.normal(rngs(), (observations,))  # (observations,)
    optimizer = nnx.Optimizer(model, optax.sgd(rate), wrt=nnx.Param)
    for _ in trange(epochs, unit=" epochs"):
        for batch in batches.iterate(rngs(), (x, y), batch_size):
            step(model, optimizer, *batch)
    error = jnp.linalg.norm(theta - model.kernel[...].ravel())
    print(f"distance to the true parameters after {epochs} epochs: {error:.4g}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--epochs", type=int, default=500, help="passes through the data")
    parser.add_argument("--batch-size", type=int, default=64, help="observations in a batch")
    parser.add_argument("--rate", type=float, default=0.001, help="learning rate")
    parser.add_argument("--seed", type=int, default=42, help="of the data, the start and the order of the batches")
    main(**vars(parser.parse_args()))
