package exec

// winogradStages are how several workers share a block of a Winograd of which each worker
// would get few rows of tiles, and would have to read all the weights for them: they
// share the rows into the points, then the points, then the rows of outputs. A row may
// be cut into two halves of its channels.
type winogradStages struct {
	winogradRun
	stage    int
	from, to int // rows of tiles
}

const (
	intoPoints = iota
	multiplyPoints
	backToOutputs
	endOfStages
)

// Shares reports whether there are too few blocks for every worker to have its own.
func (s *Winograd) Shares(workers int) bool { return s.size() < workers*s.perBlock*2 }

func (s *Winograd) runParallel(r *Runner, t *workerPool) {
	g := &t.winograd
	g.winogradRun = winogradRun{Winograd: s, r: r, h: &r.workers[0]}
	g.allocate()
	for g.from = 0; g.from < s.size(); g.from += s.perBlock {
		g.to = min(g.from+s.perBlock, s.size())
		for g.stage = intoPoints; g.stage < endOfStages; g.stage++ {
			t.do(g)
		}
	}
}

// size is how many lines the stage has: halves of rows, or points.
func (g *winogradStages) size() int {
	switch g.stage {
	case intoPoints:
		return (g.to - g.from) * channelParts(g.CIn)
	case multiplyPoints:
		return len(g.packed)
	}
	return (g.to - g.from) * channelParts(g.COut)
}

// channelParts is in how many parts so many channels are cut: whole vectors, because the
// last channels of others may be computed in another way, with another rounding.
func channelParts(channels int) int {
	if channels < 64 || channels%16 != 0 {
		return 1
	}
	return 2
}

// channelPart returns the row and the channels of line l.
func channelPart(l, channels int) (row, from, to int) {
	n := channelParts(channels)
	middle := (channels/2 + 15) &^ 15
	switch {
	case n == 1:
		return l, 0, channels
	case l%n == 0:
		return l / n, 0, middle
	}
	return l / n, middle, channels
}

func (g *winogradStages) runLines(r *Runner, h *worker, from, to int) {
	b := g.winogradRun
	if h != b.h {
		b.h, b.rows = h, h.scratch(len(b.rows))
	}
	switch g.stage {
	case intoPoints:
		for l := from; l < to; l++ {
			i, first, end := channelPart(l, b.CIn)
			b.toPoints(g.from+i, i, first, end)
		}
	case multiplyPoints:
		b.multiply((g.to-g.from)*b.tiling.TilesX, from, to)
	case backToOutputs:
		for l := from; l < to; l++ {
			i, first, end := channelPart(l, b.COut)
			b.toOutputs(g.from+i, i, first, end)
		}
	}
}
