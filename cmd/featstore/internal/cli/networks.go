package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"featstore/extract"
	"featstore/store"
)

// embedded is the name under which the embedded network is asked for.
const embedded = "default"

// networkFlags choose networks on the command line.
type networkFlags struct {
	models     []string
	size       int
	tap, pool  string
	preprocess string
}

func (f *networkFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.models, "model", nil, "ONNX network to use, a file or \"default\" for the embedded one; may be repeated")
	flags.IntVar(&f.size, "size", 0, "width and height in pixels of what the network sees (default: the network's own; embedded: 320)")
	flags.StringVar(&f.tap, "tap", "", "tensor to take as the bottleneck (default: what the network's classifier reads)")
	flags.StringVar(&f.pool, "pool", "", "for a tap that is a feature map: avg, max or none (default avg)")
	flags.StringVar(&f.preprocess, "preprocess", "", "how photos are prepared for a network without a manifest: "+strings.Join(extract.PresetNames(), ", "))
}

// load returns the networks asked for.
func (f *networkFlags) load() ([]*extract.Network, error) {
	var networks []*extract.Network
	for _, spec := range f.models {
		n, err := f.one(spec)
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
	return networks, nil
}

func (f *networkFlags) one(spec string) (*extract.Network, error) {
	if spec == embedded {
		if f.tap != "" || f.pool != "" || f.preprocess != "" {
			return nil, usagef("--tap, --pool and --preprocess go with --model FILE: the embedded network has its own")
		}
		n, err := extract.Default(f.size)
		if err != nil {
			return nil, &usageError{err: fmt.Errorf("--size: %w", err)}
		}
		return n, nil
	}
	data, err := os.ReadFile(spec)
	if err != nil {
		return nil, fmt.Errorf("read network: %w", err)
	}
	opt, err := f.options(spec)
	if err != nil {
		return nil, err
	}
	return loadBeside(spec, data, opt)
}

// loadBeside loads a network whose weights may lie in files beside it.
func loadBeside(path string, data []byte, opt extract.NetworkOptions) (*extract.Network, error) {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("read network: %w", err)
	}
	defer dir.Close()
	opt.External = dir.FS()
	n, err := extract.Load(data, opt)
	if err != nil {
		return nil, fmt.Errorf("read network %s: %w", path, err)
	}
	return n, nil
}

// A manifest lies beside a model, as net.json beside net.onnx, and says how
// photos are prepared for it.
type manifest struct {
	Name       string             `json:"name"`
	Tap        string             `json:"tap"`
	Pool       string             `json:"pool"`
	Preprocess extract.Preprocess `json:"preprocess"`
}

// options gathers what is known of a model file: its manifest, overruled by
// flags.
func (f *networkFlags) options(path string) (extract.NetworkOptions, error) {
	stem := strings.TrimSuffix(path, filepath.Ext(path))
	m := manifest{Name: filepath.Base(stem)}
	b, err := os.ReadFile(stem + ".json")
	switch {
	case err == nil:
		if err := json.Unmarshal(b, &m); err != nil {
			return extract.NetworkOptions{}, fmt.Errorf("read manifest %s.json: %w", stem, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return extract.NetworkOptions{}, fmt.Errorf("read manifest: %w", err)
	case f.preprocess == "":
		return extract.NetworkOptions{}, hint(usagef("%s does not say how photos are prepared for it", path),
			"say so with --preprocess, as the network was trained, or put a manifest %s.json beside it; featstore ingest --help lists the presets", stem)
	}
	if f.preprocess != "" {
		if m.Preprocess, err = extract.Preset(f.preprocess, f.sizeOr(224), f.sizeOr(224)); err != nil {
			return extract.NetworkOptions{}, &usageError{err: fmt.Errorf("--preprocess: %w", err)}
		}
	} else if f.size != 0 {
		resizeTo(&m.Preprocess, f.size)
	}
	if f.tap != "" {
		m.Tap = f.tap
	}
	if f.pool != "" {
		m.Pool = f.pool
	}
	return extract.NetworkOptions{Name: m.Name, Tap: m.Tap, Pool: m.Pool, Preprocess: m.Preprocess}, nil
}

func (f *networkFlags) sizeOr(otherwise int) int {
	if f.size != 0 {
		return f.size
	}
	return otherwise
}

// resizeTo changes the size of the input and what is cut from in proportion.
func resizeTo(p *extract.Preprocess, size int) {
	if p.Side != 0 && p.Width > 0 {
		p.Side = (p.Side*size + p.Width/2) / p.Width
	}
	p.Width, p.Height = size, size
}

// asked reports whether the command line says anything about networks.
func (f *networkFlags) asked() bool {
	return len(f.models) > 0 || f.size != 0 || f.tap != "" || f.pool != "" || f.preprocess != ""
}

// choose returns the networks to ingest with: those asked for; otherwise the
// ones whose vectors the store has, so that a second run goes on with the first
// one's; otherwise the embedded one.
func (f *networkFlags) choose(db *store.DB) ([]*extract.Network, error) {
	if f.asked() {
		if len(f.models) == 0 {
			f.models = []string{embedded}
		}
		return f.load()
	}
	var recorded []store.Model
	err := db.View(func(tx *store.Tx) (err error) {
		recorded, err = tx.Models()
		return err
	})
	if err != nil {
		return nil, err
	}
	var networks []*extract.Network
	for _, m := range recorded {
		n, err := rebuild(m)
		if err != nil {
			return nil, err
		}
		if n == nil {
			return nil, hint(usagef("the store's vectors come from network %s, which is not the embedded one", describeModel(m)),
				"go on with it: --model FILE; or with the embedded one beside it: --model default")
		}
		if n.Info().ID == m.ID {
			networks = append(networks, n)
		}
	}
	if len(networks) > 0 {
		return networks, nil
	}
	n, err := extract.Default(0)
	return []*extract.Network{n}, err
}

// rebuild returns the embedded network as a model's record describes it, or nil
// if the record is of another network. The ids differ if the engine has changed
// since.
func rebuild(m store.Model) (*extract.Network, error) {
	var p extract.Preprocess
	if err := json.Unmarshal([]byte(m.Preprocess), &p); err != nil {
		return nil, fmt.Errorf("model %s: read its preprocessing: %w", m.ID, err)
	}
	base, err := extract.Default(0)
	if err != nil {
		return nil, err
	}
	if base.Info().FileSHA256 != m.FileSHA256 || p.Width != p.Height {
		return nil, nil
	}
	n, err := extract.Default(p.Width)
	if err != nil {
		return nil, nil // recorded at a size that this version refuses
	}
	return n, nil
}

// describeModel names a model for people: "efficientnet-lite0 at 320×320
// (3ee8b250)".
func describeModel(m store.Model) string {
	var p extract.Preprocess
	if err := json.Unmarshal([]byte(m.Preprocess), &p); err != nil || p.Width == 0 {
		return fmt.Sprintf("%s (%.8s)", m.Name, m.ID)
	}
	return fmt.Sprintf("%s at %d×%d (%.8s)", m.Name, p.Width, p.Height, m.ID)
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
		return store.Model{}, hint(usagef("no model %q in the store", word), "featstore models lists them")
	case 1:
		return found[0], nil
	}
	var all []string
	for _, m := range found {
		all = append(all, describeModel(m))
	}
	return store.Model{}, hint(usagef("%q means several models", word), "say which by its id: %s", strings.Join(all, ", "))
}
