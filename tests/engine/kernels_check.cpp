// The kernels' numerical tests as a program: compiled for any processor, run on it or on an emulator of it. Prints what
// is wrong; the exit status says whether anything is. What test_kernels.py checks here, this checks everywhere.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <vector>

#include "math.hpp"
#include "matmul.hpp"
#include "threads.hpp"
#include "tiles.hpp"

namespace m = ostinato;

static int failures = 0;
static long checks = 0;

template <class... Values> static void expect(bool right, const char* format, Values... values) {
  ++checks;
  if (right || ++failures > 20) return;
  std::printf(format, values...);
  std::printf("\n");
}

template <class R> static const char* type() { return m::is_float<R> ? "float" : "double"; }

// Functions

typedef long double Wide;

static Wide sigmoid(Wide x) { return 1 / (1 + std::exp(-x)); }

// Numbers of all magnitudes and both signs, and many where the functions bend.
template <class R> static std::vector<R> everywhere() {
  const R tiny = std::numeric_limits<R>::min(), huge = std::numeric_limits<R>::max();
  std::vector<R> x;
  for (int i = 0; i < 2000; ++i) x.push_back(R(std::exp(std::log(Wide(tiny)) * (1 - i / 2000.0L) + std::log(Wide(huge)) * i / 2001)));
  for (int i = 1; i <= 3000; ++i) x.push_back(R(i / 1500.0));
  for (int i = 1; i <= 3000; ++i) x.push_back(R(2 + i * (std::log(Wide(huge)) - 2) / 3001));
  const std::size_t half = x.size();
  for (std::size_t i = 0; i < half; ++i) x.push_back(-x[i]);
  return x;
}

// `limit`: the largest relative error that math.hpp states, and a little. From `low` up only.
template <class R, class Function, class Truth>
static void accurate(const char* name, Function function, Truth truth, double limit, R low = -m::infinity<R>) {
  const std::vector<R> x = everywhere<R>();
  std::vector<R> got(x.size());
#pragma omp simd
  for (std::size_t i = 0; i < x.size(); ++i) got[i] = function(x[i]);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Wide exact = truth(Wide(x[i])), size = std::fabs(exact);
    if (x[i] < low || !(size >= std::numeric_limits<R>::min() && size <= std::numeric_limits<R>::max())) continue;
    const double error = double(std::fabs((got[i] - exact) / exact));
    expect(error < limit, "%s(%.9g) in %s is wrong by %.2g", name, double(x[i]), type<R>(), error);
  }
}

// Equal in NaN, infinities and, to rounding, values.
template <class R> static bool same(R a, R b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::fabs(a - b) <= 4 * std::numeric_limits<R>::epsilon() * std::fabs(b) + std::numeric_limits<R>::min();
}

template <class R, class Function, class Truth>
static void special(const char* name, Function function, Truth truth) {
  typedef std::numeric_limits<R> Limits;
  const R positive[] = {0, Limits::denorm_min(), Limits::min(), Limits::epsilon(), R(0.5), 1, R(1.5), 2, R(2.5), 3, R(88.4),
                        R(89), R(104), R(709.7), R(710), R(746), 1000, R(1e30), Limits::max(), Limits::infinity()};
  std::vector<R> x = {Limits::quiet_NaN()};
  for (const R one : positive) x.push_back(one), x.push_back(-one);
  std::vector<R> got(x.size());
#pragma omp simd
  for (std::size_t i = 0; i < x.size(); ++i) got[i] = function(x[i]);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const R exact = R(truth(Wide(x[i])));
    expect(same(got[i], exact), "%s(%.9g) in %s is %.9g, not %.9g", name, double(x[i]), type<R>(), double(got[i]), double(exact));
  }
}

#define FUNCTION(f) [](auto x) { return m::f(x); }
#define TRUTH(expression) [](Wide x) -> Wide { return expression; }

