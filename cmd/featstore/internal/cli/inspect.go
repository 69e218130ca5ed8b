package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"featstore/extract"
)

func inspectCommand(a *app) *cobra.Command {
	var nets networkFlags
	var write, force bool
	var steps planFlags
	cmd := &cobra.Command{
		Use:   "inspect FILE|default…",
		Short: "Tell what is in an ONNX network, and how it would be used",
		Long: `Reads an ONNX network and tells what ingest would do with it: its input, the
tensor taken as the bottleneck and the others to choose from, how photos are
prepared and who said so, what it costs in work and memory, and which of its nodes
cannot be computed. The flags are those of ingest, to see what they change. The exit
code is 1 if ingest would refuse the network with these flags. It is 0 if only the
size or the preparation of photos is still missing.

--write-manifest writes what is decided into a manifest beside the file, net.json
beside net.onnx, so that it need not be said again.

--cuts lists the tensors at which the network can be parted for fine-tuning, with the
share of the computation below each and the size of its activations, and the lowest one
from which it can be trained.

--plan lists the steps that the network is compiled to, a line a step: what it
computes, the shapes that go in and come out, by which algorithm, the memory of its
weights and its multiplications. --time adds the shortest of several times that each
step took on one core, the billions of operations a second that this makes, and its
share of the whole. Operations are counted as by the direct method; an algorithm that
saves some can seem to do more than the machine is able to.

` + settingsHelp() + `

JSON, one object a file: path, name, sha256, bytes, weights (file, sha256, bytes),
producer, opsets, metadata, inputs and outputs (name, type, dims, from), nodes,
operators (operator, nodes), layout, width, height, size_from, precision, tap, tap_why, pool,
tap_shape, candidates (name, type, dims, from), preprocess, preprocess_text,
preprocess_from, likely (preset, why), plan (width, height, features, parameters,
macs, weight_bytes, arena_bytes, hand_bytes, steps, kernels, slow,
exact (vectors have the same bits on every machine), and with --plan
lines: operation, node, inputs, output, algorithm, weight_bytes, macs, and with --time
milliseconds, gflops, share from 0 to 1), with --cuts cuts (tensor, shape, below from 0
to 1, bytes), trainable_from and untrainable (why not from the input on), id, unsupported (node,
operator, beyond), problem, manifest (the file written).` + exits(exitOK, exitFailure, exitUsage),
		Example: `  featstore models inspect net.onnx
  featstore models inspect net.onnx --preprocess imagenet --size 256
  featstore models inspect net.onnx --preprocess imagenet --write-manifest
  featstore models inspect default --plan --time`,
		Args: args(1, -1, "ONNX files, or \"default\" for the embedded network"),
		RunE: func(cmd *cobra.Command, files []string) error {
			if steps.time && !steps.plan {
				return usagef("--time belongs to --plan")
			}
			refused := false
			for i, spec := range files {
				if i > 0 && !a.json {
					fmt.Fprintln(a.Out)
				}
				r, err := a.inspect(cmd.Context(), &nets, spec, steps, write, force)
				if err != nil {
					return err
				}
				refused = refused || refuses(r)
			}
			if refused {
				return &exitError{code: exitFailure} // what was printed says why
			}
			return nil
		},
	}
	nets.registerSettings(cmd)
	nets.registerPrecision(cmd)
	cmd.Flags().BoolVar(&steps.plan, "plan", false, "list the steps that the network is compiled to")
	cmd.Flags().BoolVar(&steps.time, "time", false, "with --plan: time every step on one core")
	cmd.Flags().BoolVar(&steps.cuts, "cuts", false, "list where the network can be parted for fine-tuning")
	cmd.Flags().BoolVar(&write, "write-manifest", false, "write what is decided beside the file")
	cmd.Flags().BoolVar(&force, "force", false, "with --write-manifest: replace a manifest that is there")
	return cmd
}

// refuses tells whether ingest would refuse the network, whatever is said of photos.
func refuses(r *extract.Inspection) bool {
	var unsaid *extract.PreprocessError
	var size *extract.SizeError
	return r.Err != nil && !errors.As(r.Err, &unsaid) && !errors.As(r.Err, &size)
}

func (a *app) inspect(ctx context.Context, nets *networkFlags, spec string, steps planFlags, write, force bool) (*extract.Inspection, error) {
	file, request, err := nets.parseModel(spec)
	if err != nil {
		return nil, err
	}
	most, err := nets.memory.limits()
	if err != nil {
		return nil, err
	}
	open := func() (*extract.ModelFile, error) { return most.OpenModel(file) }
	if file == embedded {
		open = most.DefaultModel
	}
	m, err := open()
	var other *extract.FormatError
	if errors.As(err, &other) {
		return nil, networkAdvice(file, err)
	}
	if err != nil {
		return nil, err
	}
	r := m.Inspect(request)
	if steps.plan {
		if steps.time {
			a.say("timing the steps of %s", spec)
		}
		if err := r.ListSteps(ctx, steps.time); err != nil {
			return nil, networkAdvice(file, err)
		}
	}
	if steps.cuts {
		if err := r.ListCuts(); err != nil {
			return nil, networkAdvice(file, err)
		}
	}
	written := ""
	if write {
		if written, err = writeManifest(r, force); err != nil {
			return nil, networkAdvice(file, err)
		}
	}
	if a.json {
		return r, a.emit(struct {
			*extract.Inspection
			Manifest string `json:"manifest,omitempty"`
		}{r, written})
	}
	a.printInspection(r)
	if written != "" {
		a.say("written: %s", written)
	}
	return r, nil
}

