// The instructions that tiles.hpp uses, one number at a time, as Intel's manual defines them: so that its arithmetic can
// be tested on processors that have none of them. The vectors are those of the compiler, of any processor.
#pragma once
#define OSTINATO_EMULATED

#include <cstdint>
#include <cstring>

typedef float __m512 __attribute__((vector_size(64), aligned(64), may_alias));
typedef long long __m512i __attribute__((vector_size(64), aligned(64), may_alias));
typedef short __m256bh __attribute__((vector_size(32), aligned(32), may_alias));
typedef short __m512bh __attribute__((vector_size(64), aligned(64), may_alias));
typedef std::uint16_t __mmask16;

namespace emulated {

inline thread_local float tile[8][16][16];
inline thread_local bool configured = false;

// To the nearest, ties to even; NaN stays NaN, denormal numbers become 0.
inline std::uint16_t to_bfloat16(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof x);
  if ((bits & 0x7fffffff) > 0x7f800000) return std::uint16_t(bits >> 16 | 0x40);
  if (!(bits & 0x7f800000)) return std::uint16_t(bits >> 16 & 0x8000);
  return std::uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline float from_bfloat16(std::uint32_t bits) {
  float x;
  bits <<= 16;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

}  // namespace emulated

inline __m512 _mm512_load_ps(const void* from) {
  __m512 x;
  std::memcpy(&x, from, sizeof x);
  return x;
}

inline __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const void* from) {
  float x[16] = {};
  for (int i = 0; i < 16; ++i)
    if (mask >> i & 1) std::memcpy(x + i, static_cast<const float*>(from) + i, sizeof(float));
  return _mm512_load_ps(x);
}

inline void _mm512_storeu_si512(void* to, __m512i x) { std::memcpy(to, &x, sizeof x); }

inline __m256bh _mm512_cvtneps_pbh(__m512 x) {
  __m256bh y;
  for (int i = 0; i < 16; ++i) y[i] = short(emulated::to_bfloat16(x[i]));
  return y;
}

inline __m512bh _mm512_cvtne2ps_pbh(__m512 high, __m512 low) {
  __m512bh y;
  for (int i = 0; i < 16; ++i)
    y[i] = short(emulated::to_bfloat16(low[i])), y[16 + i] = short(emulated::to_bfloat16(high[i]));
  return y;
}

inline void _tile_loadconfig(const void*) { emulated::configured = true; }
inline void _tile_release() { emulated::configured = false; }
inline void _tile_zero(int t) { std::memset(emulated::tile[t], 0, sizeof emulated::tile[t]); }

inline void _tile_loadd(int t, const void* from, long stride) {
  if (!emulated::configured) __builtin_trap();
  for (int i = 0; i < 16; ++i) std::memcpy(emulated::tile[t][i], static_cast<const char*>(from) + i * stride, 64);
}

inline void _tile_stored(int t, void* to, long stride) {
  for (int i = 0; i < 16; ++i) std::memcpy(static_cast<char*>(to) + i * stride, emulated::tile[t][i], 64);
}

inline void _tile_dpbf16ps(int sum, int a, int b) {
  for (int i = 0; i < 16; ++i)
    for (int k = 0; k < 16; ++k)
      for (int j = 0; j < 16; ++j) {
        std::uint32_t left, right;
        std::memcpy(&left, &emulated::tile[a][i][k], sizeof left);
        std::memcpy(&right, &emulated::tile[b][k][j], sizeof right);
        emulated::tile[sum][i][j] += emulated::from_bfloat16(left & 0xffff) * emulated::from_bfloat16(right & 0xffff);
        emulated::tile[sum][i][j] += emulated::from_bfloat16(left >> 16) * emulated::from_bfloat16(right >> 16);
      }
}
