package kernel

import "unsafe"

// A ByteDepthwise is one call of a depthwise convolution kernel on bytes: N pixels of
// one output row, all channels. Lengths and strides are in bytes.
type ByteDepthwise struct {
	In   []byte // from the first tap of the first pixel, channel 0
	Taps []int  // where each tap lies, from the pixel's first one: PackedTaps.Offsets
	Step int    // from the first tap of one output pixel to that of the next

	W    []int8 // as PackTaps lays them out
	Bias []int32

	Out []byte
	LDO int // from one output pixel to the next

	Requantize

	C int // channels
	N int // pixels

	Columns int // 3 or 5 if the taps are those of 3×3 or 5×5, column by column; else 0
}

// PackedTaps holds the weights of a depthwise convolution in the form that the set's
// kernels read: in blocks of channels, ordered within a block as interleaving the bytes
// of several taps orders them.
type PackedTaps struct {
	kw, taps      int
	order         []int // of the taps; -1 is padding, with weights of zero
	columns       int   // ByteDepthwise.Columns
	w             []int8
	bias          []int32
	scale, offset []float32
	set           *Set
}

// Bytes returns how much memory the packed weights take.
func (p *PackedTaps) Bytes() int { return len(p.w) + 12*len(p.bias) }

// channelBlock is how many channels one vector of bytes has in each of its lanes.
const channelBlock = 16

// channel returns which channel of a block the i-th word of the interleaved vectors
// belongs to: each vector has four channels of every lane.
func (k *byteKernels) channel(i int) int {
	if k.tapPairs { // two vectors of the lower and upper halves of two lanes
		return i%8/4*8 + i/8*4 + i%4
	}
	perVector := 4 * k.lanes
	return i%perVector/4*channelBlock + i/perVector*4 + i%4
}

// tapOrder returns the order in which taps are packed, so many together at a time, and
// ByteDepthwise.Columns. Of 3×3 taps, four at a time, these are the three of a column and
// one of padding, because neighbouring outputs share columns. Of 5×5 taps these are the
// first four of each column, and then those of the last row.
func tapOrder(taps, kw, together int) (order []int, columns int) {
	if taps == 9 && kw == 3 && together == 4 {
		return []int{0, 3, 6, -1, 1, 4, 7, -1, 2, 5, 8, -1}, 3
	}
	if taps == 25 && kw == 5 && together == 4 {
		return []int{0, 5, 10, 15, 1, 6, 11, 16, 2, 7, 12, 17, 3, 8, 13, 18, 4, 9, 14, 19, 20, 21, 22, 23, 24, -1, -1, -1}, 5
	}
	order = make([]int, (taps+together-1)/together*together)
	for i := range order {
		order[i] = i
		if i >= taps {
			order[i] = -1
		}
	}
	return order, 0
}

// Offsets returns ByteDepthwise.Taps, given the distances in bytes from one tap to the
// next and from one row of taps to the next.
func (p *PackedTaps) Offsets(tap, row int) []int {
	offs := make([]int, len(p.order))
	for i, t := range p.order {
		t = max(t, 0) % p.taps
		offs[i] = t/p.kw*row + t%p.kw*tap
	}
	return offs
}

// PackTaps lays out weights given as w.N channels of w.K taps, in rows of kw, for the
// set's kernel. A weight may be the sum of several bytes: each segment has one of them
// for every tap.
func (s *Set) PackTaps(w ByteWeights, kw int) *PackedTaps {
	k := &s.bytes
	block := k.lanes * channelBlock
	row := w.Segments * w.K
	wide := weightBytes(k.tapPairs)
	together := 4 / wide
	order, columns := tapOrder(row, kw, together)
	groups := len(order) / together
	blocks := (w.N + block - 1) / block
	n := blocks * block
	mem := Aligned(3*n + n*groups)
	p := &PackedTaps{kw: kw, taps: w.K, order: order, columns: columns, set: s, scale: mem[n : 2*n : 2*n], offset: mem[2*n : 3*n : 3*n]}
	p.bias = Words(mem[:n])
	b := BytesOf(mem[3*n:])
	p.w = unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(b))), len(b))
	for i := range n {
		c := i/block*block + k.channel(i%block)
		if w.N*2 == block {
			c %= w.N // for two pixels at once
		}
		if c >= w.N {
			continue
		}
		p.bias[i], p.scale[i], p.offset[i] = w.Bias[c], w.Scale[c], w.Offset[c]
		for at, t := range order {
			if t >= 0 {
				word := (i/block*groups+at/together)*block + i%block
				storeWeight(p.w[4*word+at%together*wide:], w.W[c*row+t], k.tapPairs)
			}
		}
	}
	return p
}

// Convolve computes one row. The caller has set everything in d but W, Bias, Scale,
// Offset and Columns.
func (p *PackedTaps) Convolve(d *ByteDepthwise) {
	d.W, d.Bias, d.Scale, d.Offset, d.Columns = p.w, p.bias, p.scale, p.offset, p.columns
	p.set.bytes.depthwise(d)
}

func byteDepthwise(d *ByteDepthwise) {
	for p := range d.N {
		in, out := d.In[p*d.Step:], d.Out[p*d.LDO:][:d.C]
		w := d.W
		for c := 0; c < d.C; c += channelBlock {
			sums, block := [channelBlock]int32(d.Bias[c:]), out[c:min(c+channelBlock, d.C)]
			for t, off := range d.Taps {
				taps := (*[4 * channelBlock]int8)(w[t/4*4*channelBlock:])
				for i, v := range in[off+c:][:len(block)] {
					sums[i%channelBlock] += int32(v) * int32(taps[(4*i+t%4)%len(taps)])
				}
			}
			w = w[len(d.Taps)*channelBlock:]
			for i := range block {
				block[i] = d.at(c+i, sums[i])
			}
		}
	}
}
