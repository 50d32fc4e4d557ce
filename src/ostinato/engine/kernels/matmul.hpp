// Products of a few rows with a weight, for R = float and double: out(rows x N) = a(rows x K) * W(K x N).
//
// A scan multiplies by the same weight at every step, so it packs the weight once: panels of P columns (the last one
// padded with zeros), each a run of K rows of P elements. `multiply` keeps a block of rows x P results in registers
// while it walks down a panel. Every result is one chain of multiply-adds over k in ascending order, whatever the
// block, so it does not depend on how rows and panels are shared among threads.
#pragma once

#include <utility>

namespace ostinato {

// Blocks of max_rows x panel_vectors fill the registers, less those for a row of W and an element of a.
#if defined(__AVX512F__)
constexpr int vector_bytes = 64, max_rows = 12;
#elif defined(__AVX__)
constexpr int vector_bytes = 32, max_rows = 6;
#elif defined(__aarch64__)
constexpr int vector_bytes = 16, max_rows = 12;
#else
constexpr int vector_bytes = 16, max_rows = 6;
#endif
constexpr int panel_vectors = 2;

// A vector that may lie at any address.
template <class R> struct VectorOf {
  typedef R type __attribute__((vector_size(vector_bytes), aligned(sizeof(R)), may_alias));
};
template <class R> using Vector = typename VectorOf<R>::type;
template <class R> constexpr int lanes = vector_bytes / int(sizeof(R));
template <class R> constexpr int panel_columns = panel_vectors * lanes<R>;

template <class R> inline Vector<R> load(const R* p) { return *reinterpret_cast<const Vector<R>*>(p); }
template <class R> inline void store(R* p, Vector<R> v) { *reinterpret_cast<Vector<R>*>(p) = v; }

// Lane i of the result is lane order(i) of a and b, one behind the other.
template <class R, int order(int, int), int... i>
inline Vector<R> shuffle(Vector<R> a, Vector<R> b, std::integer_sequence<int, i...>) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, order(i, lanes<R>)...);
#else
  return __builtin_shuffle(a, b, decltype(a < b){order(i, lanes<R>)...});
#endif
}

template <class R, int order(int, int)> inline Vector<R> shuffle(Vector<R> a, Vector<R> b) {
  return shuffle<R, order>(a, b, std::make_integer_sequence<int, lanes<R>>());
}

constexpr int even(int i, int) { return 2 * i; }
constexpr int odd(int i, int) { return 2 * i + 1; }
constexpr int lower_halves(int i, int lanes) { return i / 2 + i % 2 * lanes; }
constexpr int upper_halves(int i, int lanes) { return lanes / 2 + lower_halves(i, lanes); }

template <class R> inline long panels(long N) { return (N + panel_columns<R> - 1) / panel_columns<R>; }
template <class R> inline long packed_size(long K, long N) { return panels<R>(N) * panel_columns<R> * K; }

