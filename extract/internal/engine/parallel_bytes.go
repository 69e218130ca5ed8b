package engine

// bytePanels are convPanels of bytes.
type bytePanels struct{ *byteConvStep }

func (s *byteConvStep) runParallel(r *Runner, t *workerPool) bool {
	if !s.byPanels(len(s.panels[0].Panels), len(r.workers)) {
		return false
	}
	t.bytes.byteConvStep = s
	t.do(&t.bytes)
	return true
}

func (g *bytePanels) size() int { return len(g.panels[0].Panels) }

func (g *bytePanels) runLines(r *Runner, h *worker, from, to int) {
	for ; from < to; from++ {
		q := &g.panels[0].Panels[from]
		for line := 0; line < g.lines; line += g.perBlock {
			g.panel(r, h, 0, q, line, min(line+g.perBlock, g.lines))
		}
	}
}
