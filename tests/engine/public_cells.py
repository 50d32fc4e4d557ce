"""Recurrences that people have published, each written as plainly as they do: 4 inputs, 4 units.

`PUBLIC` names them all. A step takes the cell (its parts are attributes), the input and the state, and returns the
output and the new state's tensors.
"""

from collections import namedtuple
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import orthogonal, weight_norm

from ostinato.cells import Cell

N = 4
Step = Callable[..., tuple[Tensor, ...]]
PUBLIC: dict[str, Callable[[], Cell]] = {}

_STATES = {count: namedtuple(f"State{count}", [f"s{i}" for i in range(count)]) for count in range(1, 7)}


class PublicCell(Cell):
    """A step with its parts: modules, parameters (tensors) and buffers (tensors of whole numbers)."""

    def __init__(self, step: Step, sizes: Sequence[int], output: int, **parts) -> None:
        super().__init__(N, output)
        self.step, self.sizes = step, tuple(sizes)
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def initial_state(self, batch_size, device=None, dtype=None):
        return _STATES[len(self.sizes)](*(torch.zeros(batch_size, n, device=device, dtype=dtype) for n in self.sizes))

    def forward(self, x, state):
        y, *new = self.step(self, x, *state)
        return y, type(state)(*new)


def weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape) / max(shape[-1], 1) ** 0.5)


def public(name: str, *sizes: int, output: int = N, **parts: Callable[[], object]):
    def register(step: Step) -> Step:
        PUBLIC[name] = lambda: PublicCell(step, sizes, output, **{key: make() for key, make in parts.items()})
        return step

    return register


def linear(inputs: int, outputs: int):
    return lambda: nn.Linear(inputs, outputs)


both = linear(2 * N, N)


@public("RNNCell", N, cell=lambda: nn.RNNCell(N, N))
def _(c, x, h):
    h = c.cell(x, h)
    return h, h


@public("minGRU", N, gate=linear(N, N), new=linear(N, N))
def _(c, x, h):
    z = torch.sigmoid(c.gate(x))
    h = (1 - z) * h + z * c.new(x)
    return h, h


@public("LMU", N, 6, read=linear(N, 1), a=lambda: weight(6, 6), b=lambda: weight(6, 1), mix=linear(2 * N + 6, N))
def _(c, x, h, m):
    m = m + 0.1 * (m @ c.a.T + c.read(x) * c.b[:, 0])
    h = torch.tanh(c.mix(torch.cat([x, h, m], -1)))
    return h, h, m


@public("layer-norm GRU", N, x3=linear(N, 3 * N), h3=linear(N, 3 * N), norm=lambda: nn.LayerNorm(3 * N))
def _(c, x, h):
    (a, b, d), (e, f, g) = c.x3(x).chunk(3, -1), c.norm(c.h3(h)).chunk(3, -1)
    z = torch.sigmoid(b + f)
    h = z * h + (1 - z) * torch.tanh(d + torch.sigmoid(a + e) * g)
    return h, h


@public("NTM-like memory", N, 12, key=both, erase=both, add=both, out=both)
def _(c, x, h, m):
    slots = m.view(-1, 3, N)
    key = c.key(torch.cat([x, h], -1))
    w = torch.softmax(F.cosine_similarity(slots, key.unsqueeze(1), -1), -1)
    read = torch.bmm(w.unsqueeze(1), slots).squeeze(1)
    h = torch.tanh(c.out(torch.cat([x, read], -1)))
    erase, add = torch.sigmoid(c.erase(torch.cat([x, h], -1))), c.add(torch.cat([x, h], -1))
    slots = slots * (1 - w.unsqueeze(2) * erase.unsqueeze(1)) + w.unsqueeze(2) * add.unsqueeze(1)
    return h, h, slots.flatten(1)


@public("attention over the last 4 states", 4 * N, query=linear(N, N), out=both)
def _(c, x, past):
    states = past.view(-1, 4, N)
    scores = torch.einsum("bd,bsd->bs", c.query(x), states) / 2
    h = torch.tanh(c.out(torch.cat([x, torch.einsum("bs,bsd->bd", scores.softmax(-1), states)], -1)))
    return h, torch.cat([past[:, N:], h], -1)


