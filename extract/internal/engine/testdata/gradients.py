#!/usr/bin/env python3
"""Records gradients from PyTorch, in float64, for the tests of package engine.

    python3 gradients.py               writes gradients.tar.gz: small networks, one for each
                                       form of an operator, with the gradient by every weight
    python3 gradients.py NETWORKS      writes gradients.json: for the networks of the zoo that
                                       TestFamilyGradientsAgainstPyTorch writes to the folder
                                       NETWORKS, norm and projections of every gradient

A small network begins with an Add of a constant as large as its input, whose gradient is
that by the input. It lies in the layout of ONNX's own tests: model.onnx, input_0.npy, and
input_1.npy, the gradient of the loss by output_0.npy; gradient_NAME.npy are the results.

Needs torch 2.15, onnx 1.23, onnxruntime 1.32 and numpy. What PyTorch computes is compared
with ONNX Runtime.
"""
import gzip, hashlib, io, json, math, os, sys, tarfile
import numpy as np, onnx, onnxruntime, torch
import torch.nn.functional as F
from onnx import helper, numpy_helper

here = os.path.dirname(os.path.abspath(__file__))
onnxruntime.set_default_logger_severity(3)


# An operator is a function of its inputs, tensors or None, and of the node's attributes.
# Whole numbers among the inputs are known when PyTorch computes.

def window(x, a, value=0.0):
    """pads x for a window, and returns stride and dilation"""
    n = x.dim() - 2
    kernel, stride, dilation = a["kernel_shape"], a.get("strides", [1] * n), a.get("dilations", [1] * n)
    pads = a.get("pads", [0] * 2 * n)
    if a.get("auto_pad", b"NOTSET") in (b"SAME_UPPER", b"SAME_LOWER"):
        pads = [0] * 2 * n
        for i in range(n):
            size = x.shape[2 + i]
            total = max((math.ceil(size / stride[i]) - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 - size, 0)
            first = total - total // 2 if a["auto_pad"] == b"SAME_LOWER" else total // 2
            pads[i], pads[n + i] = first, total - first
    both = [p for i in reversed(range(n)) for p in (pads[i], pads[n + i])]
    return F.pad(x, both, value=value), stride, dilation


def conv(a, x, w, b=None):
    a.setdefault("kernel_shape", list(w.shape[2:]))
    x, stride, dilation = window(x, a)
    f = F.conv1d if x.dim() == 3 else F.conv2d
    return f(x, w, b, stride, 0, dilation, a.get("group", 1))


def max_pool(a, x):
    x, stride, dilation = window(x, a, -math.inf)
    return F.max_pool2d(x, a["kernel_shape"], stride, 0, dilation, bool(a.get("ceil_mode", 0)))


def average_pool(a, x):
    k, area = a["kernel_shape"], math.prod(a["kernel_shape"])
    ones = torch.ones_like(x)
    x, stride, _ = window(x, a)
    sums = F.avg_pool2d(x, k, stride) * area
    if a.get("count_include_pad", 0):
        return sums / area
    return sums / (F.avg_pool2d(window(ones, a)[0], k, stride) * area)


def gemm(a, x, y, c=None):
    x, y = x.T if a.get("transA") else x, y.T if a.get("transB") else y
    r = a.get("alpha", 1.0) * (x @ y)
    return r if c is None else r + a.get("beta", 1.0) * c


def reshape(a, x, shape):
    s = [x.shape[i] if d == 0 and not a.get("allowzero") else int(d) for i, d in enumerate(shape)]
    return x.reshape(s)


def cut(a, x, starts, ends, axes=None, steps=None):
    index = [slice(None)] * x.dim()
    for i, (s, e) in enumerate(zip(starts.tolist(), ends.tolist())):
        axis = int(axes[i]) if axes is not None else i
        index[axis] = slice(s, min(e, x.shape[axis]), int(steps[i]) if steps is not None else 1)
    return x[tuple(index)]


def split(a, x, sizes=None):
    axis = a.get("axis", 0)
    parts = sizes.tolist() if sizes is not None else [x.shape[axis] // a["num_outputs"]] * a["num_outputs"]
    return torch.split(x, parts, axis)


def pad(a, x, pads, value=None, axes=None):
    n, p = x.dim(), pads.tolist()
    at = [i % n for i in axes.tolist()] if axes is not None else list(range(n))
    both = [0] * 2 * n
    for i, axis in enumerate(at):
        both[2 * (n - 1 - axis)], both[2 * (n - 1 - axis) + 1] = p[i], p[len(at) + i]
    mode = a.get("mode", b"constant").decode()
    if mode == "constant":
        return F.pad(x, both, value=0 if value is None else value.item())
    return F.pad(x, both[:4], mode={"edge": "replicate"}.get(mode, mode))


def mean(a, x, axes=None):
    axes = axes.tolist() if axes is not None else a.get("axes")
    return x.mean(axes, keepdim=bool(a.get("keepdims", 1)))


def layer_norm(a, x, scale, bias=None):
    axis = a.get("axis", -1) % x.dim()
    return F.layer_norm(x, x.shape[axis:], scale, bias, a.get("epsilon", 1e-5))


def batch_norm(a, x, scale, bias, mean, variance):
    return F.batch_norm(x, mean.detach(), variance.detach(), scale, bias, False, 0, a.get("epsilon", 1e-5))


def attention(a, q, k, v, mask=None):
    heads = lambda x: x if x.dim() == 4 else x.reshape(*x.shape[:2], a["q_num_heads"], -1).transpose(1, 2)
    y = F.scaled_dot_product_attention(heads(q), heads(k), heads(v), mask, scale=a.get("scale"))
    return y if q.dim() == 4 else y.transpose(1, 2).flatten(2)


def squeeze(a, x, axes=None):
    axes = axes.tolist() if axes is not None else a["axes"]
    return torch.squeeze(x, [i % x.dim() for i in axes])


def unsqueeze(a, x, axes=None):
    axes = axes.tolist() if axes is not None else a["axes"]
    for axis in sorted(i % (x.dim() + len(axes)) for i in axes):
        x = x.unsqueeze(axis)
    return x


def gather(a, x, index):
    axis = a.get("axis", 0) % x.dim()
    y = x.index_select(axis, index.flatten() % x.shape[axis])
    return y.reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1:])


