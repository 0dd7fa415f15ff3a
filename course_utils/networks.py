"""A multilayer perceptron in a dozen lines of raw JAX: parameters are a tree, the network is a function of it.

Weights act from the right, ``x @ kernel + bias``, so a kernel is (inputs, outputs) and a batch of rows passes unchanged.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Dense(NamedTuple):
    """One layer: ``kernel`` (inputs, outputs) and ``bias`` (outputs,)."""

    kernel: jax.Array
    bias: jax.Array


def init(key: jax.Array, sizes: Sequence[int], bias: float = 0.0) -> tuple[Dense, ...]:
    """Random parameters of a network with layers of ``sizes``: ``(3, 64, 64, 1)`` is 3 inputs, 64, 64, 1 output.

    Kernels are normal with variance 2/inputs, which keeps the size of ReLU activations from layer to layer
    (K. He et al., "Delving deep into rectifiers", 2015). Biases are normal with standard deviation ``bias``; where it is 0
    all kinks of the first layer start at the origin, which leaves a network of one input with a single kink.
    """
    # One flat draw for all layers, each taking its corner: compiling a draw costs more than the numbers that go unused.
    shape = len(sizes) - 1, max(sizes) + 1, max(sizes)
    normals = jax.random.normal(key, (math.prod(shape),)).reshape(shape)
    layers = []
    for normal, inputs, outputs in zip(normals, sizes[:-1], sizes[1:]):
        kernel = jnp.sqrt(2.0 / inputs) * normal[:inputs, :outputs]
        layers.append(Dense(kernel, bias * normal[-1, :outputs]))
    return tuple(layers)


def hidden(layers: Sequence[Dense], x: jax.Array) -> jax.Array:
    """What the last layer sees: ``x`` (…, inputs) through all the others, each followed by ReLU."""
    for layer in layers[:-1]:
        x = jax.nn.relu(x @ layer.kernel + layer.bias)
    return x  # (…, width)


def apply(layers: Sequence[Dense], x: jax.Array) -> jax.Array:
    """The network's outputs (…, outputs) at ``x`` (…, inputs)."""
    return hidden(layers, x) @ layers[-1].kernel + layers[-1].bias
