// Runs a generated step over time: threads, chunks of rows, packed weights.
//
// Rows are independent, so each thread takes rows of its own through all steps, and no thread waits for another. Where
// a thread would have too few rows, or the weights are too large for a core's cache, the threads share every
// multiplication instead, by columns, and wait for each other.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "math.hpp"
#include "matmul.hpp"
#include "threads.hpp"
#include "tiles.hpp"

namespace ostinato {

// Elements of one row in the workspace: whole cache lines.
inline long padded(long size) { return (size + 15) / 16 * 16; }

// What a word of a call is the address of.
template <class R>
R* address(int64_t word) {
  return reinterpret_cast<R*>(word);
}

// What follows is read from the records of a call, which engine/layout.py declares for the generated code.

// An array of all steps and rows in memory.
template <class R>
struct Stream {
  R* data;
  long time, row;
  template <class Words>
  explicit Stream(const Words& a) : data(address<R>(a.data)), time(a.time), row(a.row) {}
  R* at(long t, long b) const { return data + t * time + b * row; }
};

// A constant matrix for each head, (K, N), and its packed copy.
template <class R>
struct Matrix {
  const R* data;
  long head, k, n;
  long heads, K, N;
  R* packed = nullptr;
  bool tiled = false;  // whether `packed` is rounded

  template <class Words>
  Matrix(const Words& a, long heads, long K, long N)
      : data(address<const R>(a.data)), head(a.head), k(a.k), n(a.n), heads(heads), K(K), N(N) {}

  long size() const { return heads * packed_size<R>(K, N); }

  // Where the packed copy is to lie; gives where the next begins.
  R* place(R* at, bool round) {
    packed = at;
    if constexpr (can_tile<R>) tiled = round && fits_tiles(K);
    return at + size();
  }

  void pack(long part, long parts) const {
    const long all = panels<R>(N), begin = all * part / parts, end = all * (part + 1) / parts;
    for (long h = 0; h < heads; ++h) {
      R* const own = packed + h * packed_size<R>(K, N);
      ostinato::pack<R>(data + h * head, k, n, K, N, own, begin, end);
      if constexpr (can_tile<R>)
        for (long panel = begin; tiled && panel < end; ++panel) round_panel(own + panel * panel_columns<R> * K, K);
    }
  }

  // out = a times this matrix, by heads.
  void multiply(const R* a, long lda, long a_head, R* out, long ldo, long rows, long part, long parts) const {
    const long all = panels<R>(N), begin = all * part / parts, end = all * (part + 1) / parts;
    for (long h = 0; h < heads; ++h, a += a_head, out += N) {
      if (!packed) {
        ostinato::multiply_direct<R>(a, lda, data + h * head, k, n, out, ldo, rows, K, N, N * part / parts,
                                     N * (part + 1) / parts);
        continue;
      }
      const R* const own = packed + h * packed_size<R>(K, N);
      if constexpr (can_tile<R>)
        if (tiled) {
          multiply_tiles(a, lda, own, out, ldo, rows, K, N, begin, end);
          continue;
        }
      ostinato::multiply<R>(a, lda, own, out, ldo, rows, K, N, begin, end);
    }
  }
};

// What every pass has.
struct Scan {
  long steps, batch;
  bool descending;
  long threads;
  const int64_t* lengths;
  bool round;  // whether products of floats may be rounded to bfloat16

  template <class Words>
  explicit Scan(const Words& a)
      : steps(a.steps),
        batch(a.batch),
        descending(a.descending),
        threads(a.threads),
        lengths(address<const int64_t>(a.lengths)),
        round(a.round && have_tiles()) {}

  bool valid(long t, long b) const { return !lengths || t < lengths[b]; }
  // Whether the forward scan began at this step of this row. Only a backward pass asks, which runs the other way.
  bool first(long t, long b) const { return descending ? t == 0 : t + 1 == (lengths ? lengths[b] : steps); }
  long before(long t) const { return descending ? t - 1 : t + 1; }
};

// How the work is shared out.
struct Sharing {
  long threads;   // that take part
  bool together;  // on the same rows, each on columns of its own
  bool once;      // the weights are used too little for packing to pay
  long chunk;     // rows that go through all steps at once

