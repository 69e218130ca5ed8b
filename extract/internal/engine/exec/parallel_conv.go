package exec

// convPanels are how several workers share a product whose weights take far more memory
// than what it reads and writes: each worker takes panels of outputs, and reads only
// their weights.
type convPanels struct{ *Conv }

const (
	panelsAWorker = 4 // at least, so that all workers get nearly as many columns
	mostlyWeight  = 4 // times as many floats as those of input and output
)

// byPanels reports whether to share so many panels of one product among workers.
func (s *Conv) byPanels(panels, workers int) bool {
	return s.Group == 1 && panels >= panelsAWorker*workers && s.depth()*s.COut >= mostlyWeight*(s.in.Len()+s.out.Len())
}

func (s *Conv) Shares(workers int) bool { return s.byPanels(len(s.packed[0].Panels), workers) }

func (s *Conv) runParallel(_ *Runner, t *workerPool) {
	t.panels.Conv = s
	t.do(&t.panels)
}

func (g *convPanels) size() int { return len(g.packed[0].Panels) }

func (g *convPanels) runLines(r *Runner, h *worker, from, to int) {
	for ; from < to; from++ {
		q := &g.packed[0].Panels[from]
		for line := 0; line < g.lines; line += g.perBlock {
			end := min(line+g.perBlock, g.lines)
			g.panel(r, h, 0, q, line, end)
			if g.post {
				g.activate(r, line, end, q.Col, q.Cols)
			}
		}
	}
}
