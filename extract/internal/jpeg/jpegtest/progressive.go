package jpegtest

// progressiveScans writes first approximations and their refinements.
func (p *Picture) progressiveScans(w *Writer) {
	for _, how := range []pass{
		{0, 0, 0, 1, (*Writer).dcFirst},
		{1, 5, 0, 2, (*Writer).acFirst},
		{6, 63, 0, 1, (*Writer).acFirst},
		{1, 5, 2, 1, (*Writer).acRefine},
		{0, 0, 1, 0, (*Writer).dcRefine},
		{1, 63, 1, 0, (*Writer).acRefine},
	} {
		p.scans(w, how)
	}
}

func (w *Writer) dcRefine(b *[64]int16, _ *int, p pass) { w.Bits(uint32(b[0]>>p.low)&1, 1) }

// acRefine codes one more bit of coefficients (T.81 G.1.2.3): the bits of those
// known to be other than zero follow the code of the next one that becomes so.
func (w *Writer) acRefine(b *[64]int16, _ *int, p pass) {
	lastNew := 0
	for k := p.first; k <= p.last; k++ {
		if v := shifted(b[k], p.low); v == 1 || v == -1 {
			lastNew = k
		}
	}
	run := 0
	var corrections []uint32
	flush := func() {
		for _, bit := range corrections {
			w.Bits(bit, 1)
		}
		corrections = corrections[:0]
	}
	for k := p.first; k <= p.last; k++ {
		v := shifted(b[k], p.low)
		if v == 0 {
			run++
			continue
		}
		for ; run > 15 && k <= lastNew; run -= 16 {
			w.symbol(1, 0xf0)
			flush()
		}
		if v > 1 || v < -1 {
			corrections = append(corrections, uint32(max(v, -v)&1))
			continue
		}
		w.symbol(1, uint(run)<<4|1)
		w.Bits(uint32((v+1)/2), 1)
		flush()
		run = 0
	}
	if run > 0 || len(corrections) > 0 {
		w.symbol(1, 0)
		flush()
	}
}
