// The convolution and its adjoints, for float and double. With
//
//     T(x, w, g) = sum over n, o, p, q, c, r, t of
//         g[n,o,p,q] * w[o,c,r,t] * x[n, c, p sh + r dh - top, q sw + t dw - left]
//
// (x is 0 outside its image; c runs over the channels of o's group), the three functions are its derivatives:
// conv2d = dT/dg, conv_transpose2d = dT/dx, conv2d_weight = dT/dw. Each does 2 N O oh ow (C/groups) kh kw FLOPs and has
// to move at least its two operands and its result, once each.
//
// First the definitions: one thread computes one result, and reads all it needs from global memory. Then the same three
// as products of matrices, tile by tile through shared memory. No kernel uses atomics: every run gives the same bits.

struct Shape {                    // in this order at the end of every kernel's arguments
    int N, C, H, W;               // x (N,C,H,W)
    int O, kh, kw;                // w (O,C/groups,kh,kw)
    int oh, ow;                   // g (N,O,oh,ow)
    int sh, sw, dh, dw;           // stride and dilation
    int top, left;                // padding; bottom and right follow from oh and ow
    int groups;
};
#define SHAPE_ARGUMENTS int N, int C, int H, int W, int O, int kh, int kw, int oh, int ow, \
                        int sh, int sw, int dh, int dw, int top, int left, int groups
#define SHAPE Shape{N, C, H, W, O, kh, kw, oh, ow, sh, sw, dh, dw, top, left, groups}

// Define the entry points NAME_f32 and NAME_f64 for a function of one input and its result, or of two.
#define ENTRY1(NAME, T, SUFFIX)                                                                               \
    extern "C" __global__ void NAME##_##SUFFIX(const T* __restrict__ in, T* __restrict__ out, SHAPE_ARGUMENTS) \
    { NAME<T>(in, out, SHAPE); }
#define ENTRY2(NAME, T, SUFFIX)                                                                               \
    extern "C" __global__ void NAME##_##SUFFIX(const T* __restrict__ in1, const T* __restrict__ in2,           \
                                               T* __restrict__ out, SHAPE_ARGUMENTS)                          \
    { NAME<T>(in1, in2, out, SHAPE); }
#define ENTRIES1(NAME) ENTRY1(NAME, float, f32) ENTRY1(NAME, double, f64)
#define ENTRIES2(NAME) ENTRY2(NAME, float, f32) ENTRY2(NAME, double, f64)

// ------------------------------------------------------------------------------------------------------ definitions
// Thread mapping of this part: the x axis of the grid covers the pixels of a plane of the result, one thread each; the
// y axis covers the planes, as many at a time as there are blocks. An index within a plane fits an int; beyond it is
// long long.

// The value at (h, w) of a plane; 0 in the padding.
template <class T>
__device__ __forceinline__ T pixel(const T* plane, int H, int W, int h, int w)
{
    return (unsigned)h < (unsigned)H && (unsigned)w < (unsigned)W ? plane[h * W + w] : T(0);
}

// Find the position p of the kernel, 0 <= p < positions, in which its tap r lies on pixel h; -1 where there is none.
__device__ __forceinline__ int position(int h, int r, int before, int stride, int dilation, int positions)
{
    const int start = h + before - r * dilation;                             // p stride
    return start >= 0 && start % stride == 0 && start / stride < positions ? start / stride : -1;
}

// x (N,C,H,W), w (O,C/groups,kh,kw) -> y (N,O,oh,ow). Reads a value of x and of w for every 2 FLOPs.
template <class T>
__device__ void conv2d(const T* x, const T* w, T* y, const Shape s)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x, p = i / s.ow, q = i % s.ow;
    if (p >= s.oh) return;
    const int channels = s.C / s.groups;
    for (long long plane = blockIdx.y; plane < (long long)s.N * s.O; plane += gridDim.y) {
        const int o = plane % s.O, c0 = o / (s.O / s.groups) * channels;
        const T* image = x + (plane / s.O * s.C + c0) * s.H * s.W;
        const T* weight = w + (long long)o * channels * s.kh * s.kw;
        T sum = 0;
        for (int c = 0; c < channels; ++c, image += s.H * s.W)
            for (int r = 0; r < s.kh; ++r)
                for (int t = 0; t < s.kw; ++t, ++weight)
                    sum += *weight * pixel(image, s.H, s.W, p * s.sh + r * s.dh - s.top, q * s.sw + t * s.dw - s.left);
        y[plane * s.oh * s.ow + i] = sum;
    }
}
ENTRIES2(conv2d)

