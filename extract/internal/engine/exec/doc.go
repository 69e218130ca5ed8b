// Package exec runs plans: sequences of steps that work on buffers of one arena.
//
// A step is a plain struct that says what to compute, from which views to which. Those
// with weights have constructors, which pack them for the kernels. A [Plan] holds the
// steps and is shared; a [Runner] has an arena of its own and runs the plan, by one
// worker or by a pool of them. Most steps consist of lines, rows of pixels mostly, which
// workers share; a [ParallelStep] may share its work in a better way.
//
// Convolutions run by the direct method, by Winograd (winograd.go) or by Strassen
// (strassen.go), depthwise ones with their neighbours as blocks (block.go), those of 8-bit
// numbers on bytes (bytes.go). What has no fast step is a [Reference]. Package engine
// decides which.
package exec
