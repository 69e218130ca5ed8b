package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"featstore/extract"
	"featstore/extract/photo"
	"featstore/store"
)

// embedded is the name under which the embedded network is asked for.
const embedded = "default"

// networkFlags choose networks on the command line. What --tap, --pool, --preprocess
// and --size say holds for all of them, except where a --model has settings of its own
// behind its file.
type networkFlags struct {
	models                      []string
	size, tap, pool, preprocess string
	precision                   string
	memory                      memoryFlag
	photos                      photoMemoryFlag
	keep                        bool // the files, in the store
	upgrade                     bool // the store's networks to how they are made now
}

// networkHelp explains the flags in the help of the commands that have them.
const networkHelp = `--model takes an ONNX image classifier, with the files beside it that hold its
weights. The bottleneck is found automatically; --tap names another tensor. Settings
after the file are for that network alone, the flags are for all:

  --model a.onnx,size=384,preprocess=lite --model b.onnx,pool=max

A network does not say how photos are prepared, and featstore does not guess. It looks
in --preprocess, a manifest (net.json beside net.onnx), the model's own metadata, the
list of networks that it knows by their digest, and preprocessor_config.json, and
prints what it uses and where it found that. --preprocess
takes a preset, settings, or a preset with settings that overrule it:

  --preprocess imagenet
  --preprocess imagenet,filter=bicubic,crop=0.95
  --preprocess resize=squash,filter=bilinear,mean=127.5,std=127.5,order=rgb`

// settingsHelp lists presets and settings.
func settingsHelp() string {
	var b strings.Builder
	b.WriteString("Presets:\n")
	for _, name := range photo.PresetNames() {
		fmt.Fprintf(&b, "  %-11s %s\n", name, photo.PresetAbout(name))
	}
	b.WriteString("\nSettings:\n")
	for _, k := range extract.Keys() {
		if k.Name != "preprocess" {
			fmt.Fprintf(&b, "  %-11s %s\n", k.Name, k.About)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

func (f *networkFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.models, "model", nil, "ONNX network to use, a file or \"default\" for the embedded one, with settings after it; may be repeated")
	f.registerSettings(cmd)
	f.registerPrecision(cmd)
	f.photos.register(cmd.Flags())
}

func (f *networkFlags) registerPrecision(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.precision, "precision", "", "numbers that the embedded network computes with: 8bit, or float, which takes three times as long (default 8bit)")
}

func (f *networkFlags) registerSettings(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.size, "size", "", "pixels a side of what the network sees, or width by height as 384x256 (default: the network's own; embedded: 320)")
	flags.StringVar(&f.tap, "tap", "", "tensor to take as the bottleneck (default: what the network's classifier reads)")
	flags.StringVar(&f.pool, "pool", "", "for a tap that is a feature map: avg, max or none (default avg)")
	flags.StringVar(&f.preprocess, "preprocess", "", "how photos are prepared: a preset ("+strings.Join(photo.PresetNames(), ", ")+"), settings, or both")
	f.memory.register(flags)
}

// shared is what the flags say of all networks.
func (f *networkFlags) shared() (extract.Manifest, error) {
	var m extract.Manifest
	if f.preprocess != "" {
		if err := m.SetAll(f.preprocess); err != nil {
			return m, usagef("--preprocess: %w", err)
		}
	}
	for _, s := range []struct{ key, value string }{{"size", f.size}, {"tap", f.tap}, {"pool", f.pool}, {"precision", f.precision}} {
		if s.value == "" {
			continue
		}
		if err := m.Set(s.key, s.value); err != nil {
			return m, usagef("--%w", err)
		}
	}
	return m, nil
}

// parseModel divides "net.onnx,size=384" into the file and its settings, laid over
// what the flags say of all. A file may have commas in its name.
func (f *networkFlags) parseModel(spec string) (file string, request extract.Manifest, err error) {
	shared, err := f.shared()
	if err != nil {
		return "", shared, err
	}
	file = spec
	for _, err := os.Stat(file); err != nil; _, err = os.Stat(file) {
		i := strings.LastIndexByte(file, ',')
		if i < 0 {
			file, _, _ = strings.Cut(spec, ",") // reading it will say what is wrong
			break
		}
		file = file[:i]
	}
	list := strings.TrimPrefix(spec[len(file):], ",")
	if list == "" {
		return file, shared, nil
	}
	if err := request.SetAll(list); err != nil {
		return "", request, usagef("--model %s: %w", spec, err)
	}
	return file, request.Over(shared), nil
}

