// Package kernel holds the inner loops of the inference engine: matrix products
// with a fused epilogue, depthwise convolutions, pooling rows and pointwise
// functions, on float32 and for 8-bit networks on bytes, with the channels of a pixel
// side by side (NHWC).
//
// A Set is one implementation of all of them: portable Go, or assembly for one
// kind of processor. The sets agree within rounding, and every test runs every
// set that the machine can run. Default returns the one that package cpu chooses.
//
// # Products
//
// Every dense convolution and every fully connected layer is a product
//
//	C[m×n] = clip(A[m×k] · B[k×n] + bias[n] + R[m×n], lo, hi)
//
// where A is never built: row i of A is the concatenation of a few contiguous
// segments of the input, found at the offsets Tile.Offs from the row's first
// element. A 1×1 convolution has one segment (the pixel's channels), a 3×3
// convolution has three (three pixels of each of three rows), a grouped or
// dilated one has one for each tap. The weights B are packed once, in panels of
// a few vectors of columns, by Set.Pack.
//
// # Bytes
//
// Networks of 8-bit numbers have kernels on bytes: products of unsigned bytes with
// signed weights, summed exactly in 32 bits, then scaled by column in float32, rounded
// to even and bounded (Requantize). Their layout is that of products of floats, with a
// word of four bytes in place of each float. Signed activations are the same with
// another zero point, which the caller folds into the bias. Kernels may read up to 31
// bytes behind the end of a row; the values there do not matter. Products of bytes are about
// four times as fast as those of floats with VPDPBUSD (AVX-512 VNNI or AVX-VNNI), and one
// and a half times without it.
//
// All sets give the same bytes. Sums are exact, and what follows them is rounded in one
// order, at the same places. For what a network of 8-bit numbers computes on floats there is
// Set.Exact: its products add in the order of the weights and round once for a product and
// its sum, as the instructions do. In plain Go that is a function of its own (fused.go),
// because a compiler may fuse a product and a sum, or not.
package kernel
