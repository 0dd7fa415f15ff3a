"""Checks of notebook 10: top-two accuracy, a cross-entropy that survives, precision, early stopping afterwards."""

import jax
import jax.numpy as jnp

from course_utils.checks import Exercise, Mistake, Prediction


def _scores(key, size=1.0):
    """Logits (12, 5) and labels (12,)."""
    key, subkey = jax.random.split(key)
    return size * jax.random.normal(key, (12, 5)), jax.random.randint(subkey, (12,), 0, 5)


def _top_two(scores, labels, columns=slice(-2, None)):
    return jnp.mean((jnp.argsort(scores, axis=1)[:, columns] == labels[:, None]).any(axis=1))


def _top_inputs(key):
    """Labels in first, second and another place: no two of the answers below agree by chance."""
    scores, _ = _scores(key)
    place = jax.random.permutation(key, jnp.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 3, 4]))  # 0: the highest
    return scores, jnp.argsort(-scores, axis=1)[jnp.arange(12), place]


def _log_p(scores, top=lambda scores: scores.max(axis=1, keepdims=True)):
    scores = scores - top(scores)
    return scores - jnp.log(jnp.sum(jnp.exp(scores), axis=1, keepdims=True))


def _cross_entropy(scores, labels, log_p=_log_p):
    return -jnp.mean(log_p(scores)[jnp.arange(len(labels)), labels])


def _confusion(key):
    counts = jax.random.randint(key, (5, 5), 1, 9)
    return (counts.at[:, jax.random.randint(key, (), 0, 5)].set(0),)  # one class is never answered


def _precision(confusion):
    called = confusion.sum(axis=0)
    return jnp.diag(confusion) / jnp.where(called > 0, called, 1)


def _history(key):
    keys = jax.random.split(key, 4)
    layers = [(jax.random.normal(k, (6, 3, 2)), jax.random.normal(k, (6, 2))) for k in keys[:2]]
    losses = jax.random.permutation(keys[2], jnp.arange(6.0))
    return {"layers": layers, "scale": jax.random.normal(keys[3], (6,))}, losses.at[-1].add(0.5).at[0].add(0.5)


def _at(history, epoch):
    return jax.tree.map(lambda leaf: leaf[epoch], history)


