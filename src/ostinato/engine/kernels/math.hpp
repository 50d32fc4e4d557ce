// Elementwise functions of generated code, for R = float and double.
//
// Each is straight-line scalar code that the compiler vectorises inside a `#pragma omp simd` loop on every instruction
// set: rounding by adding a large constant, exponents by shifting bits, no tables, no calls. They need
// `-fno-math-errno -fno-trapping-math` and must not see `-ffast-math`: infinities and NaN take their usual way.
//
// Largest relative error, where argument and result are normal numbers (float: a fifth of all; double: random):
//
//            exp      expm1    sigmoid  tanh     log      log1p
//   float    8.5e-8   1.3e-7   2.2e-7   1.9e-7   8.1e-8   8.1e-8
//   double   1.7e-16  2.9e-16  3.4e-16  3.8e-16  1.5e-16  1.6e-16
//
// (sigmoid in float down to -20, 3.5e-7 below; it is 0 where it would not be a normal number.)
// sigmoid and tanh contain one division each. Newton's iteration in its place measured slower in float and double: the
// other instructions take as long as the division, and run beside it.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace ostinato {

template <class R> struct Format;
template <> struct Format<float> {
  using Bits = std::uint32_t;
  static constexpr int mantissa = 23, bias = 127;
};
template <> struct Format<double> {
  using Bits = std::uint64_t;
  static constexpr int mantissa = 52, bias = 1023;
};
template <class R> using Bits = typename Format<R>::Bits;
template <class R> constexpr bool is_float = sizeof(R) == sizeof(float);

template <class R> inline Bits<R> to_bits(R x) {
  Bits<R> bits;
  std::memcpy(&bits, &x, sizeof x);
  return bits;
}

