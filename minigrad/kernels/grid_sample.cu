// Bilinear sampling of images at the points of a grid, and its gradients, for float and double.
//
//     out = (1-b) ((1-a) x00 + a x01) + b ((1-a) x10 + a x11)
//
// where the point lies (a, b) in [0, 1) rightwards and downwards of its first corner, x00; corners beyond the image are
// 0. x (N,C,H,W), grid (N,oh,ow,2) of (x, y): -1 and 1 are the outer edges of the image, or, with align_corners, the
// centres of its outer pixels. mode 0: zeros, 1: border, 2: reflection.
//
// Thread mapping: the x axis of the launch covers the points of an image (for the gradient to x, its pixels), a thread
// each; the y axis covers the planes (n, c), or, where the channels have to be added up or do not matter, the images.
// No atomics: every run gives the same bits.

#define SIZES int N, int C, int H, int W, int oh, int ow, int mode, int align_corners
#define SIZE_NAMES N, C, H, W, oh, ow, mode, align_corners

__device__ __forceinline__ float round_down(float x) { return floorf(x); }
__device__ __forceinline__ double round_down(double x) { return floor(x); }
__device__ __forceinline__ float modulo(float x, float y) { return fmodf(x, y); }
__device__ __forceinline__ double modulo(double x, double y) { return fmod(x, y); }

// Where a coordinate of the grid lies along n pixels, numbered from 0: the first of the two pixels around it, -1 to n;
// the distance from that to the point, and the slope of this distance in the coordinate.
template <class T>
struct Place {
    int first;
    T distance, slope;

    __device__ __forceinline__ Place(T coordinate, int n, int mode, int align_corners)
    {
        slope = T(align_corners ? n - 1 : n) / 2;
        T position = coordinate * slope + T(n - 1) / 2;
        if (mode == 2 && slope > 0) reflect(position, n, align_corners);
        if (mode == 0) {                                 // all zeros beyond the image are alike: those behind it
            if (position < -1 || position >= n) position = n, slope = 0;
        } else {
            if (position <= 0 || position >= n - 1) slope = 0;
            position = position < 0 ? T(0) : position > n - 1 ? T(n - 1) : position;
        }
        first = position == position ? (int)round_down(position) : -1;                    // a NaN has no place
        distance = position - first;
    }
    // Fold the position back and forth between the mirrors: the outer edges, or the centres of the outer pixels.
    __device__ __forceinline__ void reflect(T& position, int n, int align_corners)
    {
        const T mirror = align_corners ? T(0) : T(-0.5), span = align_corners ? n - 1 : n;
        const T beyond = position - mirror, phase = modulo(beyond < 0 ? -beyond : beyond, 2 * span);
        if ((beyond >= 0) != (phase < span)) slope = -slope;
        position = mirror + (phase < span ? phase : 2 * span - phase);
    }
};

// The value at (h, v) of a plane; 0 outside of it.
template <class T>
__device__ __forceinline__ T pixel(const T* plane, int H, int W, int h, int v)
{
    return (unsigned)h < (unsigned)H && (unsigned)v < (unsigned)W ? plane[h * W + v] : T(0);
}

// x, grid -> out (N,C,oh,ow). A thread: a point of a plane. 9 FLOPs a value and about 20 to place it; reads x and
// writes out once, reads the grid C times, mostly from cache.
template <class T>
__device__ __forceinline__ void grid_sample(const T* x, const T* grid, T* out, SIZES)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= oh * ow) return;
    for (long long plane = blockIdx.y; plane < (long long)N * C; plane += gridDim.y) {
        const T* point = grid + 2 * (plane / C * oh * ow + i);
        const Place<T> along(point[0], W, mode, align_corners), down(point[1], H, mode, align_corners);
        const T* image = x + plane * H * W;
        const int h = down.first, v = along.first;
        const T a = along.distance, b = down.distance;
        const T above = (1 - a) * pixel(image, H, W, h, v) + a * pixel(image, H, W, h, v + 1);
        const T below = (1 - a) * pixel(image, H, W, h + 1, v) + a * pixel(image, H, W, h + 1, v + 1);
        out[plane * oh * ow + i] = (1 - b) * above + b * below;
    }
}

