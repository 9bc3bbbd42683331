// What a .cu file needs to be compiled as C++17 by g++ and run on the CPU, unchanged.
//
// The blocks of a grid run one after another. The threads of a block are fibers, each with a stack of its own, of which
// one runs at a time, until it comes to a barrier: then the next one runs. A seed chooses their order, so that a kernel
// that lacks a barrier computes wrong numbers in some order. Shared memory is full of NaNs when a block starts.
// Compiled with -fsanitize=thread, two accesses that no barrier orders are reported as a race, though no two threads
// ever run at the same time; with -fsanitize=address, accesses outside global and shared arrays are reported.
//
// What this cannot show: speed, bank conflicts, and races between blocks.
#pragma once
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <algorithm>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#undef INFINITY    // the GPU's run-time compiler knows neither without a header
#undef NAN

// ------------------------------------------------------------------------------------- the words that CUDA adds to C++
#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("cuda_shared")))    // all in one place, to be filled with NaNs

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x, y, z; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) double2 { double x, y; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
inline float2 make_float2(float x, float y) { return {x, y}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline double2 make_double2(double x, double y) { return {x, y}; }

static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;
static constexpr int warpSize = 32;

using std::max, std::min;
template <class T> T __ldg(const T* p) { return *p; }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }

template <class T> T atomicAdd(T* p, std::common_type_t<T> value)    // relaxed, as on the GPU: orders nothing else
{
    T old, sum;
    __atomic_load(p, &old, __ATOMIC_RELAXED);
    do sum = old + value;
    while (!__atomic_compare_exchange(p, &old, &sum, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return old;
}

#define __syncthreads() cuda_cpu::wait(cuda_cpu::AT_BLOCK, __LINE__)
#define __syncwarp(...) cuda_cpu::wait(cuda_cpu::AT_WARP, __LINE__)    // of whole warps, like the shuffles: no masks
#define __shfl_sync(mask, value, lane) cuda_cpu::shuffle(value, (lane) % warpSize, __LINE__)
#define __shfl_up_sync(mask, value, n) cuda_cpu::shuffle(value, cuda_cpu::lane() - (n), __LINE__)
#define __shfl_down_sync(mask, value, n) cuda_cpu::shuffle(value, cuda_cpu::lane() + (n), __LINE__)
#define __shfl_xor_sync(mask, value, bits) cuda_cpu::shuffle(value, cuda_cpu::lane() ^ (bits), __LINE__)

// --------------------------------------------------------------------------------------------------------- sanitizers
// They have to be told when another fiber goes on; what this file itself does is none of their business.
#define UNSEEN __attribute__((noinline, no_sanitize("address", "thread", "undefined")))
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#define IF_ADDRESS(...) __VA_ARGS__
#else
#define IF_ADDRESS(...)
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define IF_THREAD(...) __VA_ARGS__
#else
#define IF_THREAD(...)
#endif

// The first and last byte of shared memory; the linker knows. Null in a file that uses none.
extern "C" __attribute__((weak, visibility("hidden"))) char __start_cuda_shared[], __stop_cuda_shared[];

namespace cuda_cpu {

// ------------------------------------------------------------------------------------------------------------- fibers
enum State { READY, AT_WARP, AT_BLOCK, RETURNED };    // may go on, waits at a barrier of its warp or block, is done

struct Fiber {
    ucontext_t context;       // where it goes on
    const void* stack;
    size_t stack_size;
    uint3 index;              // its threadIdx
    State state;
    int line;                 // of the barrier at which it waits
    double shuffled;          // the value that it offers to its warp
    void* tsan;               // the thread sanitizer's name for it
};
constexpr int MOST_THREADS = 1024;
constexpr size_t STACK = 128 << 10;
alignas(16) static char stacks[MOST_THREADS][STACK];
static Fiber threads[MOST_THREADS], scheduler, *current = &scheduler;
static std::string error;      // what went wrong, empty while nothing has
static void (*kernel)(void**);
static void** arguments;

UNSEEN static void switch_to(Fiber& next)
{
    Fiber& self = *current;
    current = &next;
    threadIdx = next.index;
    IF_THREAD(__tsan_switch_to_fiber(next.tsan, __tsan_switch_to_fiber_no_sync));
    IF_ADDRESS(void* frames = nullptr; __sanitizer_start_switch_fiber(
        self.state == RETURNED ? nullptr : &frames, next.stack, next.stack_size));
    swapcontext(&self.context, &next.context);
    IF_ADDRESS(__sanitizer_finish_switch_fiber(frames, nullptr, nullptr));
}

static char block_end;        // by its address the thread sanitizer knows that a block was over before the next began

UNSEEN static void run_thread()
{
    IF_ADDRESS(__sanitizer_finish_switch_fiber(nullptr, &scheduler.stack, &scheduler.stack_size));
    kernel(arguments);
    current->state = RETURNED;
    IF_THREAD(__tsan_release(&block_end));
    switch_to(scheduler);
}

// ----------------------------------------------------------------------------------------------------------- barriers
// What a thread did before the barrier happened before anything that another does after it. The sanitizer learns it by
// an address, the turn, that all release on arrival and acquire when they go. Two in turn: a quick thread may arrive at
// the next barrier before a slow one has left this.
struct Barrier {
    char turns[2];
    int count;
    void* turn() { return &turns[count % 2]; }
};
static Barrier block_barrier, warp_barriers[MOST_THREADS / warpSize];

UNSEEN static int number() { return int(current - threads); }
UNSEEN static int lane() { return number() % warpSize; }

UNSEEN static void wait(State state, int line)
{
    current->state = state;
    current->line = line;
    IF_THREAD(void* turn = (state == AT_BLOCK ? block_barrier : warp_barriers[number() / warpSize]).turn());
    IF_THREAD(__tsan_release(turn));
    switch_to(scheduler);
    IF_THREAD(__tsan_acquire(turn));
}

// Return the value that the thread at place `source` of this warp offers; one's own where there is no such place.
template <class T> UNSEEN T shuffle(T value, int source, int line)
{
    static_assert(sizeof(T) <= sizeof current->shuffled);
    Fiber* self = current;
    memcpy(&self->shuffled, &value, sizeof value);
    wait(AT_WARP, line);
    if (0 <= source && source < warpSize) memcpy(&value, &(self - lane() + source)->shuffled, sizeof value);
    wait(AT_WARP, line);
    return value;
}

// Let the threads from first to last go on if all of them wait at the same barrier.
UNSEEN static bool open(Barrier& barrier, State state, int first, int last)
{
    for (int i = first; i < last; ++i)
        if (threads[i].state != state || threads[i].line != threads[first].line) return false;
    for (int i = first; i < last; ++i) threads[i].state = READY;
    ++barrier.count;
    return true;
}

UNSEEN static std::string triple(uint3 i)
{
    return "(" + std::to_string(i.x) + "," + std::to_string(i.y) + "," + std::to_string(i.z) + ")";
}

UNSEEN static std::string whereabouts(const Fiber& f)
{
    const std::string name = "thread " + triple(f.index);
    if (f.state == RETURNED) return name + " has returned";
    return name + " waits at line " + std::to_string(f.line) + (f.state == AT_WARP ? " for its warp" : "");
}

// When no thread can go on: open the barriers where all have arrived. False if all threads have returned; also, with an
// error, if some wait for others that are elsewhere.
UNSEEN static bool open_barriers(int count)
{
    bool opened = false;
    for (int w = 0; w < count; w += warpSize)
        opened |= open(warp_barriers[w / warpSize], AT_WARP, w, std::min(w + warpSize, count));
    if (opened || open(block_barrier, AT_BLOCK, 0, count)) return true;

    int waits = 0, other = 0;
    while (waits < count && threads[waits].state == RETURNED) ++waits;
    if (waits == count) return false;
    const Fiber& f = threads[waits];
    if (f.state == AT_WARP) other = waits / warpSize * warpSize;    // its fault lies within the warp
    while (threads[other].state == f.state && threads[other].line == f.line) ++other;
    error = "divergent barrier in block " + triple(blockIdx) + ": " + whereabouts(f) + ", "
          + whereabouts(threads[other]);
    return false;
}

// ------------------------------------------------------------------------------------------------------------- blocks
UNSEEN static void poison_shared_memory()
{
    for (volatile char* p = __start_cuda_shared; p < __stop_cuda_shared; ++p) *p = -1;    // a NaN, float or double
}

// Put the threads in the seed's order: 0 ascending, as they are at first; 1 descending; otherwise shuffled anew.
UNSEEN static void reorder(int* order, int count, unsigned seed, std::mt19937& random)
{
    if (seed == 1) for (int i = 0; i < count; ++i) order[i] = count - 1 - i;
    if (seed > 1) std::shuffle(order, order + count, random);
}

UNSEEN static void run_block(int count, unsigned seed, std::mt19937& random)
{
    static int order[MOST_THREADS];
    poison_shared_memory();
    for (int i = 0; i < count; ++i) {
        Fiber& f = threads[i];
        f.index = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
        f.state = READY;
        f.stack = stacks[i];
        f.stack_size = STACK;
        getcontext(&f.context);
        f.context.uc_stack.ss_sp = stacks[i];
        f.context.uc_stack.ss_size = STACK;
        makecontext(&f.context, run_thread, 0);
        IF_THREAD(f.tsan = __tsan_create_fiber(0));
        order[i] = i;
    }
    do {
        reorder(order, count, seed, random);
        for (int i = 0; i < count; ++i)
            if (threads[order[i]].state == READY) switch_to(threads[order[i]]);
    } while (open_barriers(count));
    IF_THREAD(__tsan_acquire(&block_end));
    IF_THREAD(for (int i = 0; i < count; ++i) __tsan_destroy_fiber(threads[i].tsan));
}

// Run a kernel; return null, or what went wrong. most_threads: its __launch_bounds__.
UNSEEN static const char* launch(void (*call)(void**), void** args, dim3 grid, dim3 block, unsigned most_threads,
                                 unsigned seed)
{
    const unsigned long long count = 1ull * block.x * block.y * block.z, blocks = 1ull * grid.x * grid.y * grid.z;
    if (!blocks || grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535)
        return "a grid has 1 to 2147483647 x 65535 x 65535 blocks";
    if (!count || count > MOST_THREADS || block.z > 64)
        return "a block has 1 to 1024 threads, at most 64 of them along z";
    if (count > most_threads) return "the block has more threads than the kernel's __launch_bounds__";
    kernel = call;
    arguments = args;
    gridDim = grid;
    blockDim = block;
    error.clear();
    std::mt19937 random(seed);
    IF_THREAD(scheduler.tsan = __tsan_get_current_fiber());
    for (unsigned long long i = 0; i < blocks && error.empty(); ++i) {
        const unsigned long long b = seed == 1 ? blocks - 1 - i : i;
        blockIdx = {unsigned(b % grid.x), unsigned(b / grid.x % grid.y), unsigned(b / grid.x / grid.y)};
        run_block(int(count), seed, random);
    }
    return error.empty() ? nullptr : error.c_str();
}

// --------------------------------------------------------------------------------------------------------- signatures
template <auto function> struct Kernel;
template <class... A, void (*function)(A...)> struct Kernel<function> {
    template <size_t... i> static void call(void** args, std::index_sequence<i...>)
    {
        function(*static_cast<A*>(args[i])...);
    }
    static void call(void** args) { call(args, std::index_sequence_for<A...>{}); }

    // NumPy's name of a parameter's type, such as f4 for float; a star before it for a pointer.
    template <class T> static void append(char*& text)
    {
        using V = std::remove_pointer_t<T>;
        static_assert(std::is_arithmetic_v<V>, "a kernel takes numbers and pointers to numbers");
        if (std::is_pointer_v<T>) *text++ = '*';
        *text++ = std::is_same_v<std::remove_cv_t<V>, bool> ? 'b'
                : std::is_floating_point_v<V> ? 'f' : std::is_signed_v<V> ? 'i' : 'u';
        *text++ = '0' + sizeof(V);
        *text++ = ' ';
    }
    static const char* signature()
    {
        static char text[4 * sizeof...(A) + 1];
        char* end = text;
        (append<A>(end), ...);
        return text;
    }
};

}  // namespace cuda_cpu

// What Python calls: EXPORT(name, launch bounds), once for every kernel of a file, after the file's text. The second of
// the bounds, how many blocks a multiprocessor shall hold, has no meaning here.
#define EXPORT(NAME, MOST_THREADS, ...)                                                                                \
    extern "C" const char* signature_##NAME() { return cuda_cpu::Kernel<&NAME>::signature(); }                         \
    extern "C" const char* launch_##NAME(void** args, const dim3* grid, const dim3* block, unsigned seed)              \
    {                                                                                                                  \
        return cuda_cpu::launch(cuda_cpu::Kernel<&NAME>::call, args, *grid, *block, MOST_THREADS, seed);               \
    }