// A square of W whose columns are contiguous.
template <class R> inline void pack_transposed(const R* w, long stride_n, R* packed) {
  constexpr int L = lanes<R>;
  Vector<R> row[L], next[L];
#pragma GCC unroll 16
  for (int i = 0; i < L; ++i) row[i] = load(w + i * stride_n);
  // Each pass rotates the bits of an element's address (row, lane) by one; after log2(L), row and lane have changed.
#pragma GCC unroll 4
  for (int pass = 1; pass < L; pass *= 2) {
#pragma GCC unroll 16
    for (int i = 0; i < L / 2; ++i) {
      next[2 * i] = shuffle<R, lower_halves>(row[i], row[i + L / 2]);
      next[2 * i + 1] = shuffle<R, upper_halves>(row[i], row[i + L / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i) row[i] = next[i];
  }
#pragma GCC unroll 16
  for (int i = 0; i < L; ++i) store(packed + i * panel_columns<R>, row[i]);
}

// One vector of columns of a panel, of which the first `columns` exist.
template <class R>
inline void pack_columns(const R* w, long stride_k, long stride_n, long K, long columns, R* packed) {
  constexpr int L = lanes<R>;
  long k = 0;
  if (stride_k == 1 && columns == L)
    for (; k + L <= K; k += L) pack_transposed(w + k, stride_n, packed + k * panel_columns<R>);
  if (stride_n == 1 && columns == L)
    for (; k < K; ++k) store(packed + k * panel_columns<R>, load(w + k * stride_k));
  for (; k < K; ++k)
    for (long n = 0; n < L; ++n)
      packed[k * panel_columns<R> + n] = n < columns ? w[k * stride_k + n * stride_n] : R(0);
}

// Packs W, element (k, n) at w[k * stride_k + n * stride_n], into packed_size(K, N) elements; these panels only.
template <class R>
inline void pack(const R* w, long stride_k, long stride_n, long K, long N, R* packed, long panel_begin,
                 long panel_end) {
  constexpr int L = lanes<R>;
  for (long n = panel_begin * panel_columns<R>; n < panel_end * panel_columns<R>; n += L) {
    const long columns = n + L <= N ? L : n < N ? N - n : 0;
    R* panel = packed + n / panel_columns<R> * panel_columns<R> * K + n % panel_columns<R>;
    pack_columns(w + n * stride_n, stride_k, stride_n, K, columns, panel);
  }
}

// out(rows x N) = a(rows x K) * W, where panel p of W is at w + p * stride_panel and its rows are stride_k apart.
template <class R> struct Product {
  const R* a;
  long lda;
  const R* w;
  long stride_k, stride_panel;
  R* out;
  long ldo, K, N;

  // A block of results, held in registers. Not inlined: the compiler would take five times as long, and spill some.
  template <int rows, int panels> __attribute__((noinline)) void block(long row, long panel) const {
    constexpr int L = lanes<R>, vectors = panels * panel_vectors;
    const R *rows_of_a = a + row * lda, *rows_of_w = w + panel * stride_panel;
    Vector<R> sum[rows][vectors] = {};
    for (long k = 0; k < K; ++k) {
      Vector<R> here[vectors];
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) {
        const R* p = rows_of_w + k * stride_k + v / panel_vectors * stride_panel + v % panel_vectors * L;
        here[v] = load(p);
        if (panels == 1) __builtin_prefetch(p + 8 * stride_k);  // gains 5 to 25 % where W is in the third cache
      }
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v) sum[i][v] += rows_of_a[i * lda + k] * here[v];
    }
    const long column = panel * panel_columns<R>, columns = N - column;
    R rim[rows][vectors * L];  // the columns that exist are copied from here if some do not
    const bool whole = columns >= vectors * L;
    R* to = whole ? out + row * ldo + column : rim[0];
    const long stride = whole ? ldo : vectors * L;
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) store(to + i * stride + v * L, sum[i][v]);
    if (!whole)
      for (int i = 0; i < rows; ++i)
        for (long n = 0; n < columns; ++n) out[(row + i) * ldo + column + n] = rim[i][n];
  }

  // Several panels at a time, as long as there are so many; returns the next panel.
  template <int rows, int panels> long groups(long panel, long panel_end) const {
    for (; panel + panels <= panel_end; panel += panels) block<rows, panels>(0, panel);
    return panel;
  }

  // Picks the block of `count` rows.
  template <int rows = max_rows> void some_rows(long count, long row, long panel) const {
    if constexpr (rows > 1)
      if (count < rows) return some_rows<rows - 1>(count, row, panel);
    block<rows, 1>(row, panel);
  }

  void run(long rows, long panel, long panel_end) const {
    // One panel of so few rows has too few independent sums to hide the latency of an addition.
    if (rows == 1) panel = groups<1, 4>(panel, panel_end);
    if (rows == 2) panel = groups<2, 2>(panel, panel_end);
    if (rows == 3) panel = groups<3, 2>(panel, panel_end);
    const long blocks = (rows + max_rows - 1) / max_rows;
    for (; panel < panel_end; ++panel)
      for (long i = 0; i < blocks; ++i) {  // equal blocks, to one row
        const long row = rows * i / blocks;
        some_rows(rows * (i + 1) / blocks - row, row, panel);
      }
  }
};