@public("linear attention", N * N, N, qkv=linear(N, 3 * N))
def _(c, x, s, z):
    q, k, v = c.qkv(x).chunk(3, -1)
    q, k = F.elu(q) + 1, F.elu(k) + 1
    s = s.view(-1, N, N) + torch.einsum("bi,bj->bij", k, v)
    z = z + k
    y = torch.einsum("bi,bij->bj", q, s) / ((q * z).sum(-1, keepdim=True) + 1e-3)
    return y, s.flatten(1), z


@public("DeltaNet", N * N, qkv=linear(N, 3 * N), beta=linear(N, 1))
def _(c, x, s):
    q, k, v = c.qkv(x).chunk(3, -1)
    k, s = F.normalize(k, dim=-1), s.view(-1, N, N)
    old = torch.bmm(s, k.unsqueeze(-1)).squeeze(-1)
    s = s + torch.sigmoid(c.beta(x)).unsqueeze(-1) * torch.bmm((v - old).unsqueeze(2), k.unsqueeze(1))
    return (s @ q.unsqueeze(-1)).squeeze(-1), s.flatten(1)


@public("mLSTM", N * N, N, 1, qkv=linear(N, 3 * N), gate=linear(N, 2), out=linear(N, N))
def _(c, x, s, n, m):
    q, k, v = c.qkv(x).chunk(3, -1)
    i, f = c.gate(x).chunk(2, -1)
    f = F.logsigmoid(f)
    top = torch.maximum(f + m, i)
    i, f = torch.exp(i - top), torch.exp(f + m - top)
    s = f.unsqueeze(-1) * s.view(-1, N, N) + i.unsqueeze(-1) * v.unsqueeze(2) * k.unsqueeze(1)
    n = f * n + i * k
    y = (s @ q.unsqueeze(-1)).squeeze(-1) / (n * q).sum(-1, keepdim=True).abs().clamp(min=1)
    return torch.sigmoid(c.out(x)) * y, s.flatten(1), n, top


@public("RWKV-4", N, N, N, N, kvr=linear(N, 3 * N), decay=lambda: weight(N), first=lambda: weight(N), out=linear(N, N))
def _(c, x, last, a, b, p):
    k, v, r = c.kvr(0.5 * x + 0.5 * last).chunk(3, -1)
    q = torch.maximum(p, c.first + k)
    e, g = torch.exp(p - q), torch.exp(c.first + k - q)
    y = torch.sigmoid(r) * (e * a + g * v) / (e * b + g)
    decayed = p - torch.exp(c.decay)
    q = torch.maximum(decayed, k)
    e, g = torch.exp(decayed - q), torch.exp(k - q)
    return c.out(y), x, e * a + g * v, e * b + g, q


@public("Mamba step", 3 * N, a=lambda: weight(N, 3), dt=linear(N, N), bc=linear(N, 6), skip=lambda: weight(N))
def _(c, x, s):
    dt, (b, out) = F.softplus(c.dt(x)), c.bc(x).chunk(2, -1)
    decay = torch.exp(dt.unsqueeze(-1) * -torch.exp(c.a))
    s = decay * s.view(-1, N, 3) + (dt * x).unsqueeze(-1) * b.unsqueeze(1)
    return torch.einsum("bdn,bn->bd", s, out) + c.skip * x, s.flatten(1)


@public("HMM forward", N, move=lambda: weight(N, N), emit=linear(N, N))
def _(c, x, alpha):
    moved = torch.logsumexp(alpha.unsqueeze(2) + torch.log_softmax(c.move, -1), 1)
    alpha = torch.log_softmax(moved + c.emit(x), -1)
    return alpha, alpha


@public("Viterbi by amax", N, move=lambda: weight(N, N), emit=linear(N, N))
def _(c, x, delta):
    delta = (delta.unsqueeze(2) + c.move).amax(1) + c.emit(x)
    return delta, delta


@public("Viterbi by max", N, move=lambda: weight(N, N), emit=linear(N, N))
def _(c, x, delta):
    best, back = (delta.unsqueeze(2) + c.move).max(1)
    delta = best + c.emit(x)
    return back.to(x.dtype) + delta, delta


