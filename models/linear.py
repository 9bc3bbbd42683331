"""The linear autoencoder, which is principal component analysis. Baldi & Hornik, Neural Networks 1989.

    h = A x,  output = B h,  L = mean (x - B A x)^2        A (k, D), B (D, k); tied: A = W, B = W^T, so x ~ W^T W x

for centred x; the best biases are then 0, so there are none. L is least if B A is the projection onto the span of the
k directions of largest variance. There is no other minimum: wherever else the gradient is 0, B A projects onto the span
of other principal directions, or of fewer, and L has a saddle point. So descent from anywhere ends at PCA, although L
is not convex.

Only the span can be compared with PCA's. L depends on A and B through their product alone, and for every invertible Q
the pair Q A, B Q^-1 has the same product: the columns of B are some basis of the span, neither orthogonal nor in any
order. Tied weights at the minimum are orthonormal, W W^T = I, but Q W is as good for every rotation Q. What singles out
PCA's axes is something that L does not ask for: codes that are uncorrelated and ordered by variance.
"""

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn


class LinearAutoencoder(nn.Module):
    """D-k-D without biases: centred x (N, D) -> (N, D). tied: the decoder is the transpose of the encoder."""

    def __init__(self, code: int, *, features: int, tied: bool = False, rng: np.random.Generator):
        self.encoder = nn.Linear(features, code, bias=False, rng=rng)
        self.decoder = None if tied else nn.Linear(code, features, bias=False, rng=rng)
        # Both small and of one size: A and B^T then grow together. With Linear's own, unequal sizes descent is slow.
        nn.init.initialise(self, nn.init.normal, rng)

    def basis(self) -> Tensor:
        """Return B: (D, k), whose columns span the output."""
        return self.encoder.weight.T if self.decoder is None else self.decoder.weight

    def encode(self, x: Tensor) -> Tensor:
        """(N, D) -> codes (N, k)."""
        return self.encoder(x)

    def decode(self, code: Tensor) -> Tensor:
        """Codes (N, k) -> (N, D)."""
        return code @ self.basis().T

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))


def squared_error(model: LinearAutoencoder, x: Tensor) -> Tensor:
    """The loss above, the mean over features and batch."""
    return mg.mse_loss(model(x), x)
