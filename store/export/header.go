package export

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"featstore/store"
)

// A header is what export.json and the metadata of a Parquet file say.
type header struct {
	Kind    string              `json:"kind"` // "featstore export"
	Rows    int                 `json:"rows"`
	Dim     int                 `json:"dim"`
	Models  []modelHeader       `json:"models"` // in the order of their features
	Labels  []string            `json:"labels"`
	Splits  Counts              `json:"splits"`
	Copies  map[string][]string `json:"copies,omitempty"` // by digest
	Dispute int                 `json:"disputed"`
	Missing int                 `json:"missing"`
}

// headerKind marks a folder as an export, which may be replaced.
const headerKind = "featstore export"

type modelHeader struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Dim        int             `json:"dim"`
	FileSHA256 string          `json:"file_sha256"`
	Tap        string          `json:"tap"`
	Pool       string          `json:"pool,omitempty"`
	Preprocess json.RawMessage `json:"preprocess,omitempty"`
	Engine     int             `json:"engine"`
}

func (t *table) header() header {
	s := t.summary
	h := header{Kind: headerKind, Rows: s.Rows, Dim: s.Dim, Labels: t.labels, Splits: s.Splits, Dispute: s.Disputed, Missing: s.Missing}
	for _, m := range t.models {
		h.Models = append(h.Models, headerOf(m))
	}
	return h
}

func headerOf(m store.Model) modelHeader {
	h := modelHeader{ID: m.ID, Name: m.Name, Dim: m.Dim, FileSHA256: m.FileSHA256, Tap: m.Tap, Pool: m.Pool, Engine: m.Engine}
	if json.Valid([]byte(m.Preprocess)) {
		h.Preprocess = json.RawMessage(m.Preprocess)
	}
	return h
}

// A texter makes text of paths for formats that know only UTF-8, and counts those
// that it had to change.
type texter struct{ changed int }

func (t *texter) text(path string) string {
	if utf8.ValidString(path) {
		return path
	}
	t.changed++
	return strings.ToValidUTF8(path, "\uFFFD")
}

func (t *texter) texts(paths []string) []string {
	texts := make([]string, len(paths))
	for i, p := range paths {
		texts[i] = t.text(p)
	}
	return texts
}