// g (N,O,oh,ow), w (O,C/groups,kh,kw) -> x (N,C,H,W): each pixel gathers from the positions that cover it. Reads
// a value of g and of w for every 2 FLOPs.
template <class T>
__device__ void conv_transpose2d(const T* g, const T* w, T* x, const Shape s)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x, h = i / s.W, v = i % s.W;
    if (h >= s.H) return;
    const int channels = s.C / s.groups, filters = s.O / s.groups;
    for (long long plane = blockIdx.y; plane < (long long)s.N * s.C; plane += gridDim.y) {
        const int c = plane % s.C, o0 = c / channels * filters;
        T sum = 0;
        for (int r = 0; r < s.kh; ++r)
            for (int t = 0; t < s.kw; ++t) {
                const int p = position(h, r, s.top, s.sh, s.dh, s.oh), q = position(v, t, s.left, s.sw, s.dw, s.ow);
                if (p < 0 || q < 0) continue;
                for (int o = o0; o < o0 + filters; ++o)
                    sum += g[((plane / s.C * s.O + o) * s.oh + p) * s.ow + q]
                         * w[(((long long)o * channels + c % channels) * s.kh + r) * s.kw + t];
            }
        x[plane * s.H * s.W + i] = sum;
    }
}
ENTRIES2(conv_transpose2d)

// x (N,C,H,W), g (N,O,oh,ow) -> parts (gridDim.z,O,C/groups,kh,kw): a tap's gradient is a sum over all images and
// positions. The pixels of the grid are here the taps of the kernel, its planes the O * C/groups pairs of channels. Its
// z axis cuts the images in parts, for there are few taps and much to add; conv2d_weight_sum, the last kernel, adds
// the parts up. Reads a value of x and of g for every 2 FLOPs.
template <class T>
__device__ void conv2d_weight(const T* x, const T* g, T* parts, const Shape s)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x, r = i / s.kw, t = i % s.kw;
    if (r >= s.kh) return;
    const int channels = s.C / s.groups;
    const long long planes = (long long)s.O * channels, part = blockIdx.z, count = gridDim.z;
    for (long long plane = blockIdx.y; plane < planes; plane += gridDim.y) {
        const int o = plane / channels, c = o / (s.O / s.groups) * channels + plane % channels;
        T sum = 0;
        for (int n = part * s.N / count; n < (part + 1) * s.N / count; ++n) {
            const T* image = x + ((long long)n * s.C + c) * s.H * s.W;
            const T* cotangent = g + ((long long)n * s.O + o) * s.oh * s.ow;
            for (int p = 0; p < s.oh; ++p)
                for (int q = 0; q < s.ow; ++q, ++cotangent)
                    sum += *cotangent
                         * pixel(image, s.H, s.W, p * s.sh + r * s.dh - s.top, q * s.sw + t * s.dw - s.left);
        }
        parts[(part * planes + plane) * s.kh * s.kw + i] = sum;
    }
}
ENTRIES2(conv2d_weight)

// x (N,C,H,W) -> columns (N, C kh kw, oh ow): column (p, q) holds the pixels under the kernel there. No FLOPs; writes
// the columns once, reads x up to kh kw times, from cache.
template <class T>
__device__ void im2col(const T* x, T* columns, const Shape s)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x, p = i / s.ow, q = i % s.ow, taps = s.kh * s.kw;
    if (p >= s.oh) return;
    for (long long plane = blockIdx.y; plane < (long long)s.N * s.C * taps; plane += gridDim.y) {
        const int r = plane % taps / s.kw, t = plane % s.kw;
        columns[plane * s.oh * s.ow + i] = pixel(x + plane / taps * s.H * s.W, s.H, s.W,
                                                 p * s.sh + r * s.dh - s.top, q * s.sw + t * s.dw - s.left);
    }
}
ENTRIES1(im2col)