@public("Clockwork", N, N, mix=both, period=lambda: torch.tensor([1, 2, 4, 8]))
def _(c, x, h, clock):
    new = torch.tanh(c.mix(torch.cat([x, h], -1)))
    h = torch.where(torch.remainder(clock, c.period) == 0, new, h)
    return h, h, clock + 1


@public("fast weights by sum", N, N * N, mix=both)
def _(c, x, h, a):
    a = 0.9 * a.view(-1, N, N) + 0.5 * h.unsqueeze(2) * h.unsqueeze(1)
    h = torch.tanh(c.mix(torch.cat([x, h], -1)) + (a * h.unsqueeze(1)).sum(-1))
    return h, h, a.flatten(1)


@public("fast weights by bmm", N, N * N, mix=both, norm=lambda: nn.LayerNorm(N))
def _(c, x, h, a):
    a = 0.9 * a.view(-1, N, N) + 0.5 * torch.bmm(h.unsqueeze(2), h.unsqueeze(1))
    h = torch.tanh(c.norm(c.mix(torch.cat([x, h], -1)) + torch.bmm(a, h.unsqueeze(2)).squeeze(2)))
    return h, h, a.flatten(1)


@public("orthogonal", N, u=lambda: orthogonal(nn.Linear(N, N, bias=False)), w=linear(N, N))
def _(c, x, h):
    h = torch.relu(c.w(x) + c.u(h))
    return h, h


@public("weight-normed", N, u=lambda: weight_norm(nn.Linear(N, N)), w=linear(N, N))
def _(c, x, h):
    h = torch.tanh(c.w(x) + c.u(h))
    return h, h


@public("second order", N, w=lambda: weight(N, N, N))
def _(c, x, h):
    h = torch.tanh(torch.einsum("bi,ijk,bj->bk", x, c.w, h) + x)
    return h, h


@public("bilinear", N, w=lambda: nn.Bilinear(N, N, N))
def _(c, x, h):
    h = torch.tanh(c.w(x, h))
    return h, h


def _lstm():
    return nn.LSTMCell(N, N)


@public("Mogrifier", N, N, cell=_lstm, q=linear(N, N), r=linear(N, N))
def _(c, x, h, m):
    for _ in range(2):
        x = 2 * torch.sigmoid(c.q(h)) * x
        h = 2 * torch.sigmoid(c.r(x)) * h
    h, m = c.cell(x, (h, m))
    return h, h, m


@public("Phased LSTM", N, N, 1, cell=_lstm, period=lambda: weight(N), shift=lambda: weight(N))
def _(c, x, h, m, t):
    phase = torch.remainder(t - c.shift, c.period.abs() + 1) / (c.period.abs() + 1)
    k = torch.where(phase < 0.1, 20 * phase, torch.where(phase < 0.3, 2 - 10 * phase + 2, 0.01 * phase))
    new_h, new_m = c.cell(x, (h, m))
    return new_h, k * new_h + (1 - k) * h, k * new_m + (1 - k) * m, t + 1


@public("SkipRNN", N, 1, cell=lambda: nn.GRUCell(N, N), gate=linear(N, 1))
def _(c, x, h, u):
    hard = torch.round(u)
    binary = hard.detach() + u - u.detach()
    h = binary * c.cell(x, h) + (1 - binary) * h
    step = torch.sigmoid(c.gate(h))
    return h, h, binary * step + (1 - binary) * (u + torch.minimum(step, 1 - u))


@public(
    "HyperLSTM",
    N,
    N,
    2,
    2,
    hyper=lambda: nn.LSTMCell(2 * N, 2),
    x4=linear(N, 4 * N),
    h4=linear(N, 4 * N),
    z=linear(2, 8 * N),
)
def _(c, x, h, m, hh, hm):
    hh, hm = c.hyper(torch.cat([x, h], -1), (hh, hm))
    dx, dh = c.z(hh).chunk(2, -1)
    i, f, g, o = (dx * c.x4(x) + dh * c.h4(h)).chunk(4, -1)
    m = torch.sigmoid(f) * m + torch.sigmoid(i) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(m)
    return h, h, m, hh, hm


@public("GRU-D", N, N, cell=lambda: nn.GRUCell(N, N), decay=linear(N, N), mean=lambda: weight(N))
def _(c, x, h, last):
    seen = (x > 0).to(x.dtype)
    gamma = torch.exp(-F.relu(c.decay(1 - seen)))
    last = seen * x + (1 - seen) * last
    x = seen * x + (1 - seen) * (gamma * last + (1 - gamma) * c.mean)
    h = c.cell(x, gamma * h)
    return h, h, last


