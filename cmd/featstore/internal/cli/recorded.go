package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"featstore/extract"
	"featstore/extract/ingest"
	"featstore/extract/photo"
	"featstore/store"
)

// Reasons why a network that the store knows cannot be loaded again.
var (
	errOtherEngine = errors.New("this version of featstore computes other vectors than those recorded")
	errOtherFile   = errors.New("the file holds another network")
	errFileGone    = errors.New("the file is gone")
	errImported    = errors.New("the vectors were computed elsewhere: there is no network that photos could go through")
)

// noNetwork is the error of a model whose vectors were imported.
func noNetwork(m store.Model) error {
	return fmt.Errorf("%s was imported from %s: %w", describeModel(m), m.Imported.From, errImported)
}

// withNetwork returns the models that are those of networks.
func withNetwork(models []store.Model) []store.Model {
	return slices.DeleteFunc(slices.Clone(models), func(m store.Model) bool { return m.Imported != nil })
}

const (
	importNetworkHint = "import them with --network FILE, if you have it; %s tells what is on rows of features"
)

// rebuild returns the network that computes a model's vectors: the one that the store
// keeps, the embedded one, or the one whose file lies where it was last seen, proven by its digest.
func rebuild(db *store.DB, m store.Model, most extract.ModelLimits) (*extract.Network, error) {
	if m.Imported != nil {
		return nil, noNetwork(m)
	}
	if m.Network > 0 {
		return rebuildKept(db, m, most)
	}
	own, err := extract.Default(0)
	if err != nil {
		return nil, err
	}
	if own.Info().FileSHA256 == m.FileSHA256 {
		return rebuildEmbedded(m, most)
	}
	return rebuildFrom(m, m.Path, most)
}

// rebuildKept makes the network that the store keeps.
func rebuildKept(db *store.DB, m store.Model, most extract.ModelLimits) (*extract.Network, error) {
	file, err := keptModel(db, m, most)
	if err != nil {
		return nil, err
	}
	request, err := recordedRequest(m)
	if err != nil {
		return nil, err
	}
	return recordedNetwork(m, file, request)
}