// columns (N, C kh kw, oh ow) -> x (N,C,H,W), the adjoint: each pixel gathers its copies. Reads the columns once.
template <class T>
__device__ void col2im(const T* columns, T* x, const Shape s)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x, h = i / s.W, v = i % s.W;
    if (h >= s.H) return;
    for (long long plane = blockIdx.y; plane < (long long)s.N * s.C; plane += gridDim.y) {
        T sum = 0;
        for (int r = 0; r < s.kh; ++r)
            for (int t = 0; t < s.kw; ++t) {
                const int p = position(h, r, s.top, s.sh, s.dh, s.oh), q = position(v, t, s.left, s.sw, s.dw, s.ow);
                if (p >= 0 && q >= 0)
                    sum += columns[(((plane * s.kh + r) * s.kw + t) * s.oh + p) * s.ow + q];
            }
        x[plane * s.H * s.W + i] = sum;
    }
}
ENTRIES1(col2im)

// --------------------------------------------------------------------------------------- as products of matrices
// Z[m][j] = sum over k of A[m][k] B[k][j]. The matrices are views of the tensors, never stored: a Product says where
// A[m][k] and Z[m][j] lie and what B[k][j] is. Each group (and phase, and part, see below) is a product of its own, and
// a layer, blockIdx.z, of the grid; within it, block (x, y) computes one tile of Z.

// Division by the same number again and again, as a multiplication and a shift: exact for 0 <= n < 2^31. [Granlund and
// Montgomery, Division by invariant integers using multiplication, 1994]
struct Divisor {
    int divisor;
    unsigned factor, shift;

    __device__ void set(int d)
    {
        divisor = d > 1 ? d : 1;                                     // 0: there is nothing to divide
        shift = 0;
        while (1ull << shift < (unsigned)divisor) ++shift;
        factor = ((1ull << (31 + shift)) + divisor - 1) / divisor;
    }
    __device__ __forceinline__ int quotient(int n) const { return (unsigned)((2ull * n * factor) >> 32) >> shift; }
    __device__ __forceinline__ int remainder(int n) const { return n - quotient(n) * divisor; }
};

// conv2d: row m is an output channel, column j = (n, p, q) a position, depth k = (c, r, t) a value under the kernel.
// A is w as it lies, B what im2col would write.
template <class T>
struct Forward {
    const T *x, *w;
    T* y;
    Shape s;
    int rows, columns, first, last;                                  // k runs from first to before last
    Divisor channel, kernel_row;
    static constexpr bool DEPTH_FIRST = false;                       // B's neighbours in memory are in one row

    __device__ void set(const T* x, const T* w, T* y, const Shape& s)
    {
        this->x = x, this->w = w, this->y = y, this->s = s;
        rows = s.O / s.groups, columns = s.N * s.oh * s.ow;
        first = 0, last = s.C / s.groups * s.kh * s.kw;
        channel.set(s.kh * s.kw), kernel_row.set(s.kw);
    }
    __device__ __forceinline__ const T* a(int k) const { return w + (long long)blockIdx.z * rows * last + k; }
    __device__ __forceinline__ long long a_row() const { return last; }

    struct Column { const T* image; int h, v; };                     // where tap (0, 0) of its first channel lies
    __device__ Column column(int j) const
    {
        const int positions = s.oh * s.ow, p = j % positions / s.ow, q = j % s.ow;
        return {x + ((long long)(j / positions) * s.C + blockIdx.z * (s.C / s.groups)) * s.H * s.W,
                p * s.sh - s.top, q * s.sw - s.left};
    }
    __device__ __forceinline__ T b(int k, const Column& at) const
    {
        const int c = channel.quotient(k), tap = channel.remainder(k);
        const int r = kernel_row.quotient(tap), t = kernel_row.remainder(tap);
        return pixel(at.image + (long long)c * s.H * s.W, s.H, s.W, at.h + r * s.dh, at.v + t * s.dw);
    }
    __device__ __forceinline__ T* z(int j) const
    {
        const int positions = s.oh * s.ow;
        return y + ((long long)(j / positions) * s.O + blockIdx.z * rows) * positions + j % positions;
    }
    __device__ __forceinline__ long long z_row() const { return s.oh * s.ow; }
};

