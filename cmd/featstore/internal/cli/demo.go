package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"featstore/cmd/featstore/internal/drawn"
	"featstore/extract"
	"featstore/extract/ingest"
	"featstore/store"
	"featstore/train"
)

// A demo is one showing of the whole way on drawn pictures.
type demo struct {
	*app
	dir  string
	each int
	seed uint64
	nets networkFlags
}

func demoCommand(a *app) *cobra.Command {
	d := demo{app: a, nets: networkFlags{memory: memoryFlag{defaultNetworkMemory}, photos: photoMemoryFlag{defaultPhotoMemory}}}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole way on pictures that are drawn on the spot",
		Long: `Draws pictures of five kinds of flower, then ingests them, trains a classifier,
shows what is in the store and predicts pictures it has not seen. It needs nothing
but this program.

Drawings are easier than photos: the accuracy shows that everything works, and says
nothing about photos. The pictures and the store are left in --dir to look at.

JSON: lines with event "step" (step, command), each followed by what that command
prints with --json.` + storeExits(exitSomeFailed),
		Example: `  featstore demo
  featstore demo --each 100 --dir ./drawings`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if d.each < 1 {
				return usagef("--each %d: want a number of at least 1", d.each)
			}
			if !cmd.Flags().Changed("store") {
				a.store = filepath.Join(d.dir, "features.db")
			}
			return d.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&d.dir, "dir", "drawn-flowers", "folder for the pictures and, unless --store says otherwise, the store")
	flags.IntVar(&d.each, "each", 40, "pictures of each kind")
	flags.Uint64Var(&d.seed, "seed", 1, "another seed draws other pictures")
	flags.StringVar(&d.nets.size, "size", "", "width and height in pixels of what the network sees (default 320)")
	d.nets.registerPrecision(cmd)
	return cmd
}

// run goes the whole way, saying before each step what a user would type.
func (d *demo) run(ctx context.Context) error {
	photos, unseen := filepath.Join(d.dir, "photos"), filepath.Join(d.dir, "unseen")
	d.tell("featstore demo: all pictures here are drawn, not photographed\n")
	d.tell("drawing %s of each of %s into %s", count(d.each, "picture"), strings.Join(drawn.Kinds, ", "), printable(photos))
	if err := drawn.Write(ctx, photos, d.each, d.seed); err != nil {
		return err
	}
	if err := drawn.Write(ctx, unseen, 1, d.seed+1); err != nil {
		return err
	}
	if err := d.step(1, run("ingest", argument(photos)), "each picture goes through the network once; its vector is kept", func(db *store.DB) error {
		return d.ingest(ctx, db, photos, &d.nets, ingest.Options{})
	}); err != nil {
		return err
	}
	d.announce(2, run("train", "--eval-every", "500"), "a classifier is trained on the vectors")
	cfg := train.DefaultConfig()
	cfg.EvalEvery = 500
	if err := d.train(ctx, cfg, nil, defaultHead); err != nil {
		return err
	}
	if err := d.step(3, run("stats"), "what is in the store now", func(db *store.DB) error {
		s, err := d.gatherStats(db)
		if err != nil {
			return err
		}
		if d.json {
			return d.emit(s)
		}
		d.printStats(s, false)
		return nil
	}); err != nil {
		return err
	}
	return d.predictUnseen(ctx, unseen)
}

func (d *demo) predictUnseen(ctx context.Context, unseen string) error {
	d.announce(4, run("predict", argument(unseen)), "pictures that the classifier has not seen")
	p, err := d.newPredictor([]string{defaultHead}, nil, extract.ModelLimits{})
	if err != nil {
		return err
	}
	p.top = 3
	if err := p.all(ctx, photoSource{app: d.app, args: []string{unseen}}, 0); err != nil {
		return err
	}
	d.tell("\nThat was all of it. For your own photos, make a folder that holds a folder of\nphotos for each label, and run:\n\n  featstore ingest ./your_photos\n  featstore train\n  featstore predict some.jpg")
	return nil
}

// step announces a command and carries it out on the demo's store.
func (d *demo) step(n int, command command, what string, do func(*store.DB) error) error {
	d.announce(n, command, what)
	return d.withStore(store.Options{Create: n == 1}, do)
}

func (d *demo) announce(n int, command command, what string) {
	text := d.complete(command)
	if d.json {
		_ = d.emit(struct {
			Event   string `json:"event"`
			Step    int    `json:"step"`
			Command string `json:"command"`
		}{"step", n, text})
		return
	}
	d.tell("\n%d. %s\n$ %s\n", n, what, printable(text))
}

// tell writes the demo's own words, which are part of its result.
func (d *demo) tell(format string, args ...any) {
	if !d.json {
		fmt.Fprintf(d.Out, format+"\n", args...)
	}
}
