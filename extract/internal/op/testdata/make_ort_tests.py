#!/usr/bin/env python3
"""Writes ort_tests.tar.gz: operator tests in the layout of ONNX's own, with what ONNX
Runtime answers. They cover forms that ONNX's tests leave out: older opsets, rarer
attributes, and the operators of com.microsoft.

Needs onnx 1.23, onnxruntime 1.32 and numpy:  python3 make_ort_tests.py [folder]
With a folder, the tests are written there as files instead.
"""
import gzip, io, os, sys, tarfile
import numpy as np, onnx, onnxruntime as ort
from onnx import helper, TensorProto

rng = np.random.default_rng(7)
ort.set_default_logger_severity(3)
out = {}


def f(*shape, dtype=np.float32):
    return rng.standard_normal(shape).round(2).astype(dtype)


def u8(*shape): return rng.integers(0, 256, shape).astype(np.uint8)
def i8(*shape): return rng.integers(-128, 128, shape).astype(np.int8)
def L(*v): return np.array(v, np.int64)
def S(v, dtype=np.float32): return np.array(v, dtype)
def F(*v): return np.array(v, np.float32)


def case(name, op, opset, inputs, nout=1, domain="", extra={}, want=None, **attrs):
    """inputs: arrays, or None for an absent one. nout: an int, or names with "".
    want: the results, where ONNX Runtime has no such operator."""
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    outs = [f"y{i}" for i in range(nout)] if isinstance(nout, int) else nout
    node = helper.make_node(op, names, outs, domain=domain, **attrs, **extra)
    info = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
            for n, x in zip(names, inputs) if n]
    graph = helper.make_graph([node], name, info, [onnx.ValueInfoProto(name=o) for o in outs if o])
    imports = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(graph, opset_imports=imports, ir_version=min(13, 13 if opset > 23 else 10))
    result = want or run(model, {n: x for n, x in zip(names, inputs) if n})
    files = {"model.onnx": model.SerializeToString()}
    for i, x in enumerate([x for x in inputs if x is not None]):
        files[f"input_{i}.npy"] = npy(x)
    for i, y in enumerate(result):
        files[f"output_{i}.npy"] = npy(y)
    assert name not in out, name
    out[name] = files


def run(model, inputs):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def npy(x):
    b = io.BytesIO()
    np.save(b, np.asarray(x), allow_pickle=False)
    return b.getvalue()


