// The threads that share a scan. They are those of GNU's libgomp, which torch brings on Linux: one pool for both.
//
// g++ makes these calls of OpenMP's pragmas; clang++ would make others of them, for LLVM's runtime, whose threads would
// be a second pool beside torch's, and wait busily for work. So the calls are written out, and both compilers link
// libgomp. Elsewhere there is one thread.
#pragma once

#if defined(__linux__)
#define OSTINATO_THREADS
extern "C" {
void GOMP_parallel(void (*work)(void*), void* data, unsigned threads, unsigned flags);
void GOMP_barrier();
int omp_get_thread_num();
int omp_get_num_threads();
int omp_get_max_threads();
}
#endif

namespace ostinato {

// Calls work(part, parts) in each of up to `most` threads, this one among them, and waits for all.
template <class Work> inline void in_parallel([[maybe_unused]] long most, const Work& work) {
#ifdef OSTINATO_THREADS
  if (most > 1) {
    const auto call = [](void* data) {
      (*static_cast<const Work*>(data))(long(omp_get_thread_num()), long(omp_get_num_threads()));
    };
    GOMP_parallel(call, const_cast<Work*>(&work), unsigned(most), 0);
    return;
  }
#endif
  work(0L, 1L);
}

// Waits for the other `parts - 1` threads of the same work.
inline void wait_for_all([[maybe_unused]] long parts) {
#ifdef OSTINATO_THREADS
  if (parts > 1) GOMP_barrier();
#endif
}

}  // namespace ostinato
