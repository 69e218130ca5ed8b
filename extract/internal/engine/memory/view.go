package memory

// Borders counts pixels around an image.
type Borders struct{ Top, Left, Bottom, Right int }

func (b Borders) Empty() bool { return b == Borders{} }

func (b Borders) Union(o Borders) Borders {
	return Borders{max(b.Top, o.Top), max(b.Left, o.Left), max(b.Bottom, o.Bottom), max(b.Right, o.Right)}
}

// A Buffer is a block of the arena: n images of h×w pixels of ld floats, or bytes, with
// a halo of zero pixels around every image.
type Buffer struct {
	N, H, W, LD int
	Halo        Borders
	Bytes       bool
	Zero        byte // what the halo of bytes holds
	Plain       bool // a reshaped value lies in it too: must not get a halo

	first, last int // the steps between which it is alive
	Off, Size   int // in the arena, in floats

	Constant []float32 // the values of a constant, which lies outside the arena
	Input    bool      // it is the caller's input, in the caller's memory
}

// A View is where a value lies: a range of channels of all pixels of a buffer, or
// a whole buffer seen with other dimensions. Axes beyond the three innermost ones
// count as images. Where the buffer is one of bytes, they count in the place of floats.
type View struct {
	Buffer     *Buffer
	N, H, W, C int
	LD         int // floats from one pixel to the next
	Ch         int // first channel

	Strided            bool // a view with strides of its own, in a buffer without halo
	Base               int  // its first float
	RowStep, ImageStep int
}

// Row is how many floats lie between the beginnings of two rows of pixels.
func (p *View) Row() int {
	if p.Strided {
		return p.RowStep
	}
	return (p.W + p.Buffer.Halo.Left + p.Buffer.Halo.Right) * p.LD
}

// image is how many floats lie between the beginnings of two images.
func (p *View) image() int {
	if p.Strided {
		return p.ImageStep
	}
	return (p.H + p.Buffer.Halo.Top + p.Buffer.Halo.Bottom) * p.Row()
}

// At returns the float, from the buffer's beginning, of the first channel of a
// pixel; y and x may lie in the halo.
func (p *View) At(n, y, x int) int {
	if p.Strided {
		return p.Base + n*p.ImageStep + y*p.RowStep + x*p.LD
	}
	return n*p.image() + (y+p.Buffer.Halo.Top)*p.Row() + (x+p.Buffer.Halo.Left)*p.LD + p.Ch
}

// Dense reports whether rows of pixels follow each other without a halo.
func (p *View) Dense() bool { return !p.Strided && p.Buffer.Halo.Empty() }

// Contiguous reports whether the values follow each other without any gap.
func (p *View) Contiguous() bool { return p.Dense() && p.LD == p.C }

func (p *View) Len() int { return p.N * p.H * p.W * p.C }