template <class R> static void functions() {
  const bool f = m::is_float<R>;
#define ACCURATE(name, of_float, of_double, truth, ...) \
  accurate<R>(#name, FUNCTION(name), TRUTH(truth), f ? of_float : of_double, ##__VA_ARGS__); \
  special<R>(#name, FUNCTION(name), TRUTH(truth))
  ACCURATE(exp, 9e-8, 1.8e-16, std::exp(x));
  ACCURATE(expm1, 1.4e-7, 3.1e-16, std::expm1(x));
  ACCURATE(sigmoid, 2.3e-7, 3.6e-16, sigmoid(x), f ? R(-20) : -m::infinity<R>);
  ACCURATE(tanh, 2e-7, 4e-16, std::tanh(x));
  ACCURATE(log, 9e-8, 1.7e-16, std::log(x));
  ACCURATE(log1p, 9e-8, 1.7e-16, std::log1p(x));
#undef ACCURATE
#define SPECIAL(name, truth) special<R>(#name, FUNCTION(name), TRUTH(truth))
  SPECIAL(sqrt, std::sqrt(x));
  SPECIAL(rsqrt, R(1) / std::sqrt(R(x)));
  SPECIAL(reciprocal, R(1) / R(x));
  SPECIAL(relu, x < 0 ? 0 : x);
  SPECIAL(sign, Wide(x > 0) - Wide(x < 0));
  SPECIAL(abs, std::fabs(x));
  SPECIAL(isinf, Wide(std::isinf(x)));
  SPECIAL(floor, std::floor(x));
  SPECIAL(ceil, std::ceil(x));
  SPECIAL(trunc, std::trunc(x));
  SPECIAL(round, std::nearbyint(x));
#undef SPECIAL
}

// Products

static std::mt19937 random_bits(0);
static long drawn(long low, long high) { return low + long(random_bits() % unsigned(high - low + 1)); }

// A strided array in a larger one of NaN: what is read or written beyond it shows.
template <class R> struct Placed {
  long rows, columns, stride_row, stride_column, offset;
  std::vector<R> all;

  Placed(long rows, long columns, long stride_row, long stride_column, bool fill)
      : rows(rows), columns(columns), stride_row(stride_row), stride_column(stride_column), offset(drawn(0, 3)),
        all(std::size_t(offset + rows * stride_row + columns * stride_column + 70), std::numeric_limits<R>::quiet_NaN()) {
    for (long i = 0; fill && i < rows; ++i)
      for (long j = 0; j < columns; ++j) at(i, j) = R(drawn(-1000, 1000)) / R(256);
  }
  R* data() { return all.data() + offset; }
  R& at(long i, long j) { return data()[i * stride_row + j * stride_column]; }
};

// What a product is multiplied from: numbers as they are, or rounded to bfloat16.
static Wide as_it_is(Wide x) { return x; }
[[maybe_unused]] static Wide to_bfloat16(Wide x) {
  const std::uint32_t bits = m::to_bits(float(x));
  return m::from_bits<float>((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u);
}

// These columns of `out` hold the product, and nothing else was written.
template <class R, class Seen>
static void right(const char* what, Placed<R>& a, Placed<R>& w, Placed<R>& out, long begin, long end, Seen seen) {
  long written = 0;
  for (const R x : out.all) written += !std::isnan(x);
  expect(written == a.rows * std::max(0L, end - begin), "%s in %s, %ld x %ld x %ld: %ld numbers written", what, type<R>(), a.rows,
         w.rows, w.columns, written);
  for (long i = 0; i < a.rows; ++i)
    for (long j = begin; j < end; ++j) {
      Wide sum = 0, size = 0;
      for (long k = 0; k < w.rows; ++k) {
        const Wide term = seen(a.at(i, k)) * seen(w.at(k, j));
        sum += term, size += std::fabs(term);
      }
      const Wide error = std::fabs(out.at(i, j) - sum);
      expect(error <= size * (w.rows + 1) * std::numeric_limits<R>::epsilon(), "%s in %s, %ld x %ld x %ld: (%ld, %ld) wrong by %.2g",
             what, type<R>(), a.rows, w.rows, w.columns, i, j, double(error));
    }
}

template <class R> static std::vector<R> packed(Placed<R>& w) {
  const long size = m::packed_size<R>(w.rows, w.columns), panels = m::panels<R>(w.columns), part = drawn(0, panels);
  std::vector<R> to(std::size_t(size + 70), std::numeric_limits<R>::quiet_NaN());
  m::pack(w.data(), w.stride_row, w.stride_column, w.rows, w.columns, to.data(), 0, part);
  m::pack(w.data(), w.stride_row, w.stride_column, w.rows, w.columns, to.data(), part, panels);
  for (long i = 0; i < size + 70; ++i) expect(std::isnan(to[std::size_t(i)]) == (i >= size), "packing in %s: element %ld", type<R>(), i);
  return to;
}

template <class R> static void products() {
  for (int turn = 0; turn < 400; ++turn) {
    const long rows = drawn(1, 40), K = drawn(turn % 10 ? 1 : 0, 70), N = drawn(1, 110), layout = turn % 3;
    const long stride_k = layout == 0 ? N + drawn(0, 3) : layout == 1 ? 1 : 2;
    const long stride_n = layout == 0 ? 1 : layout == 1 ? K + drawn(0, 3) : 2 * K + 1;
    Placed<R> a(rows, K, K + drawn(0, 3), 1, true), w(K, N, stride_k, stride_n, true);
    Placed<R> out(rows, N, N + drawn(0, 3), 1, false), direct = out, alone = out;
    const std::vector<R> panels = packed(w);
    const long all = m::panels<R>(N), begin = drawn(0, all), end = drawn(begin, all), P = m::panel_columns<R>;
    m::multiply(a.data(), a.stride_row, panels.data(), out.data(), out.stride_row, rows, K, N, begin, end);
    right("multiply", a, w, out, begin * P, std::min(end * P, N), as_it_is);
    for (long i = 0; i < rows; ++i)
      m::multiply(&a.at(i, 0), a.stride_row, panels.data(), &alone.at(i, 0), alone.stride_row, 1, K, N, begin, end);
    expect(std::memcmp(alone.data(), out.data(), sizeof(R) * std::size_t((rows - 1) * out.stride_row + N)) == 0,
           "a row in %s depends on its company", type<R>());
    const long from = drawn(0, N), to = drawn(from, N);
    m::multiply_direct(a.data(), a.stride_row, w.data(), stride_k, stride_n, direct.data(), direct.stride_row, rows, K, N, from, to);
    right("multiply_direct", a, w, direct, from, to, as_it_is);
  }
}

#ifdef OSTINATO_TILES
static void rounded_products() {
  const m::Tiles tiles(true);
  for (int turn = 0; turn < 200; ++turn) {
    const long rows = drawn(1, 70), K = drawn(16, 110), N = drawn(1, 70);
    Placed<float> a(rows, K, K + drawn(0, 3), 1, true), w(K, N, N, 1, true), out(rows, N, N + drawn(0, 3), 1, false);
    std::vector<float> panels = packed(w);
    const long all = m::panels<float>(N), begin = drawn(0, all), end = drawn(begin, all), P = m::panel_columns<float>;
    for (long panel = 0; panel < all; ++panel) m::round_panel(panels.data() + panel * P * K, K);
    m::multiply_tiles(a.data(), a.stride_row, panels.data(), out.data(), out.stride_row, rows, K, N, begin, end);
    right("multiply_tiles", a, w, out, begin * P, std::min(end * P, N), to_bfloat16);
  }
}
#endif

int main() {
  functions<float>();
  functions<double>();
  products<float>();
  products<double>();
  const char* units = nullptr;
#ifdef OSTINATO_TILES
#ifdef OSTINATO_EMULATED
  units = "emulated";
#else
  if (m::have_tiles()) units = "real";
#endif
  if (units) rounded_products();
#endif
  std::printf("%ld checks, %d failures; vectors of %d bytes, matrix units %s used\n", checks, failures, m::vector_bytes,
              units ? units : "not");
  return failures != 0;
}
