// Products of floats rounded to bfloat16 (8 bits of precision), their sums kept in float, on Intel's matrix units (AMX).
//
// A tile is 16 rows of 64 bytes. W lies in panels as in matmul.hpp, rounded in place: for every 32 rows of a panel two
// tiles, one for each 16 columns, with rows 2i and 2i + 1 interleaved in row i; rows past the last are zeros. Numbers
// below the smallest normal one count as zero.
#pragma once

#include "matmul.hpp"

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__linux__)
#define OSTINATO_TILES
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>
#endif

namespace ostinato {

#ifdef OSTINATO_TILES

template <class R> constexpr bool can_tile = std::is_same<R, float>::value;
constexpr long tile_rows = 16, tile_depth = 32, tile_floats = 256;
static_assert(panel_columns<float> == 32, "a panel is two tiles wide");

// Whether this process may use the matrix units: Linux wants to be asked once.
inline bool have_tiles() {
  constexpr long request = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  static const bool granted = syscall(SYS_arch_prctl, request, tile_data) == 0;
  return granted;
}

// The tiles of one thread, all whole, as long as this lives.
class Tiles {
  const bool on;

 public:
  explicit Tiles(bool on) : on(on) {
    static const struct alignas(64) {
      uint8_t palette = 1, unused[15] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } config;
    if (on) _tile_loadconfig(&config);
  }
  Tiles(const Tiles&) = delete;
  ~Tiles() {
    if (on) _tile_release();
  }
};

// How many tiles lie behind one another over K.
inline long deep(long K) { return (K + tile_depth - 1) / tile_depth; }

// Whether a packed matrix has room for its tiles.
inline bool fits_tiles(long K) { return deep(K) * tile_rows <= K; }

// Rounds one packed panel.
inline void round_panel(float* panel, long K) {
  typedef uint16_t Short __attribute__((vector_size(32)));
  typedef uint32_t Word __attribute__((vector_size(64), aligned(4), may_alias));
  for (long k = 0; k < K; k += tile_depth) {
    alignas(64) float rows[tile_depth][panel_columns<float>] = {};
    std::copy_n(panel + k * panel_columns<float>, std::min(tile_depth, K - k) * panel_columns<float>, rows[0]);
    const auto rounded = [&rows](long row, long column) {
      return __builtin_convertvector((Short)_mm512_cvtneps_pbh(_mm512_load_ps(&rows[row][column])), Word);
    };
    float* to = panel + k / tile_depth * 2 * tile_floats;
    for (long column = 0; column < panel_columns<float>; column += tile_rows)
      for (long i = 0; i < tile_rows; ++i, to += tile_rows)
        *reinterpret_cast<Word*>(to) = rounded(2 * i, column) | rounded(2 * i + 1, column) << 16;
  }
}

// Rounds up to 32 rows of a: for every 32 columns two tiles, one for each 16 rows; columns past the last are zeros.
inline void round_rows(const float* a, long lda, long rows, long K, float* to) {
  for (long i = 0; i < rows; ++i)
    for (long k = 0; k < K; k += tile_depth) {
      const uint32_t exist = K - k < tile_depth ? (1u << (K - k)) - 1 : ~0u;
      const __m512 low = _mm512_maskz_loadu_ps(__mmask16(exist), a + i * lda + k);
      const __m512 high = _mm512_maskz_loadu_ps(__mmask16(exist >> 16), a + i * lda + k + 16);
      float* tile = to + (k / tile_depth * 2 + i / tile_rows) * tile_floats;
      _mm512_storeu_si512(tile + i % tile_rows * tile_rows, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
}

// Up to 16 * halves rows of a, times a panel of W, both rounded.
template <int halves> inline void tile_block(const float* a, const float* panel, long K, float* out, long ldo) {
  constexpr int line = 64;
  __asm__ volatile("" ::: "memory");  // g++ 12 does not know that _tile_loadd reads memory
  _tile_zero(0);
  _tile_zero(1);
  if (halves == 2) {
    _tile_zero(2);
    _tile_zero(3);
  }
  for (long k = 0; k < K; k += tile_depth, a += 2 * tile_floats, panel += 2 * tile_floats) {
    _tile_loadd(6, panel, line);
    _tile_loadd(7, panel + tile_floats, line);
    _tile_loadd(4, a, line);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    if (halves == 2) {
      _tile_loadd(5, a + tile_floats, line);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  const long stride = ldo * long(sizeof(float));
  _tile_stored(0, out, stride);
  _tile_stored(1, out + tile_rows, stride);
  if (halves == 2) {
    _tile_stored(2, out + tile_rows * ldo, stride);
    _tile_stored(3, out + tile_rows * ldo + tile_rows, stride);
  }
}

// As `multiply`, with `packed` rounded, under `Tiles`.
inline void multiply_tiles(const float* a, long lda, const float* packed, float* out, long ldo, long rows, long K,
                           long N, long panel_begin, long panel_end) {
  constexpr long P = panel_columns<float>, most = 2 * tile_rows;
  const long size = deep(K) * 2 * tile_floats;  // of a block of rows, rounded
  static thread_local std::vector<float> rounded;
  rounded.resize(std::max(rounded.size(), size_t((rows + most - 1) / most * size)));
  for (long row = 0; row < rows; row += most)
    round_rows(a + row * lda, lda, std::min(most, rows - row), K, rounded.data() + row / most * size);
  for (long panel = panel_begin; panel < panel_end; ++panel)
    for (long row = 0; row < rows; row += most) {
      const long count = std::min(most, rows - row), columns = std::min(P, N - panel * P);
      float* const here = out + row * ldo + panel * P;
      float rim[most * P];  // what exists is copied from here if some rows or columns do not
      const bool whole = columns == P && count % tile_rows == 0;
      const auto block = count > tile_rows ? tile_block<2> : tile_block<1>;
      block(rounded.data() + row / most * size, packed + panel * P * K, K, whole ? here : rim, whole ? ldo : P);
      if (!whole)
        for (long i = 0; i < count; ++i) std::copy_n(rim + i * P, columns, here + i * ldo);
    }
}

#else

template <class R> constexpr bool can_tile = false;
inline bool have_tiles() { return false; }
// Never called, but named where `if constexpr` spares only what depends on a template parameter.
inline bool fits_tiles(long) { return false; }
struct Tiles {
  explicit Tiles(bool) {}
};

#endif

}  // namespace ostinato