  template <class Step>
  explicit Sharing(const Step& step) {
    const Scan& scan = step.scan;
    const long weights = step.packed_size() * long(sizeof(typename Step::real));
    const long row = std::max(1L, step.width() * long(sizeof(typename Step::real)));
    const long most = std::max(1L, scan.threads);
    const long rows = (scan.batch + most - 1) / most;
    once = scan.steps * scan.batch <= 4;
    // Weights beyond a core's cache are read from memory at every step, by every thread unless they share them.
    together = most > 1 && weights > (once ? 1 << 20 : 128 << 10) &&
               (scan.batch < 2 * most || (weights > (3 << 20) && rows < 64));
    threads = together ? most : once ? 1 : std::min(most, std::max(1L, scan.batch));
    const long fit = std::max(12L, ((weights > (256 << 10) ? (1 << 20) : (48 << 10)) / row) / 6 * 6);
    chunk = std::max(1L, std::min(together ? scan.batch : rows, fit));
  }
};

// Sums over all rows and steps. Each thread adds up rows in the type of the rest, but not many: then it goes on from
// zero, and keeps the totals in double precision.
template <class R>
struct Sums {
  R* few;
  double* total;
  long size, rows = 0;

  // Elements of the workspace that one thread takes.
  static long width(long size) { return padded(size) + padded(size * long(sizeof(double) / sizeof(R))); }

  Sums(R* at, long size) : few(at), total(reinterpret_cast<double*>(at + padded(size))), size(size) {
    std::fill_n(few, size, R(0));
    std::fill_n(total, size, 0.0);
  }

  void added(long more) {
    rows += more;
    if (rows >= 256) flush();
  }

  void flush() {
    for (long j = 0; j < size; ++j) total[j] += few[j];
    std::fill_n(few, size, R(0));
    rows = 0;
  }
};

// Writes out one sum of those that lie in a row; gives where the next begins.
template <class R>
const double* write_sum(const double* at, long size, R* out) {
  for (long j = 0; j < size; ++j) out[j] = R(at[j]);
  return at + padded(size);
}

template <class Step>
long workspace_size(const Step& step) {
  const Sharing share(step);
  return (share.once ? 0 : step.packed_size()) + (share.together ? 1 : share.threads) * step.width() * share.chunk +
         share.threads * Sums<typename Step::real>::width(step.sum_size());
}

// One chunk of rows, alone or as one of the threads that work on it together.
template <class Step>
void through_time(Step& step, Sums<typename Step::real>& sums, long rows, long part, long parts) {
  const Scan& scan = step.scan;
  const long begin = rows * part / parts, end = rows * (part + 1) / parts;
  step.begin(begin, end);
  wait_for_all(parts);
  for (long i = 0; i < scan.steps; ++i) {
    const long t = scan.descending ? scan.steps - 1 - i : i;
    for (int stage = 0; stage < Step::stages; ++stage) {
      if (stage % 2)
        step.multiply(stage, t, rows, part, parts);
      else
        step.pointwise(stage, t, begin, end);
      wait_for_all(parts);
    }
    step.now ^= 1;
    sums.added(end - begin);
  }
  step.finish(begin, end);
  wait_for_all(parts);
}

template <class Step>
void run(const Step& prototype, typename Step::real* scratch) {
  using R = typename Step::real;
  const Sharing share(prototype);
  const long batch = prototype.scan.batch;
  Step shared = prototype;
  if (!share.once) scratch = shared.place_packed(scratch);
  R* const sums_at = scratch + (share.together ? 1 : share.threads) * prototype.width() * share.chunk;
  const long sum_size = prototype.sum_size(), sum_width = Sums<R>::width(sum_size);
  long took_part = 1;
  in_parallel(share.threads, [&](long part, long parts) {
    const Tiles tiles(prototype.scan.round);
    if (part == 0) took_part = parts;
    if (!share.once) {
      shared.pack(part, parts);
      wait_for_all(parts);
    }
    Step step = shared;
    Sums<R> sums(sums_at + part * sum_width, sum_size);
    step.place_sums(sums.few);
    R* own = scratch + (share.together ? 0 : part) * step.width() * share.chunk;
    const long from = share.together ? 0 : batch * part / parts;
    const long to = share.together ? batch : batch * (part + 1) / parts;
    for (long first = from; first < to; first += share.chunk) {
      step.place(own, share.chunk, first);
      through_time(step, sums, std::min(share.chunk, to - first), share.together ? part : 0,
                   share.together ? parts : 1);
    }
    sums.flush();
  });
  if (sum_size) {
    double* const total = reinterpret_cast<double*>(sums_at + padded(sum_size));
    for (long part = 1; part < took_part; ++part) {
      const double* other = reinterpret_cast<double*>(sums_at + part * sum_width + padded(sum_size));
      for (long j = 0; j < sum_size; ++j) total[j] += other[j];
    }
    prototype.write_sums(total);
  }
}

}  // namespace ostinato
