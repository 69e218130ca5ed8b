package engine

// toomStages are how several hands share a block of a toomStep of which each hand
// would get few rows of tiles, and would have to read all the weights for them: they
// share the rows into the points, then the points, then the rows of outputs.
type toomStages struct {
	toomRun
	stage    int
	from, to int // rows of tiles
}

const (
	intoPoints = iota
	multiplyPoints
	backToOutputs
	endOfStages
)

func (s *toomStep) runTeam(r *Runner, t *team) bool {
	if s.size() >= len(r.hands)*s.perBlock*2 {
		return false // every hand gets blocks of its own
	}
	g := &t.toom
	g.toomRun = toomRun{toomStep: s, r: r, h: &r.hands[0]}
	g.allocate()
	for g.from = 0; g.from < s.size(); g.from += s.perBlock {
		g.to = min(g.from+s.perBlock, s.size())
		for g.stage = intoPoints; g.stage < endOfStages; g.stage++ {
			t.do(g)
		}
	}
	return true
}

func (g *toomStages) size() int {
	if g.stage == multiplyPoints {
		return len(g.packed)
	}
	return g.to - g.from
}

func (g *toomStages) runLines(r *Runner, h *hand, from, to int) {
	b := g.toomRun
	if h != b.h {
		b.h, b.rows = h, h.buffer(len(b.rows))
	}
	switch g.stage {
	case intoPoints:
		for i := from; i < to; i++ {
			b.toPoints(g.from+i, i)
		}
	case multiplyPoints:
		b.multiply((g.to-g.from)*b.fast.tilesX, from, to)
	case backToOutputs:
		for i := from; i < to; i++ {
			b.toOutputs(g.from+i, i)
		}
	}
}
