"""The table of the operation contract: name → function of `x [B, 3, 4]` and `y [B, 3, 4]`.

Every function is run as it stands in torch (float64) and, exported, as rows. Result: `[B, ...]`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Function = Callable[[Tensor, Tensor], Tensor]


def positive(x: Tensor) -> Tensor:
    """Away from zero."""
    return x.abs() + 0.5


def unit(x: Tensor) -> Tensor:
    """Inside (-1, 1)."""
    return x / (1.0 + x.abs())


def constant(*shape: int) -> Tensor:
    """Fixed numbers of a shape."""
    return torch.linspace(-1.0, 1.3, math.prod(shape)).reshape(shape)


ELEMENTWISE: dict[str, Function] = {
    "neg": lambda x, y: -x,
    "abs": lambda x, y: x.abs(),
    "sign": lambda x, y: torch.where(x.isnan(), x, torch.sign(x)),  # a NaN stays NaN in the core, where torch says 0
    "sgn": lambda x, y: torch.sgn(x.nan_to_num()),
    "floor": lambda x, y: torch.floor(x),
    "ceil": lambda x, y: torch.ceil(x),
    "round": lambda x, y: torch.round(x),
    "trunc": lambda x, y: torch.trunc(x),
    "fix": lambda x, y: torch.fix(x),
    "exp": lambda x, y: torch.exp(x),
    "expm1": lambda x, y: torch.expm1(x),
    "sin": lambda x, y: torch.sin(x),
    "cos": lambda x, y: torch.cos(x),
    "tan": lambda x, y: torch.tan(unit(x)),
    "asin": lambda x, y: torch.asin(unit(x)),
    "acos": lambda x, y: torch.acos(unit(x)),
    "atan": lambda x, y: torch.atan(x),
    "tanh": lambda x, y: torch.tanh(x),
    "sigmoid": lambda x, y: torch.sigmoid(x),
    "erf": lambda x, y: torch.erf(x),
    "erfc": lambda x, y: torch.erfc(x),
    "relu": lambda x, y: torch.relu(x),
    "square": lambda x, y: torch.square(x),
    "sinh": lambda x, y: torch.sinh(x),
    "cosh": lambda x, y: torch.cosh(x),
    "asinh": lambda x, y: torch.asinh(x),
    "atanh": lambda x, y: torch.atanh(unit(x)),
    "exp2": lambda x, y: torch.exp2(x),
    "frac": lambda x, y: torch.frac(x),
    "isnan": lambda x, y: torch.isnan(x),
    "isinf": lambda x, y: torch.isinf(x),
    "isfinite": lambda x, y: torch.isfinite(x),
    "nan_to_num": lambda x, y: torch.nan_to_num(x, 1.0, 2.0, -3.0),
    "nan_to_num of a sum": lambda x, y: torch.nan_to_num(x + y, 0.5).clamp(-1e6, 1e6),
    "add": lambda x, y: x + y,
    "add alpha": lambda x, y: torch.add(x, y, alpha=2.5),
    "add number": lambda x, y: 1.5 + x,
    "sub": lambda x, y: x - y,
    "sub alpha": lambda x, y: torch.sub(x, y, alpha=0.5),
    "rsub": lambda x, y: 1.0 - x,
    "rsub alpha": lambda x, y: torch.rsub(x, y, alpha=3),
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "reciprocal": lambda x, y: 1.0 / x,
    "minimum": lambda x, y: torch.minimum(x, y),
    "maximum": lambda x, y: torch.maximum(x, y),
    "fmin": lambda x, y: torch.fmin(x, y),
    "fmax": lambda x, y: torch.fmax(x, y),
    "clamp": lambda x, y: torch.clamp(x, -0.5, 0.7),
    "clamp low": lambda x, y: torch.clamp(x, min=-0.5),
    "clamp high": lambda x, y: torch.clamp(x, max=0.5),
    "clamp_min": lambda x, y: torch.clamp_min(x, 0.1),
    "clamp_max": lambda x, y: torch.clamp_max(x, 0.1),
    "clamp tensor": lambda x, y: torch.clamp(x, y, y + 0.5),
    "clamp_min tensor": lambda x, y: torch.clamp_min(x, y),
    "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y,
    "gt": lambda x, y: x > y,
    "ge": lambda x, y: x >= y,
    "eq": lambda x, y: x == y,
    "ne": lambda x, y: x != y,
    "lt number": lambda x, y: x < 0.3,
    "gt number": lambda x, y: x > 0.3,
    "ge number": lambda x, y: x >= 1.0,
    "eq number": lambda x, y: x == 1.0,
    "logical_and": lambda x, y: torch.logical_and(x > 0, y > 0),
    "logical_or": lambda x, y: torch.logical_or(x > 0, y > 0),
    "logical_xor": lambda x, y: torch.logical_xor(x > 0, y > 0),
    "logical_not": lambda x, y: torch.logical_not(x > 0),
    "bitwise and": lambda x, y: (x > 0) & (y > 0),
    "bitwise or": lambda x, y: (x > 0) | (y > 0),
    "bitwise xor": lambda x, y: (x > 0) ^ (y > 0),
    "bitwise not": lambda x, y: ~(x > 0),
    "where": lambda x, y: torch.where(x > 0, x, y),
    "where number": lambda x, y: torch.where(x > 0, x, 0.0),
    "masked_fill": lambda x, y: x.masked_fill(y > 0, 4.0),
    "mask assignment": lambda x, y: _assign(x, y),
    "lerp": lambda x, y: torch.lerp(x, y, 0.3),
    "lerp tensor": lambda x, y: torch.lerp(x, y, unit(x)),
    "addcmul": lambda x, y: torch.addcmul(x, y, y, value=0.5),
    "addcdiv": lambda x, y: torch.addcdiv(x, y, positive(x), value=0.5),
    "pow 2": lambda x, y: x**2,
    "pow 3": lambda x, y: x**3,
    "pow 4": lambda x, y: x**4,
    "pow 0": lambda x, y: x**0,
    "pow -1": lambda x, y: x**-1,
    "pow -2": lambda x, y: x**-2,
    "atan2": lambda x, y: torch.atan2(x, y),
    "hypot": lambda x, y: torch.hypot(x, y),
    "logaddexp": lambda x, y: torch.logaddexp(x, y),
    "heaviside": lambda x, y: torch.heaviside(x, y),
    "deg2rad": lambda x, y: torch.deg2rad(x),
    "rad2deg": lambda x, y: torch.rad2deg(x),
    "gelu": lambda x, y: F.gelu(x),
    "gelu tanh": lambda x, y: F.gelu(x, approximate="tanh"),
    "silu": lambda x, y: F.silu(x),
    "mish": lambda x, y: F.mish(x),
    "softplus": lambda x, y: F.softplus(x),
    "softplus beta": lambda x, y: F.softplus(x, beta=2.0, threshold=3.0),
    "elu": lambda x, y: F.elu(x, 0.7),
    "celu": lambda x, y: F.celu(x, 0.7),
    "selu": lambda x, y: F.selu(x),
    "leaky_relu": lambda x, y: F.leaky_relu(x, 0.1),
    "relu6": lambda x, y: F.relu6(x),
    "hardtanh": lambda x, y: F.hardtanh(x),
    "hardsigmoid": lambda x, y: F.hardsigmoid(x),
    "hardswish": lambda x, y: F.hardswish(x),
    "hardshrink": lambda x, y: F.hardshrink(x),
    "softshrink": lambda x, y: F.softshrink(x),
    "tanhshrink": lambda x, y: F.tanhshrink(x),
    "softsign": lambda x, y: F.softsign(x),
    "threshold": lambda x, y: F.threshold(x, 0.2, -1.0),
    "logsigmoid": lambda x, y: F.logsigmoid(x),
    "prelu": lambda x, y: F.prelu(x, torch.tensor([0.2, 0.3, 0.4], dtype=x.dtype)),
    "to int": lambda x, y: x.clamp(-5, 5).nan_to_num().long() * 2,
    "to bool": lambda x, y: x.bool(),
}

# Where arguments far outside the usual range are no fair test: domains, or cancellation in float32.
SMOOTH: dict[str, Function] = {
    "log": lambda x, y: torch.log(positive(x)),
    "log1p": lambda x, y: torch.log1p(positive(x)),
    "log2": lambda x, y: torch.log2(positive(x)),
    "log10": lambda x, y: torch.log10(positive(x)),
    "sqrt": lambda x, y: torch.sqrt(positive(x)),
    "rsqrt": lambda x, y: torch.rsqrt(positive(x)),
    "acosh": lambda x, y: torch.acosh(positive(x) + 1.0),
    "pow 0.5": lambda x, y: positive(x) ** 0.5,
    "pow -0.5": lambda x, y: positive(x) ** -0.5,
    "pow 1.7": lambda x, y: positive(x) ** 1.7,
    "pow tensor": lambda x, y: positive(x) ** y,
    "pow of a number": lambda x, y: 1.5**x,
    "div floor": lambda x, y: torch.div(x, y, rounding_mode="floor"),
    "div trunc": lambda x, y: torch.div(x, y, rounding_mode="trunc"),
    "floor_divide": lambda x, y: x // 0.3,
    "remainder": lambda x, y: torch.remainder(x, 0.7),
    "remainder tensor": lambda x, y: torch.remainder(x, y),
    "remainder of a number": lambda x, y: torch.remainder(2.0, positive(x)),
    "angle wrap": lambda x, y: torch.remainder(4 * x + math.pi, 2 * math.pi) - math.pi,
    "fmod": lambda x, y: torch.fmod(x, 0.7),
    "fmod tensor": lambda x, y: torch.fmod(x, y),
    "round decimals": lambda x, y: torch.round(x, decimals=1),
    "xlogy": lambda x, y: torch.xlogy(x, positive(y)),
    "logit": lambda x, y: torch.logit(torch.sigmoid(x)),
    "logit eps": lambda x, y: torch.logit(unit(x), eps=0.1),
    "sinc": lambda x, y: torch.sinc(x),
    # movement
    "clone": lambda x, y: x.clone() * 1,
    "view": lambda x, y: x.view(-1, 2, 6),
    "reshape merged with the batch": lambda x, y: (x.reshape(-1, 4) * constant(4).to(x)).reshape(-1, 3, 4),
    "permute": lambda x, y: x.permute(0, 2, 1),
    "candidates last": lambda x, y: (x.permute(1, 2, 0) + 1.0).permute(2, 1, 0),
    "transpose": lambda x, y: x.transpose(1, 2),
    "t": lambda x, y: x[:, 0].t().t(),
    "expand": lambda x, y: x[:, :1].expand(-1, 5, -1),
    "repeat": lambda x, y: x.repeat(1, 2, 1),
    "tile": lambda x, y: x.tile(1, 1, 2),
    "repeat_interleave": lambda x, y: x.repeat_interleave(2, dim=1),
    "unsqueeze squeeze": lambda x, y: x.unsqueeze(2).squeeze(2),
    "slice": lambda x, y: x[:, 1:, ::2],
    "select": lambda x, y: x[:, 1],
    "cat": lambda x, y: torch.cat([x, y, constant(1, 3, 4).to(x).expand(len(x), -1, -1)], -1),
    "stack": lambda x, y: torch.stack([x, y], 1),
    "hstack": lambda x, y: torch.hstack([x[:, 0], y[:, 1]]),
    "split": lambda x, y: torch.split(x, 2, -1)[1],
    "split sizes": lambda x, y: torch.split(x, [1, 3], -1)[1],
    "chunk": lambda x, y: x.chunk(2, -1)[0],
    "unbind": lambda x, y: x.unbind(1)[2],
    "flip": lambda x, y: x.flip(1, 2),
    "roll": lambda x, y: x.roll(1, -1),
    "rot90": lambda x, y: torch.rot90(x, 1, (1, 2)),
    "diagonal": lambda x, y: x.diagonal(dim1=1, dim2=2),
    "diag_embed": lambda x, y: torch.diag_embed(x),
    "diff": lambda x, y: torch.diff(x, dim=-1),
    "tril": lambda x, y: torch.tril(x),
    "triu": lambda x, y: torch.triu(x, 1),
    "pad": lambda x, y: F.pad(x, (1, 2), value=3.0),
    "unfold": lambda x, y: x.unfold(2, 2, 1),
    "index list": lambda x, y: x[:, [2, 0]],
    "index lists": lambda x, y: x[:, [2, 0], [1, 3]],
    "index_select": lambda x, y: torch.index_select(x, 2, torch.tensor([3, 1])),
    "gather by constant": lambda x, y: torch.gather(x, 2, torch.tensor([[[0, 2]]]).expand(len(x), 3, 2)),
    "gather by argmax": lambda x, y: torch.gather(x, 2, y.argmax(2, keepdim=True)),
    "take_along_dim": lambda x, y: torch.take_along_dim(x, y.argmin(1, keepdim=True), 1),
    "index by argmax": lambda x, y: constant(4, 2).to(x)[y.argmax(2)],
    "index by batch and argmax": lambda x, y: x[torch.arange(len(x)), y[:, :, 0].argmax(1)],
    "index_select by argmax of constants": lambda x, y: x.index_select(1, constant(3).argmax().reshape(1)),
    "one_hot": lambda x, y: F.one_hot(x.argmax(-1), 4) * 1.0,
    "scatter number": lambda x, y: torch.zeros_like(x).scatter(2, y.argmax(2, keepdim=True), 1.0),
    "scatter constant": lambda x, y: x.scatter(2, torch.tensor([[[1]]]).expand(len(x), 3, 1), y[..., :1]),
    "slice assignment": lambda x, y: _assign_slice(x, y),
    "select assignment": lambda x, y: _assign_select(x, y),
    "list assignment": lambda x, y: _assign_list(x, y),
    "zeros_like": lambda x, y: torch.zeros_like(x) + x,
    "ones_like": lambda x, y: torch.ones_like(x) * x,
    "full_like": lambda x, y: torch.full_like(x, 2.0) * x,
    "new_zeros": lambda x, y: x + x.new_zeros(4),
    "new_full": lambda x, y: x + x.new_full((4,), 2.0),
    "new_ones": lambda x, y: x + x.new_ones(3, 1),
    "zeros of the batch": lambda x, y: x + torch.zeros(len(x), 1, 4).to(x),
    "arange linspace eye": lambda x, y: x * torch.arange(4) + torch.linspace(0, 1, 4).to(x) + torch.eye(4)[:3].to(x),
    "meshgrid": lambda x, y: torch.stack(torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij")).sum(0) * x,
    "broadcast_tensors": lambda x, y: torch.broadcast_tensors(x[:, :1], y)[0],
    "contiguous detach": lambda x, y: x.transpose(1, 2).contiguous().detach().view(-1, 12),
    "squeeze every axis": lambda x, y: x[:, :1].squeeze(),
    "squeeze one axis": lambda x, y: x[:, :1].squeeze(1),
    "swapaxes movedim": lambda x, y: x.swapaxes(1, 2).movedim(1, 2),
    "narrow flatten": lambda x, y: x.narrow(2, 1, 2).flatten(1),
    "vstack": lambda x, y: torch.vstack([x[:, 0].T, y[:, 1].T]).T,
    "copy_": lambda x, y: torch.empty_like(x).copy_(y),
    "fill_": lambda x, y: torch.empty_like(x).fill_(2.0) * x,
    "full of a computed value": lambda x, y: x.clone().fill_(constant(1).squeeze().to(x)) + y,
    "new_empty": lambda x, y: x.new_empty(len(x), 3, 4).copy_(x + y),
    "zero_": lambda x, y: x.clone().zero_() + y,
    "dropout in evaluation": lambda x, y: F.dropout(x, 0.5, training=False),
    "masked_fill with a computed value": lambda x, y: x.masked_fill(y > 0, constant(1).squeeze().to(x)),
    "where of a condition on constants": lambda x, y: torch.where(constant(4) > 0, x, y),
    "where of two numbers": lambda x, y: torch.where(x > 0, 1.0, -1.0),
    "scalar first": lambda x, y: torch.where(x > 0, 1.0, x),
    "swap of channels": lambda x, y: F.pixel_shuffle(x[:, :, None, :].repeat(1, 4, 1, 1)[:, :4], 2),
    "trapezoid": lambda x, y: torch.trapezoid(x, dim=-1),
    "cummax by amax": lambda x, y: torch.stack([x[..., : i + 1].amax(-1) for i in range(4)], -1),
    "bucket by comparisons": lambda x, y: (x.unsqueeze(-1) > torch.linspace(-1, 1, 5).to(x)).sum(-1),
    # reductions
    "sum": lambda x, y: x.sum(-1),
    "sum of two axes": lambda x, y: x.sum((1, 2)),
    "sum of the first axis": lambda x, y: x.sum(1, keepdim=True),
    "mean": lambda x, y: x.mean(-1),
    "mean of two axes": lambda x, y: x.mean((1, 2), keepdim=True),
    "prod": lambda x, y: x.prod(-1),
    "amax": lambda x, y: x.amax(-1),
    "amin": lambda x, y: x.amin((1, 2)),
    "max": lambda x, y: x.max(1).values,
    "min": lambda x, y: x.min(1).values,
    "max indices": lambda x, y: x.max(-1).indices,
    "argmax": lambda x, y: x.argmax(-1),
    "argmin": lambda x, y: x.argmin(1, keepdim=True),
    "any": lambda x, y: (x > 1).any(-1),
    "all": lambda x, y: (x > -1).all(1),
    "any of two axes": lambda x, y: (x > 2).any((1, 2)) if hasattr(torch, "any") else x,
    "count_nonzero": lambda x, y: torch.count_nonzero(x > 0, dim=-1),
    "var": lambda x, y: x.var(-1),
    "var biased": lambda x, y: x.var((1, 2), correction=0),
    "std": lambda x, y: x.std(-1),
    "var_mean": lambda x, y: torch.cat(torch.var_mean(x, -1), -1),
    "std_mean": lambda x, y: torch.cat(torch.std_mean(x, -1), -1),
    "norm": lambda x, y: x.norm(dim=-1),
    "norm 1": lambda x, y: torch.linalg.vector_norm(x, 1, -1),
    "norm inf": lambda x, y: torch.linalg.vector_norm(x, math.inf, -1),
    "norm -inf": lambda x, y: torch.linalg.vector_norm(x, -math.inf, -1),
    "norm 0": lambda x, y: torch.linalg.vector_norm(torch.relu(x), 0, -1),
    "norm 3": lambda x, y: torch.linalg.vector_norm(x, 3, (1, 2)),
    "normalize": lambda x, y: F.normalize(x, dim=-1),
    "cosine_similarity": lambda x, y: F.cosine_similarity(x, y, -1),
    "logsumexp": lambda x, y: torch.logsumexp(x, -1),
    "logsumexp keepdim": lambda x, y: torch.logsumexp(20 * x, (1, 2), keepdim=True),
    "softmax": lambda x, y: torch.softmax(30 * x, -1),
    "softmin": lambda x, y: F.softmin(x, 1),
    "log_softmax": lambda x, y: torch.log_softmax(30 * x, -1),
    "cumsum": lambda x, y: x.cumsum(1),
    "cumprod": lambda x, y: x.cumprod(-1),
    "layer_norm": lambda x, y: F.layer_norm(x, (4,), constant(4).to(x), constant(4).to(x)),
    "layer_norm of two axes": lambda x, y: F.layer_norm(x, (3, 4)),
    "rms_norm": lambda x, y: F.rms_norm(x, (4,), constant(4).to(x)),
    "group_norm": lambda x, y: F.group_norm(x.transpose(1, 2), 2, constant(4).to(x), constant(4).to(x)),
    "batch_norm": lambda x, y: F.batch_norm(x, constant(3).to(x), constant(3).to(x) ** 2 + 1, constant(3).to(x)),
    "mse": lambda x, y: F.mse_loss(x, y, reduction="none").sum(-1),
    "smooth_l1": lambda x, y: F.smooth_l1_loss(x, y, reduction="none").sum(-1),
    "huber": lambda x, y: F.huber_loss(x, y, reduction="none").sum(-1),
    # contractions
    "linear": lambda x, y: F.linear(x, constant(5, 4).to(x), constant(5).to(x)),
    "linear of a part": lambda x, y: F.linear(x[:, 0], constant(5, 4).to(x)),
    "matmul constant": lambda x, y: x @ constant(4, 5).to(x),
    "constant matmul": lambda x, y: constant(5, 3).to(x) @ x,
    "constant times transposed": lambda x, y: (constant(5, 4).to(x) @ x[:, 0].T).T,
    "batched constants": lambda x, y: torch.bmm(x.permute(1, 0, 2), constant(3, 4, 2).to(x)).permute(1, 0, 2),
    "matmul": lambda x, y: x @ y.transpose(1, 2),
    "matvec": lambda x, y: (x @ y[:, 0].unsqueeze(-1)).squeeze(-1),
    "matmul with a constant vector": lambda x, y: x @ constant(4).to(x),
    "mv": lambda x, y: torch.mv(x[:, 0], constant(4).to(x)),
    "addmm": lambda x, y: torch.addmm(constant(5).to(x), x[:, 0], constant(4, 5).to(x), beta=0.5, alpha=2.0),
    "addmm plain": lambda x, y: torch.addmm(constant(5).to(x), x[:, 0], constant(4, 5).to(x)),
    "baddbmm": lambda x, y: torch.baddbmm(x[:, :, :3], x, y.transpose(1, 2)),
    "einsum constant": lambda x, y: torch.einsum("bij,jk->bki", x, constant(4, 2).to(x)),
    "einsum": lambda x, y: torch.einsum("bij,bkj->bik", x, y),
    "einsum quadratic": lambda x, y: torch.einsum("bi,ij,bj->b", x[:, 0], constant(4, 4).to(x), x[:, 0]),
    "outer": lambda x, y: torch.einsum("bi,bj->bij", x[:, 0], y[:, 1]),
    "bilinear": lambda x, y: F.bilinear(x[:, 0], y[:, 0], constant(2, 4, 4).to(x)),
    "cross": lambda x, y: torch.linalg.cross(x, y, dim=1),
    "cdist": lambda x, y: torch.cdist(x, y),
    "cdist constant": lambda x, y: torch.cdist(x, constant(1, 5, 4).to(x).expand(len(x), -1, -1), p=1.0),
    "vecdot": lambda x, y: torch.linalg.vecdot(x, y),
    "attention": lambda x, y: F.scaled_dot_product_attention(x, y, y),
    "attention with a mask": lambda x, y: F.scaled_dot_product_attention(x, y, y, attn_mask=torch.ones(3, 3).tril() > 0),
    "attention with a computed mask": lambda x, y: F.scaled_dot_product_attention(x, y, y, attn_mask=(x @ y.transpose(1, 2)) > 0),
    "causal attention": lambda x, y: F.scaled_dot_product_attention(x, y, y, is_causal=True),
    "inner": lambda x, y: torch.inner(x, constant(2, 4).to(x)),
    "tensordot": lambda x, y: torch.tensordot(x, constant(4, 2).to(x), dims=1),
    "kron": lambda x, y: torch.einsum("bij,kl->bikjl", x, constant(2, 2).to(x)),
    "pairwise_distance": lambda x, y: F.pairwise_distance(x, y),
    "vmap": lambda x, y: torch.vmap(lambda a: a @ constant(4, 2).to(a))(x),
    "vmap of a row": lambda x, y: torch.vmap(lambda a, b: (a * b).sum() * a)(x, y),
    "interpolation": lambda x, y: _table_lookup(x),
}


def _assign(x: Tensor, y: Tensor) -> Tensor:
    result = x.clone()
    result[y > 0] = 7.0
    return result


def _assign_slice(x: Tensor, y: Tensor) -> Tensor:
    result = x.clone()
    result[:, 1:, :2] = y[:, 1:, :2]
    return result


def _assign_select(x: Tensor, y: Tensor) -> Tensor:
    result = x.clone()
    result[:, 1] = 0.5
    result[..., 2] += y[..., 0]
    return result


def _assign_list(x: Tensor, y: Tensor) -> Tensor:
    result = x.clone()
    result[:, [0, 2]] = y[:, [1, 1]]
    return result


def _table_lookup(x: Tensor) -> Tensor:
    """Linear interpolation in a fixed table."""
    table = constant(6).to(x)
    place = (x[:, 0].clamp(-2, 2) + 2.0) * 1.2
    low = place.floor().clamp(0, 4).long()
    return table[low] + (place - low) * (table[low + 1] - table[low])