// A transposed convolution along one axis, on the pixels u, u + stride, u + 2 stride ... Only every so many taps ever
// lie on them, and from one such tap to the next the position moves back: a correlation with those taps.
struct Phase {
    int start, pixels;                     // u, and how many there are
    int tap, tap_step, taps;               // the first tap that lies on them, how far to the next, how many there are
    int position, back;                    // of the first tap over the first pixel; how far the next tap's lies back

    __device__ void set(int u, int size, int kernel, int before, int stride, int dilation)
    {
        auto next = [&](int r) {
            while (r < kernel && (u + before - r * dilation) % stride != 0) ++r;
            return r;
        };
        start = u, pixels = (size - u + stride - 1) / stride;
        tap = next(0), tap_step = next(tap + 1) - tap, taps = (kernel - tap + tap_step - 1) / tap_step;
        position = (u + before - tap * dilation) / stride, back = tap_step * dilation / stride;
    }
};

// conv_transpose2d, each of the sh sw phases by itself: row m is a channel of x, column j = (n, h, v) a pixel of the
// phase, depth k = (o, r, t) a value of g whose kernel covers it. No zeros are inserted, none multiplied.
template <class T>
struct Transposed {
    const T *g, *w;
    T* x;
    Shape s;
    Phase down, along;
    int rows, columns, first, last, first_o;
    Divisor channel, kernel_row;
    static constexpr bool DEPTH_FIRST = false;

    __device__ void set(const T* g, const T* w, T* x, const Shape& s)
    {
        this->g = g, this->w = w, this->x = x, this->s = s;
        down.set(blockIdx.z / s.sw % s.sh, s.H, s.kh, s.top, s.sh, s.dh);
        along.set(blockIdx.z % s.sw, s.W, s.kw, s.left, s.sw, s.dw);
        rows = s.C / s.groups, columns = s.N * down.pixels * along.pixels;
        first = 0, last = s.O / s.groups * down.taps * along.taps, first_o = group() * (s.O / s.groups);
        channel.set(down.taps * along.taps), kernel_row.set(along.taps);
    }
    __device__ __forceinline__ int group() const { return blockIdx.z / (s.sh * s.sw); }
    __device__ __forceinline__ const T* a(int k) const
    {
        const int o = first_o + channel.quotient(k), tap = channel.remainder(k);
        const int r = kernel_row.quotient(tap), t = kernel_row.remainder(tap);
        return w + ((long long)o * rows * s.kh + down.tap + r * down.tap_step) * s.kw + along.tap + t * along.tap_step;
    }
    __device__ __forceinline__ long long a_row() const { return s.kh * s.kw; }

    struct Column { const T* image; int p, q; };                     // the position of the first tap over its pixel
    __device__ Column column(int j) const
    {
        const int pixels = down.pixels * along.pixels, h = j % pixels / along.pixels, v = j % along.pixels;
        return {g + ((long long)(j / pixels) * s.O + first_o) * s.oh * s.ow, h + down.position, v + along.position};
    }
    __device__ __forceinline__ T b(int k, const Column& at) const
    {
        const int o = channel.quotient(k), tap = channel.remainder(k);
        const int r = kernel_row.quotient(tap), t = kernel_row.remainder(tap);
        return pixel(at.image + (long long)o * s.oh * s.ow, s.oh, s.ow, at.p - r * down.back, at.q - t * along.back);
    }
    __device__ __forceinline__ T* z(int j) const
    {
        const int pixels = down.pixels * along.pixels, h = j % pixels / along.pixels, v = j % along.pixels;
        const long long plane = (long long)(j / pixels) * s.C + group() * rows;
        return x + (plane * s.H + down.start + h * s.sh) * s.W + along.start + v * s.sw;
    }
    __device__ __forceinline__ long long z_row() const { return s.H * s.W; }
};

// conv2d_weight: row m is an output channel, column j = (c, r, t) a tap, depth k = (n, p, q) a position. Few rows and
// columns, great depth: so the depth, too, is cut in parts.
template <class T>
struct Weight {
    const T *x, *g;
    T* parts;
    Shape s;
    int rows, columns, first, last, group, part;
    Divisor image, width;
    static constexpr bool DEPTH_FIRST = true;                        // B's neighbours in memory are in one column

