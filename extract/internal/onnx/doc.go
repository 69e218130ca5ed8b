// Package onnx reads ONNX models: bytes in, a graph.Graph out.
//
// The work is shared between github.com/owulveryck/onnx-go and a scan of our own,
// because each lacks something.
//
// onnx-go decodes the nodes: which values each reads and writes, in which order,
// and the attributes of plain kinds. It stands behind a minimal backend (see
// recorder) whose values carry no tensors.
//
// The scan walks the protobuf messages itself. It exists for three reasons.
// It reads what onnx-go has no place for: operator set versions, domains,
// metadata, the symbols of dimensions, graphs inside nodes, local functions,
// external data. It reads the tensors: onnx-go knows five element types, copies
// every weight at least twice and gets bools wrong, while here the weights stay in
// place in the file. And it makes hostile files harmless: every length, count, depth and
// dimension is checked against Limits before anything is allocated. onnx-go panics on
// some files, and deeply nested messages exhaust its stack, which no recover can catch.
//
// So onnx-go does not see the file but a skeleton that the scan writes for it: one
// flat graph with the names of its inputs and outputs and its nodes, without
// tensors, inner graphs, initializers and function calls. That is a few kilobytes
// even for large models, which is also why reading takes a millisecond or so
// besides the time to copy the weights that do not lie aligned. Each graph inside a
// node gets a skeleton of its own. The two halves are then merged node by node, and
// any difference in what both have read is an error.
//
// Parse promises about the graph: each value has one origin, every value that is read
// exists, nodes come after the nodes that they read from, inputs that are also
// initializers are not inputs, shapes and values agree, and calls of local functions are
// inlined. It does not check operators. Whoever runs the graph does, so an unknown one
// does no harm if its result is not needed.
package onnx
