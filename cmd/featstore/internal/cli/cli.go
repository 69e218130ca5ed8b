// Package cli is featstore's command line: one file a command, and beside them
// what all commands share: exit codes, errors with hints, JSON, progress and
// what Ctrl-C does.
//
// Results go to standard output; progress, warnings and errors go to standard
// error. Nothing here ends the process: Main returns the exit code.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"featstore/extract/ingest"
	"featstore/store"
)

// Streams are the standard streams of one run of the program.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// An app is one run of the program: its streams and the flags that all commands
// share.
type app struct {
	Streams
	ctx   context.Context // cancelled by the first interrupt
	store string
	json  bool
	quiet bool
	wait  time.Duration // for other processes to let go of the store
	color bool          // standard error shows colours, and NO_COLOR is not set
	mu    sync.Mutex    // held while a line of JSON is written
}

// Main runs the program with its arguments, without its name, and returns the
// exit code.
//
// The first interrupt cancels the context under which the command runs, and
// gives the signal back its usual effect, so that the second one ends the
// process at once.
func Main(args []string, s Streams) int {
	out := &resultWriter{w: s.Out}
	s.Out, s.Err = textWriter{out}, textWriter{newScreen(s.Err)}
	a := &app{Streams: s}
	a.color = isTerminal(s.Err) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	ctx, stop := signal.NotifyContext(ingest.WithArchives(context.Background()), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a.ctx = ctx
	unwatch := context.AfterFunc(ctx, func() {
		stop()
		a.say("stopping after what is under way; a second Ctrl-C ends at once")
	})
	root := newRoot(a)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	nameCommand(err, cmd)
	if lost := out.lost.Load(); err == nil && lost != nil {
		err = fmt.Errorf("write to standard output: %w", *lost)
	}
	interrupted := !unwatch()
	return a.finish(err, interrupted)
}

// Commands returns the commands with their flags and help, for manuals. They are not to be run.
func Commands() *cobra.Command { return newRoot(&app{}) }

func newRoot(a *app) *cobra.Command {
	var showVersion bool
	root := &cobra.Command{
		Use:   "featstore",
		Short: "Train an image classifier from folders of photos, on an ordinary computer",
		Long: `featstore turns folders of labelled photos into an image classifier.

Each photo goes once through a trained network; the vector that comes out is
kept in one file, the store. Training a classifier on the vectors then takes
seconds, as often as you like.

The folder's layout gives the labels: flower_photos/roses/1.jpg is a rose.`,
		Example: `  featstore demo                       # see it work, nothing needed
  featstore ingest ./flower_photos     # photos → vectors in features.db
  featstore train                      # vectors → classifier, with its accuracy
  featstore predict some.jpg           # what is on this photo?`,
		SilenceErrors: true,
		SilenceUsage:  true,

		PersistentPreRunE: checkKernels,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 0:
				return unknownCommand(cmd, args[0])
			case showVersion:
				return a.version()
			}
			return cmd.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{err: err, command: cmd.CommandPath()}
	})
	root.Flags().BoolVar(&showVersion, "version", false, "show which featstore this is")
	flags := root.PersistentFlags()
	flags.StringVar(&a.store, "store", defaultStore(), "the store's file; FEATSTORE_STORE sets another default")
	flags.DurationVar(&a.wait, "wait", store.DefaultTimeout, "how long to wait for another featstore that holds the store, such as 30s or 5m")
	flags.BoolVar(&a.json, "json", false, "machine-readable output, one JSON object a line")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "no progress and no remarks, only results, warnings and errors")
	root.SetHelpCommand(helpCommand())
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddCommand(commands(a)...)
	root.InitDefaultCompletionCmd("completion")
	adaptCompletion(root)
	addCompletions(a, root)
	root.SetUsageTemplate(usageTemplate)
	return root
}

// commands lists the program's commands in the order in which they are used.
func commands(a *app) []*cobra.Command {
	return []*cobra.Command{
		ingestCommand(a), trainCommand(a), finetuneCommand(a), statsCommand(a), evaluateCommand(a), predictCommand(a),
		reportCommand(a), similarCommand(a), clusterCommand(a), nextCommand(a), modelsCommand(a), exportCommand(a), importCommand(a), splitCommand(a),
		forgetCommand(a), compactCommand(a), checkCommand(a), benchCommand(a), demoCommand(a), versionCommand(a),
	}
}

// defaultStore is the store's file where --store is not given.
func defaultStore() string {
	if v := os.Getenv("FEATSTORE_STORE"); v != "" {
		return v
	}
	return "features.db"
}

// A resultWriter remembers that results were lost: on a full disk a command must not
// end as if all were well.
type resultWriter struct {
	w    io.Writer
	lost atomic.Pointer[error] // the first error
}

func (r *resultWriter) Write(b []byte) (int, error) {
	n, err := r.w.Write(b)
	if err != nil {
		r.lost.CompareAndSwap(nil, &err)
	}
	return n, err
}
