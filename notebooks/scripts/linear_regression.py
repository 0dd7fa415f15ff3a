"""Linear regression by stochastic gradient descent in raw JAX: notebook 07 as a program."""

import argparse

import jax
import jax.numpy as jnp
import optax

from course_utils import batches


def loss(theta, x, y):
    return jnp.mean((x @ theta - y) ** 2)  # x: (batch, features), y: (batch,)


def make_step(optimizer):
    @jax.jit
    def step(theta, state, x, y):
        value, gradient = jax.value_and_grad(loss)(theta, x, y)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(theta, updates), state, value

    return step


def main(epochs, batch_size, rate, seed, observations=500, features=2, sigma=0.001):
    from tqdm import trange  # the progress bar; if it is missing: pip install tqdm

    key, *subkeys = jax.random.split(jax.random.key(seed), 4)  # the random streams of notebook 07
    theta = jax.random.normal(subkeys[0], (features,))
    x = jax.random.normal(subkeys[1], (observations, features))
    y = x @ theta + sigma * jax.random.normal(subkeys[2], (observations,))  # (observations,)
    key, subkey = jax.random.split(key)
    estimate = jax.random.normal(subkey, (features,))
    optimizer = optax.sgd(rate)
    step, state = make_step(optimizer), optimizer.init(estimate)
    for _ in trange(epochs, unit=" epochs"):
        key, subkey = jax.random.split(key)
        for batch in batches.iterate(subkey, (x, y), batch_size):
            estimate, state, _ = step(estimate, state, *batch)
    print(f"distance to the true parameters after {epochs} epochs: {jnp.linalg.norm(theta - estimate):.4g}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--epochs", type=int, default=201, help="passes through the data")
    parser.add_argument("--batch-size", type=int, default=16, help="observations in a batch")
    parser.add_argument("--rate", type=float, default=0.001, help="learning rate")
    parser.add_argument("--seed", type=int, default=42, help="of the data, the start and the order of the batches")
    main(**vars(parser.parse_args()))
