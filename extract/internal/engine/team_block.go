package engine

// blockStages are how several hands share the rows of a block that takes an image as a
// whole, channels by channels: a hand with rows of its own would expand the rows around
// them again, which is half as much again where images are small. They share the
// expansion of a chunk by panels and rows, the depthwise convolution by rows and the
// projection by pixels.
type blockStages struct {
	blockRun
	stage, chunk int
}

const (
	expandChunk = iota
	convolveChunk
	projectChunk
	endOfChunk
)

func (s *blockStep) runTeam(r *Runner, t *team) bool {
	if s.expand == nil || s.project == nil || s.strip < s.h {
		return false
	}
	g := &t.block
	for n := range s.out.n {
		g.blockRun = blockRun{blockStep: s, r: r, h: &r.hands[0], n: n}
		g.allocate(s.h)
		for g.chunk = range s.chunks {
			g.freshRing(g.chunk)
			for g.stage = expandChunk; g.stage < endOfChunk; g.stage++ {
				t.do(g)
			}
		}
	}
	return true
}

// size is how many lines the stage has: panels × rows, rows, or pixels.
func (g *blockStages) size() int {
	switch g.stage {
	case expandChunk:
		panels := g.panels[g.chunk]
		return (panels[1] - panels[0]) * g.expandedRows()
	case convolveChunk:
		return g.blockStep.h
	}
	return g.blockStep.h * g.w
}

func (g *blockStages) runLines(r *Runner, h *hand, from, to int) {
	b := g.blockRun
	b.h = h
	switch g.stage {
	case expandChunk:
		b.expandLines(g.chunk, from, to)
	case convolveChunk:
		b.depthwiseRows(g.chunk, from, to)
	case projectChunk:
		if !g.densely() { // whole rows
			from, to = (from+g.w-1)/g.w*g.w, (to+g.w-1)/g.w*g.w
		}
		if from < to {
			b.projectPixels(g.chunk, from, to)
		}
	}
}

// expandedRows is how many rows of the input the block needs.
func (s *blockStep) expandedRows() int {
	d := s.depthwise
	return min((s.h-1)*d.sh-d.pad.top+(d.kh-1)*d.dh+1, s.in.h)
}

// expandLines computes lines [from, to) of a chunk: each panel has as many as the
// block needs rows.
func (b *blockRun) expandLines(i, from, to int) {
	s, rows := b.blockStep, b.expandedRows()
	c0, c := s.chunks[i][0], s.chunks[i][1]-s.chunks[i][0]
	_, _, done := s.expand.act.Bounds()
	for from < to {
		p, y := s.panels[i][0]+from/rows, from%rows
		end := min(rows, y+to-from)
		b.expandPanel(i, p, y, end)
		from += end - y
		for q := &s.wide.Panels[p]; y < end && !done; y++ {
			row := b.slot(i, y%s.ring.slots)[s.ring.left*c+q.Col-c0:]
			for x := range s.in.w {
				b.r.set.Apply(s.expand.act, row[x*c:][:q.Cols])
			}
		}
	}
}
