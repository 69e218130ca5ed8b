// Package engine turns a network into a plan of kernel calls and runs it.
//
// Compile works on one concrete input shape. It evaluates the graph abstractly,
// which gives every shape and folds every constant (package passes), and lowers the nodes
// to a few operations of its own (lower.go). It rewrites them (fuse*.go: batch
// normalization, bias, activation, residual addition and padding move into the
// convolution), chooses the order of axes in memory of every value (order.go), gives
// every value a view of one arena (placement.go, view.go, package memory) and emits the
// steps of a plan (planner.go), which package exec runs. What has no fast step runs the
// reference operator of package op.
//
// # Operations
//
// Each operation has a file of its own, op_*.go, with all that belongs to it: how nodes
// of the graph are lowered to it, and its answers to what the compiler asks (operation.go):
// order of axes, halo, placement, epilogue, form on bytes, cost, steps. The compiler itself
// does not know which operations there are.
//
// To add one, as batchNorm was added for BatchNormalization in training mode:
//
//  1. Write the reference in package op and name it in its registry.go; test it with
//     numbers worked out by hand, or with those of another engine.
//  2. Write op_name.go: the struct, its lowering, its answers. Most are embedded ones of
//     operation.go. Put it into the table there: the compiler names every answer that is
//     missing.
//  3. Name the lowering in the table of lower.go, under the operator's name.
//  4. Write its step, which emit makes, in package exec.
//  5. Add cases to TestOperatorsOneByOne, which compares every set of kernels, one core and
//     several, with the reference; and a network of package zoo as an exporter writes it.
//     TestZooAgainstReference fails for a kind of step that no network has.
//  6. Look for the operator's name in package passes: what folds or moves it has to know
//     the new form.
//
// # Layout
//
// A value's axes lie in memory in some order. Images are kept channels-last
// (NHWC) whatever the model says: a Transpose between the two only renames axes
// and costs nothing. A value lives in a buffer, a block of the arena: several
// values share a buffer when one is the other reshaped or transposed, a part of a
// concatenation, or computed in place. A buffer has a halo of zero pixels around
// each image as wide as the convolutions that read it pad, so padding costs no
// copy and no branch.
//
// # Bytes
//
// Networks of 8-bit numbers are written out first, as floats that are rounded to
// multiples of a step (package passes, lower_quantize.go). useBytes (bytes.go) then finds
// the values that are quantized and the operations that have a form on bytes, so what a
// model wrote as operators on integers, or as operators on floats between conversions, runs
// the same way. Quantized values lie in the arena as bytes, with the byte for 0 in their
// halos. Operations without a form on bytes compute floats of them.
//
// Such a network gives the same bits on every machine, whatever kernels it runs by
// (Stats.Exact). Sums of products of bytes are exact. The floats that are left are computed
// in one order with one rounding each: the first quantization, what scales sums, means, and
// layers that the model keeps on floats. These run by the direct method with an exact set of
// kernels, because Winograd, Strassen and blocks sum in an order that depends on the kernels.
// Only functions such as softmax or the exponential, where they are computed on floats, and
// reference operators differ in their last bits; then Exact is false (exec.Exact).
//
// # Concurrency
//
// A Program is immutable and shared; a Runner has its own arena and belongs to
// one goroutine at a time. Results do not depend on the runner, on how many
// there are, or on what ran before.
//
// From its second run on, a Runner allocates nothing, unless the plan has reference
// operators, which make a tensor of every result. The usual families of networks have none.
package engine