def cast(a, x):
    types = {1: x.dtype if x.is_floating_point() else torch.float64, 7: torch.int64, 6: torch.int32, 9: torch.bool}
    return x.to(types[a["to"]])


def clip(a, x, lo=None, hi=None):
    number = lambda v, name: a.get(name) if v is None else v.item()
    return torch.clamp(x, number(lo, "min"), number(hi, "max"))


one = lambda f: lambda a, *x: f(*x)
operators = {
    "Conv": conv, "Gemm": gemm, "MatMul": one(torch.matmul), "MaxPool": max_pool, "AveragePool": average_pool,
    "GlobalAveragePool": one(lambda x: x.mean(list(range(2, x.dim())), keepdim=True)),
    "GlobalMaxPool": one(lambda x: x.amax(list(range(2, x.dim())), keepdim=True)),
    "ReduceMean": mean, "Einsum": lambda a, *x: torch.einsum(a["equation"].decode(), *x), "Attention": attention,
    "Add": one(torch.add), "Sub": one(torch.sub), "Mul": one(torch.mul), "Pow": one(torch.pow),
    "Div": one(lambda x, y: x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")),
    "Relu": one(F.relu), "Sigmoid": one(torch.sigmoid), "Tanh": one(torch.tanh), "Exp": one(torch.exp), "Erf": one(torch.erf),
    "Sqrt": one(torch.sqrt), "Abs": one(torch.abs), "Softplus": one(F.softplus), "Mish": one(F.mish), "HardSwish": one(F.hardswish),
    "Clip": clip, "LeakyRelu": lambda a, x: F.leaky_relu(x, a.get("alpha", 0.01)), "Elu": lambda a, x: F.elu(x, a.get("alpha", 1.0)),
    "HardSigmoid": lambda a, x: torch.clamp(a.get("alpha", 0.2) * x + a.get("beta", 0.5), 0, 1),
    "Gelu": lambda a, x: F.gelu(x, approximate=a.get("approximate", b"none").decode()),
    "Softmax": lambda a, x: torch.softmax(x, a.get("axis", -1)),
    "LayerNormalization": layer_norm, "BatchNormalization": batch_norm,
    "InstanceNormalization": lambda a, x, s, b: F.instance_norm(x, None, None, s, b, eps=a.get("epsilon", 1e-5)),
    "GroupNormalization": lambda a, x, s, b: F.group_norm(x, a["num_groups"], s, b, a.get("epsilon", 1e-5)),
    "LRN": lambda a, x: F.local_response_norm(x, a["size"], a.get("alpha", 1e-4), a.get("beta", 0.75), a.get("bias", 1.0)),
    "Concat": lambda a, *x: torch.cat(x, a["axis"]), "Split": split, "Slice": cut, "Pad": pad, "Reshape": reshape,
    "Transpose": lambda a, x: x.permute(*a["perm"]), "Flatten": lambda a, x: x.reshape(math.prod(x.shape[:a.get("axis", 1)]), -1),
    "Squeeze": squeeze, "Unsqueeze": unsqueeze, "Gather": gather, "Identity": one(lambda x: x),
    "Expand": one(lambda x, shape: x.expand(torch.broadcast_shapes(x.shape, shape.tolist()))),
    "Shape": lambda a, x: torch.tensor(x.shape[a.get("start", 0):a.get("end", None)]), "Cast": cast,
}


def attributes(node):
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def evaluate(graph, values):
    for n in graph.node:
        y = operators[n.op_type](attributes(n), *[values[i] if i else None for i in n.input])
        for name, v in zip(n.output, y if isinstance(y, (tuple, list)) else [y]):
            values[name] = v
    return values


def differentiate(model, x, loss, tap):
    """returns the tap, and the gradient of Σ loss·tap by every initializer of numbers"""
    values, leaves = {model.graph.input[0].name: torch.tensor(x, dtype=torch.float64)}, {}
    for w in model.graph.initializer:
        v = torch.tensor(numpy_helper.to_array(w).copy())
        if v.is_floating_point():
            v = leaves[w.name] = v.double().requires_grad_()
        values[w.name] = v
    y = evaluate(model.graph, values)[tap]
    dy = torch.tensor(loss(y.shape), dtype=torch.float64)
    (y * dy).sum().backward()
    return y.detach().numpy(), dy.numpy(), {k: v.grad.numpy() for k, v in leaves.items() if v.grad is not None}


def compare(model, x, tap, y):
    """sees that PyTorch computed what ONNX Runtime does"""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    want = session.run([tap], {model.graph.input[0].name: x})[0]
    error = np.abs(y - want).max() / np.abs(want).max()
    assert error < 1e-3, (model.graph.name, error)


class Case:
    """a small network; methods add a node or a constant, and return its name"""

    def __init__(self, name, opset, *shape):
        self.name, self.opset, self.rng, self.nodes, self.constants, self.trained = name, opset, np.random.default_rng(len(name)), [], [], []
        self.shape, self.x = shape, self.values(*shape)

    def values(self, *shape):
        return (np.round(self.rng.standard_normal(shape) * 64) / 64).astype(np.float32)  # of few bits

    def constant(self, v):
        self.constants.append(numpy_helper.from_array(np.asarray(v), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def weight(self, *shape, middle=0.0):
        # never so that a sum with the input is 0, where functions have a kink
        fan = math.prod(shape[1:]) if len(shape) > 1 else 9
        name = self.constant((np.round((middle + self.values(*shape) / math.sqrt(fan)) * 256) + 0.5).astype(np.float32) / 256)
        self.trained.append(name)
        return name

    def ints(self, *v):
        return self.constant(np.array(v, np.int64))

    def op(self, op, *inputs, outputs=1, **attrs):
        names = [f"v{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, **attrs))
        return names[0] if outputs == 1 else names

    def start(self):
        """the input, plus a weight as large: its gradient is that by the input"""
        return self.op("Add", "x", self.weight(*self.shape))

    def finish(self, y):
        info = [helper.make_tensor_value_info(n, 1, list(self.shape)) for n in ("x",)]
        loss = helper.make_tensor_value_info("loss", 1, None)
        graph = helper.make_graph(self.nodes, self.name, info + [loss], [helper.make_tensor_value_info(y, 1, None)], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=10)
        result, dy, gradients = differentiate(model, self.x, lambda shape: self.values(*shape), y)
        only = onnx.ModelProto(); only.CopyFrom(model); del only.graph.input[1]
        compare(only, self.x, y, result)
        assert self.shape and all(np.abs(gradients[n]).max() > 0 for n in self.trained), self.name
        files = {"model.onnx": model.SerializeToString(), "input_0.npy": npy(self.x), "input_1.npy": npy(dy), "output_0.npy": npy(result)}
        return files | {f"gradient_{n}.npy": npy(gradients[n]) for n in self.trained}


def npy(x):
    b, x = io.BytesIO(), np.ascontiguousarray(x, np.float32)
    x = ((x.view(np.uint32) + 64) & ~np.uint32(127)).view(np.float32)  # 16 bits that count, for the archive's sake
    np.save(b, x, allow_pickle=False)
    return b.getvalue()


def windows():
    forms = {
        "conv": (4, 5, (3, 3), 1, {}), "pointwise": (6, 10, (1, 1), 1, {}), "pointwise strided": (4, 5, (1, 1), 1, dict(strides=[2, 2])),
        "strided": (3, 6, (3, 3), 1, dict(strides=[2, 2], pads=[1, 1, 1, 1])), "asymmetric": (3, 4, (3, 2), 1, dict(pads=[0, 1, 2, 0])),
        "strided asymmetric": (3, 4, (3, 3), 1, dict(strides=[2, 1], pads=[0, 1, 1, 2])), "wide": (3, 33, (3, 3), 1, dict(pads=[1, 1, 1, 1])),
        "same upper": (3, 4, (3, 3), 1, dict(strides=[2, 2], auto_pad="SAME_UPPER")), "same lower": (3, 4, (2, 4), 1, dict(auto_pad="SAME_LOWER")),
        "dilated": (3, 4, (3, 3), 1, dict(dilations=[2, 2], pads=[2, 2, 2, 2])), "dilated strided": (3, 4, (3, 2), 1, dict(dilations=[1, 2], strides=[2, 2])),
        "grouped": (6, 9, (3, 3), 3, dict(pads=[1, 1, 1, 1])), "grouped strided": (8, 4, (3, 3), 2, dict(strides=[2, 2], pads=[1, 1, 1, 1])),
        "grouped pointwise": (8, 6, (1, 1), 2, {}), "wide groups": (20, 20, (3, 3), 2, dict(pads=[1, 1, 1, 1])),
        "depthwise": (5, 5, (3, 3), 5, dict(pads=[1, 1, 1, 1])), "depthwise strided": (5, 5, (5, 5), 5, dict(strides=[2, 2], pads=[2, 2, 2, 2])),
        "depthwise dilated": (5, 5, (3, 3), 5, dict(dilations=[2, 1], pads=[2, 1, 2, 1])),
        "depthwise asymmetric": (5, 5, (3, 3), 5, dict(strides=[2, 2], pads=[0, 0, 1, 1])), "depthwise wide": (35, 35, (3, 3), 35, dict(pads=[1, 1, 1, 1])),
        "multiplier": (4, 8, (3, 3), 4, dict(pads=[1, 1, 1, 1])), "large stride": (3, 4, (2, 2), 1, dict(strides=[4, 4])), "patches": (3, 8, (4, 4), 1, dict(strides=[4, 4])),
    }
    for name, (i, o, k, group, attrs) in forms.items():
        c = Case("conv " + name if name != "conv" else name, 17, 2, i, 7, 6)
        yield c, c.op("Conv", c.start(), c.weight(o, i // group, *k), c.weight(o), group=group, kernel_shape=k, **attrs)
    c = Case("conv of a line", 17, 2, 3, 11)
    yield c, c.op("Conv", c.start(), c.weight(4, 3, 3), c.weight(4), strides=[2], pads=[1, 0])
    c = Case("conv with a residual", 17, 2, 4, 6, 5)
    x = c.start()
    y = c.op("Conv", c.op("Relu", c.op("Conv", x, c.weight(8, 4, 1, 1))), c.weight(4, 8, 3, 3), c.weight(4), pads=[1, 1, 1, 1])
    yield c, c.op("Relu", c.op("Add", y, x))
    pools = {
        "max": ("MaxPool", dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])), "max asymmetric": ("MaxPool", dict(kernel_shape=[3, 2], strides=[2, 1], pads=[0, 0, 1, 1])),
        "max ceil": ("MaxPool", dict(kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)), "max dilated": ("MaxPool", dict(kernel_shape=[2, 2], dilations=[2, 2])),
        "average": ("AveragePool", dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])),
        "average with padding": ("AveragePool", dict(kernel_shape=[3, 3], strides=[1, 2], pads=[1, 1, 1, 1], count_include_pad=1)),
        "average same": ("AveragePool", dict(kernel_shape=[2, 2], auto_pad="SAME_UPPER")), "global average": ("GlobalAveragePool", {}), "global max": ("GlobalMaxPool", {}),
    }
    for name, (op, attrs) in pools.items():
        c = Case("pool " + name, 17, 2, 3, 7, 6)
        yield c, c.op(op, c.start(), **attrs)
    c = Case("mean", 17, 2, 5, 4, 3)
    yield c, c.op("ReduceMean", c.start(), axes=[2, 3], keepdims=0)
    c = Case("mean of tokens", 17, 2, 6, 5)
    yield c, c.op("ReduceMean", c.start(), axes=[1], keepdims=0)


def products():
    for name, shape, trans, attrs in (("gemm", (7, 11), 0, {}), ("gemm transposed", (11, 7), 1, dict(transB=1))):
        c = Case(name, 17, 3, 7)
        yield c, c.op("Gemm", c.start(), c.weight(*shape), c.weight(11), **attrs)
    c = Case("matmul", 17, 2, 5, 7)
    yield c, c.op("Add", c.op("MatMul", c.start(), c.weight(7, 33)), c.weight(33))
    c = Case("matmul of two values", 17, 2, 5, 6)
    x = c.start()
    yield c, c.op("MatMul", x, c.op("Transpose", c.op("MatMul", x, c.weight(6, 6)), perm=[0, 2, 1]))
    c = Case("einsum", 17, 2, 5, 6)
    yield c, c.op("Einsum", c.start(), c.weight(6, 2, 4), equation="abc,cde->abde")
    for name in ("written out", "the operator", "positions"):
        c = Case("attention, " + name, 23, 2, 9, 8)
        x = c.start()
        q, k, v = (c.op("Add", c.op("MatMul", x, c.weight(8, 8)), c.weight(8)) for _ in range(3))
        if name == "the operator":
            y = c.op("Attention", q, k, v, q_num_heads=2, kv_num_heads=2)
        else:
            heads = lambda x, *perm: c.op("Transpose", c.op("Reshape", x, c.ints(0, 9, 2, 4)), perm=perm)
            s = c.op("Mul", c.op("MatMul", heads(q, 0, 2, 1, 3), heads(k, 0, 2, 3, 1)), c.constant(np.float32(0.5)))
            if name == "positions":
                s = c.op("Add", s, c.weight(1, 2, 9, 9))
            s = c.op("Softmax", s, axis=-1)
            y = c.op("Reshape", c.op("Transpose", c.op("MatMul", s, heads(v, 0, 2, 1, 3)), perm=[0, 2, 1, 3]), c.ints(0, 9, 8))
        yield c, c.op("MatMul", y, c.weight(8, 8))


def functions():
    plain = ["Relu", "Sigmoid", "Tanh", "Softplus", "Exp", "Erf", "Abs", "Mish", "HardSwish", "HardSigmoid", "LeakyRelu", "Elu", "Gelu"]
    forms = [(name, name, {}) for name in plain] + [("Gelu tanh", "Gelu", dict(approximate="tanh")), ("LeakyRelu steep", "LeakyRelu", dict(alpha=0.3)),
             ("HardSigmoid steep", "HardSigmoid", dict(alpha=0.4, beta=0.3)), ("Elu less", "Elu", dict(alpha=0.5))]
    for name, op, attrs in forms:
        for after in ("", "conv "):
            c = Case(f"{after}{name}", 22, 2, 5, 4, 5)
            x = c.start()
            if after:
                x = c.op("Conv", x, c.weight(5, 5, 1, 1), c.weight(5))
            yield c, c.op(op, x, **attrs)
    c = Case("Sqrt", 17, 2, 5, 3)
    yield c, c.op("Sqrt", c.op("Exp", c.start()))
    c = Case("Clip", 17, 2, 5, 6, 7)
    yield c, c.op("Clip", c.op("Conv", c.start(), c.weight(5, 5, 1, 1)), c.constant(np.float32(-0.3)), c.constant(np.float32(0.8)))
    c = Case("SiLU", 17, 2, 5, 6, 7)
    x = c.op("Conv", c.start(), c.weight(5, 5, 3, 3))
    yield c, c.op("Mul", x, c.op("Sigmoid", x))
    c = Case("square", 17, 2, 5, 3)
    yield c, c.op("Pow", c.start(), c.constant(np.float32(2)))
    c = Case("softmax", 17, 2, 5, 7)
    yield c, c.op("Softmax", c.start(), axis=-1)


def norms():
    c = Case("layer norm", 17, 2, 5, 35)
    yield c, c.op("LayerNormalization", c.start(), c.weight(35, middle=1), c.weight(35), axis=-1)
    c = Case("layer norm without a shift", 17, 2, 5, 7)
    yield c, c.op("LayerNormalization", c.start(), c.weight(7, middle=1), axis=-1, epsilon=0.01)
    c = Case("group norm", 21, 2, 6, 5, 4)
    yield c, c.op("GroupNormalization", c.start(), c.weight(6, middle=1), c.weight(6), num_groups=3)
    c = Case("group norm written out", 17, 2, 6, 5, 4)
    x = c.op("InstanceNormalization", c.op("Reshape", c.start(), c.ints(0, 2, -1)), c.constant(np.ones(2, np.float32)), c.constant(np.zeros(2, np.float32)))
    yield c, c.op("Add", c.op("Mul", c.op("Reshape", x, c.ints(0, 6, 5, 4)), c.weight(6, 1, 1, middle=1)), c.weight(6, 1, 1))
    c = Case("instance norm", 17, 2, 6, 5, 4)
    yield c, c.op("InstanceNormalization", c.start(), c.weight(6, middle=1), c.weight(6), epsilon=0.01)
    c = Case("batch norm, frozen statistics", 17, 2, 6, 5, 4)
    statistics = [c.constant(c.values(6)), c.constant(np.exp(c.values(6)))]
    yield c, c.op("Relu", c.op("BatchNormalization", c.start(), *(c.constant(v) for v in (c.values(6), c.values(6))), *statistics))
    c = Case("batch norm, folded statistics", 17, 2, 6, 5, 4)
    yield c, c.op("BatchNormalization", c.start(), c.weight(6), c.weight(6), *(c.constant(v(6, np.float32)) for v in (np.zeros, np.ones)), epsilon=0.0)
    c = Case("neighbours", 17, 2, 7, 3, 4)
    yield c, c.op("LRN", c.start(), size=5, alpha=0.5)


def operands():
    for op in ("Add", "Mul", "Sub", "Div"):
        c = Case(op + " of two values", 17, 2, 5, 6, 4)
        x = c.start()
        y = c.op("Exp", c.op("Conv", x, c.weight(5, 5, 1, 1))) if op == "Div" else c.op("Conv", x, c.weight(5, 5, 1, 1))
        yield c, c.op(op, x, y)
        if op != "Sub":
            c = Case(op + " of a gate", 17, 2, 5, 6, 4)
            x = c.start()
            yield c, c.op(op, x, c.op("Sigmoid", c.op("Conv", c.op("GlobalAveragePool", x), c.weight(5, 5, 1, 1), c.weight(5))))
        c = Case(op + " of constants", 17, 2, 5, 6, 4)
        x, k = c.start(), c.weight(5, 1, 1, middle=3) if op in ("Add", "Mul") else c.constant(np.abs(c.values(5, 1, 1)) + 0.5)
        yield c, c.op(op, c.op(op, x, k), c.constant(np.float32(0.7)))
    c = Case("scale and shift", 17, 2, 5, 6, 4)
    yield c, c.op("Add", c.op("Mul", c.start(), c.weight(5, 1, 1)), c.weight(1, 5, 1, 1))
    c = Case("positions and class token", 17, 2, 9, 6)
    token = c.op("Expand", c.weight(1, 1, 6), c.ints(2, 1, 6))
    yield c, c.op("Add", c.op("Concat", token, c.start(), axis=1), c.weight(1, 10, 6))


def moves():
    c = Case("concat of channels", 17, 2, 5, 6, 4)
    x = c.start()
    yield c, c.op("Concat", x, c.op("Relu", c.op("Conv", x, c.weight(3, 5, 1, 1))), x, axis=1)
    c = Case("concat of rows", 17, 2, 5, 6, 4)
    x = c.start()
    yield c, c.op("Concat", x, c.op("Conv", x, c.weight(5, 5, 1, 1)), axis=2)
    c = Case("split", 17, 2, 6, 5, 4)
    a, b, d = c.op("Split", c.start(), c.ints(1, 2, 3), outputs=3, axis=1)
    yield c, c.op("Concat", d, c.op("Sigmoid", a), c.op("Mul", b, b), axis=1)
    c = Case("slice", 17, 2, 6, 7, 8)
    yield c, c.op("Slice", c.start(), c.ints(1, 2), c.ints(5, 7), c.ints(1, 3), c.ints(1, 2))
    c = Case("one of several", 17, 2, 4, 6)
    yield c, c.op("Gather", c.start(), c.constant(np.int64(0)), axis=1)
    c = Case("pad", 17, 2, 5, 6, 4)
    yield c, c.op("Pad", c.start(), c.ints(0, 0, 1, 0, 0, 0, 2, 1))
    c = Case("pad before a convolution", 17, 2, 5, 6, 4)
    yield c, c.op("Conv", c.op("Pad", c.start(), c.ints(0, 0, 0, 0, 0, 0, 1, 1)), c.weight(6, 5, 3, 3), strides=[2, 2])
    c = Case("reshape", 17, 2, 6, 4, 4)
    yield c, c.op("Softmax", c.op("Reshape", c.op("Conv", c.start(), c.weight(6, 6, 1, 1)), c.ints(0, 3, -1)), axis=-1)
    c = Case("shuffle", 17, 2, 6, 4, 3)
    x = c.op("Reshape", c.op("Conv", c.start(), c.weight(6, 6, 1, 1)), c.ints(0, 2, 3, 4, 3))
    x = c.op("Reshape", c.op("Transpose", x, perm=[0, 2, 1, 3, 4]), c.ints(0, 6, 4, 3))
    yield c, c.op("Conv", x, c.weight(6, 1, 3, 3), group=6)
    for perm in ([0, 2, 3, 1], [0, 3, 1, 2], [0, 1, 3, 2]):
        c = Case("transpose " + "".join(map(str, perm)), 17, 2, 5, 6, 4)
        yield c, c.op("Transpose", c.op("Conv", c.start(), c.weight(5, 5, 1, 1)), perm=perm)
    c = Case("flatten", 17, 2, 3, 4, 5)
    yield c, c.op("Gemm", c.op("Flatten", c.op("Relu", c.start())), c.weight(60, 4))


def small():
    path = os.path.join(here, "gradients.tar.gz")
    cases = {}
    for build in (windows, products, functions, norms, operands, moves):
        for c, y in build():
            assert c.name not in cases, c.name
            cases[c.name] = c.finish(y)
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as gz, tarfile.open(fileobj=gz, mode="w") as tar:
        for name, files in sorted(cases.items()):
            for file, data in files.items():
                entry = tarfile.TarInfo(f"{name}/{file}")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    print(len(cases), "small networks,", os.path.getsize(path), "bytes")


PROJECTIONS = 8


def numbers(seed, n):
    """the same uniform numbers from -1 to 1 as the test's"""
    with np.errstate(over="ignore"):
        h = np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed * 0xBF58476D1CE4E5B9 % 2**64)
        h = (h ^ (h >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
        h = h ^ (h >> np.uint64(29))
    return (h >> np.uint64(11)).astype(np.float64) / 2**52 - 1


def families(folder):
    record = {}
    for file in sorted(os.listdir(folder)):
        data = open(os.path.join(folder, file), "rb").read()
        model = onnx.load_from_string(data)
        shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
        shape[0] = 1
        tap = model.graph.output[0].name
        x = numbers(1, math.prod(shape)).reshape(shape).astype(np.float32)
        y, _, gradients = differentiate(model, x, lambda s: numbers(2, math.prod(s)).reshape(s).astype(np.float32), tap)
        compare(model, x, tap, y)
        of = {}
        for name, g in gradients.items():
            g = g.ravel()
            of[name] = [float(np.linalg.norm(g))] + [float(g @ numbers(10 + k, g.size)) for k in range(PROJECTIONS)]
        record[file.removesuffix(".onnx")] = dict(sha256=hashlib.sha256(data).hexdigest(), gradients=of)
        print(file, shape, len(of), "gradients")
    with open(os.path.join(here, "gradients.json"), "w") as f:
        f.write("{\n" + ",\n".join(f" {json.dumps(n)}: {{\"sha256\": {json.dumps(r['sha256'])}, \"gradients\": {{\n" + ",\n".join(
            f"  {json.dumps(k)}: [{', '.join(f'{v:.9g}' for v in g)}]" for k, g in r["gradients"].items()) + "}}" for n, r in record.items()) + "\n}\n")


torch.manual_seed(0)
if len(sys.argv) > 1:
    families(sys.argv[1])
else:
    small()
