package memory

import "slices"

// LayOut gives every buffer an offset in the arena such that no two buffers that are
// alive at the same step overlap, and returns the arena's length in floats.
// Large buffers are placed first, each at the lowest offset that is free for the
// whole of its life.
func LayOut(buffers []*Buffer) int {
	bySize := slices.Clone(buffers)
	slices.SortStableFunc(bySize, func(a, b *Buffer) int { return b.Size - a.Size })
	var placed []*Buffer // sorted by offset
	total := 0
	for _, r := range bySize {
		off := 0
		for _, q := range placed {
			if q.last < r.first || r.last < q.first {
				continue
			}
			if off+r.Size <= q.Off {
				break
			}
			off = max(off, q.Off+q.Size)
		}
		r.Off = off
		total = max(total, off+r.Size)
		i, _ := slices.BinarySearchFunc(placed, r, func(a, b *Buffer) int { return a.Off - b.Off })
		placed = slices.Insert(placed, i, r)
	}
	return total
}

// Used reports whether a step touches the buffer so far.
func (r *Buffer) Used() bool { return r.Size > 0 }

// Use notes that the i-th step touches the buffer.
func (r *Buffer) Use(i int) {
	if !r.Used() {
		r.measure()
		r.first = i
	}
	r.last = max(r.last, i)
}

// measure sets the buffer's size, rounded up to whole cache lines.
func (r *Buffer) measure() {
	const line = 16
	w, h := r.W+r.Halo.Left+r.Halo.Right, r.H+r.Halo.Top+r.Halo.Bottom
	n := r.N * h * w * r.LD
	if r.Bytes {
		n = (n + 3) / 4
	}
	r.Size = (n + line - 1) / line * line
}
