package jpegtest

// Encode writes the file.
func (p *Picture) Encode() []byte {
	w := &Writer{Out: []byte{0xff, SOI}}
	quant := []byte{0}
	for _, q := range p.Quant {
		if p.WideQuant {
			quant[0] = 0x10
			quant = append(quant, byte(q>>8))
		}
		quant = append(quant, byte(q))
	}
	w.Segment(DQT, quant...)
	frame := []byte{8, byte(p.Height >> 8), byte(p.Height), byte(p.Width >> 8), byte(p.Width), byte(len(p.H))}
	for c := range p.H {
		frame = append(frame, p.id(c), byte(p.H[c]<<4|p.V[c]), 0)
	}
	kind := byte(SOF1)
	if p.Progressive {
		kind = SOF2
	}
	w.Segment(kind, frame...)
	w.tables(p.LongCodes)
	if p.Restart > 0 {
		w.Segment(DRI, byte(p.Restart>>8), byte(p.Restart))
	}
	if p.Progressive {
		p.progressiveScans(w)
	} else {
		p.scans(w, pass{last: 63, code: (*Writer).sequential})
	}
	return append(w.Out, 0xff, EOI)
}

func (p *Picture) id(c int) byte {
	if p.IDs != nil {
		return p.IDs[c]
	}
	return byte(c + 1)
}

// A pass says what of all blocks a scan codes, and how.
type pass struct {
	first, last, high, low int // spectral selection, successive approximation
	code                   func(w *Writer, b *[64]int16, pred *int, p pass)
}

// scans writes a pass over all components, in one scan if it may be.
func (p *Picture) scans(w *Writer, how pass) {
	if p.Interleaved && how.first == 0 && p.MCUBlocks() <= maxMCUBlocks {
		all := make([]int, len(p.H))
		for c := range all {
			all[c] = c
		}
		p.scan(w, all, how)
		return
	}
	for c := range p.H {
		p.scan(w, []int{c}, how)
	}
}

func (p *Picture) scan(w *Writer, comps []int, how pass) {
	head := []byte{byte(len(comps))}
	for _, c := range comps {
		head = append(head, p.id(c), 0)
	}
	w.Segment(SOS, append(head, byte(how.first), byte(how.last), byte(how.high<<4|how.low))...)
	var pred [4]int
	maxH, maxV := p.Max()
	mcusX, mcusY := ceilDiv(p.Width, 8*maxH), ceilDiv(p.Height, 8*maxV)
	if len(comps) == 1 {
		_, _, mcusX, mcusY = p.Blocks(comps[0])
	}
	for mcu := range mcusX * mcusY {
		if p.Restart > 0 && mcu > 0 && mcu%p.Restart == 0 {
			w.Align()
			w.Out = append(w.Out, 0xff, byte(RST0+(mcu/p.Restart-1)%8))
			pred = [4]int{}
		}
		for _, c := range comps {
			padX, _, _, _ := p.Blocks(c)
			h, v := p.H[c], p.V[c]
			if len(comps) == 1 {
				h, v = 1, 1
			}
			for y := range v {
				for x := range h {
					how.code(w, &p.Coef[c][(mcu/mcusX*v+y)*padX+mcu%mcusX*h+x], &pred[c], how)
				}
			}
		}
	}
	w.Align()
}

// category is a value's number of bits, and these bits as JPEG codes them.
func category(v int) (size uint, bits uint32) {
	a := max(v, -v)
	for ; a>>size > 0; size++ {
	}
	if v < 0 {
		v += 1<<size - 1
	}
	return size, uint32(v)
}

// sequential codes a whole block (T.81 F.1.2).
func (w *Writer) sequential(b *[64]int16, pred *int, _ pass) {
	w.dcFirst(b, pred, pass{})
	w.acFirst(b, nil, pass{first: 1, last: 63})
}

// dcFirst codes the difference of DC coefficients without their lowest bits.
func (w *Writer) dcFirst(b *[64]int16, pred *int, p pass) {
	dc := int(b[0]) >> p.low
	size, bits := category(dc - *pred)
	*pred = dc
	w.symbol(0, size)
	w.Bits(bits, size)
}

// acFirst codes coefficients without their lowest bits. Every block ends by
// itself: there are no runs of ends.
func (w *Writer) acFirst(b *[64]int16, _ *int, p pass) {
	run := 0
	for k := p.first; k <= p.last; k++ {
		v := shifted(b[k], p.low)
		if v == 0 {
			run++
			continue
		}
		for ; run > 15; run -= 16 {
			w.symbol(1, 0xf0)
		}
		size, bits := category(v)
		w.symbol(1, uint(run)<<4|size)
		w.Bits(bits, size)
		run = 0
	}
	if run > 0 {
		w.symbol(1, 0)
	}
}

// shifted is v without its lowest bits, rounded towards zero.
func shifted(v int16, low int) int {
	if v < 0 {
		return -(-int(v) >> low)
	}
	return int(v) >> low
}