def older_opsets():
    x = f(2, 3, 4, 5)
    case("clip_6", "Clip", 6, [x], min=-0.5, max=0.7)
    case("clip_6_one_sided", "Clip", 6, [x], min=-0.5)
    for v in (7, 9, 14):
        case(f"batchnorm_{v}", "BatchNormalization", v, [x, f(3), f(3), f(3), abs(f(3))], epsilon=1e-3)
    case("dropout_7", "Dropout", 7, [x], ratio=0.3)
    for op in ("Softmax", "LogSoftmax", "Hardmax"):
        for axis in (0, 1, 2, -1):
            case(f"{op.lower()}_11_axis_{axis}", op, 11, [x], axis=axis)
            case(f"{op.lower()}_13_axis_{axis}", op, 13, [x], axis=axis)
    case("flatten_9", "Flatten", 9, [x], axis=2)
    case("squeeze_11", "Squeeze", 11, [f(1, 3, 1, 2)], axes=[0])
    case("squeeze_11_all", "Squeeze", 11, [f(1, 3, 1, 2)])
    case("unsqueeze_11", "Unsqueeze", 11, [f(3, 2)], axes=[0, 3])
    for op in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceProd",
               "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"):
        y = abs(x) if op == "ReduceLogSum" else x
        case(f"{op.lower()}_11", op, 11, [y], axes=[1, -1], keepdims=0)
        case(f"{op.lower()}_11_all", op, 11, [y])
        case(f"{op.lower()}_18", op, 18, [y, L(2, 0)], keepdims=1)
        case(f"{op.lower()}_18_noop", op, 18, [y], noop_with_empty_axes=1)
    case("reducesum_int", "ReduceSum", 13, [x.astype(np.int32), L(1)])
    case("split_11", "Split", 11, [x], 2, axis=3, split=[2, 3])
    case("split_11_equal", "Split", 11, [x], 2, axis=2)
    case("slice_9", "Slice", 9, [x], starts=[0, -3], ends=[1, 1000], axes=[1, 3])
    case("slice_9_no_axes", "Slice", 9, [x], starts=[1, 0], ends=[2, 2])
    case("topk_9", "TopK", 9, [x], 2, k=2, axis=2)
    case("topk_11_smallest", "TopK", 11, [x, L(3)], 2, axis=3, largest=0)
    case("argmax_12_last", "ArgMax", 12, [x.round(0)], axis=1, select_last_index=1, keepdims=0)
    case("argmin_11", "ArgMin", 11, [x], axis=-1)
    for mode in ("constant", "reflect", "edge"):
        case(f"pad_10_{mode}", "Pad", 10, [x], mode=mode, pads=[0, 0, 2, 1, 0, 0, 1, 3], value=0.5)
        case(f"pad_13_{mode}", "Pad", 13, [x, L(0, 0, 2, 1, 0, 0, 1, 3), S(0.25)], mode=mode)
    case("pad_13_negative", "Pad", 13, [x, L(0, -1, 2, -1, 0, 0, -1, 3), S(0.25)])
    case("pad_18_axes", "Pad", 18, [x, L(1, 2, 0, 1), None, L(-1, 1)])
    case("upsample_9_nearest", "Upsample", 9, [x, F(1, 1, 2, 3)], mode="nearest")
    case("upsample_9_linear", "Upsample", 9, [x, F(1, 1, 2, 3)], mode="linear")
    case("upsample_7_nearest", "Upsample", 7, [x], mode="nearest", scales=[1.0, 1.0, 2.0, 2.0])
    case("resize_10_nearest_up", "Resize", 10, [x, F(1, 1, 1.7, 2.3)], mode="nearest")
    case("resize_10_nearest_down", "Resize", 10, [x, F(1, 1, 0.6, 0.7)], mode="nearest")
    case("resize_10_linear", "Resize", 10, [x, F(1, 1, 1.5, 0.6)], mode="linear")
    case("gemm_7", "Gemm", 7, [f(3, 4), f(5, 4), f(5)], transB=1, alpha=0.5, beta=2.0)
    case("gemm_13_column", "Gemm", 13, [f(4, 3), f(4, 5), f(3, 1)], transA=1)
    case("averagepool_7", "AveragePool", 7, [x], kernel_shape=[2, 3], pads=[1, 1, 0, 1])
    case("scatter_9", "Scatter", 9, [f(3, 3), L(1, 0, 2, 2).reshape(2, 2), f(2, 2)], axis=0)
    case("groupnorm_18", "GroupNormalization", 18, [f(2, 4, 3), f(2), f(2)], num_groups=2)
    case("groupnorm_21", "GroupNormalization", 21, [f(2, 4, 3), f(4), f(4)], num_groups=2)
    case("gelu_20_none", "Gelu", 20, [x])
    case("layernorm_outputs", "LayerNormalization", 17, [x, f(4, 5), f(4, 5)], 3, axis=2)
    case("layernorm_broadcast", "LayerNormalization", 17, [x, f(5)], axis=-2)
    case("rmsnorm", "RMSNormalization", 23, [x, f(5)], axis=-1)
    case("equal_7_bool", "Equal", 7, [x > 0, x > 0.5])
    case("prelu", "PRelu", 16, [x, f(3, 1, 1)])


