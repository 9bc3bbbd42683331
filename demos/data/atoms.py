"""Signals in which few of many known waveforms sound at once: what sparse coding has to find is known beforehand.

signal = sum of a few atoms, each louder or softer and of either sign, + Gaussian noise. Half of the atoms are notes,
which set in, carry two overtones and die away; half are chirps, whose pitch glides under a bell-shaped envelope.
"""

from typing import NamedTuple

import numpy as np

COHERENCE = 0.5  # largest |cos| between two atoms: nearer ones could not be told apart
LOUDNESS = (0.5, 1.5)  # range of |coefficient|
NOISE = 0.02  # standard deviation at each sample; an atom of 128 samples has .088
DRAWS = 10_000  # after which there is no room for a further atom


class Signals(NamedTuple):
    """signals (n, length) float32; atoms (k, length) of norm 1 and coefficients (n, k), mostly 0, float64."""

    signals: np.ndarray
    atoms: np.ndarray
    coefficients: np.ndarray


def signals(n, *, split="train", length=128, atoms=96, active=4, seed=0):
    """Draw n signals of `active` atoms each -> Signals. Equal arguments, equal bits; the splits share the atoms.

    ValueError for an unknown split, for more active atoms than there are, or for more atoms than can be told apart.
    """
    if split not in ("train", "test"):
        raise ValueError(f"signals: split is {split!r}; it must be 'train' or 'test'")
    if not 0 <= active <= atoms:
        raise ValueError(f"signals: active is {active}; it must lie in [0, atoms], here [0, {atoms}]")
    dictionary = _dictionary(atoms, length, np.random.default_rng(seed))
    rng = np.random.default_rng([seed, split == "test"])
    chosen = rng.permuted(np.broadcast_to(np.arange(atoms) < active, (n, atoms)), axis=1)
    size = rng.uniform(*LOUDNESS, (n, atoms)) * rng.choice([-1, 1], (n, atoms))
    coefficients = chosen * size
    heard = coefficients @ dictionary + NOISE * rng.standard_normal((n, length))
    return Signals(heard.astype(np.float32), dictionary, coefficients)


def _dictionary(k, length, rng):
    """Draw k atoms, notes and chirps by turns, none of which resembles another -> (k, length), of norm 1."""
    found = np.empty((0, length))
    for _ in range(DRAWS):
        if len(found) == k:
            return found
        wave = (_note, _chirp)[len(found) % 2](length, rng)
        wave /= np.linalg.norm(wave)
        if np.abs(found @ wave).max(initial=0) <= COHERENCE:
            found = np.vstack([found, wave])
    raise ValueError(f"signals: {len(found)} atoms of length {length} fit in, not {k}; take fewer or longer ones")


def _note(length, rng):
    """A tone with two softer overtones that sets in and decays; its pitch is one of two octaves of semitones."""
    start, decay = rng.uniform(0, 0.6) * length, rng.uniform(0.15, 0.5) * length
    pitch = 2 ** (rng.integers(25) / 12) / 32  # cycles a sample, to 1/8: the second overtone stays below 1/2
    since = np.arange(length) - start
    tone = sum(np.sin(2 * np.pi * m * pitch * since) / m**2 for m in (1, 2, 3))
    return np.where(since >= 0, np.exp(-np.maximum(since, 0) / decay), 0) * tone


def _chirp(length, rng):
    """A wave whose frequency glides evenly from one value to another under a Gaussian envelope."""
    middle, width = rng.uniform(0.2, 0.8) * length, rng.uniform(0.08, 0.2) * length
    first, last = rng.uniform(0.02, 0.4, 2)  # cycles a sample, at both ends
    t = np.arange(length)
    phase = 2 * np.pi * (first * t + (last - first) * t**2 / (2 * length) + rng.random())
    return np.exp(-(((t - middle) / width) ** 2) / 2) * np.sin(phase)