@public("GRU-ODE", N, cell=lambda: nn.GRUCell(N, N))
def _(c, x, h):
    for _ in range(3):
        h = h + 0.3 * (c.cell(x, h) - h)
    return h, h


@public("mixture of cells", N, cells=lambda: nn.ModuleList([nn.GRUCell(N, N), nn.GRUCell(N, N)]), gate=both)
def _(c, x, h):
    w = torch.softmax(c.gate(torch.cat([x, h], -1))[:, :2], -1)
    h = (torch.stack([cell(x, h) for cell in c.cells], 1) * w.unsqueeze(-1)).sum(1)
    return h, h


@public("ON-LSTM", N, N, x6=linear(N, 6 * N), h6=linear(N, 6 * N))
def _(c, x, h, m):
    i, f, g, o, a, b = (c.x6(x) + c.h6(h)).chunk(6, -1)
    forget, keep = torch.cumsum(torch.softmax(a, -1), -1), 1 - torch.cumsum(torch.softmax(b, -1), -1)
    both_ = forget * keep
    m = (torch.sigmoid(f) * both_ + forget - both_) * m + (torch.sigmoid(i) * both_ + keep - both_) * torch.tanh(g)
    h = torch.sigmoid(o) * torch.tanh(m)
    return h, h, m


@public("maxout", N, mix=linear(2 * N, 2 * N))
def _(c, x, h):
    h = torch.tanh(c.mix(torch.cat([x, h], -1)).view(-1, N, 2).max(-1).values)
    return h, h


@public("top-k gates", N, mix=both, gate=both)
def _(c, x, h):
    seen = torch.cat([x, h], -1)
    values, indices = c.gate(seen).topk(2, -1)
    gates = torch.zeros_like(h).scatter(1, indices, torch.softmax(values, -1))
    h = (1 - gates) * h + gates * torch.tanh(c.mix(seen))
    return h, h


@public(
    "greedy feedback",
    N,
    cell=lambda: nn.GRUCell(N, N),
    embedding=lambda: nn.Embedding(5, N),
    out=linear(N, 5),
    output=5,
)
def _(c, x, h):
    word = c.out(h).argmax(-1)
    h = c.cell(x + c.embedding(word), h)
    return c.out(h), h


