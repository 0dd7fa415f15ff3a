#!/usr/bin/env bash
# jax 0.10.2: asked for the shape (49, 64, 64), 49 kernels at once, jax.nn.initializers count the leading axis among the inputs, as for a
# convolution. Weights come out seven times too small (lecun_normal: deviation .018 where one kernel alone has .126), and orthogonal
# gives kernels that aren't: a vector keeps a seventh of its length. Nothing is said, and such a network's output is next to nothing.
# What helps is vmap over keys, or the argument batch_axis=0 (lecun_normal has it; orthogonal has none).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
"$folder/venv/bin/python" - <<'PY'
import jax
import jax.numpy as jnp

stack, alone = (49, 64, 64), (64, 64)
key, initializers = jax.random.key(0), jax.nn.initializers
whole, single = initializers.lecun_normal()(key, stack), initializers.lecun_normal()(key, alone)
told = initializers.lecun_normal(batch_axis=0)(key, stack)
print(f"jax {jax.__version__}, lecun_normal, deviation: stack {whole.std():.3f}, one kernel {single.std():.3f}, batch_axis=0 {told.std():.3f}")
assert 6.5 < single.std() / whole.std() < 7.5 and abs(told.std() / single.std() - 1) < 0.05, "the stack has another deviation now"

vector = jnp.ones(64) / 8  # of length 1
lengths = [float(jnp.linalg.norm(vector @ kernel)) for kernel in (initializers.orthogonal()(key, alone), initializers.orthogonal()(key, stack)[0])]
print("orthogonal, length of a vector of length 1 after the kernel: alone {:.3f}, first of the stack {:.3f}".format(*lengths))
assert abs(lengths[0] - 1) < 1e-3 and lengths[1] < 0.25, "the kernels of a stack are orthogonal now"
PY