    __device__ void set(const T* x, const T* g, T* parts, const Shape& s)
    {
        this->x = x, this->g = g, this->parts = parts, this->s = s;
        group = blockIdx.z % s.groups, part = blockIdx.z / s.groups;
        rows = s.O / s.groups, columns = s.C / s.groups * s.kh * s.kw;
        const long long depth = (long long)s.N * s.oh * s.ow, count = gridDim.z / s.groups;
        first = part * depth / count, last = (part + 1) * depth / count;
        image.set(s.oh * s.ow), width.set(s.ow);
    }
    __device__ __forceinline__ const T* a(int k) const
    {
        return g + ((long long)image.quotient(k) * s.O + group * rows) * s.oh * s.ow + image.remainder(k);
    }
    __device__ __forceinline__ long long a_row() const { return s.oh * s.ow; }

    struct Column { const T* plane; int h, v; };                     // where its tap lies in position (0, 0)
    __device__ Column column(int j) const
    {
        const int taps = s.kh * s.kw, r = j % taps / s.kw, t = j % s.kw;
        return {x + (long long)(group * (s.C / s.groups) + j / taps) * s.H * s.W, r * s.dh - s.top, t * s.dw - s.left};
    }
    __device__ __forceinline__ T b(int k, const Column& at) const
    {
        const int n = image.quotient(k), i = image.remainder(k), p = width.quotient(i), q = width.remainder(i);
        return pixel(at.plane + (long long)n * s.C * s.H * s.W, s.H, s.W, p * s.sh + at.h, q * s.sw + at.v);
    }
    __device__ __forceinline__ T* z(int j) const
    {
        return parts + ((long long)part * s.O + group * rows) * columns + j;
    }
    __device__ __forceinline__ long long z_row() const { return columns; }
};

template <class T>
struct __align__(16) Quad { T v[4]; };

// Compute one tile, BM rows by BN columns, of a product.
// A thread owns PATCH x PATCH values of Z in registers: four quads of 4 x 4, half a tile apart (one quad for double,
// twice as wide), so that the threads of a warp read neighbouring quads of shared memory, without bank conflicts.
// While one slice of A and B, BK deep, is multiplied, the next is on its way from global memory to registers; shared
// memory holds two slices, which saves a barrier. Global reads: BM + BN values for every 2 BM BN FLOPs.
template <class T, int BM, int BN, int PATCH, class Product>
__device__ __forceinline__ void multiply(const T* in1, const T* in2, T* out, const Shape& shape)
{
    constexpr int BK = 8, QUADS = PATCH / 4, THREADS = BM * BN / (PATCH * PATCH);
    constexpr int A_LOADS = BM * BK / THREADS, B_LOADS = BN * BK / THREADS, STEP = THREADS / BK, PAD = 16 / sizeof(T);
    static_assert(THREADS % BN == 0 && BM % STEP == 0 && BN % STEP == 0, "all threads load alike");
    __shared__ __align__(16) T A[2][BK][BM + PAD], B[2][BK][BN + PAD];      // padded: columns spread over the banks
    // The same for all threads, so in shared memory: registers are all taken.
    __shared__ Product product;
    __shared__ typename Product::Column columns[BN];

    const unsigned thread = threadIdx.x;                           // unsigned: / and % of it are a shift and a mask
    const int m0 = blockIdx.y * BM, j0 = blockIdx.x * BN;
    if (thread == 0) product.set(in1, in2, out, shape);
    __syncthreads();
    if (m0 >= product.rows || j0 >= product.columns) return;       // a smaller phase than others
    for (int j = thread; j < BN; j += THREADS) columns[j] = product.column(j0 + j);
    __syncthreads();

    // Of each slice, this thread loads A_LOADS values at depth a_k in rows a_m, a_m + STEP ... and B_LOADS values at
    // depth b_k(i) in column b_j(i), such that neighbouring threads read neighbours in memory.
    const int a_k = thread % BK, a_m = thread / BK;
    auto b_k = [&](int i) { return Product::DEPTH_FIRST ? thread % BK : thread / BN + i * (THREADS / BN); };
    auto b_j = [&](int i) { return Product::DEPTH_FIRST ? thread / BK + i * STEP : thread % BN; };
    T a_next[A_LOADS], b_next[B_LOADS];
    auto fetch = [&](int k0) {
        const T* a = product.a(k0 + a_k) + (m0 + a_m) * product.a_row();
        const int rows = k0 + a_k < product.last ? product.rows : 0;
        #pragma unroll
        for (int i = 0; i < A_LOADS; ++i)
            a_next[i] = m0 + a_m + i * STEP < rows ? a[i * STEP * product.a_row()] : T(0);
        #pragma unroll
        for (int i = 0; i < B_LOADS; ++i)
            b_next[i] = k0 + b_k(i) < product.last && j0 + b_j(i) < product.columns
                      ? product.b(k0 + b_k(i), columns[b_j(i)]) : T(0);
    };
    auto stage = [&](int slice) {
        #pragma unroll
        for (int i = 0; i < A_LOADS; ++i) A[slice][a_k][a_m + i * STEP] = a_next[i];
        #pragma unroll
        for (int i = 0; i < B_LOADS; ++i) B[slice][b_k(i)][b_j(i)] = b_next[i];
    };

    const int row = thread / (BN / PATCH) * 4, column = thread % (BN / PATCH) * 4;      // of this thread's first quad
    T z[PATCH][PATCH] = {};
    fetch(product.first);
    stage(0);
    __syncthreads();
    for (int k0 = product.first, slice = 0; k0 < product.last; k0 += BK, slice ^= 1) {
        const bool more = k0 + BK < product.last;
        if (more) fetch(k0 + BK);
        #pragma unroll
        for (int k = 0; k < BK; ++k) {
            Quad<T> a[QUADS], b[QUADS];
            #pragma unroll
            for (int i = 0; i < QUADS; ++i) {
                a[i] = *reinterpret_cast<const Quad<T>*>(&A[slice][k][row + i * (BM / 2)]);
                b[i] = *reinterpret_cast<const Quad<T>*>(&B[slice][k][column + i * (BN / 2)]);
            }
            #pragma unroll
            for (int i = 0; i < PATCH; ++i)
                #pragma unroll
                for (int l = 0; l < PATCH; ++l) z[i][l] += a[i / 4].v[i % 4] * b[l / 4].v[l % 4];
        }
        if (more) stage(slice ^ 1);
        __syncthreads();
    }

    #pragma unroll
    for (int l = 0; l < PATCH; ++l) {
        const int j = j0 + column + l % 4 + l / 4 * (BN / 2);
        if (j >= product.columns) continue;
        T* result = product.z(j);
        #pragma unroll
        for (int i = 0; i < PATCH; ++i) {
            const int m = m0 + row + i % 4 + i / 4 * (BM / 2);
            if (m < product.rows) result[m * product.z_row()] = z[i][l];
        }
    }
}