def windows():
    x1, x2, x3 = f(2, 3, 11), f(2, 3, 7, 8), f(1, 2, 5, 6, 7)
    n = 0
    for x in (x1, x2, x3):
        d = len(x.shape) - 2
        for attrs in (dict(), dict(strides=[2] * d), dict(pads=[1] * 2 * d), dict(strides=[2] * d, pads=[0] * d + [1] * d, ceil_mode=1),
                      dict(strides=[3] * d, ceil_mode=1), dict(strides=[2] * d, pads=[1] * 2 * d, ceil_mode=1, dilations=[2] * d),
                      dict(auto_pad="SAME_UPPER", strides=[2] * d), dict(auto_pad="SAME_LOWER", strides=[2] * d),
                      dict(auto_pad="VALID", strides=[2] * d)):
            n += 1
            k = dict(kernel_shape=[3] * d, **attrs)
            case(f"maxpool_{d}d_{n}", "MaxPool", 12, [x], **k)
            case(f"maxpool_{d}d_{n}_indices", "MaxPool", 12, [x], 2, **k)
            case(f"averagepool_{d}d_{n}", "AveragePool", 19, [x], **k)
            case(f"averagepool_{d}d_{n}_pad", "AveragePool", 19, [x], count_include_pad=1, **k)
            case(f"lppool_{d}d_{n}", "LpPool", 18, [x], p=3, **k)
            k.pop("ceil_mode", 0)
            case(f"conv_{d}d_{n}", "Conv", 11, [x, f(4, x.shape[1], *k["kernel_shape"]), f(4)], **k)
            case(f"convtranspose_{d}d_{n}", "ConvTranspose", 11, [x, f(x.shape[1], 2, *k["kernel_shape"]), f(2)], **k)
    case("maxpool_uint8", "MaxPool", 12, [u8(1, 2, 5, 5)], kernel_shape=[2, 2], strides=[2, 2])
    case("maxpool_column_major", "MaxPool", 12, [x2], 2, kernel_shape=[2, 2], storage_order=1)
    for op in ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"):
        case(op.lower() + "_3d", op, 11, [x3])
    case("conv_groups", "Conv", 11, [f(1, 6, 5, 5), f(9, 2, 3, 3)], group=3)
    case("conv_depthwise_multiplier", "Conv", 11, [f(1, 3, 6, 6), f(6, 1, 3, 3), f(6)], group=3, pads=[1, 1, 1, 1], dilations=[2, 1])
    case("conv_uneven", "Conv", 11, [f(1, 2, 9, 7), f(5, 2, 1, 4)], strides=[3, 2], pads=[0, 3, 0, 1], dilations=[1, 2])
    case("convtranspose_groups", "ConvTranspose", 11, [f(1, 4, 3, 3), f(4, 2, 3, 3), f(4)], group=2, strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])
    case("convtranspose_output_shape", "ConvTranspose", 11, [f(1, 2, 3, 3), f(2, 2, 3, 3)], strides=[3, 2], output_shape=[10, 8])
    case("convtranspose_output_shape_same_upper", "ConvTranspose", 11, [f(1, 2, 3, 3), f(2, 2, 3, 3)], strides=[3, 2], output_shape=[8, 6], auto_pad="SAME_UPPER")
    case("maxunpool", "MaxUnpool", 11, [f(1, 1, 2, 2), L(5, 7, 13, 15).reshape(1, 1, 2, 2)], kernel_shape=[2, 2], strides=[2, 2])
    case("lrn_wide", "LRN", 13, [f(2, 3, 2, 2)], size=9, alpha=0.5)


def resizes():
    x = f(1, 2, 5, 7)
    for coord in ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "half_pixel_symmetric"):
        for mode in ("nearest", "linear", "cubic"):
            for k, scale in (("up", F(1, 1, 2.6, 1.3)), ("down", F(1, 1, 0.7, 0.41)), ("one", F(1, 1, 0.2, 0.15))):
                nearest = {"nearest_mode": "floor"} if mode == "nearest" and coord == "asymmetric" else {}
                case(f"resize_{coord}_{mode}_{k}", "Resize", 19, [x, None, scale], mode=mode, coordinate_transformation_mode=coord, **nearest)
            case(f"resize_{coord}_{mode}_sizes", "Resize", 13, [x, None, None, L(1, 2, 8, 3)], mode=mode, coordinate_transformation_mode=coord)
    for near in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        case(f"resize_nearest_{near}", "Resize", 13, [x, None, F(1, 1, 1.5, 0.5)], mode="nearest", nearest_mode=near)
    for mode in ("linear", "cubic"):
        for ex in (0, 1):
            case(f"resize_antialias_{mode}_{ex}", "Resize", 18, [x, None, F(1, 1, 0.5, 0.6)], mode=mode, antialias=1, exclude_outside=ex)
    case("resize_not_larger", "Resize", 18, [x, None, None, L(9, 9)], mode="linear", axes=[2, 3], keep_aspect_ratio_policy="not_larger")
    case("resize_not_smaller", "Resize", 18, [x, None, None, L(9, 9)], mode="linear", axes=[2, 3], keep_aspect_ratio_policy="not_smaller")
    case("resize_exclude_cubic", "Resize", 18, [x, None, F(1, 1, 1.5, 1.6)], mode="cubic", exclude_outside=1)
    case("resize_cubic_a", "Resize", 18, [x, None, F(1, 1, 1.5, 1.6)], mode="cubic", cubic_coeff_a=-0.5)
    case("resize_uint8_nearest", "Resize", 13, [u8(1, 1, 3, 3), None, F(1, 1, 2, 2)], mode="nearest")
    case("resize_nhwc_linear", "Resize", 13, [f(1, 3, 4, 2), None, F(1, 2, 1.5, 1)], mode="linear")
    for mode in ("linear", "nearest", "cubic"):
        for pad in ("zeros", "border", "reflection"):
            for c in (0, 1):
                case(f"gridsample_{mode}_{pad}_{c}", "GridSample", 20, [f(2, 2, 4, 5), f(2, 3, 3, 2) * 1.5], mode=mode, padding_mode=pad, align_corners=c)


