package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// csvFile writes one line a row.
type csvFile struct {
	out    io.Writer
	models string
	views  bool
	line   []byte
	quoted bytes.Buffer
	quote  *csv.Writer
	text   texter
}

// csvColumns are the columns before the features.
var csvColumns = []string{"path", "label", "split", "digest", "model", "copies"}

// csvView is one more column, with the number of the view, where views are exported.
const csvView = "view"

func newCSV(tab *table, t *target) (rowWriter, error) {
	out, err := t.create("")
	if err != nil {
		return nil, err
	}
	w := &csvFile{out: out, models: strings.Join(tab.summary.Models, "+"), views: tab.views}
	w.quote = csv.NewWriter(&w.quoted)
	w.line = append(w.line, strings.Join(csvColumns, ",")...)
	if w.views {
		w.line = append(w.line, ","+csvView...)
	}
	for i := range tab.summary.Dim {
		w.line = append(w.line, ",f"...)
		w.line = strconv.AppendInt(w.line, int64(i), 10)
	}
	w.line = append(w.line, '\n')
	_, err = out.Write(w.line)
	return w, err
}

func (w *csvFile) write(r *row) error {
	copies := ""
	if len(r.copies) > 0 {
		list, err := json.Marshal(w.text.texts(r.copies))
		if err != nil {
			return err
		}
		copies = string(list)
	}
	w.quoted.Reset()
	if err := w.quote.Write([]string{r.path, r.name, r.split.String(), r.digest.String(), w.models, copies}); err != nil {
		return fmt.Errorf("row of %s: %w", r.path, err)
	}
	w.quote.Flush()
	w.line = append(w.line[:0], bytes.TrimSuffix(w.quoted.Bytes(), []byte("\n"))...)
	if w.views {
		w.line = strconv.AppendInt(append(w.line, ','), int64(r.view), 10)
	}
	for _, v := range r.vector {
		w.line = append(w.line, ',')
		w.line = strconv.AppendFloat(w.line, float64(v), 'g', -1, 32)
	}
	w.line = append(w.line, '\n')
	_, err := w.out.Write(w.line)
	return err
}

func (w *csvFile) finish(s *Summary) error {
	s.NotText = w.text.changed
	return nil
}
