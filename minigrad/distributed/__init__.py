"""Training on several processes: each computes the gradient of its part of a batch, and all take the sum.

    mpiexec -n 4 python -m demos vae

starts four processes, the *ranks* 0 to 3, which know of each other through MPI. Each holds the whole model, starts from
rank 0's parameters, and takes its rows of every batch. The loss of the batch is the mean over its rows, so its gradient
is the ranks' gradients weighted by their rows and added: an *all-reduce*, after which every rank holds the sum. All
take the same optimizer's step, and stay equal without ever sending a parameter again.

Sending costs time, but not much waits for it. The walk back finds the gradients of the last layers first. They are
packed into flat buckets, and a bucket is sent as soon as it is full, while the walk goes on to earlier layers:

    walk    | layer 4 | layer 3 | layer 2 | layer 1 |
    network           | bucket 0 (4, 3) .... | bucket 1 (2, 1) .. |
                                                    only this is waited for ^

What a batch takes together besides, such as its moments in batch normalisation, is in ops/collective.py.
"""

from .gradients import BUCKET, GradientSums
from .ranks import Ranks, world

__all__ = ["BUCKET", "GradientSums", "Ranks", "world"]