def products():
    for i, (eq, shapes) in enumerate([("ij,jk->ik", [(2, 3), (3, 4)]), ("bhqd,bhkd->bhqk", [(2, 2, 3, 4), (2, 2, 5, 4)]), ("ij->ji", [(2, 3)]),
                                      ("ii->i", [(3, 3)]), ("ij->", [(2, 3)]), ("...ij,...jk->...ik", [(2, 2, 3), (1, 3, 4)]), ("i,j", [(2,), (3,)]),
                                      ("ij,jk", [(2, 3), (3, 2)]), ("bij,bj,i->b", [(2, 3, 4), (2, 4), (3,)]), ("b...->...b", [(2, 3, 4)]),
                                      ("bhwc,hkc->bhwk", [(1, 3, 4, 5), (3, 2, 5)])]):
        case(f"einsum_{i}", "Einsum", 12, [f(*s) for s in shapes], equation=eq)
    for i, (a, b) in enumerate([((3,), (3, 2)), ((2, 3), (3,)), ((3,), (3,)), ((2, 1, 3, 4), (5, 4, 2)), ((4,), (2, 4, 3)), ((2, 5, 4), (4,))]):
        case(f"matmul_{i}", "MatMul", 13, [f(*a), f(*b)])
    case("matmul_int", "MatMul", 13, [L(*range(6)).reshape(2, 3), L(*range(6)).reshape(3, 2)])
    q, k, v = f(2, 3, 8), f(2, 4, 8), f(2, 4, 8)
    for i, attrs in enumerate([dict(), dict(is_causal=1), dict(scale=0.3), dict(softcap=2.0)]):
        case(f"attention_{i}", "Attention", 23, [q, k, v], q_num_heads=2, kv_num_heads=2, **attrs)
        case(f"attention_{i}_mask", "Attention", 23, [q, k, v, f(3, 4)], q_num_heads=2, kv_num_heads=2, **attrs)
    case("attention_bool_mask", "Attention", 23, [q, k, v, f(3, 4) > -1], q_num_heads=2, kv_num_heads=2)
    case("attention_4d_grouped", "Attention", 23, [f(1, 4, 3, 2), f(1, 2, 5, 2), f(1, 2, 5, 3)])
    case("attention_past", "Attention", 23, [f(1, 2, 3, 4), f(1, 2, 3, 4), f(1, 2, 3, 4), None, f(1, 2, 2, 4), f(1, 2, 2, 4)], 3, is_causal=1)
    case("rotary", "RotaryEmbedding", 23, [f(2, 3, 8), f(10, 2), f(10, 2), L(0, 1, 2, 4, 5, 6).reshape(2, 3)], num_heads=2)


