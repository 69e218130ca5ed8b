package exec

// bytePanels are convPanels of bytes.
type bytePanels struct{ *ByteConv }

func (s *ByteConv) Shares(workers int) bool { return s.byPanels(len(s.panels[0].Panels), workers) }

func (s *ByteConv) runParallel(_ *Runner, t *workerPool) {
	t.bytes.ByteConv = s
	t.do(&t.bytes)
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
