package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"featstore/extract"
	"featstore/extract/userfile"
	"featstore/store"
	"featstore/train"
)

// A quantizing is what the command line asks for.
type quantizing struct {
	nets      networkFlags
	photos    string
	to        string
	calibrate int
	decibels  float64
	workers   int
	layers    bool
	compare   bool // accuracy, on the photos of the store
	cv        train.CVOptions
}

// usualCalibration is how many photos ranges are measured on.
const usualCalibration = 64

func quantizeCommand(a *app) *cobra.Command {
	var q quantizing
	cmd := &cobra.Command{
		Use:   "quantize FILE|default --photos FOLDER -o FILE",
		Short: "Turn a network into one of 8-bit numbers, which is faster",
		Long: `Turns an ONNX network of floats into one that computes with 8-bit numbers, and says
what that loses. The result is an ONNX file with QuantizeLinear and DequantizeLinear,
up to the bottleneck, which ONNX Runtime and OpenVINO run too. How photos are prepared
stands in the file: ingest --model needs no further flags.

Weights become 8-bit numbers with a scale for each output of a layer. The ranges of the
values between layers are measured on photos of --photos, evenly taken from all below
it: labels do not matter, but photos like those that the network will see do. For each
tensor the best is chosen of minimum and maximum, two percentiles and the range of the
least squared error, by the error that the next layers see. Where the channels before a
depthwise convolution differ much they are scaled alike, and biases make up for the mean
error. Layers whose signal is less than --decibels above the error stay in float. The same
photos give the same file, on any number of workers.

As many photos as are calibrated on are then looked at by both networks, if there are
that many more: the cosine of the features shows what is lost. With --store, the photos
of that store are ingested with both networks into a store that is thrown away, and the
accuracies of logistic regression on both are compared by cross-validation.

--layers lists all layers: the range of the result and how it was chosen, and three
ratios of signal to noise in decibels: with rounded weights alone, of rounding the result
alone, and with all that went wrong before. 20 decibels are an error of a tenth, 40 of a
hundredth; 99 stands for none.

The flags for networks are those of ingest:

` + settingsHelp() + `

JSON: lines with event "progress" and "network" as ingest has them, one with event
"quantized": path, bytes, name, layers (name, operation, output, float, range, low, high,
equalised, weights_decibels, output_decibels, total_decibels), in_float, calibrated,
compared, cosine (mean, least), failed (path, error); with --store one with event
"comparison", as evaluate --cv has it.` + storeExits(exitSomeFailed),
		Example: `  featstore models quantize net.onnx --photos ./flower_photos -o net.int8.onnx
  featstore models quantize net.onnx --preprocess imagenet --photos ./flower_photos -o net.int8.onnx --layers
  featstore models quantize default --photos ./flower_photos -o lite0.int8.onnx --store features.db`,
		Args: args(1, 1, "an ONNX file, or \"default\" for the embedded network"),
		RunE: func(cmd *cobra.Command, args []string) error {
			q.compare = cmd.Flags().Changed("store")
			if err := q.sensible(cmd); err != nil {
				return err
			}
			return a.quantize(cmd.Context(), args[0], q)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&q.photos, "photos", "", "folder of photos to measure ranges on")
	flags.StringVarP(&q.to, "output", "o", "", "the file to write")
	flags.IntVar(&q.calibrate, "calibrate", usualCalibration, "photos to measure ranges on, and to compare the networks on")
	flags.Float64Var(&q.decibels, "decibels", extract.DefaultDecibels, "least ratio of signal to noise of a layer that is quantized")
	flags.BoolVar(&q.layers, "layers", false, "list what is lost layer by layer")
	flags.IntVar(&q.cv.Repeats, "repeats", 1, "with --store: how often the photos are divided into folds again")
	flags.IntVar(&q.workers, "workers", 0, "photos processed at the same time (default: one per processor)")
	q.nets.registerSettings(cmd)
	return cmd
}

func (q *quantizing) sensible(cmd *cobra.Command) error {
	switch {
	case q.photos == "":
		return usagef("--photos is missing: it names a folder of photos to measure ranges on")
	case q.to == "":
		return usagef("-o is missing: it names the file to write")
	case q.calibrate < 1:
		return usagef("--calibrate %d: want a number of photos", q.calibrate)
	case !(q.decibels > 0 && q.decibels < 99):
		return usagef("--decibels %g: want a ratio between 0 and 99", q.decibels)
	case cmd.Flags().Changed("repeats") && !q.compare:
		return usagef("--repeats goes with --store")
	case q.cv.Repeats < 1:
		return usagef("--repeats %d: want 1 or more", q.cv.Repeats)
	}
	if err := checkWorkers(cmd, q.workers); err != nil {
		return err
	}
	if q.workers == 0 {
		q.workers = runtime.GOMAXPROCS(0)
	}
	if _, err := os.Lstat(q.to); err == nil {
		return hint(fmt.Errorf("write %s: %w", q.to, fs.ErrExist), "give the name of a file that does not exist yet")
	}
	return nil
}

// quantize runs the command's work and reports on it.
func (a *app) quantize(ctx context.Context, spec string, q quantizing) error {
	var roots []store.Root
	if q.compare { // before minutes are spent
		var err error
		if roots, err = a.comparableRoots(); err != nil {
			return err
		}
	}
	if file, _, _ := strings.Cut(spec, ","); file == embedded {
		q.nets.precision = extract.PrecisionFloat
	}
	exact, err := q.nets.one(nil, spec, nil)
	if err != nil {
		return err
	}
	if err := a.announce([]*extract.Network{exact}); err != nil {
		return err
	}
	if err := exact.CheckFloat(); err != nil {
		return quantizeAdvice(spec, err)
	}
	sample, err := a.sampleOf(ctx, exact, q)
	if err != nil {
		return err
	}
	done := new(atomic.Int64)
	total := new(atomic.Int64)
	stop := a.watch(func() gauge { return gauge{"quantize", "photo", done.Load(), total.Load()} })
	result, err := exact.Quantize(ctx, len(sample.calibrate), sample.read, extract.QuantizeOptions{Decibels: q.decibels, Workers: q.workers,
		Progress: func(d, t int64) { done.Store(d); total.Store(t) }})
	stop()
	if err != nil {
		return quantizeAdvice(spec, err)
	}
	rounded, err := a.writeQuantized(result.Model, q)
	if err != nil {
		return err
	}
	if err := a.reportQuantized(ctx, q, result, rounded, sample); err != nil {
		return err
	}
	if q.compare {
		if err := a.compareAccuracy(ctx, roots, exact, rounded, q.cv); err != nil {
			return err
		}
	}
	if len(sample.failed) > 0 {
		return &exitError{code: exitSomeFailed}
	}
	return nil
}

// quantizeAdvice says what can be done about a network that cannot be quantized.
func quantizeAdvice(spec string, err error) error {
	switch {
	case errors.Is(err, extract.ErrQuantized):
		return fmt.Errorf("network %s: %w", spec, err)
	case errors.Is(err, extract.ErrNothingQuantized):
		return hint(fmt.Errorf("network %s: %w", spec, err), "--decibels asks for less than %d", extract.DefaultDecibels)
	}
	return networkAdvice(spec, fmt.Errorf("network %s: %w", spec, err))
}

// writeQuantized writes the file and opens it, as ingest would.
func (a *app) writeQuantized(model []byte, q quantizing) (*extract.Network, error) {
	if err := writeNew(q.to, model); err != nil {
		return nil, fmt.Errorf("write %s: %w", q.to, userfile.WithoutPath(err))
	}
	most, err := q.nets.memory.limits()
	if err != nil {
		return nil, err
	}
	m, err := most.OpenModel(q.to)
	if err != nil {
		return nil, err
	}
	return m.Network(extract.Manifest{})
}

// quantizedEvent is the result under --json.
type quantizedEvent struct {
	Event      string                   `json:"event"`
	Path       string                   `json:"path"`
	Bytes      int                      `json:"bytes"`
	Name       string                   `json:"name"`
	Layers     []extract.QuantizedLayer `json:"layers"`
	InFloat    int                      `json:"in_float"`
	Calibrated int                      `json:"calibrated"`
	Compared   int                      `json:"compared"`
	Cosine     *cosineRange             `json:"cosine,omitempty"`
	Failed     []failedPhoto            `json:"failed"`
}

type failedPhoto struct {
	Path  string `json:"path"`
	Error string `json:"error"`
}

func (a *app) reportQuantized(ctx context.Context, q quantizing, result *extract.Quantized, rounded *extract.Network, sample *quantizeSample) error {
	cosine, err := a.cosineOf(ctx, rounded, sample, q.workers)
	if err != nil {
		return err
	}
	e := quantizedEvent{"quantized", q.to, len(result.Model), rounded.Info().Name, result.Layers, 0, len(sample.calibrate), len(sample.compare), cosine, sample.failed}
	for _, l := range result.Layers {
		if l.Float {
			e.InFloat++
		}
	}
	if a.json {
		return a.emit(e)
	}
	fmt.Fprintf(a.Out, "%s: %s, %s\n", printable(q.to), printable(e.Name), bytesText(int64(e.Bytes)))
	fmt.Fprintf(a.Out, "  %s in 8 bits, %s in float; ranges of %s\n", count(len(e.Layers)-e.InFloat, "layer"), grouped(e.InFloat), count(e.Calibrated, "photo"))
	if cosine != nil {
		fmt.Fprintf(a.Out, "  features of %s not calibrated on: cosine to float %.4f on average, %.4f at least\n",
			count(e.Compared, "photo"), cosine.Mean, cosine.Least)
	}
	if q.layers {
		a.printLayers(result.Layers)
	} else if e.InFloat > 0 {
		a.say("--layers lists which stay in float")
	}
	return nil
}

// printLayers shows what is lost layer by layer.
func (a *app) printLayers(layers []extract.QuantizedLayer) {
	decibels := func(x float64, none bool) string {
		if none {
			return "–"
		}
		return fmt.Sprintf("%.1f", x)
	}
	t := table{right: "lrlrrr"}
	t.row("layer", "range", "by", "weights dB", "result dB", "all dB")
	for _, l := range layers {
		span, by := fmt.Sprintf("%.4g…%.4g", l.Low, l.High), l.Range
		if l.Equalised {
			by += ", equalised"
		}
		if l.Float {
			span, by = "–", "float"
		}
		t.row(l.Name, span, by, decibels(l.Weights, false), decibels(l.Rounding, l.Rounding == 0), decibels(l.Total, l.Float))
	}
	t.write(a.Out, "  ")
}
