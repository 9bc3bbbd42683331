// Two kernels that are right, and go wrong in one way for each macro that is defined when they are compiled:
// what the harness finds in them it will find in others.

// Out of line, so that the compiler cannot know how long the tile is.
__device__ __noinline__ void put(float* tile, int i, float value) { tile[i] = value; }

// x (rows,n) -> y (rows,n), y[i] = x[i] + x[i+1], where x[i+1] counts as 0 at the end of every 64 numbers.
// A block of 64 threads for every row.
extern "C" __global__ void __launch_bounds__(64)
neighbour_sums(const float* __restrict__ x, float* __restrict__ y, int n)
{
    __shared__ float tile[64];
    const int thread = threadIdx.x;
    x += blockIdx.x * n;
    y += blockIdx.x * n;
    for (int first = 0; first < n; first += 64) {
        const int i = first + thread;
#ifdef PLANT_DIVERGENT_BARRIER
        if (i >= n) return;
#endif
#if defined(PLANT_UNWRITTEN_SHARED)
        if (i < n) put(tile, thread, x[i]);
#elif defined(PLANT_SHARED_OUT_OF_BOUNDS)
        put(tile, thread + 1, i < n ? x[i] : 0.0f);
#else
        put(tile, thread, i < n ? x[i] : 0.0f);
#endif
        __syncthreads();
        const float next = thread < 63 ? tile[thread + 1] : 0.0f;
#ifdef PLANT_GLOBAL_OUT_OF_BOUNDS
        y[i] = tile[thread] + next;
#else
        if (i < n) y[i] = tile[thread] + next;
#endif
#ifndef PLANT_MISSING_BARRIER    // a thread may overwrite what its lower neighbour has not read yet
        __syncthreads();
#endif
    }
}

// sum += x[0] + ... + x[n-1], one thread a number.
extern "C" __global__ void total(const double* x, double* sum, long long n)
{
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
#ifdef PLANT_RACE
    *sum += x[i];
#elif defined(PLANT_MISALIGNED)
    atomicAdd(sum, reinterpret_cast<const double2*>(x + i)->x);
#else
    atomicAdd(sum, x[i]);
#endif
}