template <class R> inline R from_bits(Bits<R> bits) {
  R x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
constexpr bool fused = true;  // a product is added without being rounded first
#else
constexpr bool fused = false;
#endif

// ln 2 in two parts; the first has 15 bits, so that its product with an exponent is exact in float.
template <class R> constexpr R ln2_high = R(0.693145751953125);
template <class R> constexpr R ln2_low = R(1.42860682030941723212e-6);
template <class R> constexpr R infinity = std::numeric_limits<R>::infinity();

// The select keeps a NaN in x, because every comparison with it is false.
template <class R> inline R clamp(R x, R low, R high) {
  x = x < low ? low : x;
  return x > high ? high : x;
}

// e^r - 1 for |r| <= ln(2) / 2: minimax polynomials, error 3e-9 and 4e-18 of e^r, with a short chain of operations.
template <class R> inline R expm1_near_0(R r) {
  const R r2 = r * r;
  if constexpr (is_float<R>) {
    const R a = R(0.499999934332569876) + r * R(0.166665203987236375);
    const R b = R(0.041668390476098014) + r * R(0.0083687451565281552);
    return r + r2 * (a + r2 * (b + r2 * R(0.00138145581496069846)));
  } else {
    const R r4 = r2 * r2;
    const R a = R(0.500000000000001067) + r * R(0.166666666666664115);
    const R b = R(0.0416666666665297382) + r * R(0.00833333333349496189);
    const R c = R(0.00138888889437571595) + r * R(0.000198412695057976939);
    const R d = R(0.0000248014929526532815) + r * R(2.75575867911126176e-6);
    const R e = R(2.76303051578520073e-7) + r * R(2.5000020362747671e-8);
    return r + r2 * ((a + r2 * b) + r4 * ((c + r2 * d) + r4 * e));
  }
}

// e^x = 2^n (1 + rest); the last bits of `shifted` are the integer n + offset.
template <class R> struct Power {
  R shifted, rest;

  R scale() const { return from_bits<R>(to_bits(shifted) << Format<R>::mantissa); }  // 2^n if offset is the bias
};

// x must lie within the exponents of the type (clamp it). `exact` false spares an operation where an error of
// 2e-9 n (float) or 2e-17 n (double) does no harm.
template <bool exact = true, class R> inline Power<R> power(R x, int offset) {
  const R magic = R(3) * R(Bits<R>(1) << (Format<R>::mantissa - 1)) + R(offset);  // here the spacing of R is 1
  const R shifted = x * R(1.44269504088896340736) + magic;
  const R n = shifted - magic;
  R r;
  if constexpr (exact || !fused)
    r = (x - n * ln2_high<R>) - n * ln2_low<R>;
  else
    r = x - n * R(0.693147180559945309417);
  return {shifted, expm1_near_0(r)};
}

template <class R> inline R exp(R x) {
  const R y = clamp(x, is_float<R> ? R(-104) : R(-746), is_float<R> ? R(89) : R(710));
  const Power<R> p = power(y, 2 * Format<R>::bias);
  // 2^n in two factors, because n reaches beyond the normal exponents on both sides.
  const Bits<R> both = to_bits(p.shifted), half = both >> 1;
  const R first = from_bits<R>(half << Format<R>::mantissa);
  const R second = from_bits<R>((both - half) << Format<R>::mantissa);
  return (R(1) + p.rest) * first * second;
}

template <class R> inline R expm1(R x) {
  const R y = clamp(x, is_float<R> ? R(-20) : R(-40), is_float<R> ? R(89) : R(710));
  const Power<R> p = power(y, Format<R>::bias - 1);  // half of e^y, because 2^n may overflow
  return ((p.scale() - R(0.5)) + p.scale() * p.rest) * R(2);
}

// 1 / (1 + e^-x)
template <class R> inline R sigmoid(R x) {
  // At the upper end e^-x is infinite. The inexact reduction is felt in results below e^-20 only.
  const R y = clamp(-x, is_float<R> ? R(-87) : R(-708), is_float<R> ? R(88.5) : R(709.5));
  const Power<R> p = power<!is_float<R>>(y, Format<R>::bias);
  return R(1) / (R(1) + p.scale() * (R(1) + p.rest));
}

// -w / (2 + w) with w = e^(-2 |x|) - 1, which is exact near 0 and cannot overflow.
template <class R> inline R tanh(R x) {
  const R y = std::fabs(x) * R(-2), low = is_float<R> ? R(-20) : R(-44);
  const Power<R> p = power<false>(y < low ? low : y, Format<R>::bias);
  const R w = (p.scale() - R(1)) + p.scale() * p.rest;
  return std::copysign(w / (R(-2) - w), x);
}

// log(x) + c for normal x > 0: x = 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), s = f / (2 + f),
// log(1 + f) = 2 atanh(s) = 2 s + s^3 (2/3 + 2/5 s^2 + ...), the series in minimax form: error 8e-10 and 2e-18.
template <class R> inline R log_normal(R x, R c) {
  const Bits<R> low = to_bits(R(0.70710678118654752440)), one = to_bits(R(1));
  const Bits<R> bits = to_bits(x) + (one - low), unit = Bits<R>(1) << Format<R>::mantissa;
  const R f = from_bits<R>((bits & (unit - 1)) + low) - R(1);
  const R k = from_bits<R>((bits >> Format<R>::mantissa) | to_bits(R(unit))) - R(unit + Format<R>::bias);
  const R s = f / (R(2) + f), z = s * s, z2 = z * z, half_square = R(0.5) * f * f;
  R series;
  if constexpr (is_float<R>) {
    series = R(0.666667767167781807) + z * R(0.399774955955763416) + z2 * R(0.298730730950410019);
  } else {
    const R a = R(0.66666666666667349) + z * R(0.399999999994110907);
    const R b = R(0.285714287432632229) + z * R(0.222221984759306166);
    const R d = R(0.181835697423422626) + z * R(0.153139031936209888);
    series = (a + z2 * b) + (z2 * z2) * (d + z2 * R(0.147975081213093499));
  }
  return k * ln2_high<R> - ((half_square - (s * (half_square + z * series) + (k * ln2_low<R> + c))) - f);
}

// What log makes of x outside (0, infinity), and y inside.
template <class R> inline R log_domain(R x, R y) {
  const R inside = x < infinity<R> ? y : x;
  const R outside = x == R(0) ? -infinity<R> : std::numeric_limits<R>::quiet_NaN();
  return x > R(0) ? inside : outside;
}

template <class R> inline R log(R x) {
  const bool tiny = x < std::numeric_limits<R>::min();
  const R up = R(Bits<R>(1) << Format<R>::mantissa), down = R(-Format<R>::mantissa * 0.693147180559945309417);
  return log_domain(x, log_normal(tiny ? x * up : x, tiny ? down : R(0)));
}

template <class R> inline R log1p(R x) {
  const R u = R(1) + x, rest = u - R(1);
  const R lost = (R(1) - (u - rest)) + (x - rest);  // x + 1 = u + lost, exactly
  return log_domain(u, log_normal(u, lost / u));
}

template <class R> inline R abs(R x) { return std::fabs(x); }
template <class R> inline R sqrt(R x) { return std::sqrt(x); }
template <class R> inline R rsqrt(R x) { return R(1) / std::sqrt(x); }
template <class R> inline R reciprocal(R x) { return R(1) / x; }
template <class R> inline R floor(R x) { return std::floor(x); }
template <class R> inline R ceil(R x) { return std::ceil(x); }
template <class R> inline R trunc(R x) { return std::trunc(x); }
template <class R> inline R round(R x) { return std::nearbyint(x); }  // ties to even, as torch.round

template <class R> inline R copysign(R x, R y) { return std::copysign(x, y); }
template <class R> inline R isinf(R x) { return R(std::fabs(x) == infinity<R>); }

// The sign of NaN is 0, as in torch.sign; the others hand NaN on.
template <class R> inline R sign(R x) { return R(x > R(0)) - R(x < R(0)); }
template <class R> inline R relu(R x) { return x < R(0) ? R(0) : x; }
template <class R> inline R maximum(R a, R b) { return a > b || a != a ? a : b; }
template <class R> inline R minimum(R a, R b) { return a < b || a != a ? a : b; }

// Rare in cells: the library's own, one element at a time.
#define OSTINATO_UNARY(name) \
  template <class R> inline R name(R x) { return std::name(x); }
#define OSTINATO_BINARY(name) \
  template <class R> inline R name(R x, R y) { return std::name(x, y); }
OSTINATO_UNARY(exp2)
OSTINATO_UNARY(log2)
OSTINATO_UNARY(log10)
OSTINATO_UNARY(erf)
OSTINATO_UNARY(erfc)
OSTINATO_UNARY(sin)
OSTINATO_UNARY(cos)
OSTINATO_UNARY(tan)
OSTINATO_UNARY(asin)
OSTINATO_UNARY(acos)
OSTINATO_UNARY(atan)
OSTINATO_UNARY(sinh)
OSTINATO_UNARY(cosh)
OSTINATO_UNARY(asinh)
OSTINATO_UNARY(acosh)
OSTINATO_UNARY(atanh)
OSTINATO_UNARY(lgamma)
OSTINATO_BINARY(pow)
OSTINATO_BINARY(fmod)
OSTINATO_BINARY(atan2)
OSTINATO_BINARY(hypot)
#undef OSTINATO_UNARY
#undef OSTINATO_BINARY

// The inverse of erf: a rational first guess (G. L. Pavlis, 1996), and two steps of Newton's iteration.
template <class R> inline R erfinv(R y) {
  const double a = y, size = std::fabs(a);
  if (!(size < 1)) return size == 1 ? std::copysign(infinity<R>, y) : std::numeric_limits<R>::quiet_NaN();
  double x;
  if (size <= 0.7) {
    const double z = a * a;
    x = a * (((-0.140543331 * z + 0.914624893) * z - 1.645349621) * z + 0.886226899) /
        ((((0.012229801 * z - 0.329097515) * z + 1.442710462) * z - 2.118377725) * z + 1);
  } else {
    const double z = std::sqrt(-std::log((1 - size) / 2));
    x = std::copysign(((1.641345311 * z + 3.429567803) * z - 1.624906493) * z - 1.970840454, a) /
        ((1.637067800 * z + 3.543889200) * z + 1);
  }
  for (int i = 0; i < 2; ++i) x -= (std::erf(x) - a) / (1.12837916709551257390 * std::exp(-x * x));
  return R(x);
}

// The derivative of lgamma: up to 10 and beyond by its recurrence, then its asymptotic series.
template <class R> inline R digamma(R of) {
  const double pi = 3.14159265358979323846;
  double x = of, sum = 0;
  if (x == 0) return std::copysign(infinity<R>, -of);
  if (x < 0) {
    if (x == std::trunc(x)) return std::numeric_limits<R>::quiet_NaN();
    sum = -pi / std::tan(pi * (x - std::trunc(x)));
    x = 1 - x;
  }
  for (; x < 10; ++x) sum -= 1 / x;
  const double z = 1 / (x * x);
  const double series =
      z * (1. / 12 - z * (1. / 120 - z * (1. / 252 - z * (1. / 240 - z * (1. / 132 - z * (691. / 32760 - z / 12))))));
  return R(sum + std::log(x) - 0.5 / x - (x < 1e17 ? series : 0));
}

// e^-|x| times the modified Bessel function of the first kind, of order 0 or 1: the mean over half a circle of
// e^(|x| (cos - 1)) cos(order angle), which 40 points give to the last bits (those at cos and -cos are added together,
// so that none are lost near 0); for large x the asymptotic series.
inline double scaled_bessel(int order, double x) {
  const double pi = 3.14159265358979323846, size = std::fabs(x);
  double sum = 0;
  if (size < 30) {
    for (int i = 0; i < 20; ++i) {
      const double cosine = std::cos(pi * i / 40), other = std::expm1(-2 * size * cosine);
      sum += (i ? 1 : 0.5) * std::exp(size * (cosine - 1)) * (order ? -cosine * other : 2 + other);
    }
    sum = (sum + (order ? 0 : std::exp(-size))) / 40;
  } else {
    double term = 1 / std::sqrt(2 * pi * size);
    for (int k = 1; k < 30 && term != 0; ++k) {
      sum += term;
      term *= ((2 * k - 1) * (2 * k - 1) - 4 * order) / (8 * k * size);
    }
  }
  return order && x < 0 ? -sum : sum;
}

template <class R> inline R special_i0e(R x) { return R(scaled_bessel(0, x)); }
template <class R> inline R special_i1e(R x) { return R(scaled_bessel(1, x)); }
template <class R> inline R i0(R x) { return R(scaled_bessel(0, x) * std::exp(std::fabs(double(x)))); }
template <class R> inline R special_i1(R x) { return R(scaled_bessel(1, x) * std::exp(std::fabs(double(x)))); }

// The quotient rounded down, as torch.div(rounding_mode="floor") finds it.
template <class R> inline R floor_divide(R x, R y) {
  if (y == R(0)) return x / y;
  const R rest = fmod(x, y);
  const R quotient = (x - rest) / y - R(rest != R(0) && (y < R(0)) != (rest < R(0)));
  if (quotient == R(0)) return std::copysign(R(0), x / y);
  const R down = std::floor(quotient);
  return quotient - down > R(0.5) ? down + R(1) : down;
}

// Has the sign of y, as in torch.remainder.
template <class R> inline R remainder(R x, R y) {
  const R rest = fmod(x, y);
  return rest != R(0) && (rest < R(0)) != (y < R(0)) ? rest + y : rest;
}

}  // namespace ostinato
