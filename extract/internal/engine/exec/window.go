package exec

import "featstore/extract/internal/engine/memory"

// A Window is how a convolution or pooling moves over an image: pairs for height
// and width. A one-dimensional one has height 1.
type Window struct {
	Kernel, Stride, Dilation [2]int
	Pad                      memory.Borders
}
