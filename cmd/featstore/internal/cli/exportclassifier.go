package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"featstore/extract"
	"featstore/split"
	"featstore/store"
	"featstore/train"
	"featstore/train/classify"
)

// formatONNX is the export format of a head with its networks.
const formatONNX = "onnx"

// classifierName is where a classifier is exported to unless -o says otherwise.
const classifierName = "classifier.onnx"

// What --input takes.
const (
	inputPrepared = "prepared"
	inputPixels   = "pixels"
)

// classifierHelp explains the format in the help of export.
const classifierHelp = `
The format onnx is the classifier instead of vectors: the head that --head names, its
networks, scaling, calibration and rejection as one ONNX file, which needs neither the
store nor featstore: any ONNX runtime reads it, as does predict with --classifier.

  input          N×3×H×W (or N×H×W×3) float32: photos prepared as the file's metadata says
  probabilities  N×C float32, in the order of the labels
  label          N int64: the number of the most probable label
  similarity     N float32: cosine to the nearest of the head's prototypes
  rejected       N bool: less similar than the head's threshold, so none of the labels

With --input pixels the input is pixels instead: one upright picture of any size, H×W×3
bytes, red, green, blue; cutting, resizing and normalising are part of the file. The last
two outputs are missing where a head cannot tell. Its metadata has the labels
(featstore.labels, a JSON array) and all else (featstore.classifier, JSON). No path of a photo
is in it.`

// exportClassifier writes a head with its networks.
func (a *app) exportClassifier(ctx context.Context, r *exportRequest) error {
	file := outputFile{r.output, r.force}
	if err := checkClassifierFile(file); err != nil {
		return err
	}
	c, rows, err := a.classifierOfStore(r.head, r.models)
	if err != nil {
		return err
	}
	defer c.Close()
	stop := a.watch(func() gauge { return gauge{"export", "file", 0, 1} })
	model, err := c.Export(classify.ExportOptions{Pixels: r.input == inputPixels})
	var worst float64
	if err == nil {
		worst, err = c.Verify(model, rows)
	}
	stop()
	if err != nil {
		return fmt.Errorf("export head %q: %w", r.head, err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := file.write(model); err != nil {
		return fmt.Errorf("write %s: %w", r.output, err)
	}
	return a.reportClassifier(r, c, len(model), len(rows), worst)
}

// classifierOfStore makes a classifier of a head in the store, and returns the features of
// some photos that it was not trained on, if there are any.
func (a *app) classifierOfStore(name string, files []string) (c *classify.Classifier, rows [][]float32, err error) {
	err = a.withStore(store.Options{ReadOnly: true}, func(db *store.DB) error {
		head, err := train.Load(db, name)
		if err != nil {
			return headAdvice(db, name, err)
		}
		var networks []*extract.Network
		for _, id := range head.Models {
			n, err := networkOfHead(db, name, id, files, extract.ModelLimits{})
			if err != nil {
				return err
			}
			networks = append(networks, n)
		}
		if rows, err = someRows(db, head.Models); err != nil {
			return err
		}
		c, err = classify.New(head, networks, classify.Options{})
		return err
	})
	return c, rows, err
}

// rowsToVerify is enough to find an operator that computes something else.
const rowsToVerify = 16

// someRows returns features of photos, of the testing split if it has any.
func someRows(db *store.DB, models []string) (rows [][]float32, err error) {
	enough := errors.New("enough")
	for _, s := range []split.Split{split.Testing, split.Validation, split.Training} {
		ix, err := db.Index(models, s)
		if err != nil {
			return nil, err
		}
		err = db.Each(ix, func(_ int, _ split.Digest, row []float32) error {
			if len(rows) == rowsToVerify {
				return enough
			}
			rows = append(rows, append([]float32(nil), row...))
			return nil
		})
		if err != nil && !errors.Is(err, enough) {
			return nil, err
		}
	}
	return rows, nil
}

// checkClassifierFile refuses a file that is there already, unless force is set and it is an
// exported classifier.
func checkClassifierFile(o outputFile) error {
	err := o.check()
	if _, e := os.Lstat(o.path); err == nil && e == nil {
		if _, e := classify.Describe(o.path); e != nil {
			err = errors.New("the file there is no exported classifier: it is not replaced")
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", o.path, err)
	}
	return nil
}

// reportClassifier says what was written.
func (a *app) reportClassifier(r *exportRequest, c *classify.Classifier, size, verified int, worst float64) error {
	h := c.Head()
	if a.json {
		return a.emit(struct {
			Event    string   `json:"event"`
			Path     string   `json:"path"`
			Format   string   `json:"format"`
			Bytes    int      `json:"bytes"`
			Head     string   `json:"head"`
			Kind     string   `json:"kind"`
			Labels   []string `json:"labels"`
			Models   []string `json:"models"`
			Input    string   `json:"input"`
			Verified int      `json:"verified"`
			Worst    float64  `json:"largest_difference"`
		}{"result", r.output, formatONNX, size, r.head, h.Kind, h.Labels, h.Models, r.input, verified, worst})
	}
	fmt.Fprintf(a.Out, "%s: head %s (%s), %s, %s; verified with %s: probabilities differ by at most %.0e\n", printable(r.output), printable(r.head), h.Kind,
		count(len(h.Labels), "label"), bytesText(int64(size)), count(verified, "photo"), worst)
	a.say("it needs no store: %s", run("predict", "--classifier", argument(r.output), "PHOTO"))
	return nil
}
