package onnx

// Limits bound what a model may cost to read. A field that is 0 has its default.
type Limits struct {
	// MaxBytes is the size of the model file. Default 2 GiB, the most that
	// protobuf allows.
	MaxBytes int64
	// MaxNodes counts the nodes of all graphs, those of local functions once
	// for every call. Default 131,072; the largest classifiers have some 10,000.
	MaxNodes int
	// MaxItems counts names, attributes, tensors, inputs and other entries
	// that take more memory than they take bytes in the file. Default 1,048,576.
	MaxItems int
	// MaxDepth is how deeply graphs and calls of local functions may lie
	// inside one another. Default 64.
	MaxDepth int
	// MaxTensorBytes is the size of all tensors together, those in external
	// files included. Default 4 GiB.
	MaxTensorBytes int64
}

// DefaultLimits returns the limits that hold where none are given.
func DefaultLimits() Limits {
	return Limits{
		MaxBytes:       2<<30 - 1,
		MaxNodes:       1 << 17,
		MaxItems:       1 << 20,
		MaxDepth:       64,
		MaxTensorBytes: 4 << 30,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	if l.MaxBytes > 0 {
		d.MaxBytes = l.MaxBytes
	}
	if l.MaxNodes > 0 {
		d.MaxNodes = l.MaxNodes
	}
	if l.MaxItems > 0 {
		d.MaxItems = l.MaxItems
	}
	if l.MaxDepth > 0 {
		d.MaxDepth = l.MaxDepth
	}
	if l.MaxTensorBytes > 0 {
		d.MaxTensorBytes = l.MaxTensorBytes
	}
	return d
}

// maxNameBytes bounds the names that inlining local functions makes: every call gets
// names of its own, and the file decides on the names and the number of calls.
const maxNameBytes = 64 << 20

// maxEdges and maxNodeEdges bound the edges that onnx-go makes of a model and of a node,
// one for each pair of an output and an input: without them, a few megabytes of names
// make 10^12 edges.
const (
	maxEdges     = 1 << 20
	maxNodeEdges = 1 << 16
)

// A budget is the part of the Limits that is not used up.
type budget struct {
	Limits
	nodes, items, edges int
	tensorBytes         int64
	nameBytes           int
}

func (b *budget) node() error {
	if b.nodes++; b.nodes > b.MaxNodes {
		return wrong(ErrTooLarge, "more than %d nodes", b.MaxNodes)
	}
	return nil
}

func (b *budget) item() error {
	if b.items++; b.items > b.MaxItems {
		return wrong(ErrTooLarge, "more than %d names, attributes and tensors", b.MaxItems)
	}
	return nil
}

func (b *budget) depth(d int) error {
	if d > b.MaxDepth {
		return wrong(ErrTooLarge, "graphs or function calls nested more than %d deep", b.MaxDepth)
	}
	return nil
}

func (b *budget) edge(inputs, outputs int) error {
	if b.edges += inputs * outputs; b.edges > maxEdges || inputs*outputs > maxNodeEdges {
		return wrong(ErrTooLarge, "%d inputs times %d outputs", inputs, outputs)
	}
	return nil
}

func (b *budget) tensor(bytes int64) error {
	if b.tensorBytes += bytes; b.tensorBytes > b.MaxTensorBytes {
		return wrong(ErrTooLarge, "tensors of more than %d bytes in all", b.MaxTensorBytes)
	}
	return nil
}

func (b *budget) name(bytes int) error {
	if b.nameBytes += bytes; b.nameBytes > maxNameBytes {
		return wrong(ErrTooLarge, "more than %d bytes of names in local functions", maxNameBytes)
	}
	return nil
}
