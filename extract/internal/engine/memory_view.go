package engine

// borders counts pixels around an image.
type borders struct{ top, left, bottom, right int }

func (b borders) zero() bool { return b == borders{} }

func (b borders) union(o borders) borders {
	return borders{max(b.top, o.top), max(b.left, o.left), max(b.bottom, o.bottom), max(b.right, o.right)}
}

// A buffer is a block of the arena: n images of h×w pixels of ld floats, or bytes, with
// a halo of zero pixels around every image.
type buffer struct {
	n, h, w, ld int
	halo        borders
	bytes       bool
	zero        byte // what the halo of bytes holds
	plain       bool // reshaped by somebody: must not get a halo

	first, last int // the steps between which it is alive
	off, size   int // in the arena, in floats

	constant []float32 // the values of a constant, which lies outside the arena
	input    bool      // it is the caller's input, in the caller's memory
}

// A view is where a value lies: a range of channels of all pixels of a buffer, or
// a whole buffer seen with other dimensions. Axes beyond the three innermost ones
// count as images. Where the buffer is one of bytes, they count in the place of floats.
type view struct {
	buffer     *buffer
	n, h, w, c int
	ld         int // floats from one pixel to the next
	ch         int // first channel

	strided            bool // a view with strides of its own, in a buffer without halo
	base               int  // its first float
	rowStep, imageStep int
}

// row and image are the floats from one row of pixels, or image, to the next.
func (p *view) row() int {
	if p.strided {
		return p.rowStep
	}
	return (p.w + p.buffer.halo.left + p.buffer.halo.right) * p.ld
}

func (p *view) image() int {
	if p.strided {
		return p.imageStep
	}
	return (p.h + p.buffer.halo.top + p.buffer.halo.bottom) * p.row()
}

// at returns the float, from the buffer's beginning, of the first channel of a
// pixel; y and x may lie in the halo.
func (p *view) at(n, y, x int) int {
	if p.strided {
		return p.base + n*p.imageStep + y*p.rowStep + x*p.ld
	}
	return n*p.image() + (y+p.buffer.halo.top)*p.row() + (x+p.buffer.halo.left)*p.ld + p.ch
}

// dense reports whether rows of pixels follow each other without a halo.
func (p *view) dense() bool { return !p.strided && p.buffer.halo.zero() }

// contiguous reports whether the values follow each other without any gap.
func (p *view) contiguous() bool { return p.dense() && p.ld == p.c }

func (p *view) len() int { return p.n * p.h * p.w * p.c }
