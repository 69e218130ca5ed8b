package exec

// blockStages are how several workers share the rows of a block that takes an image as a
// whole, channels by channels: a worker with rows of its own would expand the rows around
// them again, which is half as much again where images are small. They share the
// expansion of a chunk by rows and panels, the depthwise convolution by rows and the
// projection by pixels, each worker at about the same place of the image.
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

func (s *Block) Shares(int) bool { return s.expand != nil && s.strip >= s.h }

func (s *Block) runParallel(r *Runner, t *workerPool) {
	g, end := &t.block, endOfChunk
	if s.project == nil {
		end = projectChunk
	}
	for n := range s.out.N {
		g.blockRun = blockRun{Block: s, r: r, h: &r.workers[0], n: n}
		g.allocate(s.h)
		for g.chunk = range s.chunks {
			g.freshRing(g.chunk)
			for g.stage = expandChunk; g.stage < end; g.stage++ {
				t.do(g)
			}
		}
	}
}

// size is how many lines the stage has: panels × rows, rows, or pixels.
func (g *blockStages) size() int {
	switch g.stage {
	case expandChunk:
		panels := g.panels[g.chunk]
		return (panels[1] - panels[0]) * g.expandedRows()
	case convolveChunk:
		return g.Block.h
	}
	return g.Block.h * g.w
}

func (g *blockStages) runLines(r *Runner, h *worker, from, to int) {
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
func (s *Block) expandedRows() int {
	d := s.depthwise
	return min((s.h-1)*d.SH-d.Pad.Top+(d.KH-1)*d.DH+1, s.in.H)
}

// expandLines computes lines [from, to) of a chunk: each row has as many as the chunk
// has panels. Whole rows are computed panel by panel.
func (b *blockRun) expandLines(i, from, to int) {
	panels := b.panels[i][1] - b.panels[i][0]
	first, last := (from+panels-1)/panels, to/panels
	if first > last { // a piece of one row
		b.expandPiece(i, last, from%panels, to%panels)
		return
	}
	b.expandPiece(i, first-1, panels-(first*panels-from), panels)
	b.expandRows(i, first, last)
	b.expandPiece(i, last, 0, to%panels)
}

// expandPiece computes panels [from, to) of the chunk in one row.
func (b *blockRun) expandPiece(i, y, from, to int) {
	s := b.Block
	c0, c := s.chunks[i][0], s.chunks[i][1]-s.chunks[i][0]
	_, _, done := s.expand.Act.Bounds()
	for p := s.panels[i][0] + from; p < s.panels[i][0]+to; p++ {
		b.expandPanel(i, p, y, y+1)
		q := &s.expandWeights.Panels[p]
		row := b.slot(i, y%s.ring.slots)[s.ring.left*c+q.Col-c0:]
		for x := 0; x < s.in.W && !done; x++ {
			b.r.set.Apply(s.expand.Act, row[x*c:][:q.Cols])
		}
	}
}