exercises = [
    Exercise(
        "10.1",
        solution=_top_two,
        inputs=_top_inputs,
        mistakes=[
            Mistake(lambda s, y: _top_two(s, y, slice(-1, None)), "that is the ordinary accuracy: look at the two highest logits"),
            Mistake(lambda s, y: _top_two(s, y, slice(-2, -1)), "that counts the second highest alone: the highest counts as well"),
            Mistake(lambda s, y: _top_two(s, y, slice(None, 2)), "these are the two lowest: argsort sorts upward"),
            Mistake(lambda s, y: 1 - _top_two(s, y), "that is the share of images that were missed"),
            Mistake(lambda s, y: _top_two(s, y) * len(y), "that is a count; divide it by the number of images"),
            Mistake(
                lambda s, y: _top_two(s, y) / 2,
                "the mean goes over both places, of which at most one can be right: ask with any(axis=1) first",
            ),
        ],
    ),
    Exercise(
        "10.2",
        solution=_cross_entropy,
        inputs=lambda key: _scores(key, 1000.0),
        gradient=0,
        mistakes=[
            Mistake(
                lambda s, y: _cross_entropy(s, y, lambda s: jnp.log(jnp.exp(s) / jnp.exp(s).sum(axis=1, keepdims=True))),
                "`exp` overflows for large logits: subtract each row's largest logit first",
            ),
            Mistake(
                lambda s, y: _cross_entropy(s, y, lambda s: _log_p(s, jnp.max)),
                "the largest logit of the whole batch is subtracted, and other rows underflow: take each row's own",
            ),
            Mistake(
                lambda s, y: _cross_entropy(s, y, lambda s: jnp.log(jax.nn.softmax(s))),
                "the softmax survives and its logarithm doesn't, where a probability is rounded to 0: stay in logarithms",
            ),
            Mistake(lambda s, y: -_cross_entropy(s, y), "the sign is reversed: a loss is minus the log-probability"),
            Mistake(lambda s, y: len(y) * _cross_entropy(s, y), "that is the sum over the batch; take the mean"),
            Mistake(
                lambda s, y: -_log_p(s)[jnp.arange(len(y)), y],
                "that is the loss of each image; return their mean, one number",
            ),
            Mistake(
                lambda s, y: -jnp.mean(_log_p(s)),
                "the mean goes over all classes; pick the log-probability of each image's label first",
            ),
            Mistake(
                lambda s, y: -jnp.sum(_log_p(s) * (y[:, None] == jnp.arange(s.shape[1]))) / s.size,
                "the zeros of the one-hot vectors are counted in the mean: sum over the classes, then average over the images",
            ),
            Mistake(
                lambda s, y: -jnp.mean(jnp.log(jnp.clip(jax.nn.softmax(s), 1e-7))[jnp.arange(len(y)), y]),
                "clipping keeps the loss finite, but makes it wrong, and its gradient zero, exactly where the network is most wrong",
            ),
        ],
    ),
    Exercise(
        "10.3",
        solution=_precision,
        inputs=_confusion,
        mistakes=[
            Mistake(
                lambda c: jnp.diag(c) / c.sum(axis=0),
                "a class that was never answered gives 0/0: put another number where the divisor is 0, before dividing",
            ),
            Mistake(
                lambda c: jnp.diag(c) / c.sum(axis=1),
                "that is the share of each true class that was found; divide by the columns' sums, what was answered",
            ),
            Mistake(lambda c: jnp.diag(c) / c.sum(), "the divisor is the total; each class has its own"),
            Mistake(lambda c: jnp.trace(c) / c.sum(), "that is the accuracy, one number; the precision is one number per class"),
            Mistake(
                lambda c: _precision(c) + (c.sum(axis=0) == 0),
                "a class that was never answered should have precision 0",
            ),
        ],
    ),
    Exercise(
        "10.4",
        solution=lambda history, losses: _at(history, jnp.argmin(losses)),
        inputs=_history,
        mistakes=[
            Mistake(lambda history, losses: _at(history, -1), "these are the parameters after the last epoch"),
            Mistake(lambda history, losses: _at(history, jnp.argmax(losses)), "that is the epoch with the largest loss"),
            Mistake(
                lambda history, losses: history[jnp.argmin(losses)],
                "a tree can't be indexed by epoch: index each leaf, with jax.tree.map",
            ),
            Mistake(
                lambda history, losses: _at(history, jnp.array([jnp.argmin(losses)])),
                "an epoch axis of length one is left: index with a number",
            ),
            Mistake(lambda history, losses: jnp.argmin(losses), "that is the number of the epoch; return its parameters"),
        ],
    ),
]

predictions = [
    Prediction(
        "10.a",
        answer=3**10,
        shown="scale 3.00   layer 1 1.4   layer 4 27   layer 10 1.6e+04",
        slips=[
            (3, "that is the factor of one layer"),
            (30, "each layer multiplies what the one before hands on: factors don't add up"),
            (1000, "each layer has a factor of its own, and it is that of the weights' size"),
            (1, "nothing brings the signal back to its size between the layers"),
        ],
        within=2.0,
    ),
    Prediction(
        "10.b",
        answer=2.302585,
        shown="loss of equal probabilities 2.3026",
        slips=[
            (0, "a loss of zero means that the right answer had all the probability"),
            (0.1, "that is the probability of the right answer; the loss takes its logarithm"),
            (1, "the logarithm in the loss is the natural one"),
            (-2.3, "a loss is minus the logarithm of a probability"),
            (0.9, "the loss goes by the probability of the right answer, not by the share of wrong ones"),
        ],
        within=1.01,
    ),
    Prediction(
        "10.c",
        answer=(39, 32, 8, 8),
        shown="images (39, 32, 8, 8)",
        slips=[
            ((40, 32, 8, 8), "an array has no short rows: only full batches are returned"),
            ((32, 39, 8, 8), "a scan goes over the leading axis, and it should go over the batches"),
            ((32, 8, 8), "that is one batch; all of an epoch come at once"),
            ((39, 32, 64), "the images keep their shape"),
        ],
    ),
    Prediction(
        "10.d",
        answer=0.0074,
        shown="by counting 0.007",
        slips=[
            (0.14, "that is the standard deviation of a single answer, not of the mean of 360"),
            (0.02, "that is the share of errors; what is asked is how much such a share varies from one test set to another"),
            (0.0028, "that is the weight of one image; the number of misread ones varies by more than one"),
            (0.001, "that would take thousands of images"),
        ],
        within=1.5,
    ),
]
