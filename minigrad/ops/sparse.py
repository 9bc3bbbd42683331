"""A constant sparse matrix times a tensor: sums over neighbours in a graph, a grid or a picture."""

from __future__ import annotations

from ..backend import device_of
from ..op import as_tensor, op


def sparse_matmul(matrix, x):
    """matrix @ x, where matrix (m,n) is sparse and constant: x (n) -> (m), x (n,k) -> (m,k).

    matrix: of scipy.sparse, or of cupyx.scipy.sparse for x on a GPU. It is neither copied nor differentiated, and must
    not change before the gradient was taken. Its dtype and x's promote as in NumPy: give it x's own, or float32 for
    whole numbers and float16.
    ValueError if the shapes do not fit, TypeError if matrix is not sparse.
    """
    x = as_tensor(x)
    if not hasattr(matrix, "tocsr"):
        raise TypeError(f"sparse_matmul: matrix is a {type(matrix).__name__}; give one of scipy.sparse, or use x @ y")
    if x.ndim not in (1, 2) or matrix.shape[1] != x.shape[0]:
        raise ValueError(
            f"sparse_matmul: shapes {matrix.shape} and {x.shape} do not fit; they must be (m,n) and (n,..)"
        )
    if type(matrix).__module__.startswith("scipy") != (device_of(x.data) == "cpu"):
        raise TypeError(
            f"sparse_matmul: x is on {device_of(x.data)}; give a matrix of cupyx.scipy.sparse on a GPU only"
        )
    return sparse_product(x, matrix=matrix)


@op(dtypes="real")
def sparse_product(x, /, matrix):
    """matrix @ x for a sparse matrix (m,n) and x (n) or (n,k). See sparse_matmul."""
    return matrix @ x


# y_i = sum_j a_ij x_j, so x_j receives sum_i a_ij g_i
sparse_product.defvjp(x=lambda g, out, x, matrix: sparse_product(g, matrix=matrix.T))