def quantised():
    for z in (np.uint8, np.int8):
        zp = S(3, z)
        case(f"quantize_{z.__name__}", "QuantizeLinear", 13, [f(3, 4) * 10, S(0.1), zp])
        case(f"dequantize_{z.__name__}", "DequantizeLinear", 13, [f(3, 4).astype(z), S(0.1), zp])
    case("quantize_axis", "QuantizeLinear", 13, [f(2, 3, 4) * 10, F(0.1, 0.2, 0.3), S([1, 2, 3], np.uint8)], axis=1)
    case("dequantize_axis", "DequantizeLinear", 13, [i8(2, 3, 4), F(0.1, 0.2, 0.3), S([1, 2, 3], np.int8)], axis=-2)
    case("dequantize_int32", "DequantizeLinear", 13, [i8(2, 3).astype(np.int32), S(0.01)])
    case("quantize_blocked", "QuantizeLinear", 21, [f(4, 6), abs(f(4, 2)) + 0.1, u8(4, 2)], axis=1, block_size=3)
    case("dequantize_blocked", "DequantizeLinear", 21, [u8(4, 6), abs(f(4, 2)) + 0.1, u8(4, 2)], axis=1, block_size=3)
    case("dynamicquantize", "DynamicQuantizeLinear", 11, [f(3, 4)], 3)
    case("dynamicquantize_positive", "DynamicQuantizeLinear", 11, [abs(f(3, 4)) + 1], 3)
    case("matmulinteger", "MatMulInteger", 10, [u8(2, 3), i8(3, 4), S(7, np.uint8), S(3, np.int8)])
    case("matmulinteger_columns", "MatMulInteger", 10, [u8(2, 3), u8(3, 4), S(7, np.uint8), u8(4)])
    case("convinteger", "ConvInteger", 10, [u8(1, 2, 4, 4), u8(3, 2, 3, 3), S(7, np.uint8), S(2, np.uint8)], pads=[1, 1, 1, 1])
    u, s = np.uint8, np.int8
    case("qlinearmatmul", "QLinearMatMul", 10, [u8(2, 3), S(0.02), S(7, u), u8(3, 4), S(0.03), S(90, u), S(0.05), S(100, u)])
    case("qlinearmatmul_columns", "QLinearMatMul", 10, [u8(2, 3), S(0.02), S(7, u), i8(3, 4), F(.01, .02, .03, .04), S([0, 0, 0, 0], s), S(0.05), S(100, u)])
    for name, w, wz in (("u8", u8(4, 3, 3, 3), S(120, u)), ("s8", i8(4, 3, 3, 3), S(0, s))):
        case(f"qlinearconv_{name}", "QLinearConv", 10, [u8(1, 3, 5, 5), S(0.02), S(100, u), w, S(0.03), wz, S(0.2), S(110, u), L(5, -6, 700, 0).astype(np.int32)], pads=[1, 1, 1, 1], strides=[2, 1])
    case("qlinearconv_channels", "QLinearConv", 10, [u8(1, 4, 5, 5), S(0.02), S(100, u), i8(4, 1, 3, 3), F(.01, .02, .03, .04), S([0] * 4, s), S(0.2), S(110, u)], group=4)
    case("qlinearconv_1d", "QLinearConv", 10, [i8(1, 2, 5), S(0.02), S(1, s), i8(3, 2, 3), S(.01), S(0, s), S(0.1), S(-10, s)])