// Define the entry point NAME_BMxBN_SUFFIX: a block of THREADS, of which two or more fit a multiprocessor together.
#define TILE(NAME, PRODUCT, BM, BN, PATCH, THREADS, T, SUFFIX)                                                         \
    extern "C" __global__ void __launch_bounds__(THREADS, 512 / THREADS)                                               \
    NAME##_##BM##x##BN##_##SUFFIX(const T* __restrict__ in1, const T* __restrict__ in2, T* __restrict__ out,           \
                                  SHAPE_ARGUMENTS)                                                                     \
    { multiply<T, BM, BN, PATCH, PRODUCT<T>>(in1, in2, out, SHAPE); }
#define TILES(NAME, PRODUCT)                                                                                           \
    TILE(NAME, PRODUCT, 128, 128, 8, 256, float, f32)                                                                  \
    TILE(NAME, PRODUCT, 64, 128, 8, 128, float, f32)                                                                   \
    TILE(NAME, PRODUCT, 64, 64, 4, 256, double, f64)
TILES(conv2d, Forward)
TILES(conv_transpose2d, Transposed)
TILES(conv2d_weight, Weight)

// parts (count,size) -> out (size): one thread an element, always in the same order. Reads the parts once.
template <class T>
__device__ void conv2d_weight_sum(const T* parts, T* out, int count, long long size)
{
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= size) return;
    T sum = 0;
    for (int part = 0; part < count; ++part) sum += parts[part * size + i];
    out[i] = sum;
}
extern "C" __global__ void conv2d_weight_sum_f32(const float* parts, float* out, int count, long long size)
{ conv2d_weight_sum(parts, out, count, size); }
extern "C" __global__ void conv2d_weight_sum_f64(const double* parts, double* out, int count, long long size)
{ conv2d_weight_sum(parts, out, count, size); }
