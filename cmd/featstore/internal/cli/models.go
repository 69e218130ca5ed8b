package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"featstore/extract"
	"featstore/extract/photo"
	"featstore/store"
)

func modelsCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "models",
		Short: "Show the networks whose vectors are in the store",
		Long: `Shows the networks whose vectors are in the store, and how photos are prepared
for each. A model's id follows from everything that decides what a vector is: the
network's file, the tensor tapped, the preparation of photos and the engine's
revision. Vectors of different ids are never mixed.

JSON, one object: models (id, name, file_sha256, tap, pool, dim, precision, preprocess,
engine, added, vectors, missing, embedded, path, weights_sha256, layout, kept, tuned_from,
replaced, imported_from).` + storeExits(),
		Example: `  featstore models
  featstore models inspect net.onnx
  featstore models remove c002ed5b`,
		Args: args(0, 0, "no arguments, or a command: inspect, quantize, export, remove"),
		RunE: func(*cobra.Command, []string) error {
			return a.withStore(store.Options{ReadOnly: true}, a.listModels)
		},
	}
	cmd.AddCommand(inspectCommand(a), quantizeCommand(a), exportModelCommand(a), removeModelCommand(a))
	return cmd
}

// modelInfo is what the command shows of one model, in the form of its JSON.
type modelInfo struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	FileSHA256 string          `json:"file_sha256"`
	Tap        string          `json:"tap"`
	Pool       string          `json:"pool"`
	Dim        int             `json:"dim"`
	Precision  string          `json:"precision,omitempty"`
	Preprocess json.RawMessage `json:"preprocess"`
	Engine     int             `json:"engine"`
	Added      time.Time       `json:"added"`
	Vectors    int             `json:"vectors"`
	Missing    int             `json:"missing"`
	Embedded   bool            `json:"embedded"`

	Path          string `json:"path,omitempty"` // where the file was last seen
	WeightsSHA256 string `json:"weights_sha256,omitempty"`
	Layout        string `json:"layout,omitempty"`
	Kept          bool   `json:"kept,omitempty"`       // the network is in the store
	TunedFrom     string `json:"tuned_from,omitempty"` // id of the network that it was before finetune
	Replaced      string `json:"replaced,omitempty"`   // id of the network in its place: it stays for heads

	ImportedFrom string `json:"imported_from,omitempty"` // the file with the vectors, which no network here computes
}

func (a *app) listModels(db *store.DB) error {
	stats, err := db.Stats()
	if err != nil {
		return err
	}
	own, err := extract.Default(0)
	if err != nil {
		return err
	}
	list := []modelInfo{}
	for _, m := range stats.Models {
		list = append(list, modelInfo{
			m.ID, m.Name, m.FileSHA256, m.Tap, m.Pool, m.Dim, precisionOf(m.Model, own), json.RawMessage(m.Preprocess), m.Engine, m.Added,
			m.Vectors, m.Missing, own.Info().FileSHA256 == m.FileSHA256, m.Path, m.WeightsSHA256, m.Layout,
			m.Network > 0, tunedFrom(m.Model), m.Replaced, importedFrom(m.Model),
		})
	}
	if a.json {
		return a.emit(struct {
			Models []modelInfo `json:"models"`
		}{list})
	}
	if len(list) == 0 {
		a.say("no networks yet: %s", run("ingest", "FOLDER"))
	}
	for i, m := range list {
		if i > 0 {
			fmt.Fprintln(a.Out)
		}
		a.printModel(m)
	}
	return nil
}

// precisionOf is what numbers a model's network computes with, "" if the store does not know.
func precisionOf(m store.Model, own *extract.Network) string {
	if m.Precision == "" && m.FileSHA256 == own.Info().FileSHA256 {
		return extract.PrecisionFloat // as it was before there was another one
	}
	return m.Precision
}

func tunedFrom(m store.Model) string {
	if m.Tuned == nil {
		return ""
	}
	return m.Tuned.From
}

// preparation describes how photos are prepared for a network.
func preparation(recorded json.RawMessage) string {
	var p photo.Preprocess
	if json.Unmarshal(recorded, &p) != nil {
		return string(recorded)
	}
	return p.String()
}

func importedFrom(m store.Model) string {
	if m.Imported == nil {
		return ""
	}
	return m.Imported.From
}

func (a *app) printModel(m modelInfo) {
	fmt.Fprintf(a.Out, "%s  %s\n", printable(m.ID), printable(m.Name))
	t := table{}
	vectors := count(m.Vectors, "vector")
	if m.ImportedFrom != "" {
		t.row("imported", fmt.Sprintf("%s, from %s", count(m.Dim, "feature"), m.ImportedFrom))
	} else {
		t.row("network", whereIs(m))
		t.row("file", "SHA-256 "+m.FileSHA256)
		t.row("bottleneck", fmt.Sprintf("%s, %s features", strings.TrimSpace(m.Tap), grouped(m.Dim)))
		if m.Precision != "" {
			t.row("precision", precisionText(m.Precision))
		}
		t.row("photos", preparation(m.Preprocess))
	}
	switch {
	case m.Missing > 0 && m.ImportedFrom != "":
		vectors += fmt.Sprintf(", %s without", count(m.Missing, "photo"))
	case m.Missing > 0:
		vectors += fmt.Sprintf(", %s to compute", grouped(m.Missing))
	}
	if m.Replaced != "" {
		vectors += ", replaced by " + m.Replaced + ", for heads that were trained on them"
	}
	t.row("store", vectors)
	t.write(a.Out, "  ")
}

// whereIs says where a model's network is to be found.
func whereIs(m modelInfo) string {
	switch _, err := os.Stat(m.Path); {
	case m.Kept:
		return "kept in the store"
	case m.Embedded:
		return "embedded in this program"
	case m.Path == "":
		return "a file: predict and ingest need it as --model FILE"
	case err != nil:
		return m.Path + ", which is gone: predict and ingest need it as --model FILE"
	}
	return m.Path
}

func removeModelCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "remove MODEL",
		Short: "Remove a network's vectors from the store",
		Long: `Removes a network and its vectors from the store. It refuses while a head needs
them. The freed space is used by the next vectors; featstore compact gives it back.

JSON, one object: removed (the id), vectors.` + storeExits(),
		Example: "  featstore models remove c002ed5b",
		Args:    args(1, 1, "a model's id or name"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.withStore(store.Options{}, func(db *store.DB) error { return a.removeModel(db, args[0]) })
		},
	}
}

func (a *app) removeModel(db *store.DB, word string) error {
	stats, err := db.Stats()
	if err != nil {
		return err
	}
	var models []store.Model
	for _, m := range stats.Models {
		models = append(models, m.Model)
	}
	m, err := findModel(models, word)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *store.Tx) error { return tx.DeleteModel(m.ID) })
	if errors.Is(err, store.ErrInUse) {
		return hint(err, "a trained head reads its vectors; %s shows which", run("stats"))
	}
	if err != nil {
		return err
	}
	vectors := 0
	for _, s := range stats.Models {
		if s.ID == m.ID {
			vectors = s.Vectors
		}
	}
	if a.json {
		return a.emit(struct {
			Removed string `json:"removed"`
			Vectors int    `json:"vectors"`
		}{m.ID, vectors})
	}
	fmt.Fprintf(a.Out, "removed %s with %s\n", printable(describeModel(m)), count(vectors, "vector"))
	return nil
}
