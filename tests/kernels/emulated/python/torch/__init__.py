"""What scripts/measure-peers.py uses of PyTorch: shapes only, and a clock by bytes and FLOP. For tests without a GPU."""
import contextlib
import time

time.sleep = lambda seconds: None
__version__ = "emulated"
bfloat16, float8_e4m3fn = "bfloat16", "float8_e4m3fn"
_clock_ms = 0.0
_recorded = None


def device(name):
    return name


class Tensor:
    def __init__(self, shape, dtype="float32"):
        self.shape, self.dtype = tuple(int(n) for n in shape), dtype

    def to(self, dtype):
        return Tensor(self.shape, dtype)

    def t(self):
        assert len(self.shape) == 2
        return Tensor(self.shape[::-1], self.dtype)

    def __mul__(self, scale):
        return self


def randn(*shape, device):
    assert all(n >= 1 for n in shape)
    return Tensor(shape)


rand = randn


def launched(seconds):
    global _clock_ms
    if _recorded is not None:
        _recorded.append(seconds)
    else:
        _clock_ms += 1e3 * seconds


def _scaled_mm(x, w, scale_a, scale_b, out_dtype, use_fast_accum):
    (m, k), (deep, n) = x.shape, w.shape
    assert deep == k and scale_a.shape == (m, 1) and scale_b.shape == (1, n) and out_dtype == bfloat16 and use_fast_accum
    assert x.dtype == w.dtype == float8_e4m3fn
    launched(2e-6 + max(2.0 * m * n * k / 1.5e15, n * k / 4e12))


def inference_mode():
    return contextlib.nullcontext()


class cuda:
    class OutOfMemoryError(Exception):
        pass

    class Stream:
        def synchronize(self):
            pass

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self, stream):
            self.at = _clock_ms

        def elapsed_time(self, stop):
            return stop.at - self.at

    class CUDAGraph:
        def replay(self):
            global _clock_ms
            _clock_ms += 1e3 * sum(self.work)

    @staticmethod
    @contextlib.contextmanager
    def graph(graph, stream):
        global _recorded
        _recorded = []
        yield
        graph.work, _recorded = _recorded, None

    @staticmethod
    def stream(stream):
        return contextlib.nullcontext()

    @staticmethod
    def empty_cache():
        pass

    @staticmethod
    def get_device_name(index):
        return "emulated"

    @staticmethod
    def get_device_properties(index):
        class Properties:
            L2_cache_size, total_memory = 60 << 20, 150754820096

        return Properties