// load returns the networks asked for. One that does not say how photos are prepared
// for it is used as it is recorded, if it is.
func (f *networkFlags) load(db *store.DB, recorded []store.Model) ([]*extract.Network, error) {
	var networks []*extract.Network
	for _, spec := range f.models {
		n, err := f.one(db, spec, recorded)
		if err != nil {
			return nil, err
		}
		for _, other := range networks {
			if other.Info().ID == n.Info().ID {
				return nil, usagef("--model %s: asked for twice", spec)
			}
		}
		networks = append(networks, n)
	}
	return networks, f.photos.limit(networks)
}

func (f *networkFlags) one(db *store.DB, spec string, recorded []store.Model) (*extract.Network, error) {
	file, request, err := f.parseModel(spec)
	if err != nil {
		return nil, err
	}
	most, err := f.memory.limits()
	if err != nil {
		return nil, err
	}
	for _, r := range recorded {
		if _, err := os.Stat(file); err != nil && r.Network > 0 && (r.Name == file || r.ID == file) {
			return rebuildKept(db, r, most)
		}
	}
	prepare := func(request extract.Manifest) (*extract.Network, error) { return embeddedNetwork(request, most) }
	if file != embedded {
		m, err := most.OpenModel(file)
		if err != nil {
			return nil, networkAdvice(file, err)
		}
		prepare = func(request extract.Manifest) (*extract.Network, error) { return asRequested(m, request, recorded) }
	}
	n, err := prepare(request)
	if err == nil {
		n, err = asBegun(n, request, recorded, prepare)
	}
	return n, networkAdvice(file, err)
}

// asRequested makes the network of a file. What neither the request nor the file says of the
// preparation of photos is as the store knows it.
func asRequested(m *extract.ModelFile, request extract.Manifest, recorded []store.Model) (*extract.Network, error) {
	n, err := m.Network(request)
	var unsaid *extract.PreprocessError
	if errors.As(err, &unsaid) && unsaid.Missing == nil {
		if complete, ok := completeRequest(m, request, recorded); ok {
			return m.Network(complete)
		}
	}
	return n, err
}

// completeRequest completes a request by how the store knows the file, if it knows it in
// one way only.
func completeRequest(m *extract.ModelFile, request extract.Manifest, recorded []store.Model) (extract.Manifest, bool) {
	found := 0
	complete := request
	for _, r := range recorded {
		if r.FileSHA256 != m.SHA256() {
			continue
		}
		known, err := recordedRequest(r)
		if err != nil {
			return request, false
		}
		complete = request.Over(known)
		complete.From = known.From
		found++
	}
	return complete, found == 1
}

// embeddedNetwork makes the embedded network, which is not read before it is needed
// unless it is asked for in an unusual way.
func embeddedNetwork(request extract.Manifest, most extract.ModelLimits) (*extract.Network, error) {
	p := request.Preprocess
	usual := photo.Settings{Width: p.Width, Height: p.Height, JPEGReduce: p.JPEGReduce, Color: p.Color}
	if reflect.DeepEqual(request, extract.Manifest{Preprocess: usual, Precision: request.Precision}) && most == (extract.ModelLimits{}) {
		n, err := extract.DefaultWith(usual, request.Precision)
		if err != nil {
			return nil, &usageError{err: fmt.Errorf("--size: %w", err)}
		}
		return n, nil
	}
	m, err := most.DefaultModel()
	if err != nil {
		return nil, err
	}
	return m.Network(request)
}

// networkAdvice says what can be done about a network that cannot be used.
func networkAdvice(file string, err error) error {
	var unsaid *extract.PreprocessError
	var size *extract.SizeError
	var other *extract.FormatError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &other):
		return hint(err, "%s", conversion(other, file))
	case errors.As(err, &unsaid):
		return hint(&exitError{exitUsage, err}, "say it with --preprocess, as the network was trained: %s; %s tells more", unsaid.Advice(),
			run("models", "inspect", argument(file)))
	case errors.As(err, &size):
		return &exitError{exitUsage, err}
	case errors.Is(err, extract.ErrPrecision):
		return precisionAdvice(file, err)
	case extract.Exceeded(err):
		return err // its hint names the flag, wherever it comes from
	case errors.Is(err, extract.ErrModel):
		return hint(err, "%s tells what is in it, if it can be read", run("models", "inspect", argument(file)))
	case errors.Is(err, fs.ErrNotExist) && file != "" && filepath.Ext(file) == "":
		return hint(err, "the embedded network is called %s", embedded)
	}
	return err
}

