// Max pooling: the largest pixel of each window, which it is, and the way back, for float and double.
//
// Thread mapping: the x axis of the grid covers the pixels of a plane of the result, one thread each; the y axis covers
// the planes, as many at a time as there are blocks. No atomics: every run gives the same bits.

#define SIZES int planes, int H, int W, int kh, int kw, int oh, int ow, \
              int sh, int sw, int dh, int dw, int top, int left
#define SIZE_NAMES planes, H, W, kh, kw, oh, ow, sh, sw, dh, dw, top, left

// x (N,C,H,W) -> out and winner (N,C,oh,ow), r kw + t for the pixel (r, t) of the window. Padding never wins: where a
// window holds nothing else, out is -inf and winner -1.
// kh kw comparisons a result; reads x about once (overlapping windows from cache), writes two values a result.
template <class T>
__device__ __forceinline__ void max_pool2d(const T* x, T* out, int* winner, SIZES)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x, p = i / ow, q = i % ow;
    if (p >= oh) return;
    for (long long plane = blockIdx.y; plane < planes; plane += gridDim.y) {
        T best = T(-1) / T(0);                                            // -inf
        int first = -1;
        for (int r = 0; r < kh; ++r)
            for (int t = 0; t < kw; ++t) {
                const int h = p * sh + r * dh - top, v = q * sw + t * dw - left;
                if ((unsigned)h >= (unsigned)H || (unsigned)v >= (unsigned)W) continue;
                const T pixel = x[plane * H * W + h * W + v];
                // the first of equals; a NaN is not <= anything, and beats all but an earlier NaN
                if (first < 0 || (best == best && !(pixel <= best))) best = pixel, first = r * kw + t;
            }
        out[plane * oh * ow + i] = best;
        winner[plane * oh * ow + i] = first;
    }
}

// g, winner (N,C,oh,ow) -> x (N,C,H,W): each pixel gathers from the windows that cover it, where it won.
// At most kh kw / (sh sw), rounded up, additions a pixel; reads g and winner about once, writes x once.
template <class T>
__device__ __forceinline__ void max_pool2d_scatter(const T* g, const int* winner, T* x, SIZES)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x, h = i / W, v = i % W;
    if (h >= H) return;
    for (long long plane = blockIdx.y; plane < planes; plane += gridDim.y) {
        T sum = 0;
        for (int r = 0; r < kh; ++r)
            for (int t = 0; t < kw; ++t) {
                const int down = h + top - r * dh, along = v + left - t * dw;       // p sh and q sw of such a window
                if (down < 0 || along < 0 || down % sh || along % sw || down / sh >= oh || along / sw >= ow) continue;
                const long long window = (plane * oh + down / sh) * ow + along / sw;
                if (winner[window] == r * kw + t) sum += g[window];
            }
        x[plane * H * W + i] = sum;
    }
}

#define ENTRIES(T, SUFFIX)                                                                                             \
    extern "C" __global__ void max_pool2d_##SUFFIX(const T* __restrict__ x, T* __restrict__ out,                       \
                                                   int* __restrict__ winner, SIZES)                                    \
    { max_pool2d(x, out, winner, SIZE_NAMES); }                                                                        \
    extern "C" __global__ void max_pool2d_scatter_##SUFFIX(const T* __restrict__ g, const int* __restrict__ winner,    \
                                                     T* __restrict__ x, SIZES)                                         \
    { max_pool2d_scatter(g, winner, x, SIZE_NAMES); }
ENTRIES(float, f32)
ENTRIES(double, f64)