def microsoft():
    ms = dict(domain="com.microsoft")
    u, s = np.uint8, np.int8
    x = f(1, 3, 5, 5)
    w, b = f(4, 3, 3, 3), f(4)
    for act, params in (("Relu", []), ("Tanh", []), ("Sigmoid", []), ("LeakyRelu", [0.2]), ("Clip", [-0.5, 0.5]), ("HardSigmoid", [0.3, 0.4])):
        case(f"fusedconv_{act}", "FusedConv", 17, [x, w, b], activation=act, pads=[1, 1, 1, 1], **(dict(activation_params=params) if params else {}), **ms)
    case("fusedconv_sum", "FusedConv", 17, [x, w, b, f(1, 4, 3, 3)], activation="Relu", **ms)
    case("fusedgemm", "FusedGemm", 17, [f(2, 3), f(4, 3), f(4)], transB=1, activation="LeakyRelu", activation_alpha=0.3, **ms)
    case("fusedmatmul", "FusedMatMul", 17, [f(2, 4, 3), f(2, 4, 5)], transA=1, alpha=0.5, **ms)
    case("fusedmatmul_b", "FusedMatMul", 17, [f(2, 4, 3), f(5, 3)], transB=1, **ms)
    h = f(2, 3, 8)
    case("ms_gelu", "Gelu", 17, [h], **ms)
    case("fastgelu", "FastGelu", 17, [h], **ms)
    case("fastgelu_bias", "FastGelu", 17, [h, f(8)], **ms)
    case("biasgelu", "BiasGelu", 17, [h, f(8)], **ms)
    case("quickgelu", "QuickGelu", 17, [h], **ms)
    case("quickgelu_alpha", "QuickGelu", 17, [h], alpha=1.0, **ms)
    case("skiplayernorm", "SkipLayerNormalization", 17, [h, f(2, 3, 8), f(8), f(8), f(8)], ["y", "", "", "sum"], epsilon=1e-5, **ms)
    case("skiplayernorm_plain", "SkipLayerNormalization", 17, [h, f(2, 3, 8), f(8)], epsilon=1e-3, **ms)
    case("skiprmsnorm", "SkipSimplifiedLayerNormalization", 17, [h, f(2, 3, 8), f(8), f(8)], ["y", "", "", "sum"], epsilon=1e-5, **ms)
    case("rmsnorm_simplified", "SimplifiedLayerNormalization", 17, [h, f(8)], axis=-1, epsilon=1e-5)
    case("ms_attention", "Attention", 17, [f(2, 3, 8), f(8, 24), f(24)], num_heads=2, **ms)
    case("ms_attention_causal", "Attention", 17, [f(2, 3, 8), f(8, 24), f(24)], num_heads=2, unidirectional=1, scale=0.2, **ms)
    case("ms_attention_bias", "Attention", 17, [f(2, 3, 8), f(8, 24), f(24), None, None, f(2, 2, 3, 3)], num_heads=2, **ms)
    case("ms_attention_sizes", "Attention", 17, [f(2, 3, 8), f(8, 20), f(20)], num_heads=2, qkv_hidden_sizes=[8, 8, 4], **ms)
    case("multiheadattention", "MultiHeadAttention", 17, [f(2, 3, 8), f(2, 4, 8), f(2, 4, 8)], num_heads=2, **ms)
    case("multiheadattention_bias", "MultiHeadAttention", 17, [f(2, 3, 8), f(2, 4, 8), f(2, 4, 8), f(24), None, f(2, 2, 3, 4)], num_heads=2, **ms)
    q = lambda *d: [u8(*d), S(0.0317), S(120, u)]
    y = [S(0.0513), S(100, u)]
    case("qlinearadd", "QLinearAdd", 17, q(2, 3, 4) + q(3, 1) + y, **ms)
    case("qlinearmul", "QLinearMul", 17, q(2, 3, 4) + q(3, 4) + y, **ms)
    case("qlinearsigmoid", "QLinearSigmoid", 17, q(2, 9) + [S(1 / 256), S(0, u)], **ms)
    case("qlinearleakyrelu", "QLinearLeakyRelu", 17, q(2, 9) + y, alpha=0.2, **ms)
    case("qlinearglobalaveragepool", "QLinearGlobalAveragePool", 17, q(2, 3, 4, 4) + y, **ms)
    case("qlinearglobalaveragepool_nhwc", "QLinearGlobalAveragePool", 17, q(2, 4, 4, 3) + y, channels_last=1, **ms)
    case("qlinearaveragepool", "QLinearAveragePool", 17, q(1, 2, 5, 5) + y, kernel_shape=[3, 3], pads=[1, 1, 1, 1], **ms)
    case("qlinearaveragepool_nhwc", "QLinearAveragePool", 17, q(1, 5, 5, 2) + y, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, channels_last=1, **ms)
    case("qlinearconcat", "QLinearConcat", 17, y + q(2, 3) + [u8(2, 2), S(0.06), S(90, u)], axis=1, **ms)
    case("qlinearsoftmax", "QLinearSoftmax", 17, q(2, 5) + [S(1 / 256), S(0, u)], axis=-1, extra={"opset": 13}, **ms)
    case("qgemm", "QGemm", 17, q(2, 3) + [i8(4, 3), S(0.02), S(0, s), np.array([10, -20, 30, 400], np.int32)] + y, transB=1, alpha=0.9, **ms)
    case("qgemm_columns", "QGemm", 17, q(2, 3) + [i8(3, 4), F(.01, .02, .03, .04), S([0, 0, 0, 0], s), None], **ms)
    case("matmulintegertofloat", "MatMulIntegerToFloat", 17, [u8(2, 3), i8(3, 4), S(0.02), F(.01, .02, .03, .04), S(100, u), None, f(4)], **ms)
    case("dynamicquantizematmul", "DynamicQuantizeMatMul", 17, [f(2, 3), i8(3, 4), S(0.02), S(0, s), f(4)], **ms)
    case("nhwcmaxpool", "NhwcMaxPool", 17, [u8(1, 5, 5, 3)], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], **ms)
    case("qlinearconv_nhwc", "QLinearConv", 17, [u8(1, 5, 5, 3), S(0.02), S(100, u), i8(4, 3, 3, 3), S(0.03), S(0, s), S(0.2), S(110, u)], channels_last=1, **ms)
    case("ms_quantize", "QuantizeLinear", 17, [f(3, 4), S(0.05), S(9, u)], **ms)
    case("ms_dequantize", "DequantizeLinear", 17, [u8(3, 4), S(0.05), S(9, u)], **ms)
    case("ms_gridsample", "GridSample", 17, [f(1, 2, 4, 5), f(1, 3, 3, 2)], mode="bilinear", **ms)
    case("transposematmul", "TransposeMatMul", 17, [f(4, 3), f(4, 5)], transA=1, **ms)
    case("ms_trilu", "Trilu", 17, [f(4, 4), S(1, np.int64)], upper=0, **ms)


