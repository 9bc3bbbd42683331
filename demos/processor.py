"""What OpenBLAS should know of the processor; to be called before NumPy is loaded."""

import os
from pathlib import Path

NEEDED = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}


def use_avx512() -> None:
    """Set OPENBLAS_CORETYPE, and say so, where OpenBLAS would leave half of the processor unused.

    OpenBLAS knows processors by name and takes AMD's newer ones, which have AVX-512, for a Haswell, which has not:
    matrix products then run at half speed. A setting that is there already stays.
    """
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    if "OPENBLAS_CORETYPE" not in os.environ and "AuthenticAMD" in text and set(text.split()) >= NEEDED:
        os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"
        print("OPENBLAS_CORETYPE=SkylakeX is set: this processor has AVX-512, which OpenBLAS would not use by itself")
