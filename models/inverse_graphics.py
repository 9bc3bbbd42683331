"""Deep inverse graphics: a code with one number per thing that a renderer is told. Kulkarni et al., arXiv 1503.03167.

A variational autoencoder finds a code, but nothing says which number of it means what. Here training images come in
batches in each of which a single factor varies: the head turns, or it nods, or the light moves, or the person is
another. If it is the first, only z1 may explain how the images of the batch differ. `hold` sees to that. On the way
forward it replaces every other number of the code, the inactive ones, by its mean over the batch, so that the decoder
can tell the images apart by z1 alone. On the way back the inactive ones cannot have helped, and what they receive says
that they should not have moved:

    forward:  z_i = mean of z_i over the batch        backward:  kappa (z_i - mean of z_i)      for inactive i

That is no derivative of the forward function, which would be a mean of gradients. It is the gradient of another loss,
in which the mean is a constant: sum of g z over the active numbers + kappa / 2 sum (z_i - mean)**2 over the others.
"""

from __future__ import annotations

import minigrad as mg
from minigrad import Tensor
from minigrad.op import Op

from .conv_vae import ConvVAE

KAPPA = 0.01  # the paper's


def hold(z, active, /, kappa=KAPPA):
    """Replace what is inactive in codes z (.., n, k) by its mean over n; active (.., 1, k) bool says what is not.

    What an inactive number receives is kappa (z - mean), whatever comes from above. Not to be differentiated twice.
    """
    mean = z.mean(axis=-2, keepdims=True)
    return z * active + mean * ~active


# An op of this model alone, and no function of the engine: so it is made without @op, and not registered.
hold = Op(hold, order=1, dtypes="numpy")
hold.defvjp(
    z=lambda g, out, z, active, kappa: mg.where(active, g, kappa * (z - z.mean(axis=-2, keepdims=True))), active=None
)


def inverse_graphics_loss(model: ConvVAE, x: Tensor, active: Tensor, kappa: float = KAPPA) -> Tensor:
    """The negative ELBO of codes that are held: nats per image.

    x (B, n, C, H, W): B batches, in each of which one factor varies; active (B, k) bool: the numbers of the code that
    may explain it. ValueError for other shapes, and for batches of one image, in which nothing varies.
    """
    if x.ndim != 5 or x.shape[1] < 2:
        raise ValueError(f"inverse_graphics_loss: x is {x.shape}; it must be (B, n, C, H, W) with n of at least 2")
    B, n = x.shape[:2]
    if active.shape != (B, model.code):
        raise ValueError(f"inverse_graphics_loss: active is {active.shape}; it must be {(B, model.code)}, bool")
    x = x.reshape(B * n, *x.shape[2:])
    mean, log_variance = model.encode(x)
    divergence = mg.gaussian_kl(mean, log_variance, reduction="none").sum(axis=1)
    held = hold(mean.reshape(B, n, -1), active.reshape(B, 1, -1), kappa=kappa)
    logits = model.decode_logits(model.draw(held.reshape(mean.shape), log_variance))
    return (model.surprise(logits, x) + divergence).mean()