// writeManifest writes the manifest beside the model, whole or not at all.
func writeManifest(r *extract.Inspection, force bool) (string, error) {
	if r.Path == "" {
		return "", usagef("the embedded network has its manifest already")
	}
	m, err := r.Manifest()
	if err != nil {
		return "", err
	}
	path := strings.TrimSuffix(r.Path, filepath.Ext(r.Path)) + ".json"
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) && !force {
		return "", hint(fmt.Errorf("%s is there already", path), "--force replaces it")
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".manifest-*")
	if err != nil {
		return "", fmt.Errorf("write manifest: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(m.Encode())
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return "", fmt.Errorf("write manifest: %w", err)
	}
	return path, nil
}

// printInspection shows an inspection to people.
func (a *app) printInspection(r *extract.Inspection) {
	fmt.Fprintln(a.Out, printable(r.Name))
	t := &table{}
	inspectFile(t, r)
	inspectUse(t, r)
	inspectCost(t, r)
	t.write(a.Out, "  ")
	a.printCuts(r)
	a.printPlan(r.Plan)
	if r.Err != nil {
		fmt.Fprintf(a.Out, "\n  as it stands, ingest refuses it: %s\n", printable(r.Problem))
	}
}

// printCuts lists where the network can be parted.
func (a *app) printCuts(r *extract.Inspection) {
	if len(r.Cuts) == 0 {
		return
	}
	fmt.Fprintln(a.Out)
	t := &table{right: "lrlr"}
	t.row("cut", "below", "shape", "activations")
	for _, c := range r.Cuts {
		t.row(c.Tensor, fmt.Sprintf("%.0f %%", 100*c.Below), shapeText(c.Shape), bytesText(int64(c.Bytes)))
	}
	t.write(a.Out, "  ")
	switch {
	case r.TrainableFrom == "":
		fmt.Fprintf(a.Out, "  trainable from: nowhere: %s\n", printable(r.Untrainable))
	case r.Untrainable != "":
		fmt.Fprintf(a.Out, "  trainable from: %s, not from below: %s\n", printable(r.TrainableFrom), printable(r.Untrainable))
	default:
		fmt.Fprintf(a.Out, "  trainable from: %s\n", printable(r.TrainableFrom))
	}
}

func inspectFile(t *table, r *extract.Inspection) {
	where := r.Path
	if where == "" {
		where = "embedded in this program"
	}
	t.row("file", where+", "+bytesText(int64(r.Bytes)))
	for _, w := range r.Weights {
		t.row("", "weights in "+w.File+", "+bytesText(w.Bytes))
	}
	made := r.Producer
	if made == "" {
		made = "unknown exporter"
	}
	t.row("made by", made+", "+opsetText(r.Opsets))
	for _, in := range r.Inputs {
		t.row("input", portText(in)+inputNote(in, r))
	}
	rows(t, "outputs", mostPorts, r.Outputs, portText)
	t.row("operators", operatorText(r))
}

// How many tensors of a kind are shown.
const (
	mostPorts  = 8
	mostOthers = 5
)

// rows adds a row for each thing, the first with a title.
func rows[T any](t *table, title string, most int, things []T, text func(T) string) {
	for i, x := range things {
		if i == most {
			t.row("", fmt.Sprintf("and %d more", len(things)-most))
			return
		}
		t.row(title, text(x))
		title = ""
	}
}

func inputNote(in extract.Port, r *extract.Inspection) string {
	if r.Layout == "" || len(in.Dims) != 4 && len(r.Inputs) > 1 {
		return ""
	}
	return ", layout " + strings.ToUpper(r.Layout)
}

func portText(p extract.Port) string {
	text := p.Name
	if p.Type != "" && p.Type != "float32" {
		text += " " + p.Type
	}
	if len(p.Dims) > 0 {
		text += " " + strings.Join(p.Dims, "×")
	}
	return text
}

func opsetText(opsets map[string]int64) string {
	text := fmt.Sprintf("opset %d", opsets[""])
	var others []string
	for domain, v := range opsets {
		if domain != "" {
			others = append(others, fmt.Sprintf("%s %d", domain, v))
		}
	}
	slices.Sort(others)
	if len(others) > 0 {
		text += " (" + strings.Join(others, ", ") + ")"
	}
	return text
}