// precisionAdvice says how a network is had in the numbers asked for.
func precisionAdvice(file string, err error) error {
	err = &exitError{exitUsage, err}
	if file == embedded {
		return hint(err, "leave --precision away")
	}
	return hint(err, "leave --precision away: a network from a file is used as it is; %s makes one of 8-bit numbers",
		run("models", "quantize", argument(file), "--photos", "FOLDER", "-o", "FILE"))
}

// conversion says how a network in another format becomes ONNX.
func conversion(e *extract.FormatError, file string) string {
	command := e.Command(file, shellWord)
	switch {
	case command == "":
		return e.Note
	case e.Note == "":
		return "convert it to ONNX: " + command
	}
	return "convert it to ONNX: " + command + " (" + e.Note + ")"
}

// choosesForm reports whether the command line says in which form the networks are wanted
// that this version makes otherwise than earlier ones.
func (f *networkFlags) choosesForm() bool {
	for _, s := range append(slices.Clone(f.models), f.preprocess) {
		if strings.Contains(s, "precision=") || strings.Contains(s, "jpeg-reduce=") {
			return true
		}
	}
	return f.precision != ""
}

// asked reports whether the command line says anything about networks.
func (f *networkFlags) asked() bool {
	return len(f.models) > 0 || f.size != "" || f.tap != "" || f.pool != "" || f.preprocess != "" || f.precision != ""
}

// choose returns the networks to ingest with: those asked for; otherwise the
// ones whose vectors the store has, so that a second run goes on with the first
// one's; otherwise the embedded one.
func (f *networkFlags) choose(db *store.DB) ([]*extract.Network, error) {
	var recorded []store.Model
	err := db.View(func(tx *store.Tx) (err error) {
		recorded, err = tx.Models()
		return err
	})
	if err != nil {
		return nil, err
	}
	if f.asked() {
		if len(f.models) == 0 {
			f.models = []string{embedded}
		}
		return f.load(db, recorded)
	}
	most, err := f.memory.limits()
	if err != nil {
		return nil, err
	}
	var networks []*extract.Network
	for _, m := range withNetwork(store.Usual(recorded)) {
		n, err := rebuild(db, m, most)
		switch {
		case errors.Is(err, errOtherEngine): // its vectors cannot be computed any more
			continue
		case err != nil:
			return nil, hint(fmt.Errorf("the store's vectors come from network %s: %w", describeModel(m), err),
				"go on with it: --model FILE; or with the embedded one beside it: --model default")
		}
		networks = append(networks, n)
	}
	if len(networks) == 0 {
		n, err := extract.Default(0)
		if err != nil {
			return nil, err
		}
		networks = append(networks, n)
	}
	return networks, f.photos.limit(networks)
}

// describeModel names a model for people: "efficientnet-lite0 at 320×320 in 8 bits
// (c002ed5b)".
func describeModel(m store.Model) string {
	var p photo.Preprocess
	if err := json.Unmarshal([]byte(m.Preprocess), &p); err != nil || p.Width == 0 {
		return fmt.Sprintf("%s (%.8s)", m.Name, m.ID)
	}
	return fmt.Sprintf("%s at %d×%d%s (%.8s)", m.Name, p.Width, p.Height, in8Bits(m.Precision), m.ID)
}

// in8Bits tells a network of 8-bit numbers from others.
func in8Bits(precision string) string {
	if precision == extract.Precision8Bit {
		return " in 8 bits"
	}
	return ""
}

// precisionText names a precision for people.
func precisionText(precision string) string {
	if precision == extract.Precision8Bit {
		return "8 bits"
	}
	return precision
}

// findModel returns the one model in the store that a word means: an id, the
// beginning of one, or a name.
func findModel(models []store.Model, word string) (store.Model, error) {
	var found []store.Model
	for _, m := range models {
		if m.ID == word {
			return m, nil
		}
		if m.Name == word || len(word) >= 4 && strings.HasPrefix(m.ID, word) {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 0:
		return store.Model{}, hint(usagef("no model %q in the store", word), "%s lists them", run("models"))
	case 1:
		return found[0], nil
	}
	var all []string
	for _, m := range found {
		all = append(all, describeModel(m))
	}
	return store.Model{}, hint(usagef("%q means several models", word), "say which by its id: %s", strings.Join(all, ", "))
}
