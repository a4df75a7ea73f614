import torch


def linear(x, w):
    (m, k), (n, deep) = x.shape, w.shape
    assert deep == k and x.dtype == w.dtype == torch.bfloat16
    torch.launched(2e-6 + max(2.0 * m * n * k / 8e14, 2.0 * n * k / 4e12))


def scaled_dot_product_attention(q, k, v, is_causal=False, enable_gqa=False):
    batch, heads, rows, d = q.shape
    assert k.shape[0] == v.shape[0] == batch and k.shape[3] == d and k.shape[2] == v.shape[2]
    assert k.shape[1] == heads or enable_gqa and heads % k.shape[1] == 0
    if batch * k.shape[2] > 1 << 21:
        raise RuntimeError("CUDA error: what is too large, is refused")
    torch.launched(3e-6 + max(4.0 * batch * heads * rows * k.shape[2] * d / 6e14, 4.0 * batch * k.shape[1] * k.shape[2] * d / 4e12))