@public("rotary pairs", N, mix=both, angle=lambda: weight(N // 2))
def _(c, x, h):
    a, b = h[:, ::2], h[:, 1::2]
    cos, sin = torch.cos(c.angle), torch.sin(c.angle)
    turned = torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(1)
    h = torch.tanh(c.mix(torch.cat([x, turned], -1)))
    return h, h


@public("ring convolution", N, mix=both, kernel=lambda: weight(3))
def _(c, x, h):
    ring = sum(c.kernel[i] * torch.roll(h, i - 1, -1) for i in range(3))
    padded = F.pad(h, (1, 1))
    h = torch.tanh(c.mix(torch.cat([x, ring], -1)) + padded[:, 2:] - padded[:, :-2])
    return h, h


@public("permutations", N, mix=both, order=lambda: torch.tensor([2, 0, 3, 1]))
def _(c, x, h):
    h = torch.tanh(c.mix(torch.cat([x, h[:, c.order]], -1)))
    return h, h


@public("ConvLSTM with flat state", 8, 8, conv=lambda: nn.Conv2d(3, 8, 3, padding=1), output=8)
def _(c, x, h, m):
    seen = torch.cat([x.view(-1, 1, 2, 2), h.view(-1, 2, 2, 2)], 1)
    i, f, g, o = c.conv(seen).chunk(4, 1)
    m = torch.sigmoid(f) * m.view(-1, 2, 2, 2) + torch.sigmoid(i) * torch.tanh(g)
    h = (torch.sigmoid(o) * torch.tanh(m)).flatten(1)
    return h, h, m.flatten(1)


@public(
    "convolutional GRU",
    8,
    gate=lambda: nn.Conv1d(3, 4, 3, padding=1),
    new=lambda: nn.Conv1d(3, 2, 3, padding=1),
    output=8,
)
def _(c, x, h):
    x, h = x.view(-1, 1, 4), h.view(-1, 2, 4)
    r, z = torch.sigmoid(c.gate(torch.cat([x, h], 1))).chunk(2, 1)
    new = torch.tanh(c.new(torch.cat([x, r * h], 1)))
    h = ((1 - z) * new + z * h).flatten(1)
    return h, h


@public("group norm", N, mix=both, norm=lambda: nn.GroupNorm(2, N))
def _(c, x, h):
    h = torch.tanh(c.norm(c.mix(torch.cat([x, h], -1))))
    return h, h


@public("inverse hyperbolic", N, mix=both)
def _(c, x, h):
    z = c.mix(torch.cat([x, h], -1))
    h = torch.asinh(z) + 0.1 * torch.acosh(1.1 + z**2) - 0.5 * torch.atanh(0.9 * torch.tanh(z))
    return h, h


@public("special functions", N, mix=both)
def _(c, x, h):
    z = torch.tanh(c.mix(torch.cat([x, h], -1)))
    h = 0.3 * (torch.special.erfinv(0.9 * z) + torch.lgamma(z + 2) + torch.special.i0(z))
    return h, h


@public("Kalman", 2, 4, a=lambda: weight(2, 2), h=lambda: weight(4, 2), q=lambda: weight(2, 2), output=2)
def _(c, x, mean, cov):
    p = c.a @ cov.view(-1, 2, 2) @ c.a.T + c.q @ c.q.T + torch.eye(2, dtype=x.dtype)
    gain = p @ c.h.T @ torch.linalg.inv(c.h @ c.h.T + torch.eye(4, dtype=x.dtype))
    mean = mean @ c.a.T
    mean = mean + torch.einsum("bij,bj->bi", gain, x - mean @ c.h.T)
    return mean, mean, 0.1 * (p - gain @ c.h @ p).flatten(1)


@public("Cayley", N, w=linear(N, N), skew=lambda: weight(N, N))
def _(c, x, h):
    a, eye = c.skew - c.skew.T, torch.eye(N, dtype=x.dtype)
    h = torch.relu(c.w(x) + h @ torch.linalg.solve(eye + a, eye - a))
    return h, h


@public("nn.MultiheadAttention", 3 * N, attend=lambda: nn.MultiheadAttention(N, 2, batch_first=True))
def _(c, x, past):
    states = torch.cat([past[:, N:], x], -1).view(-1, 3, N)
    y = c.attend(x.unsqueeze(1), states, states)[0].squeeze(1)
    return y, torch.cat([past[:, N:], torch.tanh(x + y)], -1)


@public("scaled_dot_product_attention", 3 * N, qkv=linear(N, 3 * N))
def _(c, x, past):
    states = past.view(-1, 3, N)
    q, k, v = c.qkv(torch.cat([states[:, 1:], x.unsqueeze(1)], 1)).chunk(3, -1)
    y = F.scaled_dot_product_attention(q, k, v)
    return y[:, -1], torch.tanh(y).flatten(1)


@public("slots", 3 * N, update=linear(N, N), relate=lambda: weight(N, N))
def _(c, x, s):
    slots = s.view(-1, 3, N)
    scores = torch.softmax(torch.einsum("bsi,ij,btj->bst", slots, c.relate, slots), -1)
    slots = torch.tanh(c.update(scores @ slots) + x.unsqueeze(1))
    return slots.mean(1), slots.flatten(1)


@public("LTC with a dict of parameters", N, w=linear(N, N), tau=lambda: weight(N), gain=lambda: weight(N))
def _(c, x, h):
    parameters = {"tau": c.tau, "gain": c.gain}
    for _ in range(3):
        f = torch.sigmoid(c.w(h) + x)
        h = (h + 0.2 * f * parameters["gain"]) / (1 + 0.2 * (1 / (1 + parameters["tau"].abs()) + f))
    return h, h


@public("sampling by given noise", N, mix=both)
def _(c, x, h):
    logits = c.mix(torch.cat([x, h], -1))
    soft = torch.softmax(logits - torch.log(-torch.log(torch.sigmoid(x))), -1)
    hard = F.one_hot(soft.argmax(-1), N).to(x.dtype)
    h = hard - soft.detach() + soft
    return h, h
