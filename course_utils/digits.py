"""Images of handwritten digits, split for training: 8×8 ones that need no network, or MNIST.

``load()`` returns the 1797 digits inside scikit-learn (E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten
Digits", UCI Machine Learning Repository, 1998). ``load("mnist")`` returns the 70,000 images of 28×28 pixels by Y. LeCun,
C. Cortes and C. Burges (CC BY-SA 3.0) in the same form. These are downloaded once, 11 MB, checked against published
SHA-256 sums, and kept in the folder that ``cache_folder()`` names.
"""

import gzip
import os
import zlib
from math import prod
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import jax
import jax.numpy as jnp
import numpy as np

MIRRORS = (  # tried in this order
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
CHECKSUMS = {  # SHA-256
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


class Digits(NamedTuple):
    """``images`` (n, side, side), float32 from 0 (paper) to 1 (ink); ``labels`` (n,), int32 from 0 to 9."""

    images: jax.Array
    labels: jax.Array


class Split(NamedTuple):
    """Three sets without an image in common: to learn from, to choose by, and to be judged on once."""

    train: Digits
    validation: Digits
    test: Digits


def load(name: str = "digits", seed: int = 0) -> Split:
    """The digits called ``name``, split at random but with each class in proportion (*stratified*).

    ==========  =======  =====================================================
    name        side     train, validation, test
    ==========  =======  =====================================================
    "digits"    8        1257, 180, 360: all drawn by ``seed``
    "mnist"     28       55,000, 5000, 10,000: the test images are always the published ones
    ==========  =======  =====================================================

    Raises:
        ValueError: for another name.
        ImportError: if scikit-learn ("digits") or pooch ("mnist") is missing.
        ConnectionError: if MNIST is not in its folder and can't be downloaded whole.
    """
    key = jax.random.key(seed)
    if name == "digits":
        images, labels = _embedded()
        test, validation, train = np.split(stratified_order(key, labels), [360, 540])
        return Split(*(_digits(images[rows], labels[rows]) for rows in (train, validation, test)))
    if name == "mnist":
        paths = [fetch(file) for file in CHECKSUMS]  # all four, before one of them is used
        images, labels, test_images, test_labels = map(read_idx, paths)
        validation, train = np.split(stratified_order(key, labels), [5000])
        parts = [(images[rows], labels[rows]) for rows in (train, validation)] + [(test_images, test_labels)]
        return Split(*(_digits(images / np.float32(255), labels) for images, labels in parts))
    raise ValueError(f'name is {name!r}; expected "digits" or "mnist"')


def stratified_order(key: jax.Array, labels) -> np.ndarray:
    """A random order (n,) of the rows, in which each class is spread evenly.

    However it is cut, each piece has about its share of every class: within one image for a piece at either end,
    within two for one in the middle.
    """
    labels = np.asarray(labels)
    shuffled = np.asarray(jax.random.permutation(key, len(labels)))
    place = np.empty(len(labels))  # where in the order a row goes, from 0 to 1
    for label in np.unique(labels):
        rows = shuffled[labels[shuffled] == label]
        place[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    return shuffled[np.argsort(place[shuffled], kind="stable")]  # classes that tie for a place: in shuffled order


def cache_folder() -> Path:
    """Where MNIST is kept: ``$COURSE_DATA`` if that is set, else the system's folder for caches."""
    return Path(os.environ["COURSE_DATA"]) if os.environ.get("COURSE_DATA") else Path(_pooch().os_cache("course-utils"))


def fetch(file: str, mirrors=MIRRORS, checksums=CHECKSUMS) -> Path:
    """The path of a file of MNIST in ``cache_folder()``, downloaded if it is missing there or not what it should be.

    What is in the folder is checked each time. A download goes to a temporary name first, and gets its own only if its
    checksum is right, so a broken one is never used: the next mirror is tried.

    Raises:
        ConnectionError: if no mirror gave the file whole.
    """
    pooch, folder, failures = _pooch(), cache_folder(), []
    download = pooch.HTTPDownloader(timeout=30)
    for mirror in mirrors:
        try:
            return Path(pooch.retrieve(mirror + file, checksums[file], fname=file, path=folder, downloader=download))
        except (OSError, ValueError) as error:  # no network, no such file, or (ValueError) a checksum that is not right
            reason = "sent another file (checksum)" if isinstance(error, ValueError) else type(error).__name__
            failures.append(f"{urlsplit(mirror).netloc}: {reason}")
    raise ConnectionError(
        f"MNIST's {file} could not be downloaded ({'; '.join(failures)}). Are you offline? It is kept in {folder}, and "
        'once its four files are there no network is needed. Without MNIST, digits.load() gives the 8×8 digits embedded '
        "in scikit-learn: they serve for every notebook."
    )


def read_idx(path) -> np.ndarray:
    """The array in a file in MNIST's IDX format, gzipped if its name ends in ``.gz``.

    Two zero bytes; one that names the number type (``IDX_TYPES``) and one with the number of axes; the axes' lengths as
    big-endian 32-bit integers; the numbers, last axis fastest, big-endian.

    Raises:
        ValueError: if the file is no IDX file, or has fewer or more bytes than its header says.
    """
    path = Path(path)
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is cut off, altered or not gzipped ({error})") from None
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in IDX_TYPES:
        raise ValueError(f"{path} is no IDX file: it starts with {content[:4]!r}")
    dtype, axes = np.dtype(IDX_TYPES[content[2]]), content[3]
    start = 4 + 4 * axes
    shape = tuple(int.from_bytes(content[place : place + 4], "big") for place in range(4, start, 4))
    expected = start + prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise ValueError(f"{path} has {len(content)} bytes, and its header, of shape {shape}, promises {expected}")
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def _embedded() -> tuple[np.ndarray, np.ndarray]:
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        raise ImportError("the 8×8 digits are inside scikit-learn, which is missing: pip install scikit-learn") from None
    data = load_digits()
    return data.images / 16, data.target  # (1797, 8, 8), (1797,)


def _pooch():
    try:
        import pooch
    except ModuleNotFoundError:
        raise ImportError("MNIST is downloaded with pooch, which is missing: pip install pooch") from None
    return pooch


def _digits(images, labels) -> Digits:
    return Digits(jnp.asarray(images, jnp.float32), jnp.asarray(labels, jnp.int32))