func operatorText(r *extract.Inspection) string {
	const most = 12
	var parts []string
	for i, o := range r.Operators {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d others", len(r.Operators)-most))
			break
		}
		parts = append(parts, fmt.Sprintf("%s %d", o.Operator, o.Nodes))
	}
	return fmt.Sprintf("%s: %s", count(r.Nodes, "node"), strings.Join(parts, ", "))
}

// inspectUse shows what is decided.
func inspectUse(t *table, r *extract.Inspection) {
	switch {
	case r.Tap != "":
		text := r.Tap
		if len(r.TapShape) > 0 {
			text += " " + shapeText(r.TapShape)
		}
		if r.Plan != nil {
			text += fmt.Sprintf(" → %s features", grouped(r.Plan.Features))
			if len(r.TapShape) == 4 && r.TapShape[2]*r.TapShape[3] > 1 && r.Pool != "none" {
				text += " (" + r.Pool + " of each channel)"
			}
		}
		t.row("bottleneck", text)
		t.row("", "because: "+r.TapWhy)
	default:
		t.row("bottleneck", "none found: name one with --tap")
	}
	rows(t, "others", mostOthers, r.Candidates, func(p extract.Port) string { return portText(p) + " (" + p.From + ")" })
	switch {
	case r.PreprocessText != "":
		t.row("photos", r.PreprocessText)
		t.row("", "because: "+r.PreprocessFrom+sizeNote(r))
	case r.Layout != "":
		t.row("photos", "preparation unknown: give it with --preprocess"+sizeNote(r))
		rows(t, "likely", mostPorts, r.Likely, func(s extract.Suggestion) string { return "--preprocess " + s.Preset + ": " + s.Why })
	}
}

func sizeNote(r *extract.Inspection) string {
	if r.SizeFrom == "" {
		return ""
	}
	if r.PreprocessText == "" {
		return fmt.Sprintf("; size %d×%d: %s", r.Width, r.Height, r.SizeFrom)
	}
	if strings.HasSuffix(r.PreprocessFrom, r.SizeFrom) {
		return ""
	}
	return "; size: " + r.SizeFrom
}

func shapeText(shape []int) string {
	var words []string
	for _, n := range shape {
		words = append(words, fmt.Sprint(n))
	}
	return strings.Join(words, "×")
}

// inspectCost shows what running it takes, and what cannot be run.
func inspectCost(t *table, r *extract.Inspection) {
	if r.Precision != "" {
		t.row("precision", precisionText(r.Precision))
	}
	if p := r.Plan; p != nil {
		at := ""
		if r.Width == 0 {
			at = fmt.Sprintf(", at %d×%d", p.Width, p.Height)
		}
		t.row("work", fmt.Sprintf("%s FLOPs a photo, %s parameters up to the bottleneck%s", magnitude(2*p.MACs), magnitude(int64(p.Parameters)), at))
		t.row("memory", fmt.Sprintf("%s of weights, held once, and %s for each worker", bytesText(int64(p.WeightBytes)),
			bytesText(int64(p.ArenaBytes+p.WorkerBytes))))
		if p.Exact {
			t.row("exact", "vectors have the same bits on every machine")
		}
		if len(p.Slow) > 0 {
			t.row("slow", "without a fast kernel: "+slowText(p.Slow))
		}
	}
	var before, beyond []string
	for _, u := range r.Unsupported {
		if u.Beyond {
			beyond = append(beyond, u.Node)
		} else {
			before = append(before, u.Node)
		}
	}
	switch {
	case len(before)+len(beyond) == 0:
		t.row("unsupported", "nothing")
	case len(before) > 0:
		t.row("unsupported", strings.Join(clip(before), ", "))
	}
	if len(beyond) > 0 {
		t.row("beyond", "unsupported, but not needed for the bottleneck: "+strings.Join(clip(beyond), ", "))
	}
	if r.ID != "" {
		t.row("model id", r.ID)
	}
}

// slowText counts nodes by operator, in the order in which they occur.
func slowText(nodes []string) string {
	var operators []string
	counts := map[string]int{}
	for _, label := range nodes {
		name, _, _ := strings.Cut(label, " ")
		if counts[name]++; counts[name] == 1 {
			operators = append(operators, name)
		}
	}
	for i, name := range operators {
		operators[i] = fmt.Sprintf("%s %d", name, counts[name])
	}
	return strings.Join(clip(operators), ", ")
}

// magnitude writes a large number for people: "1.57 billion".
func magnitude(n int64) string {
	for _, m := range []struct {
		unit string
		size float64
	}{{"trillion", 1e12}, {"billion", 1e9}, {"million", 1e6}} {
		if x := float64(n) / m.size; x >= 1 {
			return fmt.Sprintf("%.3g %s", x, m.unit)
		}
	}
	return grouped(int(n))
}
