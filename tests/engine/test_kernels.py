"""The C++ headers of generated code, compiled alone: elementwise functions, products of a few rows with a weight."""

import ctypes
import platform
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided

import ostinato.engine

law = settings(deadline=None, derandomize=True, max_examples=200)

KERNELS = Path(ostinato.engine.__file__).parent / "kernels"
FLAGS = ["-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]
LIBRARY = ["-fPIC", "-shared", "-fopenmp", "-Wall", "-Wextra", "-Werror", "-fopt-info-vec-optimized"]
WIDEST = ["-march=native", *(["-mprefer-vector-width=512"] if platform.machine() == "x86_64" else [])]
TARGETS: dict[str, list[str]] = {"this_processor": WIDEST, "every_processor": []}
TYPES = {"float": np.float32, "double": np.float64}
NAMES = {dtype: name for name, dtype in TYPES.items()}

OWN = ["exp", "expm1", "sigmoid", "tanh", "log", "log1p"]
VECTORISED = [*OWN, "sqrt", "rsqrt", "reciprocal", "relu", "sign", "abs", "isinf"]
STANDARD = ["floor", "ceil", "round", "trunc", "exp2", "log2", "log10", "erf", "erfc", "asin", "acos", "atan"]
UNBOUNDED = ["sin", "cos", "tan", "sinh", "cosh"]
UNARY = [*VECTORISED, *STANDARD, *UNBOUNDED]
BINARY = ["minimum", "maximum", "copysign", "pow", "fmod", "remainder", "atan2", "hypot"]
LIMITS = {
    "exp": (9e-8, 1.8e-16),
    "expm1": (1.4e-7, 3.1e-16),
    "sigmoid": (2.3e-7, 3.6e-16),
    "tanh": (2e-7, 4e-16),
    "log": (9e-8, 1.7e-16),
    "log1p": (9e-8, 1.7e-16),
}
"""The largest relative error that math.hpp states, and a little: float, double."""

SOURCE = """
#include "math.hpp"
#include "matmul.hpp"
#include "tiles.hpp"
#define EACH(f, R) extern "C" void f##_##R(const R* x, R* y, long n) { \\
  _Pragma("omp simd") for (long i = 0; i < n; ++i) y[i] = ostinato::f(x[i]); }
#define BOTH(f, R) extern "C" void f##_##R(const R* x, const R* z, R* y, long n) { \\
  _Pragma("omp simd") for (long i = 0; i < n; ++i) y[i] = ostinato::f(x[i], z[i]); }
#define PRODUCTS(R) extern "C" { \\
  long panels_##R(long N) { return ostinato::panels<R>(N); } \\
  long packed_size_##R(long K, long N) { return ostinato::packed_size<R>(K, N); } \\
  void pack_##R(const R* w, long sk, long sn, long K, long N, R* packed, long begin, long end) { \\
    ostinato::pack(w, sk, sn, K, N, packed, begin, end); } \\
  void multiply_##R(const R* a, long lda, const R* packed, R* out, long ldo, long rows, long K, long N, long begin, \\
                    long end) { ostinato::multiply(a, lda, packed, out, ldo, rows, K, N, begin, end); } \\
  void multiply_direct_##R(const R* a, long lda, const R* w, long sk, long sn, R* out, long ldo, long rows, long K, \\
                           long N, long begin, long end) { \\
    ostinato::multiply_direct(a, lda, w, sk, sn, out, ldo, rows, K, N, begin, end); } \\
}
extern "C" long have_tiles_float() { return ostinato::have_tiles(); }
#ifdef OSTINATO_TILES
extern "C" long fits_tiles_float(long K) { return ostinato::fits_tiles(K); }
extern "C" void round_panel_float(float* panel, long K) { ostinato::round_panel(panel, K); }
extern "C" void multiply_tiles_float(const float* a, long lda, const float* packed, float* out, long ldo, long rows,
                                     long K, long N, long begin, long end) {
  const ostinato::Tiles tiles(true);
  ostinato::multiply_tiles(a, lda, packed, out, ldo, rows, K, N, begin, end); }
#endif
"""


class Library(NamedTuple):
    """The headers compiled for some processor, and what the compiler said about its loops."""

    handle: ctypes.CDLL
    report: str

    def call(self, name: str, dtype: Any, *arguments: Any) -> int:
        function = self.handle[f"{name}_{NAMES[dtype]}"]
        function.restype = ctypes.c_long
        values = [a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments]
        return int(function(*(ctypes.c_long(value) for value in values)))

    def each(self, name: str, *arrays: np.ndarray) -> np.ndarray:
        result = np.full_like(arrays[0], np.nan)
        self.call(name, arrays[0].dtype.type, *arrays, result, result.size)
        return result


@pytest.fixture(scope="session", params=TARGETS)
def library(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernels")
    lines = [*(f"EACH({f}, {R})" for f in UNARY for R in TYPES), *(f"BOTH({f}, {R})" for f in BINARY for R in TYPES)]
    (folder / "kernels.cpp").write_text("\n".join([SOURCE, *lines, *(f"PRODUCTS({R})" for R in TYPES)]))
    command = ["g++", *FLAGS, *TARGETS[request.param], *LIBRARY, "-I", str(KERNELS), "kernels.cpp", "-o", "kernels.so"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return Library(ctypes.CDLL(str(folder / "kernels.so")), run.stderr)


def line_of(function, name):
    lines = SOURCE.count("\n") + 2
    return lines + UNARY.index(function) * len(TYPES) + list(TYPES).index(name)


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("function", VECTORISED)
def test_loops_of_the_common_functions_are_vectorised(library, function, name):
    found = re.search(rf"^kernels.cpp:{line_of(function, name)}:.*loop vectorized", library.report, re.MULTILINE)
    assert found, library.report


def exact(function, x):
    """The true value, in more than double precision."""
    wide = x.astype(np.longdouble)
    return 1 / (1 + np.exp(-wide)) if function == "sigmoid" else getattr(np, function)(wide)


def everywhere(dtype):
    """Numbers of all magnitudes and both signs, and many where the functions bend."""
    info = np.finfo(dtype)
    magnitudes = np.logspace(np.log10(info.tiny), np.log10(info.max) - 0.01, 40_000)
    near = np.concatenate([np.linspace(0, 2, 40_001), np.linspace(2, np.log(info.max), 40_000)])
    x = np.concatenate([magnitudes, near, -near, -magnitudes]).astype(dtype)
    return x[np.abs(x) >= info.tiny]


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("function", LIMITS)
def test_errors_stay_below_the_stated_limits(library, function, dtype):
    x = everywhere(dtype)
    if function == "sigmoid" and dtype == np.float32:
        x = x[x > -20]
    with np.errstate(all="ignore"):
        true, got = exact(function, x), library.each(function, x)
    normal = (np.abs(true) >= np.finfo(dtype).tiny) & (np.abs(true) <= np.finfo(dtype).max)
    error = np.abs((got[normal] - true[normal]) / true[normal])
    assert error.size > 1000
    assert error.max() < LIMITS[function][dtype == np.float64]


def test_sigmoid_far_below_zero_keeps_six_digits_in_float(library):
    x = np.linspace(-87.3, -20, 100_001).astype(np.float32)
    np.testing.assert_allclose(library.each("sigmoid", x), exact("sigmoid", x).astype(np.float64), rtol=4e-7)


@pytest.mark.parametrize("dtype", NAMES)
def test_exp_and_log_reach_into_denormal_numbers(library, dtype):
    info = np.finfo(dtype)
    x = np.linspace(np.log(info.smallest_subnormal) - 1, np.log(info.tiny), 1001).astype(dtype)
    np.testing.assert_allclose(
        library.each("exp", x), exact("exp", x).astype(dtype), rtol=0, atol=info.smallest_subnormal
    )
    tiny = (np.arange(1, 1001) * info.smallest_subnormal).astype(dtype)
    np.testing.assert_allclose(library.each("log", tiny), np.log(tiny), rtol=2 * info.eps)


def special(dtype):
    info = np.finfo(dtype)
    edges = [87.3, 88, 88.4, 88.7, 88.8, 89, 103, 104, 708, 709.7, 710, 745, 746, 1000, 1e30]
    positive = [0, info.smallest_subnormal, info.tiny, info.eps, 0.5, 1, 1.5, 2, 2.5, 3, *edges, info.max, np.inf]
    return np.array([np.nan, *positive, *(-p for p in positive)], dtype)


def same(got, expected, dtype):
    """Equal in NaN, infinities and (to rounding) values; the smallest numbers may be 0."""
    info = np.finfo(dtype)
    np.testing.assert_allclose(got, expected, rtol=4 * info.eps, atol=info.tiny, equal_nan=True)


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("function", UNARY)
def test_special_values_are_as_in_torch(library, function, dtype):
    x = special(dtype)
    if function in UNBOUNDED:  # far out, torch's own are not exact
        x = x[~(np.abs(x) > 700) | np.isinf(x)]
    with np.errstate(over="ignore"):
        expected = getattr(torch, function)(torch.from_numpy(x.astype(np.float64))).numpy().astype(dtype)
    same(library.each(function, x), expected, dtype)


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("function", BINARY)
def test_special_pairs_are_as_in_torch(library, function, dtype):
    x = special(dtype)
    x = x[~(np.abs(x) > 4) & (np.abs(x) != np.finfo(dtype).smallest_subnormal) | np.isinf(x)]
    a, b = (side.reshape(-1).copy() for side in np.meshgrid(x, x))
    expected = getattr(torch, function)(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    same(library.each(function, a, b), expected, dtype)


@pytest.mark.parametrize("dtype", NAMES)
def test_tanh_is_odd_and_both_squashers_stay_in_range(library, dtype):
    x = everywhere(dtype)
    tanh, sigmoid = library.each("tanh", x), library.each("sigmoid", x)
    np.testing.assert_array_equal(library.each("tanh", -x), -tanh)
    assert np.abs(tanh).max() == 1
    assert (sigmoid.min(), sigmoid.max()) == (0, 1)
    assert np.signbit(library.each("tanh", np.array([-0.0], dtype)))[0]


class Case(NamedTuple):
    """A product in buffers of NaN: what is read or written beyond the arrays shows."""

    dtype: Any
    a: np.ndarray
    w: np.ndarray
    out: np.ndarray
    around: np.ndarray

    @property
    def sizes(self):
        return len(self.a), *self.w.shape

    @property
    def strides(self):
        """lda, stride_k, stride_n, ldo, in elements."""
        return tuple(s // self.a.itemsize for s in (self.a.strides[0], *self.w.strides, self.out.strides[0]))

    def check(self, columns):
        """These columns of `out` hold the product; all else in its buffer is still NaN."""
        a, w = self.a.astype(np.float64), self.w.astype(np.float64)
        bound = np.abs(a) @ np.abs(w) * (len(w) + 1) * np.finfo(self.dtype).eps
        assert (np.abs(self.out - a @ w) <= bound)[:, columns].all()
        assert np.isfinite(self.around).sum() == self.out[:, columns].size


def placed(shape, strides, offset, dtype, values=None):
    """A strided array in a larger buffer of NaN, and the buffer."""
    reach = sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True)) + 1 if 0 not in shape else 0
    buffer = np.full(offset + reach + 70, np.nan, dtype)
    array = as_strided(buffer[offset:], shape, [stride * buffer.itemsize for stride in strides])
    if values is not None:
        array[...] = values
    return array, buffer


def build(dtype, rows, K, N, layout="n", gaps=(0, 0, 0), offsets=(0, 0, 0), seed=0):
    random = np.random.default_rng(seed)
    stride = {"n": (N + gaps[1], 1), "k": (1, K + gaps[1]), "apart": (2, 2 * K + 1 + gaps[1])}[layout]
    a, _ = placed((rows, K), (K + gaps[0], 1), offsets[0], dtype, random.standard_normal((rows, K)))
    w, _ = placed((K, N), stride, offsets[1], dtype, random.standard_normal((K, N)))
    out, around = placed((rows, N), (N + gaps[2], 1), offsets[2], dtype)
    return Case(dtype, a, w, out, around)


few = st.integers(0, 3)
sizes = st.integers(1, 70)
layouts = st.sampled_from(["n", "k", "apart"])
cases = st.builds(
    build, st.sampled_from(list(NAMES)), sizes, st.integers(0, 70), sizes, layouts, *[st.tuples(few, few, few)] * 2, few
)


def pack(library, case, parts=1):
    """The packed weight, a part of the panels at a time, in a buffer that begins as NaN."""
    _, K, N = case.sizes
    _, stride_k, stride_n, _ = case.strides
    size, panels = library.call("packed_size", case.dtype, K, N), library.call("panels", case.dtype, N)
    packed = np.full(size + 70, np.nan, case.dtype)
    for part in range(parts):
        begin, end = panels * part // parts, panels * (part + 1) // parts
        library.call("pack", case.dtype, case.w, stride_k, stride_n, K, N, packed, begin, end)
    return packed


def multiply(library, case, packed, begin, end, first=0, rows=None):
    _, K, N = case.sizes
    lda, _, _, ldo = case.strides
    count = len(case.a) if rows is None else rows
    library.call("multiply", case.dtype, case.a[first:], lda, packed, case.out[first:], ldo, count, K, N, begin, end)


def multiply_direct(library, case, begin, end):
    rows, K, N = case.sizes
    lda, stride_k, stride_n, ldo = case.strides
    library.call(
        "multiply_direct", case.dtype, case.a, lda, case.w, stride_k, stride_n, case.out, ldo, rows, K, N, begin, end
    )


@law
@given(case=cases, parts=st.integers(1, 3))
def test_packing_fills_every_panel_to_its_rim_and_writes_nothing_else(library, case, parts):
    packed = pack(library, case, parts)
    size = library.call("packed_size", case.dtype, *case.w.shape)
    assert np.isfinite(packed[:size]).all()
    assert np.isnan(packed[size:]).all()
    assert np.count_nonzero(packed[:size]) == case.w.size
    assert np.isclose(packed[:size].sum(), case.w.sum(), atol=1e-3)


@law
@given(case=cases, share=st.tuples(st.floats(0, 1), st.floats(0, 1)), parts=st.integers(1, 3))
def test_a_packed_weight_multiplies_rows_and_writes_nothing_else(library, case, share, parts):
    N = case.w.shape[1]
    packed = pack(library, case, parts)
    panels, width = library.call("panels", case.dtype, N), library.call("packed_size", case.dtype, 1, 1)
    begin, end = sorted(round(s * panels) for s in share)
    multiply(library, case, packed, begin, end)
    case.check(slice(begin * width, min(end * width, N)))


@law
@given(case=cases, share=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_an_unpacked_weight_multiplies_rows_and_writes_nothing_else(library, case, share):
    begin, end = sorted(round(s * case.w.shape[1]) for s in share)
    multiply_direct(library, case, begin, end)
    case.check(slice(begin, end))


@law
@given(case=cases)
def test_a_row_does_not_depend_on_its_company(library, case):
    packed = pack(library, case)
    panels = library.call("panels", case.dtype, case.w.shape[1])
    multiply(library, case, packed, 0, panels)
    together = case.out.copy()
    case.out[...] = np.nan
    for row in range(len(case.a)):
        for panel in range(panels):
            multiply(library, case, packed, panel, panel + 1, first=row, rows=1)
    np.testing.assert_array_equal(case.out, together)


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize("layout", ["n", "k", "apart"])
def test_infinity_and_nan_stay_in_their_row_and_column(library, layout, dtype):
    case = build(dtype, 5, 37, 41, layout)
    case.a[1, 36], case.a[2, 30], case.w[36, 3], case.w[30, 40] = np.nan, np.inf, -np.inf, np.inf
    with np.errstate(invalid="ignore"):
        expected = (case.a[:, :, None] * case.w).sum(1)
    assert 0 < np.isinf(expected).sum() < expected.size / 2
    multiply(library, case, pack(library, case), 0, library.call("panels", dtype, 41))
    same_kinds(case.out, expected)
    case.out[...] = 0
    multiply_direct(library, case, 0, 41)
    same_kinds(case.out, expected)


def rounded(x):
    """To bfloat16 and back."""
    return torch.from_numpy(x.astype(np.float32)).bfloat16().double().numpy()


@pytest.fixture(scope="session")
def tiles(library):
    """The headers, where the compiler and the processor know matrix units."""
    if not library.call("have_tiles", np.float32):
        pytest.skip(
            "no matrix units, or compiled for processors that have none: that their own instructions multiply rightly"
            " is left unproven (test_targets.py tries the arithmetic on emulated ones)"
        )
    return library


def multiply_tiles(tiles, case, begin, end):
    """A product with its weight packed and rounded; of these panels only."""
    rows, K, N = case.sizes
    lda, _, _, ldo = case.strides
    packed, panel = pack(tiles, case), tiles.call("packed_size", np.float32, K, 1)
    for number in range(tiles.call("panels", np.float32, N)):
        tiles.call("round_panel", np.float32, packed[number * panel :], K)
    assert np.isnan(packed[tiles.call("packed_size", np.float32, K, N) :]).all()
    tiles.call("multiply_tiles", np.float32, case.a, lda, packed, case.out, ldo, rows, K, N, begin, end)


rounded_cases = st.builds(
    build,
    st.just(np.float32),
    st.integers(1, 110),
    st.integers(16, 110),
    sizes,
    layouts,
    *[st.tuples(few, few, few)] * 2,
    few,
)


@law
@given(case=rounded_cases, share=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_matrix_units_multiply_what_is_rounded_to_bfloat16_and_write_nothing_else(tiles, case, share):
    N = case.w.shape[1]
    panels = tiles.call("panels", np.float32, N)
    begin, end = sorted(round(s * panels) for s in share)
    multiply_tiles(tiles, case, begin, end)
    case._replace(a=rounded(case.a), w=rounded(case.w)).check(slice(begin * 32, min(end * 32, N)))


def test_a_weight_of_fewer_rows_than_half_a_tile_has_no_room_to_be_rounded_in_place(tiles):
    assert [K for K in range(200) if not tiles.call("fits_tiles", np.float32, K)] == list(range(1, 16))


@pytest.mark.parametrize("rows", [5, 37])
def test_infinity_and_nan_stay_in_their_row_and_column_of_matrix_units(tiles, rows):
    case = build(np.float32, rows, 37, 41)
    case.a[1, 36], case.a[2, 30], case.w[36, 3], case.w[30, 40] = np.nan, np.inf, -np.inf, np.inf
    with np.errstate(invalid="ignore"):
        expected = (case.a[:, :, None] * case.w).sum(1)
    multiply_tiles(tiles, case, 0, tiles.call("panels", np.float32, 41))
    same_kinds(case.out, expected)


def same_kinds(got, expected):
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_array_equal(got[np.isinf(expected)], expected[np.isinf(expected)])
    assert np.isinf(got).sum() == np.isinf(expected).sum()
