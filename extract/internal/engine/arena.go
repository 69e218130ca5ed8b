package engine

import "slices"

// layOut gives every buffer an offset in the arena such that no two buffers that are
// alive at the same step overlap, and returns the arena's length in floats.
// Large buffers are placed first, each at the lowest offset that is free for the
// whole of its life.
func layOut(buffers []*buffer) int {
	bySize := slices.Clone(buffers)
	slices.SortStableFunc(bySize, func(a, b *buffer) int { return b.size - a.size })
	var placed []*buffer // sorted by offset
	total := 0
	for _, r := range bySize {
		off := 0
		for _, q := range placed {
			if q.last < r.first || r.last < q.first {
				continue
			}
			if off+r.size <= q.off {
				break
			}
			off = max(off, q.off+q.size)
		}
		r.off = off
		total = max(total, off+r.size)
		i, _ := slices.BinarySearchFunc(placed, r, func(a, b *buffer) int { return a.off - b.off })
		placed = slices.Insert(placed, i, r)
	}
	return total
}

// measure sets the buffer's size, rounded up to whole cache lines.
func (r *buffer) measure() {
	const line = 16
	w, h := r.w+r.halo.left+r.halo.right, r.h+r.halo.top+r.halo.bottom
	n := r.n * h * w * r.ld
	if r.bytes {
		n = (n + 3) / 4
	}
	r.size = (n + line - 1) / line * line
}
