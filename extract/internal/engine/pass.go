package engine

// A compilerPass changes the net as a whole.
type compilerPass struct {
	name string
	run  func() error
}

// run runs passes one after the other; check, if there is one, sees the net after each.
func (g *net) run(check func(pass string, g *net) error, passes []compilerPass) error {
	for _, p := range passes {
		if err := p.run(); err != nil {
			return err
		}
		if check == nil {
			continue
		}
		if err := check(p.name, g); err != nil {
			return err
		}
	}
	return nil
}

// inTurn makes one of functions that cannot fail.
func inTurn(functions ...func()) func() error {
	return func() error {
		for _, f := range functions {
			f()
		}
		return nil
	}
}