// keptModel reads a network that the store keeps.
func keptModel(db *store.DB, m store.Model, most extract.ModelLimits) (*extract.ModelFile, error) {
	var data []byte
	err := db.View(func(tx *store.Tx) (err error) {
		data, err = tx.Network(m.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return most.ReadModel(data)
}

// networkAt makes a model's network for another size of what it sees, "" for its own.
func networkAt(db *store.DB, m store.Model, size string) (*extract.Network, error) {
	own, err := networkOf(db, m, nil, extract.ModelLimits{})
	if err != nil || size == "" {
		return own, err
	}
	var request extract.Manifest
	if err := request.Set("size", size); err != nil {
		return nil, usagef("--%w", err)
	}
	recorded, err := recordedRequest(m)
	if err != nil {
		return nil, err
	}
	var file *extract.ModelFile
	switch {
	case m.Network > 0:
		file, err = keptModel(db, m, extract.ModelLimits{})
	case own.Origin().Path == "":
		recorded.Precision = own.Info().Precision
		file, err = extract.DefaultModel()
	default:
		file, err = extract.OpenModel(own.Origin().Path)
	}
	if err != nil {
		return nil, err
	}
	n, err := file.Network(request.Over(recorded))
	if err != nil {
		return nil, hint(usagef("--size %s: %w", size, err), "leave it away, or take a network that is made for this size")
	}
	return n, nil
}

// rebuildEmbedded makes the embedded network as a record describes it, without reading
// it where that is not needed.
func rebuildEmbedded(m store.Model, most extract.ModelLimits) (*extract.Network, error) {
	request, err := recordedRequest(m)
	if err != nil {
		return nil, err
	}
	request.Precision = cmp.Or(request.Precision, extract.PrecisionFloat) // as all were that do not say it
	if p := request.Preprocess; most == (extract.ModelLimits{}) {
		usual := photo.Settings{Width: p.Width, Height: p.Height, JPEGReduce: p.JPEGReduce, Color: p.Color}
		if n, err := extract.DefaultWith(usual, request.Precision); err == nil && n.Info().ID == m.ID {
			return n, nil
		}
	}
	file, err := most.DefaultModel()
	if err != nil {
		return nil, err
	}
	return recordedNetwork(m, file, request)
}

// inFloat is the model of the network that finetune takes for a model's: the same in
// floats. Its id is "" where that cannot be told.
func inFloat(m store.Model) store.Model {
	if m.Precision != extract.Precision8Bit {
		return m
	}
	if m.Network > 0 || m.Path != "" {
		return store.Model{} // a file of 8-bit numbers
	}
	n, err := rebuildEmbedded(m, extract.ModelLimits{})
	if err != nil {
		return store.Model{}
	}
	return ingest.Model(n.InFloat())
}

// recordedFile reads the file of a model's network.
func recordedFile(m store.Model, path string, most extract.ModelLimits) (*extract.ModelFile, error) {
	if path == "" {
		return nil, fmt.Errorf("%w: the store does not know where it was", errFileGone)
	}
	file, err := most.OpenModel(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", errFileGone, path)
	}
	if err != nil {
		return nil, err
	}
	if file.SHA256() != m.FileSHA256 {
		return nil, fmt.Errorf("%w: %s has SHA-256 %s, recorded is %s", errOtherFile, path, file.SHA256(), m.FileSHA256)
	}
	return file, nil
}

// rebuildFrom makes a model's network from a file.
func rebuildFrom(m store.Model, path string, most extract.ModelLimits) (*extract.Network, error) {
	file, err := recordedFile(m, path, most)
	if err != nil {
		return nil, err
	}
	request, err := recordedRequest(m)
	if err != nil {
		return nil, err
	}
	return recordedNetwork(m, file, request)
}

// recordedRequest says everything of a model that the store knows.
func recordedRequest(m store.Model) (extract.Manifest, error) {
	var p photo.Preprocess
	if err := json.Unmarshal([]byte(m.Preprocess), &p); err != nil {
		return extract.Manifest{}, fmt.Errorf("model %s: read its preprocessing: %w", m.ID, err)
	}
	return extract.Manifest{Name: m.Name, Tap: m.Tap, Pool: m.Pool, Layout: m.Layout, Precision: m.Precision, Preprocess: photo.SettingsOf(p),
		From: "as recorded in the store"}, nil
}

// recordedNetwork makes sure that it is the very network of the record.
func recordedNetwork(m store.Model, file *extract.ModelFile, request extract.Manifest) (*extract.Network, error) {
	n, err := file.Network(request)
	switch {
	case err != nil:
		return nil, err
	case n.Info().ID == m.ID:
		return n, nil
	case n.Info().WeightsSHA256 != m.WeightsSHA256:
		return nil, fmt.Errorf("%w: the weights beside %s have changed", errOtherFile, n.Origin().Path)
	}
	return nil, fmt.Errorf("%w: it is engine revision %d, recorded is %d", errOtherEngine, n.Info().Engine, m.Engine)
}

// asBegun returns n or, if the store's vectors by the same network are as they all once were,
// in float, or of photos decoded in full or in the colours as stored, and the request does not say which, the network
// that goes on with them. prepare makes a network as requested.
func asBegun(
	n *extract.Network, request extract.Manifest, recorded []store.Model, prepare func(extract.Manifest) (*extract.Network, error),
) (*extract.Network, error) {
	i := n.Info()
	if recordedAs(recorded, n) || !slices.ContainsFunc(recorded, func(r store.Model) bool { return r.FileSHA256 == i.FileSHA256 }) {
		return n, nil
	}
	once := []extract.Manifest{request}
	if request.Precision == "" && i.Ranges != "" {
		request.Precision = extract.PrecisionFloat
		once = append(once, request)
	}
	if request.Preprocess.JPEGReduce == nil && i.Preprocess.JPEGReduce != 0 {
		for _, r := range once {
			r.Preprocess.JPEGReduce = new(float32)
			once = append(once, r)
		}
	}
	if request.Preprocess.Color == "" && i.Preprocess.Color != "" {
		for _, r := range once {
			r.Preprocess.Color = photo.ColorStored
			once = append(once, r)
		}
	}
	for _, r := range once[1:] {
		if old, err := prepare(r); err != nil || recordedAs(recorded, old) {
			return old, err
		}
	}
	return n, nil
}

func recordedAs(recorded []store.Model, n *extract.Network) bool {
	return slices.ContainsFunc(recorded, func(r store.Model) bool { return r.ID == n.Info().ID })
}

// networkOf returns the network that computes a model's vectors: the embedded one, one
// of the files given, or the one that the store remembers.
func networkOf(db *store.DB, m store.Model, files []string, most extract.ModelLimits) (*extract.Network, error) {
	if m.Imported != nil {
		return nil, hint(noNetwork(m), importNetworkHint, run("predict", "--features", "FILE"))
	}
	for _, path := range files {
		n, err := rebuildFrom(m, path, most)
		if err == nil || !errors.Is(err, errOtherFile) {
			return n, err
		}
	}
	n, err := rebuild(db, m, most)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, errOtherEngine):
		return nil, hint(err, "bring the store up to date: %s, then %s", run("ingest", "FOLDER"), run("train"))
	case len(files) > 0:
		return nil, hint(fmt.Errorf("it was trained with network %s, which none of the files given is", describeModel(m)),
			"the file must have SHA-256 %s", m.FileSHA256)
	}
	return nil, hint(fmt.Errorf("it was trained with network %s: %w", describeModel(m), err),
		"name its file, which has SHA-256 %s: --model FILE", m.FileSHA256)
}
