"""Signals in which few of many known waveforms sound at once: what sparse coding has to find is known beforehand.

signal = sum of a few atoms, each louder or softer and of either sign, + Gaussian noise. Half of the atoms are notes,
which set in, carry two overtones and die away; half are chirps, whose pitch glides under a bell-shaped envelope.
"""

from typing import NamedTuple

import numpy as np

from .machine import once_per_machine

COHERENCE = 0.5  # largest |cos| between two atoms: nearer ones could not be told apart
LOUDNESS = (0.5, 1.5)  # range of |coefficient|
NOISE = 0.02  # standard deviation at each sample; an atom of 128 samples has .088
DRAWS = 10_000  # after which there is no room for a further atom

SAMPLE_RATE = 8000  # of melodies, a second
PLAYED_AT = 1500  # samples of a melody from one note to the next, on average
LASTING = (1000, 4000)  # samples, of a note or chirp in a melody
PEAK = 0.9  # largest sample of a melody


class Signals(NamedTuple):
    """signals (n, length) float32; atoms (k, length) of norm 1 and coefficients (n, k), mostly 0, float64."""

    signals: np.ndarray
    atoms: np.ndarray
    coefficients: np.ndarray


@once_per_machine
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


@once_per_machine
def melodies(n, *, split="train", length=8192, seed=0):
    """Draw n pieces of sound -> (n, length) float32 in [-1, 1]. Equal arguments, equal bits.

    A piece is a sum of notes and chirps as above, PLAYED_AT of each in length samples, LASTING as many samples each,
    and drawn for it alone, so that none is heard twice. The pitches of "test" lie halfway between the semitones of
    "train". ValueError for an unknown split.
    """
    if split not in ("train", "test"):
        raise ValueError(f"melodies: split is {split!r}; it must be 'train' or 'test'")
    rng = np.random.default_rng([seed, split == "test", 1])
    pieces = np.zeros((n, length + LASTING[1]))
    for piece in pieces:
        for i in range(2 * max(1, length // PLAYED_AT)):
            lasting = rng.integers(*LASTING)
            start = rng.integers(length)
            wave = _chirp(lasting, rng) if i % 2 else _note(lasting, rng, 0.5 * (split == "test"))
            piece[start : start + lasting] += rng.uniform(*LOUDNESS) * wave
    pieces = pieces[:, :length]
    return (pieces * (PEAK / np.maximum(np.abs(pieces).max(axis=1, keepdims=True), 1e-9))).astype(np.float32)


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


def _note(length, rng, above=0.0):
    """A tone with two softer overtones that sets in and decays; its pitch is a semitone of two octaves, or `above`."""
    start, decay = rng.uniform(0, 0.6) * length, rng.uniform(0.15, 0.5) * length
    pitch = 2 ** ((rng.integers(25) + above) / 12) / 32  # cycles a sample, to 1/8: the second overtone stays below 1/2
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