// g (N,C,oh,ow), x, grid -> out (N,oh,ow,2), the gradient of sum g * grid_sample(x, grid) to grid. A thread: a point of
// an image, in all channels. 14 FLOPs a channel; reads g and x once.
template <class T>
__device__ __forceinline__ void grid_sample_grid(const T* g, const T* x, const T* grid, T* out, SIZES)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= oh * ow) return;
    for (long long n = blockIdx.y; n < N; n += gridDim.y) {
        const long long point = n * oh * ow + i;
        const Place<T> along(grid[2 * point], W, mode, align_corners);
        const Place<T> down(grid[2 * point + 1], H, mode, align_corners);
        const int h = down.first, v = along.first;
        T by_a = 0, by_b = 0;
        for (int c = 0; c < C; ++c) {
            const T* image = x + (n * C + c) * H * W;
            const T x00 = pixel(image, H, W, h, v), x01 = pixel(image, H, W, h, v + 1);
            const T x10 = pixel(image, H, W, h + 1, v), x11 = pixel(image, H, W, h + 1, v + 1);
            const T cotangent = g[(n * C + c) * oh * ow + i];
            by_a += cotangent * ((1 - down.distance) * (x01 - x00) + down.distance * (x11 - x10));
            by_b += cotangent * ((1 - along.distance) * (x10 - x00) + along.distance * (x11 - x01));
        }
        out[2 * point] = by_a * along.slope;
        out[2 * point + 1] = by_b * down.slope;
    }
}

// The gradient to x adds each point's g to its four corners. Turned round, so that no two threads add to one number:
// each pixel gathers the points of the four cells, the squares between pixels, that it is a corner of. For that the
// host sorts the points by cell, between these two kernels.

// grid -> cells (N,oh,ow), the cell of each point: that with first corner (h, v) of image n is the cell
// (n (H+1) + h + 1) (W+1) + v + 1. A point with no corner in the image is in none of them, but in N (H+1) (W+1).
// A thread: a point of an image. About 20 FLOPs; reads the grid and writes cells once.
template <class T>
__device__ __forceinline__ void grid_cells(const T* grid, long long* cells, SIZES)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= oh * ow) return;
    for (long long n = blockIdx.y; n < N; n += gridDim.y) {
        const long long point = n * oh * ow + i, none = (long long)N * (H + 1) * (W + 1);
        const Place<T> along(grid[2 * point], W, mode, align_corners);
        const Place<T> down(grid[2 * point + 1], H, mode, align_corners);
        const int h = down.first, v = along.first;
        cells[point] = h < H && v < W ? (n * (H + 1) + h + 1) * (W + 1) + v + 1 : none;
    }
}

// g (N,C,oh,ow), grid, order (N oh ow), starts (cells + 1) -> out (N,C,H,W). In cell k lie the points order[starts[k]]
// to before order[starts[k+1]]. A thread: a pixel of a plane. About 40 FLOPs for each point in reach, to place it and
// add it; reads g and order four times, the grid four times a channel, mostly from cache, and writes out once.
template <class T>
__device__ __forceinline__ void grid_sample_input(const T* g, const T* grid, const long long* order,
                                                  const long long* starts, T* out, SIZES)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x, h = i / W, v = i % W;
    if (h >= H) return;
    for (long long plane = blockIdx.y; plane < (long long)N * C; plane += gridDim.y) {
        const long long n = plane / C;
        T sum = 0;
        for (int corner = 0; corner < 4; ++corner) {                         // which one of the cell the pixel is
            const int below = corner / 2, right = corner % 2;
            const long long cell = (n * (H + 1) + h + 1 - below) * (W + 1) + v + 1 - right;
            for (long long k = starts[cell]; k < starts[cell + 1]; ++k) {
                const long long point = order[k];
                const Place<T> along(grid[2 * point], W, mode, align_corners);
                const Place<T> down(grid[2 * point + 1], H, mode, align_corners);
                const T weight_along = right ? along.distance : 1 - along.distance;
                const T weight_down = below ? down.distance : 1 - down.distance;
                sum += weight_down * weight_along * g[plane * oh * ow + point - n * oh * ow];
            }
        }
        out[plane * H * W + i] = sum;
    }
}

#define ENTRIES(T, SUFFIX)                                                                                             \
    extern "C" __global__ void grid_sample_##SUFFIX(const T* __restrict__ x, const T* __restrict__ grid,               \
                                                    T* __restrict__ out, SIZES)                                        \
    { grid_sample(x, grid, out, SIZE_NAMES); }                                                                         \
    extern "C" __global__ void grid_sample_grid_##SUFFIX(const T* __restrict__ g, const T* __restrict__ x,             \
                                                         const T* __restrict__ grid, T* __restrict__ out, SIZES)       \
    { grid_sample_grid(g, x, grid, out, SIZE_NAMES); }                                                                 \
    extern "C" __global__ void grid_cells_##SUFFIX(const T* __restrict__ grid, long long* __restrict__ cells, SIZES)   \
    { grid_cells(grid, cells, SIZE_NAMES); }                                                                           \
    extern "C" __global__ void grid_sample_input_##SUFFIX(                                                             \
        const T* __restrict__ g, const T* __restrict__ grid, const long long* __restrict__ order,                      \
        const long long* __restrict__ starts, T* __restrict__ out, SIZES)                                              \
    { grid_sample_input(g, grid, order, starts, out, SIZE_NAMES); }
ENTRIES(float, f32)
ENTRIES(double, f64)