def places():
    x = f(3, 4, 5)
    case("gathernd_batch", "GatherND", 12, [x, L(0, 3, 1).reshape(3, 1)], batch_dims=1)
    case("gather_negative", "Gather", 13, [x, L(-1, 0).reshape(1, 2)], axis=-2)
    for red in ("add", "mul", "max", "min"):
        case(f"scatternd_{red}", "ScatterND", 18, [x, L(0, 2, 0).reshape(3, 1), f(3, 4, 5)], reduction=red)
        case(f"scatterelements_{red}", "ScatterElements", 18, [f(3, 3), L(1, 1, 2).reshape(1, 3), f(1, 3)], axis=0, reduction=red)
    case("unique_axis", "Unique", 11, [np.array([[1, 0], [1, 0], [2, 3]], np.float32)], 4, axis=0)
    case("unique_unsorted", "Unique", 11, [F(2, 1, 1, 3, 4, 3)], 4, sorted=0)
    case("nonzero", "NonZero", 13, [x.round(0)])
    case("onehot", "OneHot", 11, [L(0, 7, -1, -9), L(5), F(2, 5)], axis=0)
    case("cumsum", "CumSum", 14, [x, S(1, np.int64)], exclusive=1, reverse=1)
    case("trilu", "Trilu", 14, [x, S(-1, np.int64)], upper=0)
    case("eyelike", "EyeLike", 9, [f(3, 4)], k=1, dtype=7)
    case("range_float", "Range", 11, [S(1), S(4.5), S(0.7)])
    case("range_down", "Range", 11, [S(10, np.int64), S(1, np.int64), S(-4, np.int64)])
    case("mod_float", "Mod", 13, [f(2, 5), f(2, 5)], fmod=1)
    case("mod_int", "Mod", 13, [L(7, -7, 7, -7), L(3, 3, -3, -3)])
    case("fmod_int", "Mod", 13, [L(7, -7, 7, -7), L(3, 3, -3, -3)], fmod=1)
    case("pow_ints", "Pow", 15, [L(2, -3, 5), L(3, 3, 0)])
    case("depthtospace_crd", "DepthToSpace", 13, [f(1, 8, 2, 3)], blocksize=2, mode="CRD")
    case("meanvariance", "MeanVarianceNormalization", 13, [f(2, 3, 4, 4)])
    case("lpnormalization", "LpNormalization", 11, [x], p=1, axis=1)
    case("shrink", "Shrink", 9, [x], bias=0.3, lambd=0.4)
    case("celu", "Celu", 12, [x], alpha=2.0)
    case("thresholdedrelu", "ThresholdedRelu", 10, [x], alpha=0.4)
    case("selu", "Selu", 6, [x])
    case("hardsigmoid", "HardSigmoid", 6, [x], alpha=0.4, beta=0.6)
    case("softplus", "Softplus", 1, [x * 50])
    case("mish", "Mish", 18, [x])
    case("erf", "Erf", 13, [x])
    case("cast_float_int", "Cast", 13, [x * 3], to=TensorProto.INT32)
    case("cast_float_bool", "Cast", 13, [x.round(0)], to=TensorProto.BOOL)
    case("cast_int_uint8", "Cast", 13, [L(300, -1, 7)], to=TensorProto.UINT8)
    case("where_broadcast", "Where", 9, [x[:, :1] > 0, x, f(5)])
    case("bitshift", "BitShift", 11, [u8(4), u8(4) % 9], direction="LEFT")
    case("det", "Det", 11, [f(2, 3, 3)])
    case("reversesequence", "ReverseSequence", 10, [x, L(1, 3, 4)], batch_axis=0, time_axis=1)
    case("expand", "Expand", 13, [f(3, 1), L(2, 1, 4)])
    case("tile", "Tile", 13, [f(2, 3), L(2, 2)])