// out(rows x N) = a(rows x K) * W, the columns of these panels only. Fastest where `packed` begins a cache line.
template <class R>
inline void multiply(const R* a, long lda, const R* packed, R* out, long ldo, long rows, long K, long N,
                     long panel_begin, long panel_end) {
  constexpr int P = panel_columns<R>;
  Product<R>{a, lda, packed, P, P * K, out, ldo, K, N}.run(rows, panel_begin, panel_end);
}

// The inner products of a with `lanes` columns of W, each contiguous; K >= lanes.
template <class R> inline Vector<R> inner_products(const R* a, const R* w, long stride_n, long K) {
  constexpr int L = lanes<R>, group = L < 8 ? L : 8;  // columns at a time
  const long rest = K % L;
  Vector<R> sum[L], index, zero = {};
  for (int i = 0; i < L; ++i) index[i] = R(i);
#pragma GCC unroll 2
  for (int first = 0; first < L; first += group) {
    const R* column = w + first * stride_n;
    Vector<R> part[group] = {};
    for (long k = 0; k + L <= K; k += L)
#pragma GCC unroll 8
      for (int n = 0; n < group; ++n) part[n] += load(a + k) * load(column + n * stride_n + k);
    if (rest) {  // the last L elements again, without those that are in the sum
      const auto fresh = index >= R(L - rest);
      const Vector<R> x = fresh ? load(a + K - L) : zero;
#pragma GCC unroll 8
      for (int n = 0; n < group; ++n) part[n] += x * (fresh ? load(column + n * stride_n + K - L) : zero);
    }
#pragma GCC unroll 8
    for (int n = 0; n < group; ++n) sum[first + n] = part[n];
  }
#pragma GCC unroll 4
  for (int n = L / 2; n > 0; n /= 2)  // neighbouring lanes are added until lane i is the sum of column i
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i)
      sum[i] = shuffle<R, even>(sum[2 * i], sum[2 * i + 1]) + shuffle<R, odd>(sum[2 * i], sum[2 * i + 1]);
  return sum[0];
}

// As `multiply`, with W as it lies, for steps of few rows where packing would not pay; columns [n_begin, n_end) only.
// The last vectors of columns may overlap those before them, which are then computed twice.
template <class R>
inline void multiply_direct(const R* a, long lda, const R* w, long stride_k, long stride_n, R* out, long ldo,
                            long rows, long K, long /* N */, long n_begin, long n_end) {
  constexpr int L = lanes<R>, P = panel_columns<R>;
  const long count = n_end - n_begin;
  if (stride_n == 1 && count >= P) {
    Product<R>{a, lda, w + n_begin, stride_k, P, out + n_begin, ldo, K, count}.run(rows, 0, count / P);
    if (count % P) Product<R>{a, lda, w + n_end - P, stride_k, P, out + n_end - P, ldo, K, P}.run(rows, 0, 1);
  } else if (stride_k == 1 && count >= L && K >= L) {
    for (long n = n_begin; n < n_end; n += L) {
      const long first = n + L <= n_end ? n : n_end - L;
      for (long i = 0; i < rows; ++i)
        store(out + i * ldo + first, inner_products(a + i * lda, w + first * stride_n, stride_n, K));
    }
  } else {
    for (long i = 0; i < rows; ++i)
      for (long n = n_begin; n < n_end; ++n) {
        R sum = 0;
        for (long k = 0; k < K; ++k) sum += a[i * lda + k] * w[k * stride_k + n * stride_n];
        out[i * ldo + n] = sum;
      }
  }
}

}  // namespace ostinato
