package exec

import "featstore/extract/internal/kernel"

// Exact reports whether a step computes the same bits on every machine, with a set of
// kernels that is exact (kernel.Set.Exact).
func Exact(s Step) bool {
	switch s := s.(type) {
	case *ByteConv, *ByteDepthwise, *ByteBinary, *BytePool, *ByteMean, *Quantize, *Dequantize, *Lookup:
		return true
	case *LoadInput, *StoreOutput, *ClearHalo, *Copy, *Concat, *Slice, *Permute, *Pad, *Pool, *Mean, *MatMul:
		return true
	case *Conv:
		return exactFunction(s.Act)
	case *Depthwise:
		return exactFunction(s.Act)
	case *Activate:
		return exactFunction(s.Act)
	case *Binary:
		return exactFunction(s.Act)
	}
	return false
}

// exactFunction reports whether all sets of kernels compute the same of a function.
func exactFunction(a kernel.Activation) bool {
	switch a.Func {
	case kernel.Linear, kernel.Clip, kernel.Affine, kernel.FakeQuantize:
		return true
	}
	return false
}