def simple():
    x = f(2, 3)
    for op in ("Abs", "Neg", "Sign", "Ceil", "Floor", "Round", "Exp", "Sin", "Cos", "Tan", "Sinh", "Cosh", "Tanh", "Atan", "Asinh",
               "Reciprocal", "Sigmoid", "Relu", "Elu", "LeakyRelu", "HardSwish", "Softsign", "Identity", "Size", "Shape", "Transpose"):
        case(op.lower(), op, 22 if op == "HardSwish" else 14, [x])
    for op in ("Sqrt", "Log", "Acosh"):
        case(op.lower(), op, 13, [abs(x) + 1])
    for op in ("Asin", "Acos", "Atanh"):
        case(op.lower(), op, 13, [x / 4])
    for op in ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean"):
        case(op.lower(), op, 13, [abs(x), f(3)])
    for op in ("Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"):
        case(op.lower(), op, 16, [x, f(3)])
    for op in ("And", "Or", "Xor"):
        case(op.lower(), op, 7, [x > 0, x > 0.5])
    for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        case(op.lower(), op, 18, [i8(2, 3), i8(3)])
    case("bitwisenot", "BitwiseNot", 18, [i8(2, 3)])
    case("not", "Not", 1, [x > 0])
    case("isnan", "IsNaN", 13, [F(1, np.nan)])
    case("isinf", "IsInf", 10, [F(1, np.inf, -np.inf)], detect_negative=0)
    case("castlike", "CastLike", 19, [x, L(1)])
    case("concat", "Concat", 13, [x, f(2, 1)], axis=-1)
    case("compress", "Compress", 11, [x, np.array([True, False])], axis=0)
    case("constant", "Constant", 13, [], value=onnx.numpy_helper.from_array(x))
    case("constantofshape", "ConstantOfShape", 9, [L(2, 3)], value=onnx.numpy_helper.from_array(S([7], np.int32)))
    case("gatherelements", "GatherElements", 13, [x, L(0, -1).reshape(1, 2)], axis=1)
    case("instancenorm", "InstanceNormalization", 6, [f(2, 3, 4), f(3), f(3)])
    case("reshape", "Reshape", 14, [x, L(-1, 2)])
    case("spacetodepth", "SpaceToDepth", 13, [f(1, 2, 4, 6)], blocksize=2)
    case("centercroppad", "CenterCropPad", 18, [x, L(4, 1)])
    case("affinegrid", "AffineGrid", 20, [f(2, 2, 3), L(2, 1, 3, 4)])
    case("deformconv", "DeformConv", 19, [f(1, 2, 4, 4), f(2, 2, 2, 2), f(1, 8, 3, 3), f(2), abs(f(1, 4, 3, 3))])
    case("col2im", "Col2Im", 18, [f(1, 4, 6), L(3, 4), L(2, 2)])
    case("tensorscatter", "TensorScatter", 24, [f(2, 4, 3), f(2, 2, 3), L(1, 2)])
    case("swish", "Swish", 24, [x])
    a, b = f(2, 3), f(2, 3)
    case("swiglu", "SwiGLU", 28, [a, b], alpha=1.5, want=[a / (1 + np.exp(-1.5 * a)) * b])
    case("cumprod", "CumProd", 26, [x, S(0, np.int64)])
    case("bitcast", "BitCast", 26, [x], to=TensorProto.INT32)


def masked_attention():
    ms = dict(domain="com.microsoft")
    def i32(*v): return np.array(v, np.int32)
    masks = dict(lengths=i32(2, 3), ranges=i32(3, 4, 1, 0), keys=i32(1, 0, 1, 1, 0, 1, 1, 0).reshape(2, 4),
                 queries=(rng.random((2, 4, 4)) > 0.4).astype(np.int32), one=i32(1, 4))
    for name, mask in masks.items():
        case(f"ms_attention_mask_{name}", "Attention", 17, [f(2, 4, 8), f(8, 24), f(24), mask], num_heads=2, **ms)
    case("ms_attention_mask_causal", "Attention", 17, [f(2, 4, 8), f(8, 24), f(24), masks["lengths"]], num_heads=2, unidirectional=1, **ms)
    case("ms_attention_mask_bias", "Attention", 17, [f(2, 4, 8), f(8, 24), f(24), masks["keys"], None, f(2, 2, 4, 4)], num_heads=2, mask_filter_value=-3.0, **ms)
    x = [f(2, 3, 8), f(2, 4, 8), f(2, 4, 8), None]
    for name in ("lengths", "keys"):
        case(f"multiheadattention_mask_{name}", "MultiHeadAttention", 17, x + [masks[name]], num_heads=2, **ms)
    case("multiheadattention_mask_queries", "MultiHeadAttention", 17, x + [masks["queries"][:, :3], f(2, 2, 3, 4)], num_heads=2, **ms)


for build in (simple, older_opsets, windows, resizes, products, quantised, microsoft, places, masked_attention):
    build()
if len(sys.argv) > 1:
    for name, files in out.items():
        os.makedirs(os.path.join(sys.argv[1], name), exist_ok=True)
        for file, data in files.items():
            open(os.path.join(sys.argv[1], name, file), "wb").write(data)
else:
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ort_tests.tar.gz")
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as gz, tarfile.open(fileobj=gz, mode="w") as tar:
        for name, files in sorted(out.items()):
            for file, data in files.items():
                entry = tarfile.TarInfo(f"{name}/{file}")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
print(len(out), "tests")
